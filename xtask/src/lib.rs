//! The tasks of this repository, run as `cargo xtask NAME`.
//!
//! `tidy` keeps the rules that no compiler knows, `test` runs everything that decides whether a
//! change lands, `docs` writes what in the
//! documentation is made, `bench` measures the promised figures, `simulate` lets the engine die at every
//! call, `torture` kills the program under load, `fuzz` plays inputs that nobody thought of.
//!
//! It depends on no crate of the product, so that it still runs when they don't compile; it meets
//! the product as a user does, through the `habeas` binary.

pub mod args;
pub mod bench;
pub mod docs;
pub mod fuzz;
pub mod http;
pub mod postgres;
pub mod process;
pub mod screen;
pub mod simulate;
pub mod test;
pub mod tidy;
pub mod torture;
pub mod workspace;
pub mod world;
