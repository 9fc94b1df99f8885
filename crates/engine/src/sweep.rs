//! Sweeping: removes what a crash left of bodies that were being written, a day after. It can wait, so it
//! is done beside all other work, once a day, whoever runs; only a short run that finds it due stays for it.

use std::time::Duration;

use store::{Store, StoreError};

use crate::http::real_sleep;

/// How often it is looked whether it is due.
const LOOK: Duration = Duration::from_secs(10 * 60);

/// Removes bodies that nobody names, now and every day.
pub(crate) async fn sweep_daily(store: Store) {
    loop {
        sweep_if_due(store.clone()).await;
        real_sleep(LOOK).await;
    }
}

/// Removes bodies that nobody names, unless somebody has within a day.
pub(crate) async fn sweep_if_due(store: Store) {
    if let Err(error) = sweep(&store).await {
        tracing::warn!(%error, "bodies that nobody names could not be removed");
    }
}

async fn sweep(store: &Store) -> Result<(), StoreError> {
    if store.are_blobs_swept().await? {
        return Ok(());
    }
    let swept = store.sweep_blobs().await?;
    if swept.n_removed > 0 {
        tracing::info!(n = swept.n_removed, "bodies that nobody names were removed");
    }
    if let Some(error) = swept.failed.first() {
        let n_folders = swept.failed.len();
        tracing::warn!(%error, n_folders, "some folders of large bodies could not be swept");
    }
    Ok(())
}
