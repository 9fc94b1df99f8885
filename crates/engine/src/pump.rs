//! One pump per connection: holds the connection's lease and does all of its calls.
//!
//! A round takes what is due, many pieces of work side by side, until nothing is due any more.
//! Outcomes of many are committed together by the [`Committer`].

mod committer;
mod load;
mod piece;
mod round;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use connector_api::Connector;
use domain::connection::{CheckReport, Mode, Pause, Verdict};
use domain::id::IdSource;
use domain::journal::{Actor, Entry, Event};
use domain::{Connection, ConnectionId, Instant, Task};
use store::{Applied, Fence, LeaseAnswer, Secret, Store, StoreError, Transition};

pub(crate) use self::committer::Committer;
use self::round::Round;
use crate::clock::Clock;
use crate::holder::{CONNECTION, Holder, LEASE, Tenure};
use crate::limits::add;
use crate::link::{Link, Surroundings};
use crate::meters::Meters;
use crate::work::guard::DailyGuard;
use crate::work::join::Claims;
use crate::work::{Shift, WorkError};
use crate::{check, operator};

/// How many due rows are taken at once.
const TAKEN: u32 = 2_000;

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
    pub meters: Meters,
}

/// Runs rounds for one connection.
pub(crate) struct Pump {
    parts: PumpParts,
    id: ConnectionId,
    fence: Option<Fence>,
    shift: Option<Arc<Shift>>,
    leaving: Leaving,
}

/// Turns true where a pump is to begin nothing more, since another worker drives its connection next.
pub(crate) type Leaving = Arc<AtomicBool>;

/// The name of the lease on a connection.
pub(crate) fn lease_of(connection: ConnectionId) -> String {
    format!("{CONNECTION}{connection}")
}

/// How a round ended.
pub(crate) struct Rested {
    /// When something will be due next.
    pub next: Option<Instant>,
    /// Whether anything was done: other connections may have got work by it.
    pub has_worked: bool,
}

impl Rested {
    fn until(next: Option<Instant>) -> Self {
        Self { next, has_worked: false }
    }
}

impl Pump {
    pub fn new(parts: PumpParts, id: ConnectionId) -> Self {
        Self { parts, id, fence: None, shift: None, leaving: Leaving::default() }
    }

    pub fn leaving(&self) -> Leaving {
        Arc::clone(&self.leaving)
    }

    /// Gives the connection back between two rounds.
    pub async fn give_back(&mut self) -> Result<(), StoreError> {
        self.shift = None;
        self.leaving.store(false, Ordering::SeqCst);
        match self.fence.take() {
            Some(fence) => self.parts.store.release_lease(&fence).await,
            None => Ok(()),
        }
    }

    /// Does everything that is due, and says when something will be next.
    pub async fn round(&mut self) -> Result<Rested, StoreError> {
        let Some(connection) = self.parts.store.connection(self.id).await? else {
            return Ok(Rested::until(None));
        };
        if connection.removed_at.is_some() {
            return Ok(Rested::until(None));
        }
        let Some(fence) = self.hold_lease().await? else {
            return Ok(Rested::until(Some(add(self.parts.clock.now(), LEASE / 4))));
        };
        let mut connection = connection;
        if connection.check_due_at <= self.parts.clock.now() {
            connection = match self.parts.store.secrets(connection.id).await {
                Ok(secrets) => self.check(connection, secrets, &fence).await?,
                Err(error) if error.is_unopened() => self.shut(connection, &error, &fence).await?,
                Err(error) => return Err(error),
            };
        }
        if connection.paused.is_some() {
            self.shift = None;
            return Ok(Rested::until(Some(connection.check_due_at)));
        }
        let check_due_at = connection.check_due_at;
        let shift = match self.shift(&connection, &fence).await {
            Ok(shift) => shift,
            Err(error) if error.is_unopened() => {
                let shut = self.shut(connection, &error, &fence).await?;
                return Ok(Rested::until(Some(shut.check_due_at)));
            }
            Err(error) => return Err(error),
        };
        let Some(shift) = shift else { return Ok(Rested::until(Some(check_due_at))) };
        match Round::new(shift).run().await {
            Ok(rested) => {
                let check = self.parts.clock.passes_by_itself().then_some(check_due_at);
                Ok(Rested { next: earliest([rested.next, check]), ..rested })
            }
            // Somebody else drives this connection now; what was under way is theirs to find out.
            Err(WorkError::Store(StoreError::FenceLost) | WorkError::RoundOver) => {
                (self.fence, self.shift) = (None, None);
                Ok(Rested::until(Some(add(self.parts.clock.now(), LEASE / 4))))
            }
            Err(WorkError::Store(error)) => Err(error),
        }
    }

