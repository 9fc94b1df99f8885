//! The engine's loop: holds the right to run, routes what is new, and lets each connection's
//! pump do its rounds.

mod crew;
mod keys;
mod spread;

use std::sync::Arc;
use std::time::Duration;

use connector_api::Connector;
use domain::Instant;
use domain::id::IdSource;
use domain::journal::{Actor, Entry, Event};
use store::{Fence, LeaseAnswer, LeaseRow, Store, StoreError, Transition};
use tokio::sync::watch;
use tokio::task::{self, JoinError, JoinSet};
use tokio::time::Instant as Moment;

use self::crew::Crew;
use self::keys::Keys;
use crate::clock::{Busy, Clock};
use crate::holder::{Holder, LEASE, RENEWAL, Tenure, millis};
use crate::http::{HttpClient, SendError, real_sleep};
use crate::limits::add;
use crate::link::Surroundings;
use crate::meters::Meters;
use crate::pump::{PumpParts, earliest};
use crate::router;
use crate::sweep::{sweep_daily, sweep_if_due};
use crate::telling::{self, Teller};
use crate::tend::Tended;

/// The lease that stands for the right to run the engine.
pub const ENGINE_LEASE: &str = "engine";

/// What is due within this time counts as due for a run that ends when nothing is.
const SOON: Duration = Duration::from_secs(5);

/// How often the store is asked whether another process has written.
const LOOK: Duration = Duration::from_millis(50);

/// How often it is looked which other workers there are.
const SPREAD_EVERY: Duration = Duration::from_secs(1);

/// How often others are told what happened while a connection works on and on.
const TELL: Duration = Duration::from_millis(500);

/// How long a run that ends when nothing is due waits, in all, for those that are told and for
/// nothing else.
const PATIENCE: Duration = Duration::from_secs(5);

/// What an engine is made of.
pub struct Parts {
    /// Where everything is kept.
    pub store: Store,
    /// The connectors that exist.
    pub connectors: &'static [&'static dyn Connector],
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where ids come from.
    pub ids: Arc<dyn IdSource>,
    /// Who we are to the leases.
    pub holder: Holder,
    /// How many processes run the engine over this store.
    pub workers: Workers,
}

/// How many processes run the engine over a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workers {
    /// One, and a second one waits until it ends.
    One,
    /// Any number: one of them leads, and the connections are spread over all.
    Many,
}

/// How long to run.
#[derive(Clone)]
pub enum Until {
    /// Until nothing is due.
    NothingDue,
    /// Until this turns true.
    Stopped(watch::Receiver<bool>),
}

/// What a run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ran {
    /// When something is due next, if anything is.
    pub next_due: Option<Instant>,
}

/// Why the engine does not run.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Another process has the right to run it, or took it while this one stood still.
    #[error("the engine is run by {} since {}", .0.info, .0.since)]
    HeldBy(Box<LeaseRow>),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The HTTP client could not be set up.
    #[error(transparent)]
    Http(#[from] SendError),
}

/// The engine.
pub struct Engine {
    parts: PumpParts,
    workers: Workers,
}

impl Engine {
    /// An engine that does nothing yet.
    pub fn new(parts: Parts) -> Result<Self, EngineError> {
        Ok(Self::with_client(parts, HttpClient::new()?))
    }

    /// The same, which calls with this client.
    pub fn with_client(parts: Parts, http: HttpClient) -> Self {
        let meters = http.meters().clone();
        let surroundings = Surroundings {
            store: parts.store.clone(),
            clock: Arc::clone(&parts.clock),
            http: http.dying_at(parts.store.crash_points()),
        };
        Self {
            workers: parts.workers,
            parts: PumpParts {
                store: parts.store,
                ids: parts.ids,
                clock: parts.clock,
                holder: parts.holder,
                tenure: Tenure::default(),
                surroundings,
                connectors: parts.connectors,
                meters,
            },
        }
    }

    /// What it does, as it is timed.
    pub fn meters(&self) -> &Meters {
        &self.parts.meters
    }

    /// Runs. Where this process is to run alone and another holds the right to, or comes to hold it, says so
    /// and does nothing more.
    pub async fn run(&self, until: Until) -> Result<Ran, EngineError> {
        self.parts.holder.ask_time(&self.parts.store).await?;
        match (self.workers, &until) {
            (Workers::Many, Until::Stopped(stop)) => self.run_among_many(&until, stop).await,
            _ => self.run_alone(until).await,
        }
    }

