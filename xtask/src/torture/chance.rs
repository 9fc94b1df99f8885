//! Random choices from a printed seed.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::ops::Range;
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A source of choices; the same seed gives the same ones.
#[derive(Clone, Debug)]
pub struct Chance {
    rng: ChaCha8Rng,
}

impl Chance {
    /// Starts again from a seed.
    pub fn new(seed: u64) -> Chance {
        Chance { rng: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// A moment within a range, to the microsecond; the range must not be empty.
    pub fn moment(&mut self, range: &Range<Duration>) -> Duration {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.rng.random_range(micros(range.start)..micros(range.end)))
    }

    /// One of several; `None` if there is nothing to choose from.
    pub fn one_of<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        if choices.is_empty() {
            return None;
        }
        choices.get(self.rng.random_range(0..choices.len()))
    }
}

/// A seed that nobody chose: the standard library seeds its hashers from the system.
pub(super) fn fresh_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}
