//! The drivers: one file per database, each behind the enums of `db`.

use std::time::Duration;

pub(crate) mod postgres;
pub(crate) mod sqlite;

/// Waits before a database is asked again.
#[expect(clippy::disallowed_methods, reason = "a database is waited for in real time")]
async fn rest(time: Duration) {
    tokio::time::sleep(time).await;
}
