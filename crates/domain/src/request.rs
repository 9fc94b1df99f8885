//! Privacy requests, and their state as derived from their tasks.

#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::deadline::Deadline;
use crate::routing::Routed;
use crate::{Instant, Outcome, RequestId, Right, Scope, Task, TaskState, words};

words! {
    /// Where a request stands. Derived from its tasks and gates, never set.
    RequestState: "request state" {
        /// In, and not yet routed.
        Received = "received",
        /// Waits until it is known who asks.
        Verifying = "verifying",
        /// Waits at the review gate in every system.
        Reviewing = "reviewing",
        /// Under way in at least one system.
        InProgress = "in progress",
        /// Everything is done that will be done; the person has to be told.
        Answering = "answering",
        /// Over.
        Closed = "closed",
    }
}

words! {
    /// What a closed request came to.
    ClosedAs: "closing" {
        /// Carried out in every system.
        Fulfilled = "fulfilled",
        /// Carried out in some; the reasons are on the tasks.
        FulfilledInPart = "fulfilled in part",
        /// No system knows the person.
        NoDataFound = "no data found",
        /// Refused, with a reason.
        Denied = "denied",
        /// Taken back by the person.
        Withdrawn = "withdrawn",
        /// It could not be known who asked.
        Unverified = "unverified",
        /// Not a request at all.
        Spam = "spam",
    }
}

impl ClosedAs {
    /// Whether it was closed so that nothing more must be done in its name.
    pub fn is_against_acting(self) -> bool {
        matches!(self, Self::Denied | Self::Withdrawn | Self::Unverified | Self::Spam)
    }
}

/// One person's demand under one right.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Its row.
    pub id: RequestId,
    /// The right.
    pub right: Right,
    /// The scope within it.
    pub scope: Scope,
    /// When the company received it.
    pub received_at: Instant,
    /// When it must be answered.
    pub deadline: Deadline,
    /// The law it comes under, as given.
    pub jurisdiction: Option<String>,
    /// The brand it was made to.
    pub brand: Option<String>,
    /// The kind of person (customer, employee, …).
    pub subject_kind: Option<String>,
    /// The name another system has for it; may hold a personal value, so it is sealed.
    pub external_id: Option<String>,
    /// Who vouches for the identity of the person, and when.
    pub verified: Option<Verified>,
    /// What routing said of each connection.
    pub routed: Option<Vec<Routed>>,
    /// How it ended, if it has.
    pub closing: Option<Closing>,
    /// Where it stands.
    pub state: RequestState,
    /// Counts its changes; every write compares it.
    pub version: i64,
}

/// Who vouches for the identity of the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Verified {
    /// A named person, or a method.
    pub by: String,
    /// When.
    #[schema(value_type = Timestamp)]
    pub at: Instant,
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Closing {
    /// As what.
    pub how: ClosedAs,
    /// When.
    #[schema(value_type = Timestamp)]
    pub at: Instant,
    /// By whom.
    pub by: String,
    /// What was noted.
    pub note: String,
    /// That its values were destroyed since, if they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purged: Option<Purged>,
}

/// That a request's key was destroyed. What a backup holds of it can be read until the key of its month
/// goes too (docs/keys.md).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Purged {
    /// When.
    #[schema(value_type = Timestamp)]
    pub at: Instant,
    /// By whom.
    pub by: String,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("id", &self.id)
            .field("right", &self.right)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// The state of a request, from its own decisions and its tasks.
///
/// | first line that holds              | state       |
/// | ---------------------------------- | ----------- |
/// | it was closed                      | closed      |
/// | nobody vouches for the person      | verifying   |
/// | it has not been routed             | received    |
/// | every open task waits for review   | reviewing   |
/// | a task is not settled              | in progress |
/// | otherwise                          | answering   |
pub fn state(request: &Request, tasks: &[Task]) -> RequestState {
    let mut open = tasks.iter().filter(|task| !task.is_settled()).peekable();
    if request.closing.is_some() {
        RequestState::Closed
    } else if request.verified.is_none() {
        RequestState::Verifying
    } else if request.routed.is_none() {
        RequestState::Received
    } else if open.peek().is_none() {
        RequestState::Answering
    } else if open.all(|task| task.state == TaskState::Reviewing) {
        RequestState::Reviewing
    } else {
        RequestState::InProgress
    }
}

/// Whether a request that is in progress stays so by this task alone.
pub fn keeps_in_progress(task: &Task) -> bool {
    !task.is_settled() && task.state != TaskState::Reviewing
}

/// Whether a request that was answered has to be opened again: something it counted on came out
/// otherwise (a deletion failed late, or what was gone is back).
pub fn reopens(request: &Request, tasks: &[Task]) -> bool {
    let was_answered =
        request.closing.as_ref().is_some_and(|closing| !closing.how.is_against_acting());
    was_answered && tasks.iter().any(|task| !task.is_settled())
}

/// What a request is closed as when its person has been told.
///
/// | outcomes of its tasks                                      | closed as         |
/// | ---------------------------------------------------------- | ----------------- |
/// | all found nothing                                          | no data found     |
/// | all fulfilled, found nothing, or left to people who did it | fulfilled         |
/// | anything else                                              | fulfilled in part |
pub fn closes_as(tasks: &[Task]) -> ClosedAs {
    let outcomes = || tasks.iter().filter_map(|task| task.detail.outcome.as_ref());
    let is_nothing = |outcome: &Outcome| matches!(outcome, Outcome::NothingFound { .. });
    // What was left to people is told by their tasks.
    let is_elsewhere = |outcome: &Outcome| matches!(outcome, Outcome::LeftToPeople { .. });
    if outcomes().all(is_nothing) && tasks.iter().all(Task::is_over) {
        ClosedAs::NoDataFound
    } else if tasks.iter().all(Task::is_over)
        && outcomes().any(Outcome::fulfils)
        && outcomes()
            .all(|outcome| is_nothing(outcome) || is_elsewhere(outcome) || outcome.fulfils())
    {
        ClosedAs::Fulfilled
    } else {
        ClosedAs::FulfilledInPart
    }
}
