//! What is going to happen, in the order of virtual time.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::spaces::Profile;

/// The steps of all jobs that are still to come.
#[derive(Default)]
pub(super) struct Agenda {
    entries: BTreeMap<(Timestamp, u64), Due>,
    issued: u64,
}

/// One step of one regulation (by its place in the list).
pub(super) struct Due {
    pub(super) regulation: usize,
    pub(super) step: Step,
}

/// What happens to a regulation.
pub(super) enum Step {
    /// It begins to run.
    Begin,
    /// Suppression starts, or ends.
    Suppress,
    /// The data goes.
    Delete,
    /// A destination of a stream gets its delete messages.
    Forward { stream: usize, destination: usize },
    /// It reaches its terminal state.
    End,
    /// Deleted profiles come back (a switch); each with its space.
    Reappear(Vec<(usize, Box<Profile>)>),
}

impl Agenda {
    pub(super) fn add(&mut self, at: Timestamp, regulation: usize, step: Step) {
        self.issued += 1;
        self.entries.insert((at, self.issued), Due { regulation, step });
    }

    pub(super) fn next_at(&self) -> Option<Timestamp> {
        self.entries.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes out the earliest step that is due by `now`.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Option<(Timestamp, Due)> {
        if self.next_at()? > now {
            return None;
        }
        self.entries.pop_first().map(|((at, _), due)| (at, due))
    }

    /// Drops the steps of a cancelled regulation.
    pub(super) fn cancel(&mut self, regulation: usize) {
        self.entries.retain(|_, due| due.regulation != regulation);
    }
}
