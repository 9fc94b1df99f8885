//! What the engine does, timed as it happens, for whoever watches the program.
//!
//! It is kept in memory and begins anew with each start: nothing rests on it. What it is called by is
//! words of ours (a connector, a step, a class of answers), so that it stays small.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{ConnectionId, Instant};

use crate::limits::{Limits, Standing};

/// The upper bounds of the classes into which durations are sorted, in seconds.
pub const BOUNDS: [f64; 12] =
    [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0, 600.0, 3_600.0];

/// Durations, sorted into classes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Histogram {
    /// How many took no longer than the bound of the same place, and longer than the one before.
    pub classes: [u64; BOUNDS.len()],
    /// How many there were in all.
    pub n: u64,
    /// How long they took together, in seconds.
    pub seconds: f64,
}

impl Histogram {
    fn note(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        if let Some(class) = BOUNDS.iter().position(|bound| seconds <= *bound) {
            self.classes[class] += 1;
        }
        self.n += 1;
        self.seconds += seconds;
    }
}

/// Durations by `N` words.
#[derive(Debug)]
pub struct Durations<const N: usize>(Mutex<BTreeMap<[String; N], Histogram>>);

impl<const N: usize> Default for Durations<N> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<const N: usize> Durations<N> {
    /// Notes one.
    pub fn note(&self, words: [&str; N], took: Duration) {
        let words = words.map(str::to_owned);
        locked(&self.0).entry(words).or_default().note(took);
    }

    /// All of them, by their words.
    pub fn read(&self) -> BTreeMap<[String; N], Histogram> {
        locked(&self.0).clone()
    }
}

/// What is timed. Clones share it.
#[derive(Clone, Default)]
pub struct Meters(Arc<Kept>);

#[derive(Default)]
struct Kept {
    calls: Durations<3>,
    steps: Durations<2>,
    limits: Mutex<BTreeMap<ConnectionId, Arc<Limits>>>,
}

impl Meters {
    /// Calls to vendors, by connector, method, and class of the answer.
    pub fn calls(&self) -> &Durations<3> {
        &self.0.calls
    }

    /// Pieces of the engine's work, by connector and step.
    pub fn steps(&self) -> &Durations<2> {
        &self.0.steps
    }

    /// The limits of a connection that is worked on, in place of those it had.
    pub(crate) fn watch_limits(&self, connection: ConnectionId, limits: Arc<Limits>) {
        locked(&self.0.limits).insert(connection, limits);
    }

    /// Where the limits of each connection stand.
    pub fn limits(&self, now: Instant) -> Vec<(ConnectionId, Vec<Standing>)> {
        let limits = locked(&self.0.limits);
        limits.iter().map(|(id, limits)| (*id, limits.standing(now))).collect()
    }
}

/// What is kept is whole at every moment, whoever panicked.
fn locked<T>(kept: &Mutex<T>) -> MutexGuard<'_, T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}
