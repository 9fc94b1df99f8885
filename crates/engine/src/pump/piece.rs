//! One piece of work of a round.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant as RealInstant};

use connector_api::Subject;
use domain::task::Whom;
use domain::{Job, JobId, Task, TaskId};
use futures_util::FutureExt as _;
use store::Transition;
use tracing::field::{Empty, display};
use tracing::{Instrument as _, Span};

use super::load::Load;
use crate::limits::add;
use crate::work::batch::Group;
use crate::work::{Shift, WorkError, act, collect, confirm, locate, poll, reconcile};

/// How long what a bug broke off is put off.
const BROKEN_OFF: Duration = Duration::from_secs(3600);

/// One piece of work.
pub(super) enum Work {
    Locate(Task, Subject),
    Confirm(Task, Subject),
    /// Those whose looks are one reading.
    ConfirmTogether(Vec<Task>, Vec<Subject>),
    Collect(Task, Subject),
    Gate(Task),
    Poll(Job),
    /// Jobs whose calls are unaccounted for.
    FindOut(Vec<Job>),
    Act(Group),
}

/// What a piece of work is known by while it is under way.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Task(TaskId),
    Job(JobId),
    /// Finding out what became of changing calls: one at a time, so that no trace of a call at the
    /// vendor is taken for two.
    FindOut,
}

impl Work {
    pub(super) fn load(&self) -> Load {
        match self {
            Self::Act(group) => Load::Acting(group.members.len()),
            Self::Collect(..) => Load::Collecting,
            _ => Load::Light,
        }
    }

    /// What is done, in a word.
    fn step(&self) -> &'static str {
        match self {
            Self::Locate(..) => "locate",
            Self::Gate(_) => "gate",
            Self::Act(_) => "act",
            Self::Collect(..) => "collect",
            Self::Poll(_) => "poll",
            Self::Confirm(..) | Self::ConfirmTogether(..) => "confirm",
            Self::FindOut(_) => "find_out",
        }
    }

    /// What traces tell of it: for how many people it is, and whose it is where it is one person's.
    fn span(&self, shift: &Shift) -> Span {
        let span = tracing::info_span!(
            "step",
            step = self.step(),
            connector = shift.link.connector.manifest().name,
            connection = shift.link.connection.name,
            request = Empty,
            task = Empty,
            job = Empty,
            n = Empty,
            outcome = Empty,
            error = Empty,
        );
        if span.is_disabled() {
            return span;
        }
        match self {
            Self::Locate(task, _)
            | Self::Confirm(task, _)
            | Self::Collect(task, _)
            | Self::Gate(task) => {
                span.record("request", display(task.request)).record("task", display(task.id))
            }
            Self::Poll(job) => span.record("job", display(job.id)),
            Self::ConfirmTogether(tasks, _) => span.record("n", tasks.len()),
            Self::FindOut(jobs) => span.record("n", jobs.len()),
            Self::Act(group) => span.record("n", group.members.len()),
        };
        span
    }

    pub(super) fn keys(&self) -> Vec<Key> {
        match self {
            Self::Locate(task, _)
            | Self::Confirm(task, _)
            | Self::Collect(task, _)
            | Self::Gate(task) => {
                vec![Key::Task(task.id)]
            }
            Self::ConfirmTogether(tasks, _) => {
                tasks.iter().map(|task| Key::Task(task.id)).collect()
            }
            Self::Poll(job) => vec![Key::Job(job.id)],
            Self::FindOut(jobs) => {
                let jobs = jobs.iter().map(|job| Key::Job(job.id));
                jobs.chain([Key::FindOut]).collect()
            }
            Self::Act(_) => Vec::new(),
        }
    }

    /// Does it, timed and traced.
    pub(super) async fn carry_out(self, shift: &Shift) -> Result<(), WorkError> {
        let (keys, step, span) = (self.keys(), self.step(), self.span(shift));
        let (connector, began) = (shift.link.connector.manifest().name, RealInstant::now());
        let done = async {
            // A panic is a bug of ours; it must not stop the work of others.
            let result = match AssertUnwindSafe(self.begin(shift)).catch_unwind().await {
                Ok(result) => result,
                Err(_) => broke_off(shift, &keys).await,
            };
            if let Err(error) = &result {
                Span::current().record("error", error.word());
            }
            result
        };
        let result = done.instrument(span).await;
        shift.meters.steps().note([connector, step], began.elapsed());
        result
    }

    async fn begin(self, shift: &Shift) -> Result<(), WorkError> {
        match self {
            Self::Locate(task, subject) => locate::locate(shift, task, subject).await,
            Self::Confirm(task, subject) => confirm::confirm(shift, task, subject).await,
            Self::Collect(task, subject) => collect::collect(shift, task, subject).await,
            Self::Gate(task) => {
                let mut transition = Transition::default();
                let task = shift.pass_gate(task, &mut transition).await?;
                transition.tasks.push(task);
                shift.commit_one(transition).await.map(|_| ())
            }
            Self::ConfirmTogether(tasks, subjects) => {
                confirm::confirm_together(shift, tasks, subjects).await
            }
            Self::Poll(job) => poll::poll(shift, job).await,
            Self::FindOut(jobs) => reconcile::find_out(shift, jobs).await,
            Self::Act(group) => act::act(shift, group).await,
        }
    }
}

/// Puts off what a bug broke off, visibly, so that it is not tried again at once and for ever.
async fn broke_off(shift: &Shift, keys: &[Key]) -> Result<(), WorkError> {
    tracing::error!(connection = %shift.link.connection.id, "a piece of work broke off");
    Span::current().record("error", "a bug");
    let now = shift.now();
    let until = add(now, BROKEN_OFF);
    // Each by itself: one that somebody else changed must not keep the others from being put off.
    let mut transitions = Vec::new();
    for key in keys {
        let mut transition = Transition::default();
        match key {
            Key::Task(id) => {
                if let Some(mut task) = shift.store.task(*id).await? {
                    let why = "a bug in Habeas broke this off; please report it".to_owned();
                    task.postpone(until, Whom::Operator, why, now);
                    transition.tasks.push(task);
                }
            }
            Key::Job(id) => {
                let job = shift.store.job(*id).await?;
                transition.jobs.extend(job.map(|job| Job { due_at: Some(until), ..job }));
            }
            Key::FindOut => {}
        }
        transitions.push(transition);
    }
    shift.commit(transitions).await.map(|_| ())
}
