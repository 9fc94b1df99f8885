//! A clock that jumps to the next due time whenever nobody works, and takes the twins along:
//! virtual weeks pass in seconds, and always in the same steps.

use std::sync::{Arc, Weak};
use std::time::Duration;

use domain::Instant;
use engine::Clock;
use engine::clock::{Sleepers, Waiting};

use crate::turns::Turns;

/// A clock that jumps when nobody works.
pub struct LedClock {
    sleepers: Sleepers<Instant>,
}

impl LedClock {
    /// A clock that stands at `now`, and leads the twins behind this control URL.
    pub fn leading(control: &str, http: reqwest::Client, now: Instant, turns: Turns) -> Arc<Self> {
        let clock = Arc::new(Self { sleepers: Sleepers::new(now) });
        let url = format!("{control}/clock");
        tokio::spawn(lead(Arc::downgrade(&clock), http, url, turns));
        clock
    }

    /// Where to jump, if nobody works and somebody waits for a time that can come.
    fn target(&self) -> Option<Instant> {
        let state = self.sleepers.look();
        state.next_due().filter(|_| !state.is_busy())
    }

    fn arrive(&self, now: Instant) {
        let mut state = self.sleepers.look();
        state.time = state.time.max(now);
        state.wake_due();
    }
}

async fn lead(clock: Weak<LedClock>, http: reqwest::Client, url: String, turns: Turns) {
    while let Some(strong) = clock.upgrade() {
        let Some(target) = strong.target() else {
            let changed =
                tokio::time::timeout(Duration::from_millis(100), strong.sleepers.changed());
            changed.await.ok();
            continue;
        };
        let step = target.duration_since(strong.now());
        let step = jiff::Span::try_from(step).unwrap_or_default().to_string();
        let body = serde_json::json!({ "advance": step });
        let sent = http
            .post(&url)
            .header("content-type", "application/json")
            .body(body.to_string())
            .send();
        let sent = turns.take(sent).await;
        assert!(
            sent.is_ok_and(|answer| answer.status().is_success()),
            "the twins' clock can't be moved"
        );
        strong.arrive(target);
    }
}

impl Clock for LedClock {
    fn now(&self) -> Instant {
        self.sleepers.look().time
    }

    fn sleep_until(&self, at: Instant) -> Waiting<'_> {
        Box::pin(self.sleepers.sleep_until(at))
    }

    fn begin_work(&self) {
        self.sleepers.begin_work();
    }

    fn end_work(&self) {
        self.sleepers.end_work();
    }
}
