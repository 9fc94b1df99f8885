//! The journal: one entry per transition, call, decision and reveal. Opaque ids only; a fact in
//! an entry is a word, a number, a digest or a sentence of ours, never a value about a person.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{ConnectionId, Instant, IntentId, JobId, RequestId, TaskId, words};

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// The engine by itself.
    Engine,
    /// A person, by the name the program knows.
    Operator(String),
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Engine => f.pad("engine"),
            Self::Operator(name) => f.pad(name),
        }
    }
}

words! {
    /// What happened.
    Event: "event" {
        /// A request came in.
        RequestReceived = "request.received",
        /// It counts as verified, and by whom.
        RequestVerified = "request.verified",
        /// It was routed; facts name what was left out and why.
        RequestRouted = "request.routed",
        /// Its derived state changed.
        RequestMoved = "request.moved",
        /// It was denied.
        RequestDenied = "request.denied",
        /// The person took it back.
        RequestCancelled = "request.cancelled",
        /// The person was told, and it was closed.
        RequestAnswered = "request.answered",
        /// It was opened again.
        RequestReopened = "request.reopened",
        /// Its key was destroyed. What a backup holds of it goes with the month's key.
        RequestPurged = "request.purged",
        /// An identifier was added by hand.
        IdentifierAdded = "identifier.added",
        /// A system's answer listed an identifier.
        IdentifierFound = "identifier.found",
        /// A personal value was shown to a named person.
        Revealed = "revealed",
        /// A package was written to a file.
        PackageWritten = "package.written",
        /// A task was made.
        TaskCreated = "task.created",
        /// A task moved; facts hold from, to and by which command.
        TaskMoved = "task.moved",
        /// A task has to wait; facts hold why and until when.
        TaskParked = "task.parked",
        /// Another request's job does the same already: it carries this task too.
        TaskJoined = "task.joined",
        /// A guard stopped something for a person.
        GuardTripped = "guard.tripped",
        /// A changing call is about to be made.
        IntentWritten = "intent.written",
        /// It was made, and this is what came back.
        IntentAnswered = "intent.answered",
        /// Its answer was lost; it is being reconciled.
        IntentLost = "intent.lost",
        /// Reconciling found out whether it had taken place.
        IntentReconciled = "intent.reconciled",
        /// It was made again because the vendor gives no way to tell.
        IntentRepeated = "intent.repeated",
        /// In observe mode: what would have been sent.
        WouldHaveSent = "intent.observed",
        /// A vendor job was begun.
        JobStarted = "job.started",
        /// The vendor said something new about a job.
        JobReported = "job.reported",
        /// A poll failed; never a verdict.
        JobPollFailed = "job.poll_failed",
        /// A job is over.
        JobEnded = "job.ended",
        /// A vendor job takes longer than such jobs do.
        JobOverdue = "job.overdue",
        /// Looked again; facts hold what was seen.
        Looked = "looked",
        /// A connection was made.
        ConnectionAdded = "connection.added",
        /// A switch was set.
        ConnectionSet = "connection.set",
        /// A connection was checked.
        ConnectionChecked = "connection.checked",
        /// A connection was paused, by a person or because a call was refused.
        ConnectionPaused = "connection.paused",
        /// It works again.
        ConnectionResumed = "connection.resumed",
        /// It was removed.
        ConnectionRemoved = "connection.removed",
        /// Every changing call was stopped, or allowed again.
        EnginePaused = "engine.paused",
        /// Changing calls are allowed again.
        EngineResumed = "engine.resumed",
        /// A program took the right to run the engine.
        LeaseTaken = "lease.taken",
        /// A setting was changed.
        SettingChanged = "setting.changed",
        /// A key was made in place of the one before.
        KeyMade = "key.made",
        /// Nothing names a key any more; it is kept as long as a backup may.
        KeyRetired = "key.retired",
        /// A key was destroyed.
        KeyDestroyed = "key.destroyed",
        /// A backup was put back.
        StoreRestored = "store.restored",
        /// What was sent after the backup was made was found at the vendor.
        JobFound = "job.found",
        /// A configuration was applied; what it changed stands in entries of its own.
        ConfigApplied = "config.applied",
        /// Somebody was told whether secrets that they gave are those that a connection holds.
        SecretsCompared = "secrets.compared",
        /// A file of requests was read.
        Imported = "imported",
        /// A person or a program was given roles.
        PrincipalAdded = "principal.added",
        /// Its roles or its reach were changed.
        PrincipalSet = "principal.set",
        /// It may do nothing any more.
        PrincipalDisabled = "principal.disabled",
        /// It may do again what its roles allow.
        PrincipalEnabled = "principal.enabled",
        /// A token was made.
        TokenMade = "token.made",
        /// A token was ended before its time.
        TokenRevoked = "token.revoked",
        /// A set-up token was printed, with which the first principal can be made.
        SetupBegun = "setup.begun",
        /// The first principal was made with it.
        SetupFinished = "setup.finished",
        /// Somebody is to be told what happens.
        EndpointAdded = "endpoint.added",
        /// Where, or of what, was changed.
        EndpointSet = "endpoint.set",
        /// The secret that signs what it is told was replaced.
        EndpointRotated = "endpoint.rotated",
        /// A message to try it was sent.
        EndpointTested = "endpoint.tested",
        /// What it had been told, or had not, is told again.
        EndpointReplayed = "endpoint.replayed",
        /// It is told nothing any more, by a person or because it said that it is gone.
        EndpointDisabled = "endpoint.disabled",
        /// It is told again what happens, and what happened meanwhile.
        EndpointEnabled = "endpoint.enabled",
        /// It was removed.
        EndpointRemoved = "endpoint.removed",
        /// Something that it was to be told was given up.
        EndpointFailing = "endpoint.failing",
        /// Credentials lack a permission that they had.
        PermissionLost = "permission.lost",
        /// They have it again.
        PermissionGranted = "permission.granted",
        /// Data that had been confirmed gone is there again.
        DataReappeared = "data.reappeared",
        /// An operator has to know of something.
        NoticeRaised = "notice.raised",
        /// The cause of a notice is gone.
        NoticeMended = "notice.mended",
    }
}

