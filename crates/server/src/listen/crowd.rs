//! Places for connections: so many for all, and so many for each client.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::client::Client;

/// Everybody who is connected.
pub(super) struct Crowd {
    places: Arc<Semaphore>,
    most_of_one: usize,
    of_each: Mutex<HashMap<Client, usize>>,
}

/// The place of one connection; it is free again when this is dropped.
pub(super) struct Place {
    crowd: Arc<Crowd>,
    client: Option<Client>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Crowd {
    pub(super) fn new(most: usize, most_of_one: usize) -> Arc<Self> {
        let places = Arc::new(Semaphore::new(most));
        Arc::new(Self { places, most_of_one, of_each: Mutex::default() })
    }

    /// Waits until somebody can be let in.
    pub(super) async fn place(self: &Arc<Self>) -> Place {
        // Nobody closes the semaphore.
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        Place { crowd: Arc::clone(self), client: None, _place: place }
    }
}

impl Place {
    /// Says whose it is; false if they have enough already.
    pub(super) fn give_to(&mut self, client: Client) -> bool {
        let mut of_each = self.crowd.of_each.lock().unwrap_or_else(PoisonError::into_inner);
        let n = of_each.entry(client).or_default();
        if *n >= self.crowd.most_of_one {
            return false;
        }
        *n += 1;
        self.client = Some(client);
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(client) = self.client else { return };
        let mut of_each = self.crowd.of_each.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(n) = of_each.get_mut(&client) {
            *n -= 1;
            if *n == 0 {
                of_each.remove(&client);
            }
        }
    }
}