    async fn run_alone(&self, until: Until) -> Result<Ran, EngineError> {
        let lead = match self.take_lease().await? {
            Ok(fence) => Lead::new(&self.parts, fence),
            Err(row) => return Err(EngineError::HeldBy(Box::new(row))),
        };
        let renewing = Renewing::begin(&self.parts);
        let result = self.run_under(Some(lead), Crew::alone(&self.parts), &until).await;
        renewing.end().await;
        self.parts.store.release_leases(&self.parts.holder.name).await?;
        match result {
            Err(EngineError::Store(StoreError::FenceLost)) => Err(self.overtaken().await?),
            result => result,
        }
    }

    /// Runs beside others. What can pass, such as a database that fails over, is waited for: all that is
    /// under way is dropped then, as if the process had died, and found out by whoever goes on.
    async fn run_among_many(
        &self,
        until: &Until,
        stop: &watch::Receiver<bool>,
    ) -> Result<Ran, EngineError> {
        let renewing = Renewing::begin(&self.parts);
        let result = loop {
            match self.run_under(None, Crew::one_of_many(&self.parts), until).await {
                Err(EngineError::Store(error)) if error.may_pass() && !*stop.borrow() => {
                    tracing::warn!(%error, "the engine begins again");
                    real_sleep(SPREAD_EVERY).await;
                }
                result => break result,
            }
        };
        renewing.end().await;
        // Where that fails, the leases run out by themselves.
        let released = self.parts.store.release_leases(&self.parts.holder.name).await;
        let ran = result?;
        released?;
        Ok(ran)
    }

    /// What a write under a lease that was lost meanwhile comes to: we stood still for so long that
    /// another took our place.
    async fn overtaken(&self) -> Result<EngineError, StoreError> {
        let row = self.parts.store.lease(ENGINE_LEASE).await?;
        Ok(row.map_or(StoreError::FenceLost.into(), |row| EngineError::HeldBy(Box::new(row))))
    }

    /// Takes the right to lead, or says who has it.
    async fn take_lease(&self) -> Result<Result<Fence, LeaseRow>, StoreError> {
        let PumpParts { store, holder, clock, tenure, .. } = &self.parts;
        let time = holder.time();
        let fence = match holder.take(store, ENGINE_LEASE, &time, clock.now()).await? {
            LeaseAnswer::Taken { fence, .. } => fence,
            LeaseAnswer::HeldBy(row) => return Ok(Err(row)),
        };
        tenure.renewed(&time);
        let entry = Entry::new(clock.now(), Actor::Engine, Event::LeaseTaken)
            .fact("fence", fence.fence)
            .fact("holder", holder.info.as_str());
        store
            .apply(Some(&fence), &[Transition { journal: vec![entry], ..Transition::default() }])
            .await?;
        Ok(Ok(fence))
    }

    /// Looks which connections are this process's share, and leads where nobody does.
    async fn find_place(
        &self,
        crew: &mut Crew<'_>,
        lead: &mut Option<Lead>,
    ) -> Result<(), StoreError> {
        let leases = crew.take_share().await?;
        let holder = &self.parts.holder;
        // Our own lease is one of before we began again.
        let is_led = leases.iter().any(|row| {
            row.name == ENGINE_LEASE && row.holder != holder.name && holder.sees_held(row)
        });
        if lead.is_none()
            && !is_led
            && let Ok(fence) = self.take_lease().await?
        {
            *lead = Some(Lead::new(&self.parts, fence));
        }
        Ok(())
    }

