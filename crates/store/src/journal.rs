//! The journal's rows: appended in the transaction that they tell of, never changed.

use std::collections::BTreeSet;

use domain::{Actor, ConnectionId, Entry, Event, Instant, RequestId, TaskId};

use crate::bulk::{Kind, Over};
use crate::db::{Db, Row, Tx, Value, json, values};
use crate::error::StoreError;
use crate::request::{BRAND_END, brand_list};
use crate::store::Store;

/// Which entries to read. The default is all of them.
#[derive(Clone, Debug, Default)]
pub struct JournalFilter {
    /// About this request.
    pub request: Option<RequestId>,
    /// About this task.
    pub task: Option<TaskId>,
    /// About this connection.
    pub connection: Option<ConnectionId>,
    /// Of this kind.
    pub event: Option<Event>,
    /// About a request of one of these brands, or about none; all entries if absent.
    pub brands: Option<BTreeSet<String>>,
}

/// From where, and in which direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// Forward, after this number; 0 is before the first.
    After(i64),
    /// Backward, before this number; `i64::MAX` is after the last.
    Before(i64),
}

pub(crate) static INSERT: Over = Over::insert(
    "journal",
    &[
        ("at", Kind::Int),
        ("actor", Kind::Text),
        ("event", Kind::Text),
        ("request_id", Kind::Text),
        ("task_id", Kind::Text),
        ("connection_id", Kind::Text),
        ("job_id", Kind::Text),
        ("intent_id", Kind::Text),
        ("facts", Kind::Text),
    ],
    "",
);

macro_rules! select {
    ($bound:literal, $request:literal, $order:literal) => {
        concat!(
            "SELECT seq, at, actor, event, request_id, task_id, connection_id, job_id, intent_id,
                facts FROM journal WHERE ",
            $bound,
            $request,
            " AND ($3 = '' OR task_id = $3) AND ($4 = '' OR connection_id = $4)
              AND ($5 = '' OR event = $5)
              AND ($7 = '' OR request_id IS NULL OR EXISTS (SELECT 1 FROM request r
                WHERE r.id = request_id AND REPLACE($7, $8 || r.brand || $8, '') <> $7))
              ORDER BY ",
            $order,
            " LIMIT $6"
        )
    };
}

// One text each, so that the entries of one request are found by its index.
const FIRST_FROM: &str = "SELECT seq, at FROM journal WHERE seq >= $1 ORDER BY seq LIMIT 1";
const LAST: &str = "SELECT COALESCE(MAX(seq), 0) AS seq FROM journal";
const ALL_AFTER: &str = select!("seq > $1", " AND $2 = ''", "seq");
const ALL_BEFORE: &str = select!("seq < $1", " AND $2 = ''", "seq DESC");
const REQUEST_AFTER: &str = select!("seq > $1", " AND request_id = $2", "seq");
const REQUEST_BEFORE: &str = select!("seq < $1", " AND request_id = $2", "seq DESC");

impl Store {
    /// A page of the journal, with the number of each entry.
    pub async fn journal(
        &self,
        from: From,
        filter: &JournalFilter,
        limit: u32,
    ) -> Result<Vec<(i64, Entry)>, StoreError> {
        let mut request = filter.request;
        // The entries of a task are found through its request, which has an index.
        if let (None, Some(task)) = (request, filter.task) {
            request = self.task(task).await?.map(|task| task.request);
        }
        let (sql, bound) = match (from, request) {
            (From::After(seq), None) => (ALL_AFTER, seq),
            (From::Before(seq), None) => (ALL_BEFORE, seq),
            (From::After(seq), Some(_)) => (REQUEST_AFTER, seq),
            (From::Before(seq), Some(_)) => (REQUEST_BEFORE, seq),
        };
        let text = |id: Option<String>| id.unwrap_or_default();
        let row = values![
            bound,
            text(request.map(|id| id.to_string())),
            text(filter.task.map(|id| id.to_string())),
            text(filter.connection.map(|id| id.to_string())),
            filter.event.map_or("", Event::word),
            i64::from(limit),
            filter.brands.as_ref().map_or_else(String::new, brand_list),
            BRAND_END,
        ];
        self.db().fetch(sql, row).await?.iter().map(read).collect()
    }

    /// The number of the last entry of the journal before this instant; 0 if there is none.
    pub async fn journal_before(&self, instant: Instant) -> Result<i64, StoreError> {
        let (mut low, mut high): (i64, i64) = (0, last(self.db()).await?);
        // Entries up to `low` are before it, those after `high` are not; numbers may be left out.
        while low < high {
            let middle = low + (high - low) / 2 + 1;
            let row = self.db().fetch_optional(FIRST_FROM, values![middle]).await?;
            let found = row.map(|row| Ok::<_, StoreError>((row.get("seq")?, row.instant("at")?)));
            match found.transpose()? {
                Some((seq, at)) if at < instant => low = seq,
                _ => high = middle - 1,
            }
        }
        Ok(low)
    }
}

/// The number of the last entry; 0 if there is none.
pub(crate) async fn last(db: &Db) -> Result<i64, StoreError> {
    let row = db.fetch_optional(LAST, []).await?;
    row.map_or(Ok(0), |row| row.get("seq"))
}

/// Appends entries in their order.
pub(crate) async fn append(
    tx: &mut Tx,
    entries: impl IntoIterator<Item = &Entry>,
) -> Result<(), StoreError> {
    let rows = entries.into_iter().map(row).collect::<Result<Vec<_>, _>>()?;
    INSERT.change(tx, rows).await.map(drop)
}

/// The row of an entry.
pub(crate) fn row(entry: &Entry) -> Result<Vec<Value>, StoreError> {
    let facts = if entry.facts.is_empty() { None } else { Some(json(&entry.facts)?) };
    Ok(values![
        entry.at,
        json(&entry.actor)?,
        entry.event.word(),
        entry.request,
        entry.task,
        entry.connection,
        entry.job,
        entry.intent,
        facts,
    ])
}

/// An entry with its number.
pub(crate) fn read(row: &Row) -> Result<(i64, Entry), StoreError> {
    let actor: Actor = row.json("actor")?;
    let facts = match row.get::<Option<&str>>("facts")? {
        Some(_) => row.json("facts")?,
        None => serde_json::Map::new(),
    };
    let entry = Entry {
        at: row.instant("at")?,
        actor,
        event: row.parse("event")?,
        request: row.parse_optional("request_id")?,
        task: row.parse_optional("task_id")?,
        connection: row.parse_optional("connection_id")?,
        job: row.parse_optional("job_id")?,
        intent: row.parse_optional("intent_id")?,
        facts,
    };
    Ok((row.get("seq")?, entry))
}
