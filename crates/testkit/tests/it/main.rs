//! Stories of the whole engine against the twin, over real sockets and a real store, in virtual
//! time.

mod access;
mod conformance;
mod deletion;
mod faults;
mod guards;
mod jobs;
mod keyless;
mod leases;
mod mail;
mod notices;
mod opt_out;
mod packages;
mod restored;
mod spoil;
mod strangers;
mod together;
mod twice;
mod unable;
mod webhooks;
