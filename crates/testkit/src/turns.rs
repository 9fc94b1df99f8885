//! Turns: one call after the other, in an order that follows from a seed, so that a run can be had again.
//!
//! This is for a runtime of one thread whose time is paused: it goes on, to the next timer, when nobody
//! has anything to do. While a call is under way, on a thread or a socket, it stands still.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use store::crash;
use tokio::sync::oneshot;
use tokio::task::{self, JoinSet};

/// As long as a call takes. It passes once nobody else has anything to do.
const CALL_TAKES: Duration = Duration::from_millis(1);

/// Who makes calls takes turns; clones are the same.
#[derive(Clone, Default)]
pub struct Turns(Option<Arc<Mutex<Inner>>>);

struct Inner {
    rng: ChaCha8Rng,
    is_taken: bool,
    waiting: Vec<Waiting>,
}

/// Who waits for a turn, as part of which task.
struct Waiting {
    task: Option<task::Id>,
    grant: oneshot::Sender<Turn>,
}

/// A turn to make a call.
pub struct Turn {
    turns: Turns,
    /// Somebody who always has something to do, so that time stands still.
    busy: Option<JoinSet<()>>,
}

impl Turns {
    /// Turns in an order of this seed. The default is no turns at all: everybody goes at once.
    pub fn of(seed: u64) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Self(Some(Arc::new(Mutex::new(Inner { rng, is_taken: false, waiting: Vec::new() }))))
    }

    /// Waits for a turn.
    pub async fn next(&self) -> Turn {
        let mut turn = self.place().await;
        if self.0.is_some() {
            let mut busy = JoinSet::new();
            busy.spawn(keep_busy());
            turn.busy = Some(busy);
        }
        turn
    }

    /// Makes a call in its turn.
    pub async fn take<T>(&self, call: impl Future<Output = T>) -> T {
        let mut turn = self.next().await;
        let answer = call.await;
        turn.settle().await;
        answer
    }

    async fn place(&self) -> Turn {
        let granted = {
            let Some(mut inner) = self.lock() else { return Turn::of(self) };
            if !inner.is_taken {
                inner.is_taken = true;
                return Turn::of(self);
            }
            let (grant, granted) = oneshot::channel();
            inner.waiting.push(Waiting { task: task::try_id(), grant });
            granted
        };
        match granted.await {
            Ok(turn) => turn,
            // Nobody throws a place away: this is the end of the runtime.
            Err(_) => std::future::pending().await,
        }
    }

    /// Whoever is next, by the seed.
    fn pick(&self) -> Option<oneshot::Sender<Turn>> {
        let mut inner = self.lock()?;
        inner.waiting.retain(|one| !one.grant.is_closed());
        // In what order they came may hang on when a call that nobody waited for was over.
        inner.waiting.sort_by_key(|one| one.task);
        if inner.waiting.is_empty() {
            inner.is_taken = false;
            return None;
        }
        let at = match inner.waiting.len() {
            // Nothing is drawn for it, for whoever came a moment later would have had a place at once.
            1 => 0,
            n => inner.rng.random_range(0..n),
        };
        Some(inner.waiting.remove(at).grant)
    }

    fn lock(&self) -> Option<MutexGuard<'_, Inner>> {
        let inner = self.0.as_ref()?;
        Some(inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Turn {
    fn of(turns: &Turns) -> Self {
        Self { turns: turns.clone(), busy: None }
    }

    /// The call is over: waits until nobody has anything to do.
    pub async fn settle(&mut self) {
        if self.busy.take().is_some() {
            all_rest().await;
        }
    }
}

/// Returns when nobody has anything to do.
#[expect(clippy::disallowed_methods, reason = "paused time passes when all rest, and only then")]
async fn all_rest() {
    tokio::time::sleep(CALL_TAKES).await;
}

async fn keep_busy() {
    loop {
        std::thread::yield_now();
        task::yield_now().await;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.busy.take().is_some() {
            // Nobody waited for the end of its call: a transaction was given up, or whoever called.
            let place = Self::of(&self.turns);
            tokio::spawn(async move {
                all_rest().await;
                drop(place);
            });
        } else if let Some(next) = self.turns.pick() {
            // One that can't be handed over is dropped there, and goes to the next.
            drop(next.send(Self::of(&self.turns)));
        }
    }
}

impl crash::Turn for Turn {
    fn settle(&mut self) -> crash::Waiting<'_, ()> {
        Box::pin(Self::settle(self))
    }
}
