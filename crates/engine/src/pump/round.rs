//! One round of a pump: takes what is due, many pieces of work side by side, until nothing is.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use connector_api::Subject;
use domain::job::JobState;
use domain::{Instant, Job, Task, TaskState};
use store::DueTask;
use tokio::task::JoinSet;
use tokio::time::Instant as RealInstant;

use super::load::{Load, Loads};
use super::piece::{Key, Work};
use super::{Rested, TAKEN, earliest};
use crate::clock::{Busy, while_others_work};
use crate::limits::add;
use crate::work::{Shift, WorkError, batch, confirm};

/// How many pieces of work a pump does side by side.
pub(super) const SIDE_BY_SIDE: usize = 256;

/// How often is looked for what is due while other work goes on, in real time.
const LOOK: Duration = Duration::from_millis(20);

/// The same after a look that found nothing new.
const LOOK_IN_VAIN: Duration = Duration::from_millis(200);

/// How often the batch queue is looked at while other work goes on, in real time.
const QUEUE_LOOK: Duration = Duration::from_millis(200);

/// How many times as long as a look at the queue took it is left alone.
const QUEUE_SHARE: u32 = 20;

/// A piece of work that ended; it keeps the clock from going on until that was seen.
type Done = (Load, Vec<Key>, Result<(), WorkError>, Busy);

/// One round: takes what is due until nothing is.
pub(super) struct Round {
    shift: Arc<Shift>,
    queue: VecDeque<Work>,
    under_way: HashSet<Key>,
    running: JoinSet<Done>,
    loads: Loads,
    /// Batches that were formed and have not ended. Until then their members are in the batch queue too.
    n_formed: usize,
    next_look: Option<RealInstant>,
    next_queue_look: Option<RealInstant>,
    next_batch_at: Option<Instant>,
}

impl Round {
    pub(super) fn new(shift: Arc<Shift>) -> Self {
        Self {
            shift,
            queue: VecDeque::new(),
            under_way: HashSet::new(),
            running: JoinSet::new(),
            loads: Loads::default(),
            n_formed: 0,
            next_look: None,
            next_queue_look: None,
            next_batch_at: None,
        }
    }

    pub(super) async fn run(mut self) -> Result<Rested, WorkError> {
        let mut has_worked = false;
        loop {
            if self.queue.len() < SIDE_BY_SIDE / 2 && self.may_look() {
                self.shift.look_whether_over().await?;
                if !self.shift.is_over() {
                    self.take_due().await?;
                }
            }
            if self.shift.is_over() {
                self.queue.clear();
                self.n_formed = self.loads.n_batches();
            } else {
                self.form_batches().await?;
                self.begin();
            }
            if self.running.is_empty() {
                if self.shift.is_over() {
                    return Ok(Rested { next: Some(self.shift.now()), has_worked });
                }
                let due = self.shift.store.next_due(self.shift.link.connection.id).await?;
                return Ok(Rested { next: earliest([due, self.next_batch_at]), has_worked });
            }
            has_worked = true;
            // A piece that takes long must not keep what came in meanwhile from beginning.
            let next = tokio::time::timeout(LOOK_IN_VAIN, self.running.join_next());
            let Ok(done) = while_others_work(&self.shift.clock, next).await else { continue };
            let (load, keys, result, _busy) =
                done.ok_or(WorkError::RoundOver)?.map_err(|_| WorkError::RoundOver)?;
            self.loads.end(load);
            self.n_formed -= usize::from(matches!(load, Load::Acting(_)));
            for key in keys {
                self.under_way.remove(&key);
            }
            result?;
        }
    }

    /// Whether to look for what is due: at once when nothing runs, else before what is queued runs
    /// out, but not after every piece of work, as each look reads again what is under way.
    fn may_look(&self) -> bool {
        self.running.is_empty() || self.next_look.is_none_or(|at| RealInstant::now() >= at)
    }

    /// Takes due rows that are not under way.
    async fn take_due(&mut self) -> Result<(), WorkError> {
        let n_before = self.under_way.len();
        self.take_all_due().await?;
        let rest = if self.under_way.len() > n_before { LOOK } else { LOOK_IN_VAIN };
        self.next_look = Some(RealInstant::now() + rest);
        Ok(())
    }

    async fn take_all_due(&mut self) -> Result<(), WorkError> {
        let shift = Arc::clone(&self.shift);
        let now = shift.now();
        let connection = shift.link.connection.id;
        self.take_jobs(due_jobs(&shift, now).await?);
        const STATES: &[TaskState] = &[
            TaskState::Locating,
            TaskState::Planned,
            TaskState::Acting,
            TaskState::Confirming,
            TaskState::Ended,
        ];
        let joins = |due: &DueTask| is_look(due.state) && confirm::is_together(&shift, due);
        let n_under_way = u32::try_from(self.under_way.len()).unwrap_or(0);
        let enough = n_under_way + SIDE_BY_SIDE as u32;
        let mut due = shift.store.due_tasks(connection, STATES, now, enough).await?;
        // Only what is done together is worth reading far ahead for.
        if due.iter().any(joins) {
            let all = n_under_way + TAKEN;
            due = shift.store.due_tasks(connection, STATES, now, all).await?;
        }
        due.retain(|due| !self.under_way.contains(&Key::Task(due.task)));
        let (together, mut alone): (Vec<_>, Vec<_>) = due.into_iter().partition(joins);
        // Enough to be at work until the next look; the rest waits where it needs no memory.
        alone.truncate(SIDE_BY_SIDE);
        let alone = shift.store.tasks_as_due(&alone).await?;
        let (looks, steps): (Vec<_>, Vec<_>) =
            alone.into_iter().partition(|task| is_look(task.state));
        self.take_steps(steps).await?;
        self.take_looks(looks).await?;
        self.take_looks_together(shift.store.tasks_as_due(&together).await?).await
    }

