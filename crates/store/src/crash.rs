//! Crash points: where a simulation lets a process die, before and after each call to the database and
//! to a vendor.
//!
//! A process that died leaves what it committed and what it sent, and nothing else. So from the moment
//! at which a [`Crash`] says that it is dead, none of its calls goes through any more: each fails
//! without having done anything. The program itself has no `Crash`, and looks at one empty cell.
//!
//! A simulated process makes one call at a time, in an order that the simulation chooses. In that of
//! the threads and sockets behind the calls no two runs would be alike.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};

/// On which side of a call a process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// The call is about to be made.
    Before,
    /// The call was made, and nobody has heard of its answer yet.
    After,
}

/// A call whose effect, or whose answer, outlives the process.
#[derive(Debug, Clone, Copy)]
pub enum Call<'a> {
    /// A statement that reads.
    Read(&'static str),
    /// A transaction, by the statements that it ran.
    Commit(&'a [&'static str]),
    /// A call to a vendor, by its operation.
    Http(&'static str),
}

/// Decides where a process dies, and which of its calls is next.
pub trait Crash: Send + Sync {
    /// Whether the process is dead, now or since an earlier call.
    fn is_dead(&self, moment: Moment, call: Call<'_>) -> bool;

    /// Waits for a turn to make a call, where calls have turns.
    fn turn(&self) -> Waiting<'_, Option<Box<dyn Turn>>> {
        Box::pin(std::future::ready(None))
    }
}

/// A future of a simulation.
pub type Waiting<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A turn to make a call. The next begins when it is dropped.
pub trait Turn: Send {
    /// The call is over: waits until everything else that goes on needs a call itself.
    fn settle(&mut self) -> Waiting<'_, ()>;
}

/// The crash points of a process; clones are the same.
#[derive(Clone, Default)]
pub struct CrashPoints(Arc<OnceLock<Arc<dyn Crash>>>);

/// A simulated process is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this simulated process is dead")]
pub struct Dead;

impl CrashPoints {
    /// Lets the process die where `crash` says. The first one given stays.
    pub fn set(&self, crash: Arc<dyn Crash>) {
        self.0.get_or_init(|| crash);
    }

    /// Whether the process can die at all.
    pub(crate) fn are_set(&self) -> bool {
        self.0.get().is_some()
    }

    /// Waits for a turn to make a call, where calls have turns.
    pub(crate) async fn turn(&self) -> Option<Box<dyn Turn>> {
        match self.0.get() {
            Some(crash) => crash.turn().await,
            None => None,
        }
    }

    /// Makes a call in its turn.
    pub async fn in_turn<T>(&self, call: impl Future<Output = T>) -> T {
        let turn = self.turn().await;
        let answer = call.await;
        settle(turn).await;
        answer
    }

    /// Passes a point, or not any more.
    pub fn pass(&self, moment: Moment, call: Call<'_>) -> Result<(), Dead> {
        match self.0.get() {
            Some(crash) if crash.is_dead(moment, call) => Err(Dead),
            _ => Ok(()),
        }
    }
}

/// Ends a turn.
pub(crate) async fn settle(turn: Option<Box<dyn Turn>>) {
    if let Some(mut turn) = turn {
        turn.settle().await;
    }
}

impl std::fmt::Debug for CrashPoints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CrashPoints").finish_non_exhaustive()
    }
}
