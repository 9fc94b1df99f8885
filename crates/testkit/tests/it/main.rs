//! Stories of the whole engine against the twin, over real sockets and a real store, in virtual
//! time.

mod deletion;
