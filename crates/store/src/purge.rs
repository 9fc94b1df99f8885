//! Purging: what is left of a request is that it was there, and what was done.
//!
//! Its key goes, and with it everything sealed under it, here and in every copy of the key's row that
//! can't be unwrapped any more. The driver leaves nothing of deleted rows in its files. What it could be found by goes too, and what it takes room for.

use std::collections::HashSet;

use domain::RequestId;

use crate::bulk::{Kind, Over};
use crate::db::{Tx, values};
use crate::error::StoreError;
use crate::keys::PurgedLine;
use crate::store::Store;
use crate::transition::{Applied, Transition};

const KEY: &str = "DELETE FROM request_key WHERE request_id = $1";
const IDENTIFIERS: &str = "DELETE FROM identifier WHERE request_id = $1";
const COLLECTED: &str = "DELETE FROM collected WHERE request_id = $1";
const EVIDENCE: &str = "UPDATE evidence SET sealed = $2
    WHERE owner IN (SELECT id FROM task WHERE request_id = $1) AND request_id = $1";
/// What made it the same when it came again was a digest of a value, too.
const NAMES: &str = "UPDATE request SET idempotency = $2, external_token = NULL, external_id = NULL
    WHERE id = $1";
static WITH_KEY: Over = Over::new(
    &[("id", Kind::Text)],
    "SELECT k.request_id FROM v CROSS JOIN request_key k WHERE k.request_id = v.id",
);

/// What is asked of every line of the list, for the test that nothing scans.
#[cfg(test)]
pub(crate) fn frequent(dialect: crate::db::Dialect) -> Vec<&'static str> {
    vec![KEY, IDENTIFIERS, COLLECTED, EVIDENCE, NAMES, WITH_KEY.longest_text(dialect)]
}

impl Store {
    /// Purges a request in one transaction with what its record becomes. The list beside the keys
    /// names it before, and not any more if it is refused; bodies are removed after, or by the next sweep.
    pub async fn purge(
        &self,
        line: &PurgedLine,
        transition: Transition,
    ) -> Result<Applied, StoreError> {
        let id = line.request;
        let bodies = self.collected_of(id).await?;
        let lines = self.purged_lines()?;
        let is_new = lines.iter().all(|one| (one.request, one.version) != (id, line.version));
        if is_new {
            self.keys().note_purged(line)?;
        }
        let transition = Transition { purged: vec![id], ..transition };
        let applied = self.apply(None, &[transition]).await;
        let applied = applied.map(|mut applied| applied.pop().unwrap_or(Applied::Lost));
        // Whoever asked is told that it came to nothing, so nobody may finish it later.
        let is_done = matches!(applied, Ok(Applied::Done));
        if is_new && !is_done && self.has_key(id).await? {
            self.keys().note_refused(line)?;
        }
        let applied = applied?;
        if applied == Applied::Done {
            self.keys().forget(&id.to_string());
            // Where a reader is in the way, the log is emptied by the next one or at the end.
            self.db().fold_log().await?;
            for one in bodies {
                // Where this fails, a later sweep does it: its key is gone, and the request is purged.
                let _removed = self.blobs().remove(&one.blob.to_string()).await;
            }
        }
        Ok(applied)
    }

    /// The list of purged requests that stands beside the keys, the first purged first.
    pub fn purged_lines(&self) -> Result<Vec<PurgedLine>, StoreError> {
        Ok(self.keys().purged()?)
    }

    /// Whether the key of a request still exists.
    pub async fn has_key(&self, request: RequestId) -> Result<bool, StoreError> {
        Ok(!WITH_KEY.read(self.db(), [values![request]]).await?.is_empty())
    }

    /// What the list beside the keys names as purged, and is not.
    pub async fn unfinished_purges(&self) -> Result<Vec<PurgedLine>, StoreError> {
        let mut lines = self.purged_lines()?;
        let ids = lines.iter().map(|line| values![line.request]);
        let rows = WITH_KEY.read(self.db(), ids).await?;
        let with_key = rows.iter().map(|row| row.parse("request_id"));
        let with_key = with_key.collect::<Result<HashSet<RequestId>, _>>()?;
        lines.retain(|line| with_key.contains(&line.request));
        Ok(lines)
    }
}

/// Takes out of the database what a request is known by.
pub(crate) async fn erase(tx: &mut Tx, requests: &[RequestId]) -> Result<(), StoreError> {
    for request in requests {
        for statement in [KEY, IDENTIFIERS, COLLECTED] {
            tx.execute(statement, values![*request]).await?;
        }
        tx.execute(EVIDENCE, values![*request, Vec::<u8>::new()]).await?;
        tx.execute(NAMES, values![*request, format!("purged:{request}")]).await?;
    }
    Ok(())
}
