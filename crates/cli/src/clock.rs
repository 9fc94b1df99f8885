//! The real clock, the machine's or that of a database which machines share, read here and nowhere else;
//! [`followed`] is the other one, which a twin leads.

pub mod followed;

use std::time::Duration;

use domain::Instant;
use engine::clock::Waiting;
use engine::{Clock, Holder};

/// The longest sleep at a stretch: whoever waits for a date must notice when somebody sets the
/// machine's clock.
pub const STRETCH: Duration = Duration::from_secs(30);

/// The time, as the machine has it.
pub fn real_now() -> Instant {
    // Whole milliseconds, as the store keeps them: what is written reads back the same.
    let now = precise_now();
    Instant::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

/// The same as precisely as it is known, for what is not stored.
#[expect(clippy::disallowed_methods, reason = "cli reads the real clock, here and nowhere else")]
pub fn precise_now() -> Instant {
    Instant::now()
}

/// The real clock.
#[derive(Clone)]
pub enum RealClock {
    /// The machine's own.
    Machine,
    /// That of the database over which machines share the work, whatever theirs say.
    Database(Holder),
}

impl Clock for RealClock {
    fn now(&self) -> Instant {
        match self {
            Self::Machine => real_now(),
            Self::Database(me) => {
                Instant::from_millisecond(me.time().millis).unwrap_or_else(|_| real_now())
            }
        }
    }

    fn sleep_until(&self, at: Instant) -> Waiting<'_> {
        let left = at.duration_since(self.now());
        let left = Duration::try_from(left).unwrap_or(Duration::ZERO);
        Box::pin(wait(left.min(STRETCH)))
    }
}

/// Waits in real time.
#[expect(clippy::disallowed_methods, reason = "this is the wait that everything else goes through")]
pub async fn wait(length: Duration) {
    tokio::time::sleep(length).await;
}
