//! Tasks: one connection's share of one request, or a piece of work for a person.
//!
//! The state machine belongs to the task. [`next`] is the whole of it as a table; [`Task::apply`]
//! carries a command out on a task and says what to journal. `docs/states.md` shows the same
//! table to readers, and a test compares the two.

mod command;
mod findings;
mod machine;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::outcome::Shares;
use crate::plan::HandWork;
use crate::{
    ConnectionId, Digest, IdentifierId, IdentifierKind, Instant, JobId, Outcome, Place, Proof,
    RequestId, Right, TaskId, words,
};
pub use command::Command;
pub use findings::Findings;
pub use machine::{Refused, next};

words! {
    /// Where a task stands.
    TaskState: "task state" {
        /// Waits at the review gate: nothing runs before a person has looked.
        Reviewing = "reviewing",
        /// The engine is looking for the person.
        Locating = "locating",
        /// Can't go on without an identifier that nobody has.
        NeedsIdentifier = "needs identifier",
        /// There is a plan; something else has to happen first.
        Planned = "planned",
        /// Waits at the approval gate.
        Approving = "approving",
        /// Approved; to be carried out.
        Acting = "acting",
        /// The vendor has accepted it and is at work.
        Waiting = "waiting on vendor",
        /// The vendor says done; the engine looks again.
        Confirming = "confirming",
        /// A person has to decide what happens next.
        Deciding = "deciding",
        /// A person has to do it.
        ByHand = "by hand",
        /// Over, with an outcome.
        Ended = "ended",
    }
}

words! {
    /// For whom a task waits.
    Whom: "waits for" {
        /// A person who works with Habeas.
        Operator = "an operator",
        /// The vendor.
        Vendor = "the vendor",
        /// A point in time: a limit's reset, a schedule.
        Time = "a point in time",
        /// Another request of the same person.
        OtherRequest = "another request",
        /// The engine's next round.
        Engine = "the engine",
    }
}

/// Why a task waits, for whom, since when and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Wait {
    /// Why, in words.
    pub why: String,
    /// For whom.
    pub whom: Whom,
    /// Since when.
    #[schema(value_type = Timestamp)]
    pub since: Instant,
    /// Until when, where that is known.
    #[schema(value_type = Option<Timestamp>)]
    pub until: Option<Instant>,
}

/// One connection's share of one request, or a piece of work for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Its row.
    pub id: TaskId,
    /// Its request.
    pub request: RequestId,
    /// Its connection; absent for work by hand that no connection stands for.
    pub connection: Option<ConnectionId>,
    /// The right it serves.
    pub right: Right,
    /// Where it stands.
    pub state: TaskState,
    /// Which go this is, counted from 1.
    pub round: u32,
    /// When the engine looks at it next; absent while it waits for someone.
    pub due_at: Option<Instant>,
    /// Since when it is in this state.
    pub since: Instant,
    /// What locating came to, and the plan.
    pub findings: Findings,
    /// Everything else; never queried, only shown.
    pub detail: Detail,
    /// Counts its changes; every write compares it.
    pub version: i64,
}

/// The parts of a task that no query needs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Detail {
    /// What it waits for.
    #[serde(skip_serializing_if = "is_default")]
    pub wait: Option<Wait>,
    /// The approval it carries.
    #[serde(skip_serializing_if = "is_default")]
    pub approved: Option<Approval>,
    /// What changed since an approval, if it went back.
    #[serde(skip_serializing_if = "is_default")]
    pub changes: Vec<String>,
    /// What came of it.
    #[serde(skip_serializing_if = "is_default")]
    pub outcome: Option<Outcome>,
    /// What its jobs came to, of all rounds.
    #[serde(skip_serializing_if = "is_default")]
    pub shares: Shares,
    /// What proves that.
    #[serde(skip_serializing_if = "is_default")]
    pub proof: Option<Proof>,
    /// The work, where a person has to do it.
    #[serde(skip_serializing_if = "is_default")]
    pub hand: Option<HandWork>,
    /// Which identifier kinds would let it go on.
    #[serde(skip_serializing_if = "is_default")]
    pub needs: Vec<IdentifierKind>,
    /// Whether it counts as complete before the vendor has finished (`on_submission`).
    #[serde(skip_serializing_if = "is_default")]
    pub counts_early: bool,
    /// The job that is carrying it to the vendor right now, its answer not yet known.
    #[serde(skip_serializing_if = "is_default")]
    pub sending: Option<JobId>,
    /// Whether another round follows this one (an identifier came while it was under way).
    #[serde(skip_serializing_if = "is_default")]
    pub again: bool,
    /// How many profiles a person accepted as one person's; 0 if none had to.
    #[serde(skip_serializing_if = "is_default")]
    pub fan_out_accepted: u32,
    /// Whether this round stops at the approval gate whatever the gate says: what had been
    /// deleted is there again, and only a person can tell what that means.
    #[serde(skip_serializing_if = "is_default")]
    pub always_asks: bool,
    /// How many looks of the confirmation schedule are done.
    #[serde(skip_serializing_if = "is_default")]
    pub n_looks_done: u32,
    /// Attempts at the current step that failed in passing.
    #[serde(skip_serializing_if = "is_default")]
    pub n_attempts: u32,
    /// How often the vendor's answer to the current step was lost and nothing had happened.
    #[serde(skip_serializing_if = "is_default")]
    pub n_lost: u32,
}

