//! A connector that is watched: it does what the one inside does, and notes what that calls.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use connector_api::flow::Planned;
use connector_api::{
    Answer, Auth, Call, Connector, Context, Endpoint, Flow, FlowState, Input, Located, Manifest,
    Report, Step, Subject, Turn, VendorError,
};
use domain::{Instant, Right, Scope};

/// A connector that is watched.
pub(super) struct Watched {
    inner: &'static dyn Connector,
    seen: Mutex<Seen>,
}

/// What was seen.
#[derive(Default)]
pub(super) struct Seen {
    /// Every endpoint, by name.
    pub(super) endpoints: BTreeMap<&'static str, &'static Endpoint>,
    /// The names of the secrets that calls are signed in with.
    pub(super) secrets: BTreeSet<String>,
    /// The permissions that checks report on.
    pub(super) permissions: BTreeSet<String>,
}

impl Watched {
    pub(super) fn new(inner: &'static dyn Connector) -> Self {
        Self { inner, seen: Mutex::default() }
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn note(&mut self, step: &Step) {
        match step {
            Step::Calls(calls) => calls.iter().for_each(|call| self.note_call(call)),
            Step::Change(change) => self.note_call(&change.call),
            Step::Done(Report::Checked(report)) => {
                let names = report.permissions.iter().map(|it| it.permission.clone());
                self.permissions.extend(names);
            }
            Step::AskAgain { .. } | Step::Done(_) => {}
        }
    }

    fn note_call(&mut self, call: &Call) {
        let (Auth::Bearer(secret) | Auth::BasicUser(secret)) = &call.auth;
        self.secrets.insert(secret.clone());
        self.endpoints.insert(call.endpoint.name, call.endpoint);
    }
}

impl Connector for Watched {
    fn manifest(&self) -> &'static Manifest {
        self.inner.manifest()
    }

    fn step(
        &self,
        flow: Flow,
        memory: Option<&FlowState>,
        input: Input<'_>,
        context: &Context<'_>,
    ) -> Result<Turn, VendorError> {
        let turn = self.inner.step(flow, memory, input, context)?;
        self.seen().note(&turn.step);
        Ok(turn)
    }

    fn classify(
        &self,
        endpoint: &Endpoint,
        answer: &Answer,
        now: Instant,
    ) -> Result<(), VendorError> {
        self.inner.classify(endpoint, answer, now)
    }

    fn rest_until(&self, endpoint: &Endpoint, answer: &Answer, now: Instant) -> Option<Instant> {
        self.inner.rest_until(endpoint, answer, now)
    }

    fn plan(
        &self,
        right: Right,
        scope: &Scope,
        subject: &Subject,
        found: &Located,
        context: &Context<'_>,
    ) -> Planned {
        self.inner.plan(right, scope, subject, found, context)
    }
}
