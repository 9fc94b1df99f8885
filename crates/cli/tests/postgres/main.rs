//! The program over PostgreSQL: many workers, what becomes of their connections, and how an installation moves there. `cargo xtask test postgres`
//! starts a server and names it in `HABEAS_TEST_POSTGRES`; without one there is nothing to run.

#[path = "../it/world.rs"]
#[allow(dead_code, reason = "written for the other tests too")]
mod world;

mod clocks;
mod copy;
mod setup;
mod workers;
