//! Sweeping: removes what a crash left of bodies that were being written, a day after. It can wait, so it
//! is done beside all other work, and nothing waits for it.

use std::time::Duration;

use store::Store;

use crate::http::real_sleep;

/// How often it is done.
const EVERY: Duration = Duration::from_secs(24 * 3600);

/// Removes bodies that nobody names, now and every day.
pub(crate) async fn sweep_bodies(store: Store) {
    loop {
        match store.sweep_blobs().await {
            Ok(0) => {}
            Ok(n) => tracing::info!(n, "bodies that nobody names were removed"),
            Err(error) => tracing::warn!(%error, "bodies that nobody names could not be removed"),
        }
        real_sleep(EVERY).await;
    }
}
