//! Slows the vendor's weeks down, so that somebody at a terminal can watch them pass.
//!
//! A beat follows the twins' clock like the engine does, and lets it run a few hours at a time: it
//! is idle until then, and busy for a moment of real time. So the clock still stands while anybody
//! works, and jumps no further than the next beat.

use std::sync::Arc;
use std::time::Duration;

use engine::Clock;
use jiff::SignedDuration;
use tokio::task::JoinHandle;

use crate::clock::followed::FollowedClock;
use crate::clock::wait;

/// How far the vendor's clock runs in a beat.
const STEP: SignedDuration = SignedDuration::from_hours(6);
/// How long a beat takes; three weeks take some fifteen seconds.
const BEAT: Duration = Duration::from_millis(180);

/// A beat under way.
pub struct Beat {
    clock: Arc<FollowedClock>,
    run: JoinHandle<()>,
}

impl Beat {
    /// Begins to beat on the clock behind this control URL.
    pub async fn begin(control: &str) -> anyhow::Result<Self> {
        let clock = Arc::new(FollowedClock::follow(control).await?);
        clock.begin_work();
        let run = tokio::spawn(beat(Arc::clone(&clock)));
        Ok(Self { clock, run })
    }

    /// Lets the clock run free again.
    pub async fn end(self) {
        self.run.abort();
        self.clock.leave().await;
    }
}

async fn beat(clock: Arc<FollowedClock>) {
    loop {
        wait(BEAT).await;
        // Within the range of instants for as long as a demo lasts.
        let next = clock.now().saturating_add(STEP).unwrap_or(domain::Instant::MAX);
        clock.sleep_until(next).await;
    }
}
