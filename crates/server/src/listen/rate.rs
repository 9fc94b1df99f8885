//! How often somebody may do something: so many at once, and then one each so often.
//!
//! The generic cell rate algorithm: of each one instant is kept, up to which everything they did is
//! paid for. The table has a fixed size, however many addresses come; two that fall onto one place
//! of it share their rate, and which do nobody outside can know.

#[cfg(test)]
mod tests;

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Places in the table.
const PLACES: usize = 1 << 14;

/// How often something may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// So many at once.
    pub burst: u32,
    /// One more each so often.
    pub every: Duration,
}

impl Rate {
    /// So many in a period, and twice as many at once.
    pub fn of(n: u32, period: Duration) -> Self {
        let n = n.max(1);
        Self { burst: n.saturating_mul(2), every: period / n }
    }
}

/// Counts by whoever does something: a client, a principal.
pub(crate) struct Meter {
    rate: Rate,
    began: Instant,
    hasher: RandomState,
    /// Of each the instant up to which they have paid, in nanoseconds since the beginning.
    paid_until: Box<[AtomicU64]>,
}

impl Meter {
    pub(crate) fn new(rate: Rate) -> Self {
        let paid_until = (0..PLACES).map(|_| AtomicU64::new(0)).collect();
        Self { rate, began: Instant::now(), hasher: RandomState::new(), paid_until }
    }

    /// Counts one more; an error says how long to wait instead.
    pub(crate) fn take(&self, who: impl Hash) -> Result<(), Duration> {
        self.take_at(who, self.began.elapsed())
    }

    fn take_at(&self, who: impl Hash, now: Duration) -> Result<(), Duration> {
        let (place, now) = (self.place(who), nanos(now));
        let next = |paid| self.next(paid, now).ok();
        let taken = place.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        taken.map(|_| ()).map_err(|paid| self.next(paid, now).err().unwrap_or_default())
    }

    /// Up to when somebody has paid after one more, or how long they have to wait for that.
    fn next(&self, paid: u64, now: u64) -> Result<u64, Duration> {
        let every = nanos(self.rate.every);
        let next = paid.max(now).saturating_add(every);
        let latest = now.saturating_add(every.saturating_mul(u64::from(self.rate.burst)));
        if next <= latest { Ok(next) } else { Err(Duration::from_nanos(next - latest)) }
    }

    fn place(&self, who: impl Hash) -> &AtomicU64 {
        let hash = self.hasher.hash_one(who);
        // The remainder is smaller than the table, which has one place at least.
        &self.paid_until[usize::try_from(hash % PLACES as u64).unwrap_or_default()]
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
