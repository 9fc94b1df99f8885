//! The twins' one clock: virtual time that starts where the options say and is never the wall's.
//!
//! In *paced* mode it runs with the real monotonic clock, times the pace. In *idle* mode it stands
//! still while anybody works and jumps, once every follower is idle, to whatever is due next.
//! Who follows and who is idle is in [`followers`]; what the twins themselves have to do next is
//! told by the caller (see `World::settle`), so this file knows no vendor.

mod followers;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::Instant;

use followers::Followers;
pub(crate) use followers::Ticket;

/// How virtual time moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    Paced,
    Idle,
}

/// What `GET /clock` answers.
#[derive(Debug, Serialize)]
pub(crate) struct Reading {
    pub(crate) now: Timestamp,
    pub(crate) mode: Mode,
    pub(crate) pace: f64,
}

/// What one try to jump came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Jump {
    /// Somebody works, nothing is due, or the mode is paced.
    Stood,
    /// The clock stands at a follower's due time, and that follower works now.
    ToFollower,
    /// The clock stands at an event of the twins; everybody is still idle.
    ToEvent,
}

/// Time would leave the years that can be written.
#[derive(Debug, thiserror::Error)]
#[error("the clock can't move that far")]
pub(crate) struct TooFar;

/// See the module's head.
pub(crate) struct Clock {
    inner: Mutex<Inner>,
    changes: watch::Sender<u64>,
}

struct Inner {
    base: Timestamp,
    since: Instant,
    mode: Mode,
    pace: f64,
    followers: Followers,
    /// Work of the twins themselves that is under way, such as callbacks being posted.
    holds: usize,
}

impl Clock {
    /// A clock at `start_at`; when paced, as fast as the real one.
    pub(crate) fn new(start_at: Timestamp, mode: Mode) -> Clock {
        let inner = Inner {
            base: start_at,
            since: Instant::now(),
            mode,
            pace: 1.0,
            followers: Followers::default(),
            holds: 0,
        };
        Clock { inner: Mutex::new(inner), changes: watch::Sender::new(0) }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.lock().now()
    }

    pub(crate) fn reading(&self) -> Reading {
        let inner = self.lock();
        Reading { now: inner.now(), mode: inner.mode, pace: inner.pace }
    }

    /// Sees each change of the clock or of its followers.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Sets the mode and, where given, the pace; time goes on from where it stands.
    pub(crate) fn set_mode(&self, mode: Mode, pace: Option<f64>) {
        self.change(|inner| {
            inner.base = inner.now();
            inner.since = Instant::now();
            inner.mode = mode;
            inner.pace = pace.unwrap_or(inner.pace);
        });
    }

    /// Moves the clock on by `length`, in either mode.
    pub(crate) fn advance(&self, length: SignedDuration) -> Result<Timestamp, TooFar> {
        self.change(|inner| {
            let base = inner.base.checked_add(length).map_err(|_| TooFar)?;
            // The moving part stays: only the base goes on.
            inner.base = base;
            let now = inner.now();
            inner.followers.wake_due(now);
            Ok(now)
        })
    }

    /// Back to the start, as a new clock would be; followers stay registered.
    pub(crate) fn reset(&self, start_at: Timestamp, mode: Mode) {
        self.change(|inner| {
            inner.base = start_at;
            inner.since = Instant::now();
            inner.mode = mode;
            inner.pace = 1.0;
        });
    }

    /// Registers a follower, which works until it reports idle.
    pub(crate) fn follow(&self) -> String {
        self.change(|inner| inner.followers.register(Instant::now()))
    }

    /// "I work": ends an idle report of the same follower.
    pub(crate) fn report_busy(&self, id: &str) {
        self.change(|inner| inner.followers.busy(id, Instant::now()));
    }

    /// "Nothing is due before `next_due`, and no call is open."
    pub(crate) fn report_idle(&self, id: &str, next_due: Option<Timestamp>) -> Ticket {
        self.change(|inner| inner.followers.idle(id, next_due, Instant::now()))
    }

    /// Whether an idle report has its answer: its time has come, or a newer report took its place.
    pub(crate) fn is_answered(&self, ticket: &Ticket) -> bool {
        let mut inner = self.lock();
        let now = inner.now();
        inner.followers.wake_due(now);
        inner.followers.is_over(ticket)
    }

    /// The follower was still there at the end of its report.
    pub(crate) fn seen(&self, ticket: &Ticket) {
        self.lock().followers.seen(ticket, Instant::now());
    }

    /// How long, in real time, until `due` comes by itself; `None` in idle mode.
    pub(crate) fn real_time_until(&self, due: Timestamp) -> Option<Duration> {
        let inner = self.lock();
        if inner.mode == Mode::Idle || inner.pace <= 0.0 {
            return None;
        }
        let seconds = due.duration_since(inner.now()).as_secs_f64() / inner.pace;
        Duration::try_from_secs_f64(seconds.max(0.0)).ok()
    }

    /// Keeps the clock from jumping while the twins themselves have work under way.
    pub(crate) fn hold(&self) {
        self.lock().holds += 1;
    }

    /// Ends one [`Clock::hold`].
    pub(crate) fn release(&self) {
        self.change(|inner| inner.holds = inner.holds.saturating_sub(1));
    }

    /// Jumps to the earliest of the followers' due times and the twins' next `event`, if everybody
    /// is idle.
    pub(crate) fn try_jump(&self, event: Option<Timestamp>) -> Jump {
        let mut inner = self.lock();
        let real_now = Instant::now();
        inner.followers.drop_silent(real_now);
        if inner.mode != Mode::Idle || inner.holds > 0 || !inner.followers.are_all_idle() {
            return Jump::Stood;
        }
        let due = inner.followers.earliest_due();
        let Some(target) = [due, event].into_iter().flatten().min() else { return Jump::Stood };
        inner.base = inner.base.max(target);
        let now = inner.base;
        if inner.followers.wake_due(now) {
            drop(inner);
            self.tell();
            return Jump::ToFollower;
        }
        Jump::ToEvent
    }

    fn change<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        let result = change(&mut self.lock());
        self.tell();
        result
    }

    fn tell(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn now(&self) -> Timestamp {
        if self.mode == Mode::Idle {
            return self.base;
        }
        let seconds = self.since.elapsed().as_secs_f64() * self.pace;
        let passed = SignedDuration::try_from_secs_f64(seconds).unwrap_or(SignedDuration::ZERO);
        self.base.checked_add(passed).unwrap_or(Timestamp::MAX)
    }
}
