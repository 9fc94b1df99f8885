//! One pump per connection: holds the connection's lease and does all of its calls.
//!
//! A round takes what is due, many pieces of work side by side, until nothing is due any more.
//! Outcomes of many are committed together by the [`Committer`].

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::time::{Duration, Instant as RealInstant};

use connector_api::{Connector, Subject};
use domain::connection::{CheckReport, Mode, Pause, Verdict};
use domain::guard::daily_bound;
use domain::id::IdSource;
use domain::journal::{Actor, Entry, Event};
use domain::{Connection, ConnectionId, Instant, Job, JobId, Task, TaskId, TaskState};
use store::{Applied, Fence, LeaseAnswer, Store, StoreError, Transition, Which};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::clock::{Busy, Clock, while_others_work};
use crate::holder::{Holder, LEASE, Tenure, millis};
use crate::limits::add;
use crate::link::{Link, Surroundings};
use crate::work::batch::{self, Group};
use crate::work::{Shift, WorkError, act, collect, confirm, locate, poll};
use crate::{check, operator};

/// How many pieces of work a pump does side by side.
const SIDE_BY_SIDE: usize = 96;

/// How many due rows are taken at once.
const TAKEN: u32 = 1_000;

/// How often the batch queue is looked at while other work goes on, in real time.
const QUEUE_LOOK: Duration = Duration::from_millis(200);

/// How many batches go out side by side.
const BATCHES: usize = 32;

/// How many days the daily guard learns from.
const DAYS: u32 = 30;

/// How often a working connection is checked.
const CHECK_EVERY: Duration = Duration::from_secs(24 * 3600);

/// How often a broken one is.
const CHECK_AGAIN: Duration = Duration::from_secs(3600);

/// What a pump needs from the engine.
#[derive(Clone)]
pub(crate) struct PumpParts {
    pub store: Store,
    pub ids: Arc<dyn IdSource>,
    pub clock: Arc<dyn Clock>,
    pub holder: Holder,
    pub tenure: Tenure,
    pub surroundings: Surroundings,
    pub connectors: &'static [&'static dyn Connector],
}

/// Runs rounds for one connection.
pub(crate) struct Pump {
    parts: PumpParts,
    id: ConnectionId,
    fence: Option<Fence>,
    shift: Option<Arc<Shift>>,
}

/// One piece of work.
enum Work {
    Locate(Task, Subject),
    Confirm(Task, Subject),
    Collect(Task, Subject),
    Gate(Task),
    Poll(Job),
    Act(Group),
}

/// What a piece of work is known by while it is under way.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Task(TaskId),
    Job(JobId),
}

impl Pump {
    pub fn new(parts: PumpParts, id: ConnectionId) -> Self {
        Self { parts, id, fence: None, shift: None }
    }

    /// Does everything that is due, and says when something will be next.
    pub async fn round(&mut self) -> Result<Option<Instant>, StoreError> {
        let Some(connection) = self.parts.store.connection(self.id).await? else { return Ok(None) };
        if connection.removed_at.is_some() {
            return Ok(None);
        }
        let Some(fence) = self.hold_lease().await? else {
            return Ok(Some(add(self.parts.clock.now(), LEASE / 4)));
        };
        let mut connection = connection;
        if connection.check_due_at <= self.parts.clock.now() {
            connection = self.check(connection, &fence).await?;
        }
        if connection.paused.is_some() {
            self.shift = None;
            return Ok(Some(connection.check_due_at));
        }
        let check_due_at = connection.check_due_at;
        let Some(shift) = self.shift(connection, fence).await? else {
            return Ok(Some(check_due_at));
        };
        let next = Round::new(shift).run().await;
        match next {
            Ok(next) => Ok(earliest([next, Some(check_due_at)])),
            // Somebody else drives this connection now; what was under way is theirs to find out.
            Err(WorkError::Store(StoreError::FenceLost { .. }) | WorkError::RoundOver) => {
                (self.fence, self.shift) = (None, None);
                Ok(Some(add(self.parts.clock.now(), LEASE / 4)))
            }
            Err(WorkError::Store(error)) => Err(error),
        }
    }

    /// Our fence for this connection. Taken once; the engine renews all leases together.
    async fn hold_lease(&mut self) -> Result<Option<Fence>, StoreError> {
        let holder = &self.parts.holder;
        let time = (holder.time)();
        if self.fence.is_some() && self.parts.tenure.outlives_a_change(&time) {
            return Ok(self.fence.clone());
        }
        let name = format!("connection:{}", self.id);
        let now = self.parts.clock.now();
        let ttl = millis(LEASE);
        let mut answer =
            self.parts.store.take_lease(&name, &holder.name, &holder.info, &time, ttl, now).await?;
        if let LeaseAnswer::HeldBy(row) = &answer
            && (holder.is_gone)(&row.holder)
        {
            self.parts.store.release_leases(&row.holder).await?;
            answer = self
                .parts
                .store
                .take_lease(&name, &holder.name, &holder.info, &time, ttl, now)
                .await?;
        }
        self.fence = match answer {
            LeaseAnswer::Taken { fence, .. } => Some(fence),
            LeaseAnswer::HeldBy(_) => None,
        };
        Ok(self.fence.clone())
    }

