//! The programs that follow the clock, and which of them are idle.
//!
//! A follower works from the moment it registers, or is woken, until it reports idle. One that says
//! nothing for [`SILENCE`] is dropped, so that a program that was killed does not stop time for the
//! others; its next report takes it in again.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// After this much real silence a follower no longer counts.
const SILENCE: Duration = Duration::from_secs(10);

/// Names one idle report of one follower.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    id: String,
    report: u64,
}

#[derive(Default)]
pub(super) struct Followers {
    by_id: BTreeMap<String, Follower>,
    registered: u64,
    reports: u64,
}

struct Follower {
    seen: Instant,
    report: u64,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Working,
    Idle { next_due: Option<Timestamp> },
}

impl Followers {
    pub(super) fn register(&mut self, seen: Instant) -> String {
        self.registered += 1;
        let id = format!("follower-{}", self.registered);
        self.busy(&id, seen);
        id
    }

    pub(super) fn busy(&mut self, id: &str, seen: Instant) {
        self.report(id, State::Working, seen);
    }

    pub(super) fn idle(&mut self, id: &str, next_due: Option<Timestamp>, seen: Instant) -> Ticket {
        Ticket { id: id.to_owned(), report: self.report(id, State::Idle { next_due }, seen) }
    }

    fn report(&mut self, id: &str, state: State, seen: Instant) -> u64 {
        self.reports += 1;
        let follower = Follower { seen, report: self.reports, state };
        self.by_id.insert(id.to_owned(), follower);
        self.reports
    }

    pub(super) fn seen(&mut self, ticket: &Ticket, seen: Instant) {
        if let Some(follower) = self.by_id.get_mut(&ticket.id) {
            follower.seen = seen;
        }
    }

    /// Whether a report has ended: its follower was woken, reported anew, or is gone.
    pub(super) fn is_over(&self, ticket: &Ticket) -> bool {
        match self.by_id.get(&ticket.id) {
            Some(follower) => follower.report != ticket.report || follower.state == State::Working,
            None => true,
        }
    }

    pub(super) fn drop_silent(&mut self, now: Instant) {
        self.by_id.retain(|_, follower| now.duration_since(follower.seen) < SILENCE);
    }

    /// Whether there is a follower, and all are idle.
    pub(super) fn are_all_idle(&self) -> bool {
        !self.by_id.is_empty() && self.by_id.values().all(|f| f.state != State::Working)
    }

    pub(super) fn earliest_due(&self) -> Option<Timestamp> {
        let due = |follower: &Follower| match follower.state {
            State::Idle { next_due } => next_due,
            State::Working => None,
        };
        self.by_id.values().filter_map(due).min()
    }

    /// Those whose time has come work from now on; tells whether there were any.
    pub(super) fn wake_due(&mut self, now: Timestamp) -> bool {
        let mut woken = false;
        for follower in self.by_id.values_mut() {
            if matches!(follower.state, State::Idle { next_due: Some(due) } if due <= now) {
                follower.state = State::Working;
                woken = true;
            }
        }
        woken
    }
}
