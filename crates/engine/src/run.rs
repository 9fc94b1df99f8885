//! The engine's loop: holds the right to run, routes what is new, and lets each connection's
//! pump do its rounds.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant as Moment};

use connector_api::Connector;
use domain::id::IdSource;
use domain::journal::{Actor, Entry, Event};
use domain::{ConnectionId, Instant};
use store::rotation::Walk;
use store::{Fence, LeaseAnswer, LeaseRow, Store, StoreError, Transition};
use tokio::sync::watch;
use tokio::task::{self, JoinError, JoinSet};

use crate::clock::{Busy, Clock};
use crate::holder::{Holder, LEASE, RENEWAL, Tenure, millis};
use crate::http::{HttpClient, SendError, real_sleep};
use crate::limits::add;
use crate::link::Surroundings;
use crate::meters::Meters;
use crate::pump::{Pump, PumpParts, Rested, earliest};
use crate::router;
use crate::sweep::{sweep_daily, sweep_if_due};
use crate::telling::Teller;
use crate::tend::{self, Tended, tend};

/// The lease that stands for the right to run the engine.
pub const ENGINE_LEASE: &str = "engine";

/// What is due within this time counts as due for a run that ends when nothing is.
const SOON: Duration = Duration::from_secs(5);

/// How often the store is asked whether another process has written.
const LOOK: Duration = Duration::from_millis(50);

/// How soon the keys are looked at again where that failed.
const LOOK_AT_KEYS_AGAIN: Duration = Duration::from_secs(60);
/// For how long that may fail before the engine ends.
const LONGEST_WITHOUT_KEYS: Duration = Duration::from_secs(600);

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
}

impl Engine {
    /// An engine that does nothing yet.
    pub fn new(parts: Parts) -> Result<Self, EngineError> {
        let meters = Meters::default();
        let surroundings = Surroundings {
            store: parts.store.clone(),
            clock: Arc::clone(&parts.clock),
            http: HttpClient::metered(meters.clone())?,
        };
        Ok(Self {
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
        })
    }

    /// What it does, as it is timed.
    pub fn meters(&self) -> &Meters {
        &self.parts.meters
    }

    /// Runs. Where another process holds the right to, or comes to hold it, says so and does nothing
    /// more.
    pub async fn run(&self, until: Until) -> Result<Ran, EngineError> {
        let fence = self.take_lease().await?;
        let (stop_renewing, stopped) = watch::channel(false);
        let renewing = tokio::spawn(renew(self.parts.clone(), stopped));
        let result = self.run_under(&fence, until).await;
        // Whoever waits for the renewal sees the channel close; there is nothing to tell it.
        stop_renewing.send(true).ok();
        renewing.await.ok();
        self.parts.store.release_leases(&self.parts.holder.name).await?;
        match result {
            Err(EngineError::Store(StoreError::FenceLost)) => Err(self.overtaken().await?),
            result => result,
        }
    }

    /// What a write under a lease that was lost meanwhile comes to: we stood still for so long that
    /// another took our place.
    async fn overtaken(&self) -> Result<EngineError, StoreError> {
        let row = self.parts.store.lease(ENGINE_LEASE).await?;
        Ok(row.map_or(StoreError::FenceLost.into(), |row| EngineError::HeldBy(Box::new(row))))
    }

    async fn take_lease(&self) -> Result<Fence, EngineError> {
        let PumpParts { store, holder, clock, tenure, .. } = &self.parts;
        let time = (holder.time)();
        let fence = match holder.take(store, ENGINE_LEASE, &time, clock.now()).await? {
            LeaseAnswer::Taken { fence, .. } => fence,
            LeaseAnswer::HeldBy(row) => return Err(EngineError::HeldBy(Box::new(row))),
        };
        tenure.renewed(&time);
        let entry = Entry::new(clock.now(), Actor::Engine, Event::LeaseTaken)
            .fact("fence", fence.fence)
            .fact("holder", holder.info.as_str());
        store
            .apply(Some(&fence), &[Transition { journal: vec![entry], ..Transition::default() }])
            .await?;
        Ok(fence)
    }

