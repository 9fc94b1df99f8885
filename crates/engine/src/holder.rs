//! Who we are to the store's leases, on the machine's monotonic time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use domain::Instant;
use store::{LeaseAnswer, LeaseTime, Store, StoreError};

/// How long a lease lasts unless it is renewed.
pub const LEASE: Duration = Duration::from_secs(20);

/// How often leases are renewed.
pub const RENEWAL: Duration = Duration::from_secs(4);

/// The longest a changing call may take.
pub const CHANGE_DEADLINE: Duration = Duration::from_secs(10);

/// What must be left of a lease beyond a changing call's deadline.
pub const MARGIN: Duration = Duration::from_secs(2);

/// A process that may hold leases. The outermost crate makes one: only it knows the machine.
#[derive(Clone)]
pub struct Holder {
    /// A name no other process ever has.
    pub name: String,
    /// What to tell people ("pid 4711 on box").
    pub info: String,
    /// The machine's monotonic time.
    pub time: Arc<dyn Fn() -> LeaseTime + Send + Sync>,
    /// Whether the process of this holder's name is known to be gone.
    pub is_gone: Arc<dyn Fn(&str) -> bool + Send + Sync>,
}

impl Holder {
    /// Takes a lease, also from a process that is known to be gone: nobody need wait for that one to
    /// run out. The time is read before, so that the lease lasts no shorter than we think.
    pub async fn take(
        &self,
        store: &Store,
        lease: &str,
        time: &LeaseTime,
        now: Instant,
    ) -> Result<LeaseAnswer, StoreError> {
        let take = || store.take_lease(lease, &self.name, &self.info, time, millis(LEASE), now);
        match take().await? {
            LeaseAnswer::HeldBy(row) if (self.is_gone)(&row.holder) => {
                store.release_leases(&row.holder).await?;
                take().await
            }
            answer => Ok(answer),
        }
    }
}

/// Until when our leases are known to last; shared between whoever renews and whoever calls.
#[derive(Clone, Default)]
pub struct Tenure(Arc<AtomicI64>);

impl Tenure {
    /// Notes that leases were renewed at this time, as read *before* the renewal was written.
    pub fn renewed(&self, at: &LeaseTime) {
        let until = at.millis.saturating_add(millis(LEASE));
        self.0.store(until, Ordering::SeqCst);
    }

    /// Notes that a lease was lost.
    pub fn lost(&self) {
        self.0.store(0, Ordering::SeqCst);
    }

    /// Whether our leases outlive a changing call begun now.
    pub fn outlives_a_change(&self, now: &LeaseTime) -> bool {
        let needed = now.millis.saturating_add(millis(CHANGE_DEADLINE + MARGIN));
        self.0.load(Ordering::SeqCst) > needed
    }
}

/// A duration in the unit of [`LeaseTime`].
pub fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
