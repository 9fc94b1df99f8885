//! Who we are to the store's leases, on the machine's monotonic time or on that of the database.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::Instant;
use store::{LeaseAnswer, LeaseRow, LeaseTime, Store, StoreError};

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
    pub machine: Arc<dyn Fn() -> LeaseTime + Send + Sync>,
    /// What a database's time is to it, where leases count on that.
    pub offset: Offset,
    /// Whether the process of this holder's name is known to be gone.
    pub is_gone: Arc<dyn Fn(&str) -> bool + Send + Sync>,
}

/// The database's time as the machine's, and so much more.
#[derive(Clone, Default)]
pub struct Offset(Arc<Mutex<Option<LeaseTime>>>);

/// The leases by which those who run the engine beside each other know of each other begin with this.
pub(crate) const WORKER: &str = "worker:";

/// The leases on connections begin with this.
pub(crate) const CONNECTION: &str = "connection:";

impl Holder {
    /// The lease by which others know that this process runs the engine beside them.
    pub(crate) fn worker_lease(&self) -> String {
        format!("{WORKER}{}", self.name)
    }

    /// Whether a lease is held, as far as can be seen: its time has not run out, and its process is not
    /// known to be gone.
    pub(crate) fn sees_held(&self, row: &LeaseRow) -> bool {
        row.is_held(&self.time()) && !(self.is_gone)(&row.holder)
    }

    /// The time on which leases count, as of now.
    pub fn time(&self) -> LeaseTime {
        let machine = (self.machine)();
        match &*self.offset.0.lock().unwrap_or_else(PoisonError::into_inner) {
            None => machine,
            Some(offset) => LeaseTime {
                boot: offset.boot.clone(),
                millis: machine.millis.saturating_add(offset.millis),
            },
        }
    }

    /// Asks the database for its time, where leases count on that. What is taken for its time is never
    /// ahead of it, and behind it by as long as the answer took at most.
    pub async fn ask_time(&self, store: &Store) -> Result<(), StoreError> {
        let asked_at = (self.machine)();
        let Some(told) = store.lease_time().await? else { return Ok(()) };
        let now = (self.machine)();
        let mut offset = self.offset.0.lock().unwrap_or_else(PoisonError::into_inner);
        // An answer that took long tells less than the one before it.
        let took_long = now.millis.saturating_sub(asked_at.millis) > millis(MARGIN) / 2;
        if offset.is_none() || !took_long {
            let millis = told.millis.saturating_sub(now.millis);
            *offset = Some(LeaseTime { millis, ..told });
        }
        Ok(())
    }

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
