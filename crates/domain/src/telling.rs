//! Telling others what happens: endpoints, what they are told, and when a delivery that failed is
//! tried again.
//!
//! What is told is an entry of the journal, so a delivery is the number of an entry and an endpoint.
//! A message holds ids and words of ours, never a value about a person.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::access::Reach;
use crate::journal::{Entry, Event};
use crate::notice::NoticeKind;
use crate::{Digest, EndpointId, Instant, words};

/// Whom we tell what happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Its row.
    pub id: EndpointId,
    /// Its name, as operators type it.
    pub name: String,
    /// Where it is.
    pub target: Target,
    /// What it is told; everything that is told at all if absent.
    pub events: Option<BTreeSet<Event>>,
    /// About which requests. Bound to brands, it is told of nothing else than requests.
    pub reach: Reach,
    /// Why it is told nothing now, if so. What happens meanwhile waits in the journal.
    pub disabled: Option<Disabled>,
    /// When it was made.
    pub made_at: Instant,
    /// Counts its changes; every write compares it.
    pub version: i64,
}

/// Where an endpoint is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A URL that takes webhooks. The whole of it is sealed apart, since its path and its query may
    /// hold a secret of the other side.
    Webhook {
        /// Whose it is: its scheme, host and port, and a mark where more follows.
        origin: String,
        /// Whether it may lie on this machine or in a private network.
        allow_private: bool,
    },
    /// An address that gets notices by mail.
    Mail {
        /// The address.
        address: String,
        /// Only notices of these kinds; all of them if absent.
        kinds: Option<BTreeSet<NoticeKind>>,
    },
}

impl Target {
    /// Of what kind it is, in a word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Webhook { .. } => "webhook",
            Self::Mail { .. } => "mail",
        }
    }
}

/// Why an endpoint is told nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Disabled {
    /// What happened, for a person.
    pub why: String,
    /// Whether a person disabled it, as opposed to its own answer.
    #[serde(default)]
    pub by_person: bool,
    /// Since when.
    #[schema(value_type = Timestamp)]
    pub since: Instant,
}

impl Endpoint {
    /// Whether it is told of an event. Of which requests is asked apart.
    pub fn listens_to(&self, event: Event) -> bool {
        match &self.events {
            Some(events) => events.contains(&event),
            None => Event::TOLD.contains(&event),
        }
    }

    /// Whether it is told of notices of a kind.
    pub fn takes(&self, kind: NoticeKind) -> bool {
        match &self.target {
            Target::Mail { kinds: Some(kinds), .. } => kinds.contains(&kind),
            Target::Mail { kinds: None, .. } | Target::Webhook { .. } => true,
        }
    }

    /// Whether it is told of requests.
    pub fn listens_to_requests(&self) -> bool {
        if let Target::Mail { kinds, .. } = &self.target {
            return kinds
                .as_ref()
                .is_none_or(|all| all.iter().any(|kind| kind.is_about_requests()));
        }
        self.events.as_ref().is_none_or(|all| all.iter().any(|event| event.is_about_requests()))
    }
}

words! {
    /// How far a delivery is.
    DeliveryState: "state of a delivery" {
        /// It is still to be made, or made again.
        Waiting = "waiting",
        /// The other side said that it has it.
        Delivered = "delivered",
        /// It was given up; `replay` makes it again.
        Dead = "dead",
    }
}

/// One thing that is told to one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// To whom.
    pub endpoint: EndpointId,
    /// The number of the entry in the journal.
    pub seq: i64,
    /// How far it is.
    pub state: DeliveryState,
    /// When it is tried next, while it waits.
    pub due_at: Option<Instant>,
    /// When it was delivered or given up.
    pub ended_at: Option<Instant>,
    /// How often it was tried.
    pub n_attempts: u32,
    /// The last attempt.
    pub last: Option<Attempt>,
}

/// One attempt to deliver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Attempt {
    /// When.
    #[schema(value_type = Timestamp)]
    pub at: Instant,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// What came of it, in words of ours: a status, or why there was none.
    pub answer: String,
}

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The other side has it.
    Taken,
    /// Try again, not before this instant if the other side named one.
    Again(Option<Instant>),
    /// The other side wants nothing any more.
    Gone,
    /// It would come to the same for ever.
    Hopeless,
}

/// How long a delivery waits after each failed attempt, in seconds: about three days in all.
const WAITS: [u64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// The longest rest that another side may ask for.
const LONGEST_REST: Duration = Duration::from_secs(24 * 3600);
/// Up to which part of a wait is added to it by chance, so that what failed together does not all
/// come back together.
const JITTER: f64 = 0.2;

impl Delivery {
    /// A delivery that is due now.
    pub fn new(endpoint: EndpointId, seq: i64, now: Instant) -> Self {
        Self {
            endpoint,
            seq,
            state: DeliveryState::Waiting,
            due_at: Some(now),
            ended_at: None,
            n_attempts: 0,
            last: None,
        }
    }

    /// The same after an attempt.
    #[must_use]
    pub fn after(mut self, attempt: Attempt, verdict: &Verdict, now: Instant) -> Self {
        self.n_attempts = self.n_attempts.saturating_add(1);
        self.last = Some(attempt);
        let again = match verdict {
            Verdict::Again(not_before) => self.next_try(*not_before, now),
            Verdict::Taken | Verdict::Gone | Verdict::Hopeless => None,
        };
        self.due_at = again;
        self.state = match (verdict, again) {
            (Verdict::Taken, _) => DeliveryState::Delivered,
            (_, Some(_)) => DeliveryState::Waiting,
            (_, None) => DeliveryState::Dead,
        };
        self.ended_at = again.is_none().then_some(now);
        self
    }

    /// When it is tried again after a failure, unless it has been tried long enough.
    fn next_try(&self, not_before: Option<Instant>, now: Instant) -> Option<Instant> {
        let failed = usize::try_from(self.n_attempts).unwrap_or(usize::MAX);
        let wait = Duration::from_secs(*WAITS.get(failed.checked_sub(1)?)?);
        let at = later(now, wait.mul_f64(1.0 + JITTER * self.chance()));
        Some(not_before.map_or(at, |asked| at.max(asked.min(later(now, LONGEST_REST)))))
    }

    /// A number from 0 to 1 that is another one for each attempt and the same in each run.
    fn chance(&self) -> f64 {
        let of = format!("{} {} {}", self.endpoint, self.seq, self.n_attempts);
        f64::from(Digest::of(of.as_bytes()).bytes()[0]) / 255.0
    }
}

/// What names a message: the same whenever it is sent, and to whomever. Numbers of entries come again
/// after a restore, so the whole entry counts.
pub fn message_id(seq: i64, entry: &Entry) -> String {
    let id = |text: Option<String>| text.unwrap_or_default();
    let of = [
        seq.to_string(),
        entry.at.to_string(),
        entry.event.word().to_owned(),
        id(entry.request.map(|id| id.to_string())),
        id(entry.task.map(|id| id.to_string())),
        id(entry.connection.map(|id| id.to_string())),
        id(entry.job.map(|id| id.to_string())),
    ];
    format!("evt_{}", &Digest::of(of.join(" ").as_bytes()).to_string()[..32])
}

fn later(at: Instant, by: Duration) -> Instant {
    let by = jiff::SignedDuration::try_from(by).ok();
    by.and_then(|by| at.checked_add(by).ok()).unwrap_or(Instant::MAX)
}