    /// Our fence for this connection. Taken once; the engine renews all leases together.
    async fn hold_lease(&mut self) -> Result<Option<Fence>, StoreError> {
        let holder = &self.parts.holder;
        let time = holder.time();
        if self.fence.is_some() && self.parts.tenure.outlives_a_change(&time) {
            return Ok(self.fence.clone());
        }
        let name = lease_of(self.id);
        let now = self.parts.clock.now();
        self.fence = match holder.take(&self.parts.store, &name, &time, now).await? {
            LeaseAnswer::Taken { fence, .. } => Some(fence),
            LeaseAnswer::HeldBy(_) => None,
        };
        Ok(self.fence.clone())
    }

    /// The shift for this connection, made anew when the connection changed.
    async fn shift(
        &mut self,
        connection: &Connection,
        fence: &Fence,
    ) -> Result<Option<Arc<Shift>>, StoreError> {
        let parts = &self.parts;
        if let Some(shift) = &self.shift
            && shift.link.connection.version == connection.version
            && shift.committer.fence() == fence
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
        let acts = connection.switches.mode == Mode::Act;
        let link = Link::new(connection.clone(), *connector, secrets, &parts.surroundings);
        let Ok(mut link) = link else { return Ok(None) };
        link.placeholders = operator::controls::placeholders(&parts.store).await?;
        parts.meters.watch_limits(link.connection.id, Arc::clone(link.limits()));
        let committer = Committer::start(parts.store.clone(), fence.clone());
        let shift = Arc::new(Shift {
            store: parts.store.clone(),
            ids: Arc::clone(&parts.ids),
            clock: Arc::clone(&parts.clock),
            holder: parts.holder.clone(),
            tenure: parts.tenure.clone(),
            guard: DailyGuard::default(),
            claims: Claims::default(),
            restored: operator::restore::last(&parts.store).await?,
            has_neighbours: n_neighbours > 1,
            over: AtomicBool::new(false),
            leaving: Arc::clone(&self.leaving),
            meters: parts.meters.clone(),
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
        secrets: BTreeMap<String, Secret>,
        fence: &Fence,
    ) -> Result<Connection, StoreError> {
        let parts = &self.parts;
        let now = parts.clock.now();
        let connector =
            parts.connectors.iter().find(|one| one.manifest().name == connection.connector);
        let result = match connector {
            Some(connector) => check::check(*connector, &connection, secrets, &parts.surroundings)
                .await
                .map_err(|error| error.to_string()),
            None => Err(format!("this program has no connector named {}", connection.connector)),
        };
        let (connection, entries) = after_check(&connection, result, now);
        self.keep(connection, entries, fence).await
    }

    /// Pauses a connection whose secrets don't open. Each check looks again.
    async fn shut(
        &self,
        connection: Connection,
        error: &StoreError,
        fence: &Fence,
    ) -> Result<Connection, StoreError> {
        let now = self.parts.clock.now();
        let why = error.why_unopened();
        let (mut entries, mut paused) = (Vec::new(), connection.paused.clone());
        if paused.is_none() {
            let entry = Entry::new(now, Actor::Engine, Event::ConnectionPaused);
            entries.push(entry.connection(Some(self.id)).fact("why", why.as_str()));
            let remedy = "once the key folder holds it again, run `habeas connections test`; if it is lost for good, enter the credentials again with `habeas connect`".to_owned();
            paused = Some(Pause { why, remedy, since: now, by_person: false });
        }
        let check_due_at = add(now, CHECK_AGAIN);
        self.keep(Connection { paused, check_due_at, ..connection }, entries, fence).await
    }

    async fn keep(
        &self,
        connection: Connection,
        journal: Vec<Entry>,
        fence: &Fence,
    ) -> Result<Connection, StoreError> {
        let store = &self.parts.store;
        let connections = vec![connection.clone()];
        let transition = Transition { connections, journal, ..Transition::default() };
        let applied = store.apply(Some(fence), &[transition]).await?;
        Ok(match applied.first() {
            Some(Applied::Done) => Connection { version: connection.version + 1, ..connection },
            _ => store.connection(self.id).await?.unwrap_or(connection),
        })
    }
}

/// A connection after a check, and what to journal.
fn after_check(
    connection: &Connection,
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
    if let (Ok(report), Some(before)) = (&result, &connection.check) {
        let (lost, granted) = report.changed_since(before);
        let permission = |event, name: &str| entry(event).fact("permission", name);
        entries.extend(lost.into_iter().map(|name| permission(Event::PermissionLost, name)));
        entries.extend(granted.into_iter().map(|name| permission(Event::PermissionGranted, name)));
    }
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
        let page = shift.store.observed(shift.link.connection.id, after, TAKEN).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.id);
        let wake = |mut task: Task| {
            task.due_at = Some(shift.now());
            Transition { tasks: vec![task], ..Transition::default() }
        };
        let transitions: Vec<_> = page.into_iter().map(wake).collect();
        // One that somebody else changed meanwhile is theirs to move.
        shift.store.apply(Some(shift.committer.fence()), &transitions).await?;
    }
}

/// The earliest of what is due.
pub(crate) fn earliest(times: impl IntoIterator<Item = Option<Instant>>) -> Option<Instant> {
    times.into_iter().flatten().min()
}
