//! When the keys are looked after: a piece at a time between other work.

use std::time::Duration;

use domain::Instant;
use store::rotation::Walk;
use store::{Fence, Store, StoreError};

use crate::limits::add;
use crate::tend::{self, Tended, tend};

/// How soon the keys are looked at again where that failed.
const LOOK_AT_KEYS_AGAIN: Duration = Duration::from_secs(60);
/// For how long that may fail before the engine ends.
const LONGEST_WITHOUT_KEYS: Duration = Duration::from_secs(600);

/// What is known of them.
pub(super) struct Keys {
    look_at: Instant,
    /// How many there were: whoever makes one wants it used.
    n_seen: usize,
    pub tended: Tended,
    walk: Walk,
    /// Since when they can't be read, if so.
    gone_since: Option<Instant>,
}

impl Keys {
    pub(super) fn new() -> Self {
        Self {
            look_at: Instant::MIN,
            n_seen: 0,
            tended: Tended::All,
            walk: Walk::default(),
            gone_since: None,
        }
    }

    /// Looks, if it is time. Where the keys can't be read for a moment it looks again soon: what needs none
    /// of them goes on. For longer it does not: what came in meanwhile would lie under keys that only
    /// this process still has.
    pub(super) async fn tend(
        &mut self,
        store: &Store,
        fence: &Fence,
        now: Instant,
    ) -> Result<(), StoreError> {
        match self.look(store, fence, now).await {
            Err(StoreError::Keys(error)) => {
                let since = *self.gone_since.get_or_insert(now);
                if now >= add(since, LONGEST_WITHOUT_KEYS) {
                    return Err(error.into());
                }
                tracing::warn!(%error, "the keys could not be looked after");
                self.look_at = add(now, LOOK_AT_KEYS_AGAIN);
                (self.tended, self.n_seen) = (Tended::All, store.key_names().len());
                Ok(())
            }
            done => done,
        }
    }

    async fn look(&mut self, store: &Store, fence: &Fence, now: Instant) -> Result<(), StoreError> {
        let n_keys = store.key_names().len();
        if now < self.look_at && self.tended == Tended::All && n_keys == self.n_seen {
            return Ok(());
        }
        if now >= self.look_at {
            store.reload_keys().await?;
            store.make_epoch(now).await?;
            self.look_at = add(now, tend::EVERY);
        }
        self.tended = tend(store, fence, &mut self.walk, now).await?;
        self.gone_since = None;
        self.n_seen = store.key_names().len();
        Ok(())
    }
}