impl Event {
    /// What counts as a change of state, of which others are told: webhooks and the event stream.
    pub const TOLD: &'static [Self] = &[
        Self::RequestReceived,
        Self::RequestRouted,
        Self::RequestMoved,
        Self::RequestDenied,
        Self::RequestCancelled,
        Self::RequestAnswered,
        Self::RequestReopened,
        Self::IdentifierAdded,
        Self::TaskCreated,
        Self::TaskMoved,
        Self::TaskParked,
        Self::GuardTripped,
        Self::JobStarted,
        Self::JobReported,
        Self::JobOverdue,
        Self::JobEnded,
        Self::ConnectionAdded,
        Self::ConnectionSet,
        Self::ConnectionPaused,
        Self::ConnectionResumed,
        Self::ConnectionRemoved,
        Self::EnginePaused,
        Self::EngineResumed,
        Self::PermissionLost,
        Self::PermissionGranted,
        Self::DataReappeared,
        Self::NoticeRaised,
        Self::NoticeMended,
    ];

    /// Whether it tells that a notice was raised or mended.
    pub fn is_of_a_notice(self) -> bool {
        matches!(self, Self::NoticeRaised | Self::NoticeMended)
    }

    /// Whether it may be about somebody's request, as opposed to connections and the installation.
    pub fn is_about_requests(self) -> bool {
        let about = self.word().split('.').next();
        !matches!(about, Some("connection" | "engine" | "permission"))
    }
}

/// One entry of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Entry {
    /// When.
    #[schema(value_type = Timestamp)]
    pub at: Instant,
    /// Who.
    pub actor: Actor,
    /// What.
    pub event: Event,
    /// The request it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestId>,
    /// The task it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// The connection it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<ConnectionId>,
    /// The vendor job it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobId>,
    /// The changing call it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<IntentId>,
    /// More, as named facts.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub facts: Map<String, Value>,
}

impl Entry {
    /// An entry about nothing in particular yet.
    pub fn new(at: Instant, actor: Actor, event: Event) -> Self {
        Self {
            at,
            actor,
            event,
            request: None,
            task: None,
            connection: None,
            job: None,
            intent: None,
            facts: Map::new(),
        }
    }

    /// About this request.
    #[must_use]
    pub fn request(mut self, id: RequestId) -> Self {
        self.request = Some(id);
        self
    }

    /// About this task.
    #[must_use]
    pub fn task(mut self, id: TaskId) -> Self {
        self.task = Some(id);
        self
    }

    /// About this connection.
    #[must_use]
    pub fn connection(mut self, id: Option<ConnectionId>) -> Self {
        self.connection = id;
        self
    }

    /// About this vendor job.
    #[must_use]
    pub fn job(mut self, id: JobId) -> Self {
        self.job = Some(id);
        self
    }

    /// About this changing call.
    #[must_use]
    pub fn intent(mut self, id: IntentId) -> Self {
        self.intent = Some(id);
        self
    }

    /// With one more fact.
    #[must_use]
    pub fn fact(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.facts.insert(name.to_owned(), value.into());
        self
    }
}
