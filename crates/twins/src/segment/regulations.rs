//! Regulations: what they are, and how one goes through virtual time (contract 3.4 and 8).
//!
//! | step | when | what happens |
//! | --- | --- | --- |
//! | begin | 0–2 h after creation | `INITIALIZED` becomes `RUNNING` |
//! | suppress | 1–24 h | the subjects are suppressed, or no longer |
//! | delete | 1–20 days | profiles and archived events of the subjects go |
//! | forward | 1–48 h after begin | a destination finishes, fails, or turns out not to support it |
//! | end | after the last of these | the terminal status, by aggregation |

use jiff::{SignedDuration, Timestamp};
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::catalog::Deletion;
use super::events::{Agenda, Step};
use super::quota::Category;
use super::switches::{Aggregate, Switches};

/// What is asked for (3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum RegulationType {
    SuppressOnly,
    Unsuppress,
    DeleteInternal,
    SuppressWithDeleteInternal,
    DeleteOnly,
    SuppressWithDelete,
    DeleteArchiveOnly,
}

impl RegulationType {
    pub(super) fn suppresses(self) -> bool {
        use RegulationType::{SuppressOnly, SuppressWithDelete, SuppressWithDeleteInternal};
        matches!(self, SuppressOnly | SuppressWithDelete | SuppressWithDeleteInternal)
    }

    pub(super) fn deletes(self) -> bool {
        !matches!(self, RegulationType::SuppressOnly | RegulationType::Unsuppress)
    }

    pub(super) fn forwards(self) -> bool {
        matches!(self, RegulationType::DeleteOnly | RegulationType::SuppressWithDelete)
    }

    pub(super) fn category(self) -> Category {
        if self.forwards() { Category::SegmentAndDestination } else { Category::SegmentOnly }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum SubjectType {
    #[serde(rename = "USER_ID")]
    User,
    #[serde(rename = "OBJECT_ID")]
    Object,
    #[serde(rename = "ANONYMOUS_ID")]
    Anonymous,
}

/// The status of a whole regulation and of each of its destinations (3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Status {
    Initialized,
    Running,
    Finished,
    PartialSuccess,
    Failed,
    Invalid,
    NotSupported,
}

impl Status {
    pub(super) fn is_terminal(self) -> bool {
        !matches!(self, Status::Initialized | Status::Running)
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Status::Initialized => "INITIALIZED",
            Status::Running => "RUNNING",
            Status::Finished => "FINISHED",
            Status::PartialSuccess => "PARTIAL_SUCCESS",
            Status::Failed => "FAILED",
            Status::Invalid => "INVALID",
            Status::NotSupported => "NOT_SUPPORTED",
        }
    }
}

/// What a regulation covers; sources by their place in the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Workspace,
    Source(usize),
    CloudSource { source: usize, collection: String },
}

impl Scope {
    pub(super) fn source(&self) -> Option<usize> {
        match self {
            Scope::Workspace => None,
            Scope::Source(source) | Scope::CloudSource { source, .. } => Some(*source),
        }
    }
}

pub(super) struct Regulation {
    pub(super) id: String,
    pub(super) kind: RegulationType,
    pub(super) subject_type: SubjectType,
    pub(super) subjects: Vec<String>,
    pub(super) scope: Scope,
    pub(super) created_at: Timestamp,
    pub(super) finished_at: Option<Timestamp>,
    pub(super) status: Status,
    /// How it will end whatever its destinations say, where that is settled.
    pub(super) settled: Option<Status>,
    pub(super) streams: Vec<Stream>,
    /// How often the terminal state was read, for the switch `goes_back`.
    pub(super) reads_at_end: u32,
    /// Cancelled through the legacy route.
    pub(super) is_cancelled: bool,
}

/// One source with data of a subject, and what its destinations have to do.
pub(super) struct Stream {
    pub(super) source: usize,
    pub(super) forwards: Vec<Forward>,
}

pub(super) struct Forward {
    /// The place of the destination in the catalog.
    pub(super) destination: usize,
    pub(super) status: Status,
    pub(super) error: &'static str,
    pub(super) finished_at: Option<Timestamp>,
}

impl Forward {
    pub(super) fn to(destination: usize) -> Forward {
        Forward { destination, status: Status::Initialized, error: "", finished_at: None }
    }

    /// Ends as the destination's ability to delete says.
    pub(super) fn finish(&mut self, deletion: Deletion, is_configured: bool, now: Timestamp) {
        (self.status, self.error) = match deletion {
            Deletion::NotSupported => {
                (Status::NotSupported, "destination does not support deletion")
            }
            Deletion::Unconfigured if !is_configured => {
                (Status::Failed, "the secret key of the destination is missing")
            }
            Deletion::Unconfigured | Deletion::Supported => (Status::Finished, ""),
        };
        // An unsupported destination never had a day on which it finished.
        self.finished_at = (self.status == Status::Finished).then_some(now);
    }
}

impl Regulation {
    /// Plans all steps of a new regulation.
    pub(super) fn schedule(
        &self,
        place: usize,
        agenda: &mut Agenda,
        switches: &Switches,
        rng: &mut impl Rng,
    ) {
        let hours = |hours: f64| SignedDuration::from_secs_f64(hours * 3600.0);
        let mut within = |low: f64, high: f64| hours(rng.random_range(low..high));
        let (begin, suppress, delete) = (within(0.0, 2.0), within(1.0, 24.0), within(24.0, 480.0));
        let delete = switches.deletion_takes.map_or(delete, |set| set.0);
        let suppress = switches.suppression_takes.map_or(suppress, |set| set.0);
        // Where the switches ask for haste, everything else keeps within it.
        let longest = if self.kind.deletes() { delete } else { suppress };
        let begin = begin.min(longest / 4);
        let at =
            |after: SignedDuration| self.created_at.checked_add(after).unwrap_or(Timestamp::MAX);
        let mut end = begin;
        let mut plan = |after: SignedDuration, step: Step| {
            end = end.max(after);
            agenda.add(at(after), place, step);
        };
        plan(begin, Step::Begin);
        if self.settled != Some(Status::Invalid) {
            if self.kind.suppresses() || self.kind == RegulationType::Unsuppress {
                plan(suppress, Step::Suppress);
            }
            if self.kind.deletes() {
                plan(delete, Step::Delete);
            }
            for (stream, forwards) in self.streams.iter().map(|s| &s.forwards).enumerate() {
                for destination in 0..forwards.len() {
                    let after = (begin + within(1.0, 48.0)).min(longest);
                    plan(after, Step::Forward { stream, destination });
                }
            }
        }
        agenda.add(at(end), place, Step::End);
    }

    /// The terminal status, from what was settled and what the destinations came to (8).
    pub(super) fn ending(&self, aggregate: Aggregate) -> Status {
        if let Some(settled) = self.settled {
            return settled;
        }
        let all = || self.streams.iter().flat_map(|stream| &stream.forwards).map(|f| f.status);
        let has_finished = all().any(|status| status == Status::Finished);
        match aggregate {
            _ if all().all(|status| status == Status::Finished) => Status::Finished,
            _ if all().any(|status| status == Status::Failed) => Status::Failed,
            Aggregate::Partial if has_finished => Status::PartialSuccess,
            Aggregate::Failed | Aggregate::Partial => Status::Failed,
        }
    }

    /// The status as a caller gets to see it.
    pub(super) fn shown_status<'a>(&self, status: Status, switches: &'a Switches) -> &'a str {
        match &switches.unknown_status {
            Some(word) if status != Status::Initialized => word,
            _ => status.word(),
        }
    }
}
