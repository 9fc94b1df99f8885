//! The simulation: the real engine, store and connector against the twin, for virtual months, killed
//! again and again.
//!
//! Everything that happens follows from a seed: a [`Scenario`] of people, rights, switches and faults of
//! the twin, and the [`Fate`] that says before or after which calls the process dies. Each time a new
//! one goes on over the same store and the same twin. In the end nobody may be forgotten, and nothing
//! done twice or called done that isn't: [`books`].
//!
//! `cargo xtask simulate` plays seeds one after the other.

pub mod books;
mod coverage;
mod fate;
mod presence;
mod scenario;
mod steps;
#[cfg(test)]
mod tests;
mod world;

pub use coverage::Coverage;
pub use fate::{Fate, Site};
pub use scenario::{Act, Scenario};
pub use world::play;

/// What came of one seed.
#[derive(Debug)]
pub struct Played {
    /// Each promise that was broken; empty is good.
    pub broken: Vec<String>,
    /// Which calls were seen, and at which of them the process died.
    pub coverage: Coverage,
    /// How many requests there were.
    pub n_requests: usize,
    /// How many changing calls the twin took.
    pub n_changes: usize,
    /// The journal, an entry a line.
    pub journal: String,
}
