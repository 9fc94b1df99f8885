//! Time, as the engine is given it.
//!
//! Due times, deadlines, cadences and limits follow the [`Clock`], which may be the real one or
//! one that a twin leads. Leases, call deadlines and HTTP time-outs never do: they run on the
//! machine's monotonic time.

mod sleepers;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use domain::Instant;

pub use sleepers::{Sleepers, State, Time};

/// A future that can be boxed away.
pub type Waiting<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// A source of time that can be waited on.
pub trait Clock: Send + Sync {
    /// The time.
    fn now(&self) -> Instant;

    /// Returns when the time has come; it may return early. The caller is [`Busy`]; while it
    /// waits here it does not count as busy.
    fn sleep_until(&self, at: Instant) -> Waiting<'_>;

    /// Whether time passes although nothing is to be done. One that jumps to whatever is due next
    /// says no: the daily checks alone would let it run for ever.
    fn passes_by_itself(&self) -> bool {
        true
    }

    /// Work has begun. While there is any, a led clock stands still.
    fn begin_work(&self) {}

    /// Work has ended.
    fn end_work(&self) {}
}

/// Marks that work is going on for as long as it lives.
pub struct Busy(Arc<dyn Clock>);

impl Busy {
    /// Work begins.
    pub fn on(clock: &Arc<dyn Clock>) -> Self {
        clock.begin_work();
        Self(Arc::clone(clock))
    }
}

/// Waits for the work of others, who are each [`Busy`] by themselves; meanwhile the caller is not.
/// What they hand back holds their [`Busy`], so that no moment is left in which nobody is.
pub async fn while_others_work<T>(clock: &Arc<dyn Clock>, others: impl Future<Output = T>) -> T {
    let _idle = Idle::of(clock);
    others.await
}

/// A caller that does not count as busy for as long as this lives.
struct Idle<'a>(&'a Arc<dyn Clock>);

impl<'a> Idle<'a> {
    fn of(clock: &'a Arc<dyn Clock>) -> Self {
        clock.end_work();
        Self(clock)
    }
}

impl Drop for Idle<'_> {
    fn drop(&mut self) {
        self.0.begin_work();
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.end_work();
    }
}
