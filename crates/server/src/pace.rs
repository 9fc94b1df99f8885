//! The pace at which a file has to move: somebody who sends or takes one a byte at a time would keep
//! its place, and the file, for ever.

#[cfg(test)]
mod tests;

use std::time::Duration;

use tokio::time::{Instant, timeout};

/// The slowest pace, in bytes a second: half a megabit.
const PACE: f64 = 65_536.0;
/// How long nothing may move.
const MOST: Duration = Duration::from_secs(30);

/// How long a client is still waited for. Waiting uses it up, and what moves gives it back.
pub(crate) struct Patience {
    left: Duration,
}

impl Patience {
    pub(crate) fn new() -> Self {
        Self { left: MOST }
    }

    /// What the client does next; nothing if it takes too long.
    pub(crate) async fn wait<T>(&mut self, next: impl Future<Output = T>) -> Option<T> {
        let began = Instant::now();
        let came = timeout(self.left, next).await.ok();
        self.waited(began.elapsed());
        came
    }

    /// So many bytes came, or were taken.
    pub(crate) fn moved(&mut self, n_bytes: usize) {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a piece of a file is no longer than memory"
        )]
        let gained = Duration::from_secs_f64(n_bytes as f64 / PACE);
        self.left = self.left.saturating_add(gained).min(MOST);
    }

    fn waited(&mut self, time: Duration) {
        self.left = self.left.saturating_sub(time);
    }
}
