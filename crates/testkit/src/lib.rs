//! What the tests of several crates share.
//!
//! Used in `[dev-dependencies]` only; nothing here ends up in the program.

pub mod candidate;
pub mod clock;
pub mod conformance;
pub mod postbox;
pub mod receiver;
pub mod segment;
pub mod simulation;
pub mod stage;
pub mod story;
pub mod turns;

/// Real processes: start one, wait for its line, stop it, kill it, see what it uses.
///
/// It lives in `xtask`, which must build even when the crates of the product don't.
pub use xtask::process;
