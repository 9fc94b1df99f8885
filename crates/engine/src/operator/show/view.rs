//! The read model of a request, as the screen and `--json` show it.

use domain::deadline::Basis;
use domain::outcome::Residue;
use domain::plan::HandWork;
use domain::request::{Closing, Verified};
use domain::task::Whom;
use domain::{
    ConnectionId, EvidenceId, IdentifierKind, Instant, JobId, Outcome, Proof, RequestId,
    RequestState, Right, Scope, TaskId, TaskState,
};
use jiff::{RoundMode, TimestampRound, Unit};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::advice::Advice;
use super::awaited::Awaited;
use crate::operator::approve::IdentifierView;

/// Everything a person is told about a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RequestView {
    /// What was asked, and by when.
    pub asked: Asked,
    /// What is known, per system.
    pub systems: Vec<SystemView>,
    /// Systems that don't serve it, and why.
    pub left_out: Vec<LeftOut>,
    /// What waits, for whom, since when, until when; the operator's first.
    pub waits: Vec<WaitView>,
    /// What happens next by itself; the soonest first, at most a few.
    pub next: Vec<NextAct>,
    /// What can be done now; the most useful first.
    pub advice: Vec<Advice>,
    /// Whether every changing call is stopped.
    pub is_paused_everywhere: bool,
    /// Whether somebody runs the engine now; what comes by itself comes only then.
    pub is_served: bool,
    /// Other requests that it waits for.
    pub awaited: Vec<Awaited>,
}

/// What was asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Asked {
    /// The request.
    pub request: RequestId,
    /// The right.
    pub right: Right,
    /// Its scope; empty where the right has none.
    pub scope: Scope,
    /// Where it stands.
    pub state: RequestState,
    /// When it was received.
    #[schema(value_type = Timestamp)]
    pub received_at: Instant,
    /// When it must be answered.
    #[schema(value_type = Timestamp)]
    pub due_at: Instant,
    /// Where that date comes from.
    pub due_basis: Basis,
    /// Whether it has passed while the request is open.
    pub is_late: bool,
    /// The law, as given.
    pub jurisdiction: Option<String>,
    /// The brand.
    pub brand: Option<String>,
    /// The kind of person.
    pub subject_kind: Option<String>,
    /// Another system's name for it, masked.
    pub external_id: Option<String>,
    /// Who vouches for the person.
    pub verified: Option<Verified>,
    /// How it ended.
    pub closing: Option<Closing>,
    /// Whether systems have been chosen for it.
    pub is_routed: bool,
    /// Whether its answer is a package.
    pub hands_over: bool,
    /// Other open requests of the same person under the same right.
    pub same_person: Vec<RequestId>,
    /// What names the person, masked.
    pub identifiers: Vec<IdentifierView>,
    /// Why that and its other values can't be read, and what helps; absent if they can, or were
    /// destroyed.
    pub unopened: Option<String>,
}

/// A system that does not serve a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeftOut {
    /// The connection.
    pub connection: String,
    /// Why.
    pub why: String,
}

/// What is known in one system: one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SystemView {
    /// The task.
    pub task: TaskId,
    /// The connection's name; `by hand` where there is none.
    pub name: String,
    /// The connection.
    pub connection: Option<ConnectionId>,
    /// The connection's kind of system.
    pub connector: Option<String>,
    /// Why nobody can be looked up through the connection, if so.
    pub cant_read: Option<String>,
    /// What the connection itself is held by.
    pub standing: Standing,
    /// Where the task stands.
    pub state: TaskState,
    /// Which go it is.
    pub round: u32,
    /// Since when it stands there.
    #[schema(value_type = Timestamp)]
    pub since: Instant,
    /// When the engine looks at it next.
    #[schema(value_type = Option<Timestamp>)]
    pub due_at: Option<Instant>,
    /// How many profiles were found, once known.
    pub n_profiles: Option<u32>,
    /// Where we looked.
    pub searched: Vec<String>,
    /// Where the person is known.
    pub known_in: Vec<String>,
    /// What can't be searched.
    pub not_searchable: Vec<String>,
    /// The vendor's word for the way it is done.
    pub variant: Option<String>,
    /// What else that does.
    pub side_effects: Vec<String>,
    /// What came of it, or of it so far.
    pub outcome: Option<Outcome>,
    /// What proves that.
    pub proof: Option<Proof>,
    /// What is left there.
    pub residue: Vec<Residue>,
    /// The work for a person, where it is that.
    pub hand: Option<Handed>,
    /// The identifier types that would help.
    pub needs: Vec<IdentifierKind>,
    /// What it waits for.
    pub wait: Option<domain::task::Wait>,
    /// When what had gone was found again, if it was.
    #[schema(value_type = Option<Timestamp>)]
    pub reappeared_at: Option<Instant>,
    /// What the vendor is, or was, working on for it.
    pub jobs: Vec<JobView>,
    /// What is kept as evidence.
    pub evidence: Vec<EvidenceView>,
}

