//! The pumps of this process: those that run a round, and those that wait for their next. Where other
//! processes run the engine too, only those of its share.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::Ordering;

use domain::{ConnectionId, Instant};
use store::{LeaseAnswer, LeaseRow, StoreError};
use tokio::task::{self, JoinError, JoinSet};

use super::EngineError;
use super::spread::{Worker, spread};
use crate::clock::Busy;
use crate::holder::WORKER;
use crate::pump::{Leaving, Pump, PumpParts, Rested, earliest, lease_of};

/// Whether a pump has to look at the store again when its round is over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Changed {
    No,
    Yes,
}

/// A pump that runs a round.
struct Working {
    round: task::Id,
    /// Whether the store changed since the round began.
    changed: Changed,
    leaving: Leaving,
}

/// The pumps.
pub(super) struct Crew<'a> {
    parts: &'a PumpParts,
    /// The connections that are this process's share; all of them where it runs alone.
    share: Option<HashSet<ConnectionId>>,
    idle: HashMap<ConnectionId, (Pump, Option<Instant>)>,
    working: HashMap<ConnectionId, Working>,
    pub rounds: JoinSet<RoundOver>,
}

/// A round that is over, and when the pump's next is due.
pub(super) type RoundOver = (ConnectionId, Pump, Result<Rested, StoreError>, Busy);

impl<'a> Crew<'a> {
    pub(super) fn alone(parts: &'a PumpParts) -> Self {
        let (idle, working, rounds) = (HashMap::new(), HashMap::new(), JoinSet::new());
        Self { parts, share: None, idle, working, rounds }
    }

    /// One of many; it has no share until it has looked who else is there.
    pub(super) fn one_of_many(parts: &'a PumpParts) -> Self {
        Self { share: Some(HashSet::new()), ..Self::alone(parts) }
    }

    /// Looks who is there, and takes and gives back connections, so that each worker has as many as the
    /// others. Returns the leases, as they were.
    pub(super) async fn take_share(&mut self) -> Result<Vec<LeaseRow>, StoreError> {
        let PumpParts { store, holder, tenure, clock, .. } = self.parts;
        let leases = store.leases().await?;
        let held: HashMap<&str, &str> = leases
            .iter()
            .filter(|row| holder.sees_held(row))
            .map(|row| (row.name.as_str(), row.holder.as_str()))
            .collect();
        let (mine, time) = (holder.worker_lease(), holder.time());
        if !held.contains_key(mine.as_str())
            && let LeaseAnswer::Taken { .. } = holder.take(store, &mine, &time, clock.now()).await?
        {
            tenure.renewed(&time);
        }
        let mut workers: BTreeMap<&str, Worker> = held
            .iter()
            .filter(|(name, _)| name.starts_with(WORKER))
            .map(|(_, holder)| (*holder, Worker::default()))
            .collect();
        workers.entry(&holder.name).or_default();
        let mut free = Vec::new();
        for connection in store.connections().await? {
            let lease = lease_of(connection.id);
            match held.get(lease.as_str()).and_then(|holder| workers.get_mut(holder)) {
                Some(worker) => worker.holds.push(connection.id),
                None => free.push(connection.id),
            }
        }
        spread(&mut workers, free);
        let share = workers.remove(holder.name.as_str()).unwrap_or_default();
        self.keep_to(share.holds.into_iter().collect()).await?;
        Ok(leases)
    }

    /// Gives back what is no longer this process's share, at once or when its round is over, and begins
    /// what is so newly.
    async fn keep_to(&mut self, share: HashSet<ConnectionId>) -> Result<(), StoreError> {
        for (id, working) in &self.working {
            working.leaving.store(!share.contains(id), Ordering::SeqCst);
        }
        let now = self.parts.clock.now();
        for (id, (pump, due)) in &mut self.idle {
            if !share.contains(id) {
                pump.give_back().await?;
            } else if !self.share.as_ref().is_some_and(|old| old.contains(id)) {
                *due = Some(now);
            }
        }
        self.share = Some(share);
        Ok(())
    }

    fn is_ours(&self, id: ConnectionId) -> bool {
        self.share.as_ref().is_none_or(|share| share.contains(&id))
    }

    /// Gives every living connection a pump, and lets each look at the store again.
    pub(super) async fn muster(&mut self) -> Result<(), StoreError> {
        let now = self.parts.clock.now();
        for connection in self.parts.store.connections().await? {
            let id = connection.id;
            if let Some(working) = self.working.get_mut(&id) {
                working.changed = Changed::Yes;
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
    pub(super) fn begin_due(&mut self, now: Instant) -> Option<Instant> {
        let due: Vec<_> = self
            .idle
            .iter()
            .filter(|(id, (_, due))| self.is_ours(**id) && due.is_some_and(|due| due <= now))
            .map(|(id, _)| *id)
            .collect();
        for id in due {
            let Some((mut pump, _)) = self.idle.remove(&id) else { continue };
            let (busy, leaving) = (Busy::on(&self.parts.clock), pump.leaving());
            let round = self.rounds.spawn(async move {
                let next = pump.round().await;
                (id, pump, next, busy)
            });
            let working = Working { round: round.id(), changed: Changed::No, leaving };
            self.working.insert(id, working);
        }
        let ours = self.idle.iter().filter(|(id, _)| self.is_ours(**id));
        earliest(ours.map(|(_, (_, due))| *due))
    }

    pub(super) async fn took_leave(
        &mut self,
        done: Option<Result<RoundOver, JoinError>>,
    ) -> Result<(), EngineError> {
        match done {
            Some(Ok((id, mut pump, rested, _busy))) => {
                let working = self.working.remove(&id);
                let changed = working.is_some_and(|working| working.changed == Changed::Yes);
                let rested = rested?;
                if !self.is_ours(id) {
                    pump.give_back().await?;
                }
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
                self.working.retain(|_, working| working.round != error.id());
            }
            None => {}
        }
        Ok(())
    }
}