    async fn run_under(&self, fence: &Fence, until: Until) -> Result<Ran, EngineError> {
        let PumpParts { store, clock, .. } = &self.parts;
        let _busy = Busy::on(clock);
        let mut crew = Crew {
            parts: &self.parts,
            idle: HashMap::new(),
            working: HashMap::new(),
            rounds: JoinSet::new(),
        };
        let mut teller = Teller::new(self.parts.clone(), fence.clone());
        let mut aside = JoinSet::new();
        match until {
            Until::NothingDue => aside.spawn(sweep_if_due(store.clone())),
            Until::Stopped(_) => aside.spawn(sweep_daily(store.clone())),
        };
        let mut seen = -1;
        let mut keys = Keys {
            look_at: Instant::MIN,
            n_seen: 0,
            tended: Tended::All,
            walk: Walk::default(),
            gone_since: None,
        };
        let mut patience = PATIENCE;
        loop {
            keys.tend(store, fence, clock.now()).await?;
            let version = store.data_version().await?;
            if version != seen {
                seen = version;
                router::route_new(store, fence, &self.parts.ids, clock.now()).await?;
                crew.muster().await?;
                teller.want();
            }
            let work_due = crew.begin_due(clock.now());
            let next_due = earliest([work_due, teller.begin_due(clock.now())]);
            // Another try to tell somebody is nothing to wait for.
            let is_over = matches!(until, Until::NothingDue)
                && crew.rounds.is_empty()
                && keys.tended == Tended::All
                && work_due.is_none_or(|due| due > add(clock.now(), SOON))
                && store.data_version().await? == seen;
            if is_over && (patience.is_zero() || !teller.is_at_work()) {
                while aside.join_next().await.is_some() {}
                return Ok(Ran { next_due: earliest([work_due, teller.finish().await?]) });
            }
            let began = Moment::now();
            let wakes_at = match until {
                Until::NothingDue => next_due,
                Until::Stopped(_) => earliest([next_due, teller.looks_again_at()]),
            };
            tokio::select! {
                done = crew.rounds.join_next(), if !crew.rounds.is_empty() => {
                    crew.took_leave(done)?;
                    teller.want();
                }
                over = teller.next_over() => teller.took_leave(over)?,
                () = real_sleep(patience), if is_over => {}
                () = real_sleep(TELL), if !crew.rounds.is_empty() => teller.want(),
                () = clock.sleep_until(wakes_at.unwrap_or(Instant::MAX)) => {}
                () = changed(store, seen) => {}
                () = std::future::ready(()), if keys.tended == Tended::More => {}
                () = asked_to_stop(&until) => {
                    crew.rounds.shutdown().await;
                    teller.stop().await;
                    return Ok(Ran { next_due });
                }
            }
            if is_over {
                patience = patience.saturating_sub(began.elapsed());
            }
        }
    }
}

/// When the keys are looked at, a piece at a time between other work.
struct Keys {
    look_at: Instant,
    /// How many there were: whoever makes one wants it used.
    n_seen: usize,
    tended: Tended,
    walk: Walk,
    /// Since when they can't be read, if so.
    gone_since: Option<Instant>,
}

impl Keys {
    /// Looks, if it is time. Where the keys can't be read for a moment it looks again soon: what needs none
    /// of them goes on. For longer it does not: what came in meanwhile would lie under keys that only
    /// this process still has.
    async fn tend(&mut self, store: &Store, fence: &Fence, now: Instant) -> Result<(), StoreError> {
        match self.look(store, fence, now).await {
            Err(StoreError::Keys(error)) => {
                let since = *self.gone_since.get_or_insert(now);
                if now >= add(since, LONGEST_WITHOUT_KEYS) {
                    return Err(error.into());
                }
                tracing::warn!(%error, "the keys could not be looked after");
                self.look_at = add(now, LOOK_AT_KEYS_AGAIN);
                (self.tended, self.n_seen) = (Tended::All, store.key_names().len());
                Ok(())
            }
            done => done,
        }
    }