/// What says nothing is left out: a task is written many times.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What locating a person in one connection came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// How many profiles.
    pub n_profiles: u32,
    /// Where we looked.
    pub searched: Vec<Place>,
    /// Where a profile was found.
    pub known_in: Vec<Place>,
    /// What can't be searched, in words.
    pub not_searchable: Vec<String>,
    /// The identifiers by which the person is known there, or could be.
    pub identifiers: Vec<IdentifierId>,
    /// What only a person can do there.
    pub by_hand: Vec<HandWork>,
    /// When we looked.
    #[serde(default)]
    pub looked_at: Option<Instant>,
}

/// A person's, or a setting's, consent to one plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who: a name, or `auto` where the gate is set to pass.
    pub by: String,
    /// When.
    pub at: Instant,
    /// The digest of the plan.
    pub digest: Digest,
}

impl Task {
    /// A new task for a connection. With review set to `ask` it waits for a person first.
    pub fn for_connection(
        id: TaskId,
        request: RequestId,
        right: Right,
        connection: ConnectionId,
        review: crate::Gate,
        now: Instant,
    ) -> Self {
        let mut task = Self {
            id,
            request,
            connection: Some(connection),
            right,
            state: TaskState::Locating,
            round: 1,
            due_at: None,
            since: now,
            findings: Findings::default(),
            detail: Detail::default(),
            version: 0,
        };
        let state = match review {
            crate::Gate::Ask => TaskState::Reviewing,
            crate::Gate::Auto => TaskState::Locating,
        };
        task.enter(state, now);
        task
    }

    /// A new task for a person.
    pub fn by_hand(
        id: TaskId,
        request: RequestId,
        right: Right,
        connection: Option<ConnectionId>,
        work: HandWork,
        now: Instant,
    ) -> Self {
        let mut task = Self {
            id,
            request,
            connection,
            right,
            state: TaskState::ByHand,
            round: 1,
            due_at: None,
            since: now,
            findings: Findings::default(),
            detail: Detail { hand: Some(work), ..Detail::default() },
            version: 0,
        };
        task.enter(TaskState::ByHand, now);
        task
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        self.state == TaskState::Ended
    }

    /// Whether its request need not wait for it: over, or accepted by the vendor where that is
    /// set to count.
    pub fn is_settled(&self) -> bool {
        self.is_over() || (self.detail.counts_early && self.state != TaskState::Deciding)
    }

    /// Whether a person has to do something before it can go on.
    pub fn needs_a_person(&self) -> bool {
        matches!(
            self.state,
            TaskState::Reviewing
                | TaskState::NeedsIdentifier
                | TaskState::Approving
                | TaskState::Deciding
                | TaskState::ByHand
        ) || self.detail.wait.as_ref().is_some_and(|wait| wait.whom == Whom::Operator)
    }

    /// Whether something may have been sent to the vendor in this round.
    pub fn may_have_been_sent(&self) -> bool {
        self.detail.sending.is_some()
            || matches!(self.state, TaskState::Waiting | TaskState::Confirming)
    }

    /// Whether its plan is the one that was approved.
    pub fn approval_holds(&self) -> bool {
        match (self.findings.plan(), &self.detail.approved) {
            (Some(plan), Some(approval)) => plan.digest() == approval.digest,
            _ => false,
        }
    }
}
