//! What a pump's round does: one file per kind of work.
//!
//! Each piece of work reads what it needs, makes its calls through the [`Link`], and hands
//! [`Transition`]s to the [`Committer`]. A reader can follow a task through them in this order:
//! [`locate`], [`gate`], [`guard`], [`batch`], [`act`], [`join`], [`send`], [`intent`], [`poll`],
//! [`confirm`]; [`collect`] for rights that only read; [`reconcile`] where an answer was lost, [`found`]
//! where a backup was put back;
//! [`fault`] where a call failed. Whom a task is about is read by [`people`].

pub(crate) mod act;
pub(crate) mod batch;
pub(crate) mod collect;
pub(crate) mod confirm;
pub(crate) mod fault;
pub(crate) mod found;
pub(crate) mod gate;
pub(crate) mod guard;
pub(crate) mod intent;
pub(crate) mod join;
pub(crate) mod locate;
pub(crate) mod people;
pub(crate) mod poll;
pub(crate) mod reconcile;
pub(crate) mod send;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::id::IdSource;
use domain::journal::{Actor, Entry, Event};
use domain::plan::HandWork;
use domain::task::Command;
use domain::{Digest, Evidence, EvidenceId, Instant, JobId, Request, RequestId, Task, TaskId};
use store::{Applied, Store, StoreError, Transition};

use self::guard::DailyGuard;
use self::join::Claims;
use crate::clock::Clock;
use crate::flow::Log;
use crate::holder::{Holder, Tenure};
use crate::link::Link;
use crate::meters::Meters;
use crate::operator::restore::Restored;
use crate::pump::{Committer, Leaving};

/// What a piece of work has at hand: the connection's link, and where to write.
pub(crate) struct Shift {
    pub link: Link,
    pub store: Store,
    pub committer: Committer,
    pub meters: Meters,
    pub ids: Arc<dyn IdSource>,
    pub clock: Arc<dyn Clock>,
    pub holder: Holder,
    pub tenure: Tenure,
    pub guard: DailyGuard,
    pub claims: Claims,
    /// How the store was put back last, if it ever was.
    pub restored: Option<Restored>,
    /// Whether other connections exist that identifiers could travel to.
    pub has_neighbours: bool,
    /// Whether the connection was changed or paused since: the shift is over, another begins.
    pub over: AtomicBool,
    /// Whether another worker drives the connection next.
    pub leaving: Leaving,
}

/// The requests behind some tasks.
pub(crate) type Requests = HashMap<RequestId, Request>;

/// Why a piece of work stopped without an outcome.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkError {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Whoever commits is gone; the round is over.
    #[error("the round ended before the work was written")]
    RoundOver,
}

impl WorkError {
    /// Which it is, in a word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Store(StoreError::FenceLost) => "taken over",
            Self::Store(_) => "store",
            Self::RoundOver => "round over",
        }
    }
}

