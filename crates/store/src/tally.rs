//! How many tasks ended, and how, since the store was opened: counted as it is written, since what is over
//! is never counted again.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use domain::{ConnectionId, Entry, Event};

use crate::store::Store;

/// Ended tasks by connection (none for work by hand), outcome and proof.
pub type Ended = BTreeMap<(Option<ConnectionId>, String, String), u64>;

/// The count of one store.
#[derive(Default)]
pub(crate) struct Tally(Mutex<Ended>);

impl Tally {
    /// Takes in what was journalled.
    pub(crate) fn note<'a>(&self, entries: impl Iterator<Item = &'a Entry>) {
        for entry in entries.filter(|entry| entry.event == Event::TaskMoved) {
            let fact = |name| entry.facts.get(name).and_then(|fact| fact.as_str());
            if fact("from") != fact("to")
                && let (Some(outcome), Some(proof)) = (fact("outcome"), fact("proof"))
            {
                let words = (entry.connection, outcome.to_owned(), proof.to_owned());
                let mut ended = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                *ended.entry(words).or_default() += 1;
            }
        }
    }
}

impl Store {
    /// How many tasks ended through this handle and its clones, since it was opened.
    pub fn ended(&self) -> Ended {
        self.tally().0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
