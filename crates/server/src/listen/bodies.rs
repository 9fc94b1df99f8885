//! Room for large bodies: so much for all, and so much for each client. Nobody is known before their
//! body was read, so without this whoever sends many that never come would keep everybody out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::client::Client;

/// A body of so many bytes is read whoever sends it, and needs no room.
pub(super) const SMALL_BODY: u64 = 16 << 10;
/// So many larger ones are in memory at a time.
pub(super) const LARGE_BODIES: usize = 32;
/// So many of them of one client.
pub(super) const LARGE_BODIES_OF_ONE: usize = 4;

/// The room that there is.
pub(super) struct Bodies {
    all: Arc<Semaphore>,
    /// Of those who have room, or wait for it.
    of_each: Mutex<HashMap<Client, Weak<Semaphore>>>,
    within: Duration,
}

/// Room for one body; it is free again when this is dropped.
pub(super) struct Room {
    _of_one: Option<OwnedSemaphorePermit>,
    _of_all: Option<OwnedSemaphorePermit>,
}

impl Bodies {
    /// Room for which nobody waits longer than this.
    pub(super) fn new(within: Duration) -> Self {
        let all = Arc::new(Semaphore::new(LARGE_BODIES));
        Self { all, of_each: Mutex::default(), within }
    }

    /// Waits for room; nothing where none comes in time. Who waits for their own share holds up nobody
    /// else.
    pub(super) async fn room(&self, client: Option<Client>) -> Option<Room> {
        let share = client.map(|client| self.share(client));
        let room = async {
            // Nobody closes a semaphore.
            let of_one = match share {
                Some(share) => share.acquire_owned().await.ok(),
                None => None,
            };
            let of_all = Arc::clone(&self.all).acquire_owned().await.ok();
            Room { _of_one: of_one, _of_all: of_all }
        };
        timeout(self.within, room).await.ok()
    }

    /// What one client may have.
    fn share(&self, client: Client) -> Arc<Semaphore> {
        let mut of_each = self.of_each.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = of_each.get(&client).and_then(Weak::upgrade) {
            return share;
        }
        of_each.retain(|_, share| share.strong_count() > 0);
        let share = Arc::new(Semaphore::new(LARGE_BODIES_OF_ONE));
        of_each.insert(client, Arc::downgrade(&share));
        share
    }
}