impl Shift {
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Whether nothing new may be begun.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst) || self.leaving.load(Ordering::SeqCst)
    }

    /// Ends the shift if the connection is no longer the one it began with.
    pub async fn look_whether_over(&self) -> Result<(), StoreError> {
        let ours = &self.link.connection;
        let stands = self.store.connection(ours.id).await?;
        if stands.is_none_or(|stands| stands.version != ours.version) {
            self.over.store(true, Ordering::SeqCst);
        }
        Ok(())
    }

    /// Whether no changing call may be made now: all are stopped, or the shift is over.
    pub async fn may_not_change(&self) -> Result<bool, StoreError> {
        self.look_whether_over().await?;
        Ok(self.is_over() || crate::operator::controls::is_paused(&self.store).await?)
    }

    /// Commits transitions and tells which were applied.
    pub async fn commit(&self, transitions: Vec<Transition>) -> Result<Vec<Applied>, WorkError> {
        trace_outcome(&transitions);
        self.committer.commit(transitions).await
    }

    /// Commits one transition. Lost means that someone changed a row first: the work is then
    /// found due again, if it still is.
    pub async fn commit_one(&self, transition: Transition) -> Result<Applied, WorkError> {
        Ok(self.commit(vec![transition]).await?.pop().unwrap_or(Applied::Lost))
    }

    /// A journal entry of the engine's about this connection.
    pub fn entry(&self, event: Event) -> Entry {
        Entry::new(self.now(), Actor::Engine, event).connection(Some(self.link.connection.id))
    }

    /// A journal entry about a task.
    pub fn task_entry(&self, event: Event, task: &Task) -> Entry {
        self.entry(event).request(task.request).task(task.id)
    }

    /// Evidence about one person's task.
    pub fn task_evidence(&self, task: &Task, title: &str, log: Log) -> (Evidence, Vec<u8>) {
        self.evidence(Some(task), None, title, log.into_bytes())
    }

    /// Evidence about a job that carries many.
    pub fn job_evidence(&self, job: JobId, title: &str, body: Vec<u8>) -> (Evidence, Vec<u8>) {
        self.evidence(None, Some(job), title, body)
    }

    fn evidence(
        &self,
        task: Option<&Task>,
        job: Option<JobId>,
        title: &str,
        body: Vec<u8>,
    ) -> (Evidence, Vec<u8>) {
        let evidence = Evidence {
            id: EvidenceId::new(&*self.ids),
            task: task.map(|task| (task.request, task.id)),
            job,
            title: title.to_owned(),
            at: self.now(),
            digest: Digest::of(&body),
            size_bytes: body.len() as u64,
        };
        (evidence, body)
    }

    /// Tasks for people that belong to a task's system; those that its request has already are
    /// not made again.
    pub async fn hand_tasks(
        &self,
        task: &Task,
        works: &[HandWork],
        into: &mut Transition,
    ) -> Result<(), StoreError> {
        if works.is_empty() {
            return Ok(());
        }
        let standing: Vec<_> = self
            .store
            .tasks_of(&[task.request])
            .await?
            .into_iter()
            .filter(|other| other.connection == task.connection && !other.is_over())
            .filter_map(|other| other.detail.hand)
            .collect();
        for work in works.iter().filter(|work| !standing.contains(work)) {
            let hand = Task::by_hand(
                TaskId::new(&*self.ids),
                task.request,
                task.right,
                task.connection,
                work.clone(),
                self.now(),
            );
            into.journal.push(
                self.task_entry(Event::TaskCreated, &hand)
                    .fact("for", "a person")
                    .fact("place", work.place.as_str()),
            );
            into.new_tasks.push(hand);
        }
        Ok(())
    }

    /// The requests of tasks.
    pub async fn requests(&self, tasks: &[Task]) -> Result<Requests, StoreError> {
        let mut ids: Vec<_> = tasks.iter().map(|task| task.request).collect();
        ids.sort_unstable();
        ids.dedup();
        let requests = self.store.requests_by_id(&ids).await?;
        Ok(requests.into_iter().map(|request| (request.id, request)).collect())
    }

    /// Those tasks whose request still stands. One that was denied or taken back must not go on
    /// by what came in between; its tasks that have not been sent are cancelled.
    pub async fn standing(
        &self,
        tasks: Vec<Task>,
        requests: &Requests,
    ) -> Result<Vec<Task>, WorkError> {
        let is_over = |task: &Task| {
            let closing = requests.get(&task.request).and_then(|one| one.closing.as_ref());
            closing.is_some_and(|end| end.how.is_against_acting())
        };
        let (gone, standing): (Vec<_>, Vec<_>) = tasks.into_iter().partition(is_over);
        let cancelled = gone
            .into_iter()
            .map(|task| {
                let mut transition = Transition::default();
                let task = self.carry_out(task, Command::Cancel, &mut transition);
                transition.tasks.push(task);
                transition
            })
            .collect();
        self.commit(cancelled).await?;
        Ok(standing)
    }
}

/// Says in the trace of a piece of work what it came to: the state of its tasks or jobs, as far as they
/// share one.
fn trace_outcome(transitions: &[Transition]) {
    let span = tracing::Span::current();
    if span.is_disabled() {
        return;
    }
    let jobs = transitions.iter().flat_map(|one| &one.jobs).map(|job| job.state.word());
    let tasks = transitions.iter().flat_map(|one| &one.tasks).map(|task| task.state.word());
    let mut words: Vec<_> = jobs.collect();
    if words.is_empty() {
        words = tasks.collect();
    }
    words.dedup();
    let outcome = match words[..] {
        [] => return,
        [word] => word,
        _ => "several",
    };
    span.record("outcome", outcome);
}
