//! Who works and who sleeps under a clock that is led: time moves on only while nobody works.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::Instant;
use tokio::sync::Notify;

/// What a led clock shows.
pub trait Time: Send {
    /// The time.
    fn now(&self) -> Instant;
}

/// A clock that stands still.
impl Time for Instant {
    fn now(&self) -> Instant {
        *self
    }
}

/// The time of a led clock, and everybody who works or sleeps under it.
pub struct Sleepers<T> {
    state: Mutex<State<T>>,
    changed: Notify,
}

/// How they stand at one moment.
pub struct State<T> {
    /// The time.
    pub time: T,
    n_busy: i64,
    last_id: u64,
    asleep: Vec<Sleeper>,
}

struct Sleeper {
    id: u64,
    at: Instant,
    wake: Arc<Notify>,
}

impl<T: Time> Sleepers<T> {
    /// Nobody works, nobody sleeps.
    pub fn new(time: T) -> Self {
        let state = State { time, n_busy: 0, last_id: 0, asleep: Vec::new() };
        Self { state: Mutex::new(state), changed: Notify::new() }
    }

    /// How they stand now; they wait while this is held.
    pub fn look(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when somebody has begun to work or to sleep, or has ended it.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Somebody begins to work.
    pub fn begin_work(&self) {
        self.change(|state| state.n_busy += 1);
    }

    /// Somebody has ended their work.
    pub fn end_work(&self) {
        self.change(|state| state.n_busy -= 1);
    }

    /// The caller, who is at work, sleeps until the time has come, and is at work again.
    pub async fn sleep_until(&self, at: Instant) {
        let wake = Arc::new(Notify::new());
        let id = self.change(|state| {
            if state.time.now() >= at {
                return None;
            }
            state.n_busy -= 1;
            state.last_id += 1;
            state.asleep.push(Sleeper { id: state.last_id, at, wake: Arc::clone(&wake) });
            Some(state.last_id)
        });
        let Some(id) = id else {
            // Others must get their turn even where time has come for everybody.
            return tokio::task::yield_now().await;
        };
        let _asleep = Asleep { among: self, id };
        wake.notified().await;
    }

    fn change<R>(&self, change: impl FnOnce(&mut State<T>) -> R) -> R {
        let result = change(&mut self.look());
        self.changed.notify_one();
        result
    }

    fn get_up(&self, id: u64) {
        self.change(|state| {
            let n_before = state.asleep.len();
            state.asleep.retain(|sleeper| sleeper.id != id);
            // One that was woken is counted already.
            if state.asleep.len() < n_before {
                state.n_busy += 1;
            }
        });
    }
}

impl<T: Time> State<T> {
    /// How many work.
    pub fn n_busy(&self) -> i64 {
        self.n_busy
    }

    /// How many sleep.
    pub fn n_asleep(&self) -> usize {
        self.asleep.len()
    }

    /// Whether anybody works.
    pub fn is_busy(&self) -> bool {
        self.n_busy > 0
    }

    /// The next moment for which somebody sleeps.
    pub fn next_due(&self) -> Option<Instant> {
        // Somebody who waits for the end of time waits for something else.
        self.asleep.iter().map(|sleeper| sleeper.at).filter(|at| *at < Instant::MAX).min()
    }

    /// Wakes everybody whose time has come. They count as at work from this very moment, so that
    /// time can't move on between waking and working.
    pub fn wake_due(&mut self) {
        let now = self.time.now();
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.asleep).into_iter().partition(|sleeper| sleeper.at <= now);
        self.asleep = later;
        self.n_busy += i64::try_from(due.len()).unwrap_or(i64::MAX);
        for sleeper in due {
            sleeper.wake.notify_one();
        }
    }
}

/// Somebody asleep: when the sleep ends early, they count as at work again.
struct Asleep<'a, T: Time> {
    among: &'a Sleepers<T>,
    id: u64,
}

impl<T: Time> Drop for Asleep<'_, T> {
    fn drop(&mut self) {
        self.among.get_up(self.id);
    }
}