impl SystemView {
    /// Whether it will not be carried out since its connection makes no changing calls.
    pub(super) fn is_observed_only(&self, right: Right) -> bool {
        matches!(self.standing, Standing::Observing { .. }) && !right.only_reads()
    }

    /// Why the person could not be looked for, where that is the connection's fault.
    pub(super) fn is_blind_since(&self) -> Option<&str> {
        let is_blind = self.n_profiles.is_some() && self.searched.is_empty();
        self.cant_read.as_deref().filter(|_| is_blind)
    }
}

/// Work for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Handed {
    /// Where.
    pub place: String,
    /// What.
    pub what: String,
}

impl From<&HandWork> for Handed {
    fn from(work: &HandWork) -> Self {
        Self { place: work.place.clone(), what: work.what.clone() }
    }
}

/// What is to be done, or is left, somewhere; said without the place where it begins with that.
pub fn at_place(place: &str, what: &str) -> String {
    if what.starts_with(place) { what.to_owned() } else { format!("{place}: {what}") }
}

/// A time that lies ahead, to the minute: never earlier than it is, so that a month's last second
/// is told as the next month.
pub fn next_minute(at: Instant) -> Instant {
    let up = TimestampRound::new().smallest(Unit::Minute).mode(RoundMode::Ceil);
    at.round(up).unwrap_or(at)
}

/// The same as text, in UTC.
pub(super) fn minute(at: Instant) -> String {
    next_minute(at).strftime("%Y-%m-%d %H:%M").to_string()
}

/// Kinds of identifiers of which any would do.
pub(super) fn or(kinds: &[IdentifierKind]) -> String {
    kinds.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
}

/// What a connection is held by, whatever its tasks want.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "standing", rename_all = "snake_case")]
pub enum Standing {
    /// Nothing.
    Working {
        /// When it is checked next.
        #[schema(value_type = Timestamp)]
        check_due_at: Instant,
    },
    /// It makes no changing calls.
    Observing {
        /// When it is checked next.
        #[schema(value_type = Timestamp)]
        check_due_at: Instant,
    },
    /// A person paused it.
    PausedByPerson {
        /// Why.
        why: String,
        /// Since when.
        #[schema(value_type = Timestamp)]
        since: Instant,
    },
    /// A refused call or a failed check paused it.
    PausedByFailure {
        /// Why.
        why: String,
        /// What to do about it.
        remedy: String,
        /// Since when.
        #[schema(value_type = Timestamp)]
        since: Instant,
        /// When it is checked next.
        #[schema(value_type = Timestamp)]
        check_due_at: Instant,
    },
    /// It was removed, or there never was one.
    None,
}

/// Something that a vendor works on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobView {
    /// The job.
    pub job: JobId,
    /// In which round of the task it was begun.
    pub round: u32,
    /// The vendor's own name for it.
    pub vendor_ref: Option<String>,
    /// The vendor's word for where it stands.
    pub vendor_says: Option<String>,
    /// Since when.
    #[schema(value_type = Timestamp)]
    pub started_at: Instant,
    /// When the vendor is asked next; absent when it is over.
    #[schema(value_type = Option<Timestamp>)]
    pub due_at: Option<Instant>,
    /// Whether it is over.
    pub is_over: bool,
    /// Whether the vendor took it, as far as we know.
    pub is_taken: bool,
    /// Whether the answer to its call was lost, so that it is being found out whether the call
    /// took place.
    pub is_lost: bool,
}

/// A piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EvidenceView {
    /// Its id.
    pub evidence: EvidenceId,
    /// What it shows.
    pub title: String,
    /// When it was taken.
    #[schema(value_type = Timestamp)]
    pub at: Instant,
    /// The beginning of its SHA-256 digest.
    pub digest: String,
}

/// Something that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WaitView {
    /// The task, where it is one's.
    pub task: Option<TaskId>,
    /// The system.
    pub system: String,
    /// Why.
    pub why: String,
    /// For whom.
    pub whom: Whom,
    /// Since when.
    #[schema(value_type = Timestamp)]
    pub since: Instant,
    /// Until when, where that is known.
    #[schema(value_type = Option<Timestamp>)]
    pub until: Option<Instant>,
    /// Whether that is only the longest it may take.
    pub is_longest: bool,
}

/// Something that happens by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NextAct {
    /// When; at once if that has passed.
    #[schema(value_type = Timestamp)]
    pub at: Instant,
    /// What.
    pub what: String,
    /// The system.
    pub system: String,
}
