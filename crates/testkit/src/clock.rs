//! A clock that jumps to the next due time whenever nobody works, and takes the twins along:
//! virtual weeks pass in seconds, and always in the same steps.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::Instant;
use engine::Clock;
use engine::clock::Waiting;
use tokio::sync::Notify;

/// A clock that jumps when nobody works.
pub struct LedClock {
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    now: Instant,
    n_busy: i64,
    next_id: u64,
    sleepers: Vec<Sleeper>,
}

struct Sleeper {
    id: u64,
    at: Instant,
    wake: Arc<Notify>,
}

impl LedClock {
    /// A clock that stands at `now`, and leads the twins behind this control URL.
    pub fn leading(control: String, now: Instant) -> Arc<Self> {
        let clock = Arc::new(Self {
            state: Mutex::new(State { now, n_busy: 0, next_id: 0, sleepers: Vec::new() }),
            changed: Notify::new(),
        });
        tokio::spawn(lead(Arc::downgrade(&clock), control));
        clock
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.notify_one();
        result
    }

    /// Where to jump, if nobody works and somebody waits for a time that can come.
    fn target(&self) -> Option<Instant> {
        let state = self.lock();
        let earliest = state.sleepers.iter().map(|sleeper| sleeper.at).min()?;
        (state.n_busy <= 0 && earliest < Instant::MAX).then_some(earliest)
    }

    fn arrive(&self, now: Instant) {
        let mut state = self.lock();
        state.now = state.now.max(now);
        let now = state.now;
        let (due, later) =
            std::mem::take(&mut state.sleepers).into_iter().partition(|sleeper| sleeper.at <= now);
        state.sleepers = later;
        let due: Vec<Sleeper> = due;
        state.n_busy += i64::try_from(due.len()).unwrap_or(i64::MAX);
        for sleeper in due {
            sleeper.wake.notify_one();
        }
    }
}

async fn lead(clock: std::sync::Weak<LedClock>, control: String) {
    #[expect(
        clippy::disallowed_methods,
        reason = "calls the twins' control interface, not a vendor"
    )]
    let http = reqwest::Client::new();
    while let Some(strong) = clock.upgrade() {
        let Some(target) = strong.target() else {
            let changed =
                tokio::time::timeout(Duration::from_millis(100), strong.changed.notified());
            changed.await.ok();
            continue;
        };
        let step = target.duration_since(strong.lock().now);
        let body = serde_json::json!({ "advance": jiff::Span::try_from(step).unwrap_or_default().to_string() });
        let sent = http
            .post(format!("{control}/clock"))
            .header("content-type", "application/json")
            .body(body.to_string())
            .send()
            .await;
        assert!(
            sent.is_ok_and(|answer| answer.status().is_success()),
            "the twins' clock can't be moved"
        );
        strong.arrive(target);
    }
}

impl Clock for LedClock {
    fn now(&self) -> Instant {
        self.lock().now
    }

    fn sleep_until(&self, at: Instant) -> Waiting<'_> {
        Box::pin(async move {
            let wake = Arc::new(Notify::new());
            let id = self.change(|state| {
                if state.now >= at {
                    return None;
                }
                state.n_busy -= 1;
                state.next_id += 1;
                let id = state.next_id;
                state.sleepers.push(Sleeper { id, at, wake: Arc::clone(&wake) });
                Some(id)
            });
            if let Some(id) = id {
                let _awake = Awake { clock: self, id };
                wake.notified().await;
            }
        })
    }

    fn begin_work(&self) {
        self.change(|state| state.n_busy += 1);
    }

    fn end_work(&self) {
        self.change(|state| state.n_busy -= 1);
    }
}

/// Whoever gives up a sleep early counts as busy again.
struct Awake<'a> {
    clock: &'a LedClock,
    id: u64,
}

impl Drop for Awake<'_> {
    fn drop(&mut self) {
        self.clock.change(|state| {
            let before = state.sleepers.len();
            state.sleepers.retain(|sleeper| sleeper.id != self.id);
            if state.sleepers.len() < before {
                state.n_busy += 1;
            }
        });
    }
}