    /// Takes steps towards the end, each by itself.
    async fn take_steps(&mut self, tasks: Vec<Task>) -> Result<(), WorkError> {
        let requests = self.shift.requests(&tasks).await?;
        let tasks = self.shift.standing(tasks, &requests).await?;
        let (tasks, subjects) = self.shift.people(tasks, &requests).await?;
        for (task, subject) in tasks.into_iter().zip(subjects) {
            self.under_way.insert(Key::Task(task.id));
            self.queue.push_back(match task.state {
                TaskState::Locating => Work::Locate(task, subject),
                TaskState::Planned => Work::Gate(task),
                _ => Work::Collect(task, subject),
            });
        }
        Ok(())
    }

    /// Takes looks, each by itself.
    async fn take_looks(&mut self, tasks: Vec<Task>) -> Result<(), WorkError> {
        let (tasks, subjects) = self.take_people(tasks).await?;
        self.queue
            .extend(tasks.into_iter().zip(subjects).map(|(task, it)| Work::Confirm(task, it)));
        Ok(())
    }

    /// Takes looks that are one reading.
    async fn take_looks_together(&mut self, tasks: Vec<Task>) -> Result<(), WorkError> {
        let (tasks, subjects) = self.take_people(tasks).await?;
        if !tasks.is_empty() {
            self.queue.push_back(Work::ConfirmTogether(tasks, subjects));
        }
        Ok(())
    }

    /// Tasks that are under way from here on, with the people behind them.
    async fn take_people(
        &mut self,
        tasks: Vec<Task>,
    ) -> Result<(Vec<Task>, Vec<Subject>), WorkError> {
        let requests = self.shift.requests(&tasks).await?;
        let (tasks, subjects) = self.shift.people(tasks, &requests).await?;
        self.under_way.extend(tasks.iter().map(|task| Key::Task(task.id)));
        Ok((tasks, subjects))
    }

    /// Takes jobs: each to be asked about, but those whose calls are unaccounted for together.
    fn take_jobs(&mut self, jobs: Vec<Job>) {
        let (unaccounted, running): (Vec<_>, Vec<_>) =
            jobs.into_iter().partition(|job| job.state == JobState::Sending);
        for job in running {
            if self.under_way.insert(Key::Job(job.id)) {
                self.queue.push_back(Work::Poll(job));
            }
        }
        if !unaccounted.is_empty() && self.under_way.insert(Key::FindOut) {
            self.under_way.extend(unaccounted.iter().map(|job| Key::Job(job.id)));
            self.queue.push_back(Work::FindOut(unaccounted));
        }
    }

    /// Forms batches now and then, and always before the round would end.
    async fn form_batches(&mut self) -> Result<(), WorkError> {
        let is_idle = self.queue.is_empty() && self.running.is_empty();
        let is_time = self.next_queue_look.is_none_or(|at| RealInstant::now() >= at);
        if self.n_formed > 0 || !(is_idle || is_time) {
            return Ok(());
        }
        let began = RealInstant::now();
        let formed = batch::form(&self.shift).await?;
        // A long queue takes a while to look at: that must stay a small part of the work.
        let rest = QUEUE_LOOK.max(began.elapsed() * QUEUE_SHARE);
        self.next_queue_look = Some(RealInstant::now() + rest);
        self.next_batch_at = formed.next_at;
        self.n_formed = formed.ready.len();
        for group in formed.ready {
            self.queue.push_front(Work::Act(group));
        }
        Ok(())
    }

    fn begin(&mut self) {
        while self.running.len() < SIDE_BY_SIDE {
            let first = self.queue.iter().position(|work| self.loads.take(work.load()));
            let Some(work) = first.and_then(|at| self.queue.remove(at)) else { return };
            let shift = Arc::clone(&self.shift);
            let busy = Busy::on(&shift.clock);
            let load = work.load();
            self.loads.begin(load);
            self.running.spawn(async move {
                let keys = work.keys();
                let result = work.carry_out(&shift).await;
                (load, keys, result, busy)
            });
        }
    }
}

/// Whether what is due in a state is a look at what became of it.
fn is_look(state: TaskState) -> bool {
    matches!(state, TaskState::Confirming | TaskState::Ended)
}

/// The jobs that are due; and where one's call is unaccounted for, those of the same kind that would
/// follow within moments, so that one reading at the vendor serves them too.
async fn due_jobs(shift: &Shift, now: Instant) -> Result<Vec<Job>, WorkError> {
    let connection = shift.link.connection.id;
    let due = shift.store.due_jobs(connection, now, TAKEN).await?;
    if due.iter().all(|job| job.state != JobState::Sending) {
        return Ok(due);
    }
    let soon = add(now, shift.link.connector.manifest().reconcile_lag / 4);
    let mut jobs = shift.store.due_jobs(connection, soon, TAKEN).await?;
    jobs.retain(|job| job.state == JobState::Sending || job.due_at <= Some(now));
    Ok(jobs)
}