    async fn run_under(
        &self,
        mut lead: Option<Lead>,
        mut crew: Crew<'_>,
        until: &Until,
    ) -> Result<Ran, EngineError> {
        let PumpParts { store, clock, .. } = &self.parts;
        let _busy = Busy::on(clock);
        let mut aside = JoinSet::new();
        match until {
            Until::NothingDue => aside.spawn(sweep_if_due(store.clone())),
            Until::Stopped(_) => aside.spawn(sweep_daily(store.clone())),
        };
        let is_one_of_many = lead.is_none();
        let mut place_found_at: Option<Moment> = None;
        let mut seen = -1;
        let mut patience = PATIENCE;
        loop {
            if is_one_of_many && place_found_at.is_none_or(|at| at.elapsed() >= SPREAD_EVERY) {
                let led = lead.is_some();
                self.find_place(&mut crew, &mut lead).await?;
                if lead.is_some() != led {
                    // Whoever begins to lead has seen nothing yet.
                    seen = -1;
                }
                place_found_at = Some(Moment::now());
            }
            if let Some(lead) = &mut lead {
                lead.keys.tend(store, &lead.fence, clock.now()).await?;
            }
            let version = store.data_version().await?;
            if version != seen {
                seen = version;
                if let Some(lead) = &mut lead {
                    router::route_new(store, &lead.fence, &self.parts.ids, clock.now()).await?;
                }
                crew.muster().await?;
                want(&mut lead);
            }
            let work_due = crew.begin_due(clock.now());
            let telling_due = lead.as_mut().and_then(|lead| lead.teller.begin_due(clock.now()));
            let next_due = earliest([work_due, telling_due]);
            let tended = lead.as_ref().map_or(Tended::All, |lead| lead.keys.tended);
            // Another try to tell somebody is nothing to wait for.
            let is_over = matches!(until, Until::NothingDue)
                && crew.rounds.is_empty()
                && tended == Tended::All
                && work_due.is_none_or(|due| due > add(clock.now(), SOON))
                && store.data_version().await? == seen;
            let is_telling = lead.as_ref().is_some_and(|lead| lead.teller.is_at_work());
            if is_over && (patience.is_zero() || !is_telling) {
                while aside.join_next().await.is_some() {}
                let told = match &mut lead {
                    Some(lead) => lead.teller.finish().await?,
                    None => None,
                };
                return Ok(Ran { next_due: earliest([work_due, told]) });
            }
            let began = Moment::now();
            let looks_again_at = lead.as_ref().and_then(|lead| lead.teller.looks_again_at());
            let wakes_at = match until {
                Until::NothingDue => next_due,
                Until::Stopped(_) => earliest([next_due, looks_again_at]),
            };
            tokio::select! {
                // In this order, so that a simulated run can be had again.
                biased;
                () = asked_to_stop(until) => {
                    crew.rounds.shutdown().await;
                    if let Some(lead) = &mut lead {
                        lead.teller.stop().await;
                    }
                    return Ok(Ran { next_due });
                }
                done = crew.rounds.join_next(), if !crew.rounds.is_empty() => {
                    crew.took_leave(done).await?;
                    want(&mut lead);
                }
                over = next_told(&mut lead) => {
                    if let Some(lead) = &mut lead {
                        lead.teller.took_leave(over)?;
                    }
                }
                () = real_sleep(patience), if is_over => {}
                () = real_sleep(TELL), if !crew.rounds.is_empty() => want(&mut lead),
                () = real_sleep(SPREAD_EVERY), if is_one_of_many => {}
                () = clock.sleep_until(wakes_at.unwrap_or(Instant::MAX)) => {}
                () = changed(store, seen) => {}
                () = std::future::ready(()), if tended == Tended::More => {}
            }
            if is_over {
                patience = patience.saturating_sub(began.elapsed());
            }
        }
    }
}

/// What one process does for all: it routes what is new, looks after the keys and tells others.
struct Lead {
    fence: Fence,
    keys: Keys,
    teller: Teller,
}

impl Lead {
    fn new(parts: &PumpParts, fence: Fence) -> Self {
        Self { teller: Teller::new(parts.clone(), fence.clone()), keys: Keys::new(), fence }
    }
}

/// Lets whoever leads look again for something to tell.
fn want(lead: &mut Option<Lead>) {
    if let Some(lead) = lead {
        lead.teller.want();
    }
}

/// The next telling that is over; never resolves while there is none.
async fn next_told(lead: &mut Option<Lead>) -> Result<(task::Id, telling::Over), JoinError> {
    match lead {
        Some(lead) => lead.teller.next_over().await,
        None => std::future::pending().await,
    }
}

/// Resolves when another connection to the database has committed.
async fn changed(store: &Store, seen: i64) {
    loop {
        real_sleep(LOOK).await;
        if store.data_version().await.is_ok_and(|version| version != seen) {
            return;
        }
    }
}

async fn asked_to_stop(until: &Until) {
    match until {
        Until::NothingDue => std::future::pending().await,
        Until::Stopped(stop) => {
            // A sender that is gone means the same as one that says stop.
            stop.clone().wait_for(|stop| *stop).await.ok();
        }
    }
}

/// The renewal of our leases, beside everything else.
struct Renewing {
    stop: watch::Sender<bool>,
    task: task::JoinHandle<()>,
}

impl Renewing {
    fn begin(parts: &PumpParts) -> Self {
        let (stop, stopped) = watch::channel(false);
        Self { stop, task: tokio::spawn(renew(parts.clone(), stopped)) }
    }

    async fn end(self) {
        // Whoever waits for the renewal sees the channel close; there is nothing to tell it.
        self.stop.send(true).ok();
        self.task.await.ok();
    }
}

/// Renews our leases until told to stop.
async fn renew(parts: PumpParts, mut stopped: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = real_sleep(RENEWAL) => {}
            _ = stopped.changed() => return,
        }
        if let Err(error) = parts.holder.ask_time(&parts.store).await {
            tracing::warn!(%error, "leases could not be renewed");
            continue;
        }
        let time = parts.holder.time();
        match parts.store.renew_leases(&parts.holder.name, &time, millis(LEASE)).await {
            Ok(0) => parts.tenure.lost(),
            Ok(_) => parts.tenure.renewed(&time),
            Err(error) => tracing::warn!(%error, "leases could not be renewed"),
        }
    }
}