    async fn look(&mut self, store: &Store, fence: &Fence, now: Instant) -> Result<(), StoreError> {
        let n_keys = store.key_names().len();
        if now < self.look_at && self.tended == Tended::All && n_keys == self.n_seen {
            return Ok(());
        }
        if now >= self.look_at {
            store.reload_keys().await?;
            store.make_epoch(now).await?;
            self.look_at = add(now, tend::EVERY);
        }
        self.tended = tend(store, fence, &mut self.walk, now).await?;
        self.gone_since = None;
        self.n_seen = store.key_names().len();
        Ok(())
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

/// Whether a pump has to look at the store again when its round is over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Changed {
    No,
    Yes,
}

/// The pumps: those that run a round, and those that wait for their next.
struct Crew<'a> {
    parts: &'a PumpParts,
    idle: HashMap<ConnectionId, (Pump, Option<Instant>)>,
    /// Whether the store changed since the round of this pump began.
    working: HashMap<ConnectionId, (task::Id, Changed)>,
    rounds: JoinSet<RoundOver>,
}

/// A round that is over, and when the pump's next is due.
type RoundOver = (ConnectionId, Pump, Result<Rested, StoreError>, Busy);

impl Crew<'_> {
    /// Gives every living connection a pump, and lets each look at the store again.
    async fn muster(&mut self) -> Result<(), StoreError> {
        let now = self.parts.clock.now();
        for connection in self.parts.store.connections().await? {
            let id = connection.id;
            if let Some((_, changed)) = self.working.get_mut(&id) {
                *changed = Changed::Yes;
            } else if !self.idle.contains_key(&id) {
                let pump = Pump::new(self.parts.clone(), id);
                self.idle.insert(id, (pump, None));
            }
        }
        for (_, due) in self.idle.values_mut() {
            *due = Some(now);
        }
        Ok(())
    }

    /// Begins the rounds that are due, and says when the next one of the others is.
    fn begin_due(&mut self, now: Instant) -> Option<Instant> {
        let due: Vec<_> = self
            .idle
            .iter()
            .filter(|(_, (_, due))| due.is_some_and(|due| due <= now))
            .map(|(id, _)| *id)
            .collect();
        for id in due {
            let Some((mut pump, _)) = self.idle.remove(&id) else { continue };
            let busy = Busy::on(&self.parts.clock);
            let round = self.rounds.spawn(async move {
                let next = pump.round().await;
                (id, pump, next, busy)
            });
            self.working.insert(id, (round.id(), Changed::No));
        }
        earliest(self.idle.values().map(|(_, due)| *due))
    }

    fn took_leave(
        &mut self,
        done: Option<Result<RoundOver, JoinError>>,
    ) -> Result<(), EngineError> {
        match done {
            Some(Ok((id, pump, rested, _busy))) => {
                let changed = matches!(self.working.remove(&id), Some((_, Changed::Yes)));
                let rested = rested?;
                let now = self.parts.clock.now();
                if rested.has_worked {
                    self.idle.values_mut().for_each(|(_, due)| *due = Some(now));
                }
                let due = if changed { Some(now) } else { rested.next };
                self.idle.insert(id, (pump, due));
            }
            // A panic in one connection's work is a bug of ours; the others go on, and this one
            // begins anew at the next look at the store.
            Some(Err(error)) => {
                tracing::error!(panicked = error.is_panic(), "a pump's round broke off");
                self.working.retain(|_, (round, _)| *round != error.id());
            }
            None => {}
        }
        Ok(())
    }
}

/// Renews our leases until told to stop.
async fn renew(parts: PumpParts, mut stopped: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = real_sleep(RENEWAL) => {}
            _ = stopped.changed() => return,
        }
        let time = (parts.holder.time)();
        match parts.store.renew_leases(&parts.holder.name, &time, millis(LEASE)).await {
            Ok(0) => parts.tenure.lost(),
            Ok(_) => parts.tenure.renewed(&time),
            Err(error) => tracing::warn!(%error, "leases could not be renewed"),
        }
    }
}
