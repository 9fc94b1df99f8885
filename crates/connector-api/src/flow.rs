//! The contract between engine and connector.

use std::collections::{BTreeMap, BTreeSet};

use domain::connection::CheckReport;
use domain::job::FlowState;
use domain::plan::Plan;
use domain::{ConnectionId, Digest, Flow, Instant, Right, Scope};
use serde_json::Value;

use crate::{Answer, Call, Endpoint, Located, Manifest, Report, Subject, VendorError};

/// A kind of system that privacy requests can be carried out in.
pub trait Connector: Send + Sync {
    /// What it is, needs and can.
    fn manifest(&self) -> &'static Manifest;

    /// Moves a flow on by one step. `memory` is absent at the start, and then `input` is
    /// [`Input::Start`], [`Input::Lost`] or [`Input::Sought`]. Pure: the same arguments give the same turn. On an error the flow
    /// stays where it was, and the engine acts by the kind of error.
    fn step(
        &self,
        flow: Flow,
        memory: Option<&FlowState>,
        input: Input<'_>,
        context: &Context<'_>,
    ) -> Result<Turn, VendorError>;

    /// Tells success from failure, for every call that is not [`raw`](Call::raw). The only place
    /// where a status code or a header is looked at.
    fn classify(
        &self,
        endpoint: &Endpoint,
        answer: &Answer,
        now: Instant,
    ) -> Result<(), VendorError>;

    /// Until when calls to this endpoint should rest, by what a good answer's headers say.
    fn rest_until(&self, _endpoint: &Endpoint, _answer: &Answer, _now: Instant) -> Option<Instant> {
        None
    }

    /// What would be done for a person, given what locating found. Pure.
    fn plan(
        &self,
        right: Right,
        scope: &Scope,
        subject: &Subject,
        found: &Located,
        context: &Context<'_>,
    ) -> Planned;
}

/// What planning came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Planned {
    /// This is what would be done.
    Plan(Box<Plan>),
    /// Nothing is known of the person there.
    Nothing,
    /// It can't be done without one of these.
    Needs(Vec<domain::IdentifierKind>),
}

/// What a flow may know beside its memory. No secret: those are named in calls.
pub struct Context<'a> {
    /// The time.
    pub now: Instant,
    /// The connection.
    pub connection: ConnectionId,
    /// Its settings.
    pub settings: &'a BTreeMap<String, Value>,
    /// The names of its secrets.
    pub secrets: &'a BTreeSet<String>,
    /// Its last check.
    pub check: Option<&'a CheckReport>,
    /// The digest of its settings.
    pub settings_digest: Digest,
    /// A keyed digest of a set of values: comparable, and useless to whoever steals it.
    pub fingerprint: &'a (dyn Fn(&mut dyn Iterator<Item = &str>) -> Digest + Sync),
    /// Values that name everybody and nobody; never looked up, never followed.
    pub placeholders: &'a domain::guard::Placeholders,
    /// The vendor's names of jobs that other intents own; for reconciling.
    pub owned: &'a [String],
}

/// What a flow is told.
#[derive(Debug, Clone)]
pub enum Input<'a> {
    /// Begin, for these people.
    Start(&'a [Subject]),
    /// Begin to find out about changes whose answers were lost, all of them together: what the
    /// flow of each remembers, or what it was told to look again with.
    Lost(&'a [FlowState]),
    /// Begin to find out about changes that may have been made, for these people or for these and
    /// others, after a store was put back that knows nothing of it: what the flow of each would
    /// remember. What was made before `since` is not meant.
    Sought {
        /// The changes, each for one person.
        changes: &'a [FlowState],
        /// The earliest that they can have been made.
        since: Instant,
    },
    /// The answers to the calls just asked for, in their order. Only good ones, unless `raw`.
    Answers(&'a [Answer]),
    /// The time asked for has come.
    Woken,
}

/// What a flow wants next, and what it leaves behind.
#[derive(Debug)]
pub struct Turn {
    /// What to remember.
    pub memory: FlowState,
    /// Records to keep, for a collection.
    pub records: Vec<Record>,
    /// The vendor's word for where the job stands, if there is news.
    pub vendor_says: Option<String>,
    /// The vendor's name for the job, once known.
    pub vendor_ref: Option<String>,
    /// What next.
    pub step: Step,
}

/// What a flow wants the engine to do.
#[derive(Debug)]
pub enum Step {
    /// Make these reads; their order is kept.
    Calls(Vec<Call>),
    /// Make this one changing call, after writing it down.
    Change(Box<Change>),
    /// Ask again at this time.
    AskAgain {
        /// When.
        at: Instant,
    },
    /// Over.
    Done(Report),
}

/// A changing call.
#[derive(Debug)]
pub struct Change {
    /// The call.
    pub call: Call,
    /// Our key for it, where the vendor takes one and repeats are harmless.
    pub key: Option<String>,
    /// How many people it carries.
    pub n_members: u32,
}

/// One record of collected data, in the file of the package it belongs to.
#[derive(Clone, PartialEq)]
pub struct Record {
    /// The file (`traits`, `events`).
    pub file: String,
    /// Its content.
    pub body: Value,
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Record").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Turn {
    /// A turn with nothing but a next step.
    pub fn new(memory: FlowState, step: Step) -> Self {
        Self { memory, records: Vec::new(), vendor_says: None, vendor_ref: None, step }
    }
}
