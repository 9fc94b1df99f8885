//! Notices as rows, the entries of the journal that may raise or mend one, and how far those were
//! looked at.

use domain::{Entry, Instant, Notice, NoticeId, RequestId};

use crate::bulk::{Kind, Over};
use crate::db::{Row, json, values};
use crate::error::StoreError;
use crate::journal;
use crate::lease::{self, Fence};
use crate::store::Store;

/// The setting that holds the number of the last entry that was looked at.
const UNTIL: &str = "noticed_until";
/// Comes after every id.
const PAST_ALL: &str = "~";
/// Notices that are forgotten in one transaction.
const PIECE: i64 = 1_000;

// The list of events is that of the index; another one would be read from the whole journal.
const NOTABLE: &str = "SELECT seq, at, actor, event, request_id, task_id, connection_id, job_id,
        intent_id, facts FROM journal
    WHERE event IN (
    'connection.paused', 'connection.resumed', 'connection.removed', 'permission.lost',
    'permission.granted', 'job.overdue', 'guard.tripped', 'data.reappeared', 'engine.paused',
    'engine.resumed', 'endpoint.failing', 'endpoint.disabled', 'endpoint.enabled',
    'endpoint.removed') AND seq > $1 ORDER BY seq LIMIT $2";
const RAISE: &str = "INSERT INTO notice (id, cause, request_id, body) VALUES ($1, $2, $3, $4)
    ON CONFLICT (cause) WHERE mended_at IS NULL DO NOTHING";
const MEND: &str = "UPDATE notice SET mended_at = $2, body = $3
    WHERE id = $1 AND mended_at IS NULL";
static OPEN_OF: Over = Over::new(
    &[("cause", Kind::Text)],
    "SELECT n.body FROM v CROSS JOIN notice n WHERE n.cause = v.cause AND n.mended_at IS NULL",
);
const OPEN: &str =
    "SELECT body FROM notice WHERE mended_at IS NULL AND id > $1 ORDER BY id LIMIT $2";
const PAGE: &str = "SELECT body FROM notice WHERE id < $1 ORDER BY id DESC LIMIT $2";
const PAGE_OF_OPEN: &str = "SELECT body FROM notice WHERE mended_at IS NULL AND id < $1
    ORDER BY id DESC LIMIT $2";
const OVERDUE: &str = "SELECT r.id FROM request r WHERE r.state <> 'closed' AND r.due_at <= $1
    AND r.id > $3 AND NOT EXISTS (SELECT 1 FROM notice n
        WHERE n.cause = 'request_overdue ' || r.id AND n.mended_at IS NULL)
    ORDER BY r.id LIMIT $2";
const SWEEP: &str = "DELETE FROM notice WHERE id IN
    (SELECT id FROM notice WHERE mended_at < $1 ORDER BY mended_at LIMIT $2)";
const SET: &str = "INSERT INTO setting (key, value) VALUES ($1, $2)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value";

/// What is asked again and again, for the test that nothing scans.
#[cfg(test)]
pub(crate) fn frequent(dialect: crate::db::Dialect) -> Vec<&'static str> {
    let set = OPEN_OF.longest_text(dialect);
    vec![NOTABLE, RAISE, MEND, OPEN, PAGE, PAGE_OF_OPEN, OVERDUE, SWEEP, set]
}

impl Store {
    /// The number of the last entry that was looked at for notices.
    pub async fn noticed_until(&self) -> Result<i64, StoreError> {
        let text = self.setting(UNTIL).await?;
        Ok(text.and_then(|text| text.parse().ok()).unwrap_or(0))
    }

    /// Entries after this number that may raise or mend a notice.
    pub async fn notable(&self, after: i64, limit: u32) -> Result<Vec<(i64, Entry)>, StoreError> {
        let rows = self.db().fetch(NOTABLE, values![after, i64::from(limit)]).await?;
        rows.iter().map(journal::read).collect()
    }

    /// Raises notices, each unless one of the same cause is open, mends others, and keeps how far the
    /// journal was looked at; each with its entry.
    pub async fn keep_notices(
        &self,
        fence: &Fence,
        raised: &[(Notice, Entry)],
        mended: &[(Notice, Entry)],
        until: Option<i64>,
    ) -> Result<(), StoreError> {
        let mut tx = self.db().begin().await?;
        lease::check(&mut tx, Some(fence)).await?;
        let mut entries = Vec::new();
        for (notice, entry) in mended {
            let row = values![notice.id, notice.mended_at, json(notice)?];
            if tx.execute(MEND, row).await? > 0 {
                entries.push(entry);
            }
        }
        for (notice, entry) in raised {
            let row = values![notice.id, notice.cause(), notice.about.request, json(notice)?];
            if tx.execute(RAISE, row).await? > 0 {
                entries.push(entry);
            }
        }
        journal::append(&mut tx, entries).await?;
        if let Some(until) = until {
            tx.execute(SET, values![UNTIL, until.to_string()]).await?;
        }
        tx.commit().await
    }

    /// The open notices of these causes.
    pub async fn open_notices_of(&self, causes: &[String]) -> Result<Vec<Notice>, StoreError> {
        let causes = causes.iter().map(|cause| values![cause.as_str()]);
        OPEN_OF.read(self.db(), causes).await?.iter().map(read).collect()
    }

    /// A page of the notices whose cause is not mended, the oldest first, after this one.
    pub async fn open_notices(
        &self,
        after: Option<NoticeId>,
        limit: u32,
    ) -> Result<Vec<Notice>, StoreError> {
        let after = after.map_or_else(String::new, |id| id.to_string());
        let rows = self.db().fetch(OPEN, values![after, i64::from(limit)]).await?;
        rows.iter().map(read).collect()
    }

    /// A page of notices, the newest first, before this one.
    pub async fn notices(
        &self,
        only_open: bool,
        before: Option<NoticeId>,
        limit: u32,
    ) -> Result<Vec<Notice>, StoreError> {
        let before = before.map_or_else(|| PAST_ALL.to_owned(), |id| id.to_string());
        let page = if only_open { PAGE_OF_OPEN } else { PAGE };
        let rows = self.db().fetch(page, values![before, i64::from(limit)]).await?;
        rows.iter().map(read).collect()
    }

    /// Requests that are open past their deadline and of which nobody was told, after this one.
    pub async fn newly_overdue(
        &self,
        now: Instant,
        after: Option<RequestId>,
        limit: u32,
    ) -> Result<Vec<RequestId>, StoreError> {
        let after = after.map_or_else(String::new, |id| id.to_string());
        let rows = self.db().fetch(OVERDUE, values![now, i64::from(limit), after]).await?;
        rows.iter().map(|row| row.parse("id")).collect()
    }

    /// Forgets notices that were mended before this instant, a piece at a time.
    pub async fn sweep_notices(&self, fence: &Fence, before: Instant) -> Result<(), StoreError> {
        let mut n_swept = PIECE.unsigned_abs();
        while n_swept == PIECE.unsigned_abs() {
            let mut tx = self.db().begin().await?;
            lease::check(&mut tx, Some(fence)).await?;
            n_swept = tx.execute(SWEEP, values![before, PIECE]).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}

fn read(row: &Row) -> Result<Notice, StoreError> {
    row.json("body")
}