    /// The shift for this connection, made anew when the connection changed.
    async fn shift(
        &mut self,
        connection: Connection,
        fence: Fence,
    ) -> Result<Option<Arc<Shift>>, StoreError> {
        let parts = &self.parts;
        if let Some(shift) = &self.shift
            && shift.link.connection.version == connection.version
            && *shift.committer.fence() == fence
            && shift.committer.is_open()
            && !shift.is_over()
        {
            return Ok(self.shift.clone());
        }
        let Some(connector) =
            parts.connectors.iter().find(|one| one.manifest().name == connection.connector)
        else {
            return Ok(None);
        };
        let secrets = parts.store.secrets(connection.id).await?;
        let n_neighbours = parts.store.connections().await?.len();
        let now = parts.clock.now();
        let days = parts.store.deletions_per_day(connection.id, DAYS).await?;
        let today = now.to_string()[..10].to_owned();
        let before: Vec<u32> =
            days.iter().filter(|(day, _)| *day != today).map(|(_, n)| *n).collect();
        let n_today = days.iter().find(|(day, _)| *day == today).map_or(0, |(_, n)| *n);
        let bound = daily_bound(&connection.switches, &before, now);
        let acts = connection.switches.mode == Mode::Act;
        let Ok(link) = Link::new(connection, *connector, secrets, &parts.surroundings) else {
            return Ok(None);
        };
        let committer = Committer::start(parts.store.clone(), fence);
        let shift = Arc::new(Shift {
            store: parts.store.clone(),
            ids: Arc::clone(&parts.ids),
            clock: Arc::clone(&parts.clock),
            holder: parts.holder.clone(),
            tenure: parts.tenure.clone(),
            placeholders: operator::controls::placeholders(&parts.store).await?,
            approved_today: AtomicU32::new(n_today),
            daily_bound: bound,
            has_neighbours: n_neighbours > 1,
            over: AtomicBool::new(false),
            committer,
            link,
        });
        if acts {
            wake_planned(&shift).await?;
        }
        self.shift = Some(Arc::clone(&shift));
        Ok(Some(shift))
    }

    /// Checks the connection, notes what was found, and pauses or resumes it by that.
    async fn check(
        &mut self,
        connection: Connection,
        fence: &Fence,
    ) -> Result<Connection, StoreError> {
        let parts = &self.parts;
        let now = parts.clock.now();
        let connector =
            parts.connectors.iter().find(|one| one.manifest().name == connection.connector);
        let secrets = parts.store.secrets(connection.id).await?;
        let result = match connector {
            Some(connector) => check::check(*connector, &connection, secrets, &parts.surroundings)
                .await
                .map_err(|error| error.to_string()),
            None => Err(format!("this program has no connector named {}", connection.connector)),
        };
        let (connection, entries) = after_check(connection, result, now);
        let transition = Transition {
            connections: vec![connection.clone()],
            journal: entries,
            ..Transition::default()
        };
        let applied = parts.store.apply(Some(fence), &[transition]).await?;
        Ok(match applied.first() {
            Some(Applied::Done) => Connection { version: connection.version + 1, ..connection },
            _ => parts.store.connection(self.id).await?.unwrap_or(connection),
        })
    }
}

/// A connection after a check, and what to journal.
fn after_check(
    connection: Connection,
    result: Result<CheckReport, String>,
    now: Instant,
) -> (Connection, Vec<Entry>) {
    let entry = |event| Entry::new(now, Actor::Engine, event).connection(Some(connection.id));
    let problem = match &result {
        Ok(report) => broken(report),
        // A vendor that can't be asked says nothing about the connection.
        Err(_) => None,
    };
    let mut entries = vec![match &result {
        Ok(_) => entry(Event::ConnectionChecked).fact("works", problem.is_none()),
        Err(why) => entry(Event::ConnectionChecked).fact("could_not_ask", why.as_str()),
    }];
    let by_person = connection.paused.as_ref().is_some_and(|pause| pause.by_person);
    let paused = match (problem, &connection.paused) {
        _ if by_person => connection.paused.clone(),
        (Some((why, remedy)), Some(old)) => Some(Pause { why, remedy, ..old.clone() }),
        (Some((why, remedy)), None) => {
            entries.push(entry(Event::ConnectionPaused).fact("why", why.as_str()));
            Some(Pause { why, remedy, since: now, by_person: false })
        }
        (None, Some(old)) if result.is_err() => Some(old.clone()),
        (None, Some(_)) => {
            entries.push(entry(Event::ConnectionResumed));
            None
        }
        (None, None) => None,
    };
    let again = if paused.is_some() || result.is_err() { CHECK_AGAIN } else { CHECK_EVERY };
    let check = result.ok().or_else(|| connection.check.clone());
    (Connection { paused, check, check_due_at: add(now, again), ..connection.clone() }, entries)
}

