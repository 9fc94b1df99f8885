//! What a store that was put back is told before anybody uses it.
//!
//! Whoever used the store that was lost must not be mistaken for somebody who uses this one: leases are
//! over, tokens end (one of them may have been revoked since the backup), whoever is told what happens is
//! told nothing until a person enables that again (it may have been removed since, or moved), and the
//! journal goes on far beyond what the lost one can have counted, so that no number stands for two entries.

use domain::{Entry, Instant, RequestId};

use crate::db::values;
use crate::error::StoreError;
use crate::store::Store;
use crate::{endpoint, journal};

/// How many entries nobody writes between two backups.
const GAP: i64 = 1_000_000_000;

/// Why an endpoint is told nothing.
const WHY: &str = "put back from a backup: enable it again, if it is still to be told";

const LEASES: &str = "UPDATE lease SET released = $1 WHERE NOT released";
const TOKENS: &str = "UPDATE token SET revoked_at = $1 WHERE revoked_at IS NULL";
const SET: &str = "INSERT INTO setting (key, value) VALUES ($1, $2)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value";
const LEAP: &str = "INSERT INTO journal
    (seq, at, actor, event, request_id, task_id, connection_id, job_id, intent_id, facts)
    SELECT COALESCE(MAX(seq), 0) + $10, $1, $2, $3, $4, $5, $6, $7, $8, $9 FROM journal";

const NEWEST: &str = "SELECT id FROM request ORDER BY id DESC LIMIT 1";

/// What ended when a store started over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StartedOver {
    /// Tokens that nobody may use any more.
    pub n_tokens: u64,
    /// Endpoints that are told nothing until they are enabled again.
    pub n_endpoints: u64,
}

impl Store {
    /// The request that came in last.
    pub async fn newest_request(&self) -> Result<Option<RequestId>, StoreError> {
        let row = self.db().fetch_optional(NEWEST, []).await?;
        row.map(|row| row.parse("id")).transpose()
    }

    /// Ends leases and tokens, disables endpoints, writes settings and an entry from which the journal
    /// goes on.
    pub async fn start_over(
        &self,
        settings: &[(&str, String)],
        entry: &Entry,
        now: Instant,
    ) -> Result<StartedOver, StoreError> {
        let mut tx = self.db().begin().await?;
        tx.execute(LEASES, values![true]).await?;
        let n_tokens = tx.execute(TOKENS, values![now]).await?;
        let n_endpoints = endpoint::disable_all(&mut tx, WHY, now).await?;
        for (key, value) in settings {
            tx.execute(SET, values![*key, &**value]).await?;
        }
        let mut row = journal::row(entry)?;
        row.push(GAP.into());
        tx.execute(LEAP, row).await?;
        tx.commit().await?;
        self.note_asked();
        Ok(StartedOver { n_tokens, n_endpoints })
    }
}
