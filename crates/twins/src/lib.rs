//! The vendors, simulated: each twin speaks its vendor's HTTP interface, written from the vendor's
//! contract alone, over a seeded population of invented people.
//!
//! The entry points are [`serve`] (real sockets on loopback, what `habeas twins` runs) and [`Twins`]
//! (the same state behind in-process `tower` services, for simulations). A control interface beside
//! the vendors moves the virtual clock, plans faults and sets switches.
//!
//! This crate knows no other crate of the workspace: twins and connectors meet on HTTP alone, so
//! that one misreading can't hide in both. It never reads the wall clock: virtual time starts at
//! [`Options::start_at`] and moves only as the control interface says.

mod calls;
mod clock;
mod control;
mod duration;
mod faults;
mod front;
mod options;
mod segment;
mod serve;
#[cfg(test)]
mod tests;
mod world;

pub use front::NoAnswer;
pub use options::Options;
pub use serve::{Serving, serve};
pub use world::Twins;