/// What a report says is broken, and what to do about it.
fn broken(report: &CheckReport) -> Option<(String, String)> {
    let missing = report
        .permissions
        .iter()
        .find(|result| result.required && result.verdict == Verdict::Missing)?;
    let why = format!("the permission “{}” is missing: {}", missing.permission, missing.lost);
    Some((
        why,
        format!("grant it at the vendor ({}), then run `habeas connections test`", missing.grant),
    ))
}

/// Tasks that stood still in observe mode go on.
async fn wake_planned(shift: &Shift) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let page = shift
            .store
            .tasks_of_connection(shift.link.connection.id, Which::Open, after, TAKEN)
            .await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.id);
        let transitions: Vec<_> = page
            .into_iter()
            .filter(|task| task.state == TaskState::Planned && task.due_at.is_none())
            .map(|mut task| {
                task.due_at = Some(shift.now());
                Transition { tasks: vec![task], ..Transition::default() }
            })
            .collect();
        if !transitions.is_empty() {
            shift.store.apply(Some(shift.committer.fence()), &transitions).await?;
        }
    }
}

/// One round: takes what is due until nothing is.
struct Round {
    shift: Arc<Shift>,
    queue: VecDeque<Work>,
    under_way: HashSet<Key>,
    running: JoinSet<(Vec<Key>, Result<(), WorkError>, Busy)>,
    n_acting: usize,
    queue_looked_at: Option<RealInstant>,
    next_batch_at: Option<Instant>,
}

impl Round {
    fn new(shift: Arc<Shift>) -> Self {
        Self {
            shift,
            queue: VecDeque::new(),
            under_way: HashSet::new(),
            running: JoinSet::new(),
            n_acting: 0,
            queue_looked_at: None,
            next_batch_at: None,
        }
    }

    async fn run(mut self) -> Result<Option<Instant>, WorkError> {
        loop {
            if self.queue.is_empty() && self.running.len() < SIDE_BY_SIDE / 2 {
                self.shift.look_whether_over().await?;
                if !self.shift.is_over() {
                    self.take_due().await?;
                }
            }
            if self.shift.is_over() {
                self.queue.clear();
            } else {
                self.form_batches().await?;
                self.begin();
            }
            if self.running.is_empty() {
                if self.shift.is_over() {
                    return Ok(Some(self.shift.now()));
                }
                let due = self.shift.store.next_due(self.shift.link.connection.id).await?;
                return Ok(earliest([due, self.next_batch_at]));
            }
            let done = while_others_work(&self.shift.clock, self.running.join_next()).await;
            let (keys, result, _busy) =
                done.ok_or(WorkError::RoundOver)?.map_err(|_| WorkError::RoundOver)?;
            if keys.is_empty() {
                self.n_acting -= 1;
            }
            for key in keys {
                self.under_way.remove(&key);
            }
            result?;
        }
    }

    /// Takes due rows that are not under way.
    async fn take_due(&mut self) -> Result<(), WorkError> {
        let shift = Arc::clone(&self.shift);
        let now = shift.now();
        let connection = shift.link.connection.id;
        for job in shift.store.due_jobs(connection, now, 64).await? {
            if self.under_way.insert(Key::Job(job.id)) {
                self.queue.push_back(Work::Poll(job));
            }
        }
        const STATES: &[TaskState] = &[
            TaskState::Locating,
            TaskState::Planned,
            TaskState::Acting,
            TaskState::Confirming,
            TaskState::Ended,
        ];
        let limit = TAKEN + u32::try_from(self.under_way.len()).unwrap_or(0);
        let mut tasks = shift.store.due_tasks(connection, STATES, now, limit).await?;
        tasks.retain(|task| !self.under_way.contains(&Key::Task(task.id)));
        let subjects = shift.subjects(&tasks).await?;
        for (task, subject) in tasks.into_iter().zip(subjects) {
            self.under_way.insert(Key::Task(task.id));
            self.queue.push_back(match task.state {
                TaskState::Locating => Work::Locate(task, subject),
                TaskState::Planned => Work::Gate(task),
                TaskState::Acting => Work::Collect(task, subject),
                _ => Work::Confirm(task, subject),
            });
        }
        Ok(())
    }

    /// Forms batches now and then, and always before the round would end.
    async fn form_batches(&mut self) -> Result<(), WorkError> {
        let is_idle = self.queue.is_empty() && self.running.is_empty();
        let is_time = self.queue_looked_at.is_none_or(|at| at.elapsed() >= QUEUE_LOOK);
        if self.n_acting > 0 || !(is_idle || is_time) {
            return Ok(());
        }
        self.queue_looked_at = Some(RealInstant::now());
        let formed = batch::form(&self.shift).await?;
        self.next_batch_at = formed.next_at;
        for group in formed.ready {
            self.queue.push_front(Work::Act(group));
        }
        Ok(())
    }

    fn begin(&mut self) {
        while self.running.len() < SIDE_BY_SIDE {
            if self.n_acting >= BATCHES && matches!(self.queue.front(), Some(Work::Act(_))) {
                return;
            }
            let Some(work) = self.queue.pop_front() else { return };
            let shift = Arc::clone(&self.shift);
            let busy = Busy::on(&shift.clock);
            if matches!(work, Work::Act(_)) {
                self.n_acting += 1;
            }
            self.running.spawn(async move {
                let keys = work.keys();
                let result = work.carry_out(&shift).await;
                (keys, result, busy)
            });
        }
    }
}

impl Work {
    fn keys(&self) -> Vec<Key> {
        match self {
            Self::Locate(task, _)
            | Self::Confirm(task, _)
            | Self::Collect(task, _)
            | Self::Gate(task) => {
                vec![Key::Task(task.id)]
            }
            Self::Poll(job) => vec![Key::Job(job.id)],
            Self::Act(_) => Vec::new(),
        }
    }

    async fn carry_out(self, shift: &Shift) -> Result<(), WorkError> {
        match self {
            Self::Locate(task, subject) => locate::locate(shift, task, subject).await,
            Self::Confirm(task, subject) => confirm::confirm(shift, task, subject).await,
            Self::Collect(task, subject) => collect::collect(shift, task, subject).await,
            Self::Gate(task) => {
                let mut transition = Transition::default();
                let task = shift.pass_gate(task, &mut transition);
                transition.tasks.push(task);
                shift.commit_one(transition).await.map(|_| ())
            }
            Self::Poll(job) => poll::poll(shift, job).await,
            Self::Act(group) => act::act(shift, group).await,
        }
    }
}

/// Commits the transitions of many pieces of work together.
#[derive(Clone)]
pub(crate) struct Committer {
    fence: Arc<Fence>,
    to: mpsc::Sender<Order>,
}

struct Order {
    transitions: Vec<Transition>,
    reply: oneshot::Sender<Result<Vec<Applied>, StoreError>>,
}

impl Committer {
    /// Starts committing under a fence, until every clone is gone or the store refuses.
    pub fn start(store: Store, fence: Fence) -> Self {
        let (to, mut orders) = mpsc::channel::<Order>(SIDE_BY_SIDE * 2);
        let fence = Arc::new(fence);
        let ours = Arc::clone(&fence);
        tokio::spawn(async move {
            let mut taken = Vec::new();
            while orders.recv_many(&mut taken, SIDE_BY_SIDE * 2).await > 0 {
                if !commit_together(&store, &ours, taken.drain(..).collect()).await {
                    return;
                }
            }
        });
        Self { fence, to }
    }

    pub fn fence(&self) -> &Fence {
        &self.fence
    }

    pub fn is_open(&self) -> bool {
        !self.to.is_closed()
    }

    pub async fn commit(&self, transitions: Vec<Transition>) -> Result<Vec<Applied>, WorkError> {
        if transitions.is_empty() {
            return Ok(Vec::new());
        }
        let (reply, answer) = oneshot::channel();
        self.to.send(Order { transitions, reply }).await.map_err(|_| WorkError::RoundOver)?;
        Ok(answer.await.map_err(|_| WorkError::RoundOver)??)
    }
}

/// Commits orders in one transaction; whether committing can go on.
async fn commit_together(store: &Store, fence: &Fence, orders: Vec<Order>) -> bool {
    let mut all = Vec::new();
    let mut replies = Vec::with_capacity(orders.len());
    for order in orders {
        replies.push((order.transitions.len(), order.reply));
        all.extend(order.transitions);
    }
    match store.apply(Some(fence), &all).await {
        Ok(applied) => {
            let mut applied = applied.into_iter();
            for (n, reply) in replies {
                // Whoever asked may be gone; what was committed stays committed.
                reply.send(Ok(applied.by_ref().take(n).collect())).ok();
            }
            true
        }
        Err(error) => {
            if let Some((_, reply)) = replies.into_iter().next() {
                reply.send(Err(error)).ok();
            }
            false
        }
    }
}

/// The earliest of what is due.
pub(crate) fn earliest(times: impl IntoIterator<Item = Option<Instant>>) -> Option<Instant> {
    times.into_iter().flatten().min()
}
