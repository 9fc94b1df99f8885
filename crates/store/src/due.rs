//! Work that is due: the tasks whose time has come, and those that wait for a batch.

use std::collections::HashMap;

use domain::{ConnectionId, Instant, RequestId, Right, Task, TaskId, TaskState};

use crate::db::{Row, values};
use crate::error::StoreError;
use crate::store::Store;
use crate::task::word_list;

/// A task that is due, in brief: many may be due, and a task with its plan is long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueTask {
    /// The task.
    pub task: TaskId,
    /// Its version as it was seen.
    pub version: i64,
    /// Where it stands.
    pub state: TaskState,
    /// The way it is done, once that is planned.
    pub variant: Option<String>,
}

/// An approved task on its way into a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// The task.
    pub task: TaskId,
    /// Its request.
    pub request: RequestId,
    /// The right it serves.
    pub right: Right,
    /// The way it is done; tasks of one variant share batches.
    pub variant: String,
    /// How many members of a batch it is.
    pub n_items: u32,
    /// How many bytes of a batch it is.
    pub n_bytes: u32,
    /// Since when it waits.
    pub since: Instant,
    /// Since when the engine may act.
    pub due_at: Instant,
}

const DUE: &str = "SELECT id, version, state, variant FROM task
    WHERE connection_id = $1 AND due_at IS NOT NULL AND NOT queued AND due_at <= $2
        AND $3 LIKE '%|' || state || '|%' ORDER BY due_at, id LIMIT $4";
const QUEUE: &str = "SELECT id, request_id, right_word, variant, n_items, n_bytes, since, due_at
    FROM task WHERE connection_id = $1 AND queued AND due_at <= $2
        AND (due_at, since, id) > ($3, $4, $5) ORDER BY due_at, since, id LIMIT $6";
const QUEUE_LATER: &str = "SELECT MIN(due_at) AS due_at FROM task
    WHERE connection_id = $1 AND queued AND due_at > $2";
const ON_THE_WAY: &str = "SELECT COUNT(*) AS n FROM task WHERE connection_id = $1
    AND state IN ('locating', 'planned') AND NOT needs_person AND right_word = $2";
const NEXT_DUE: &str = "SELECT MIN(due_at) AS due_at FROM (
    SELECT MIN(due_at) AS due_at FROM task
        WHERE connection_id = $1 AND due_at IS NOT NULL AND NOT queued
    UNION ALL
    SELECT MIN(due_at) AS due_at FROM job WHERE connection_id = $1 AND due_at IS NOT NULL) AS dues";

/// What the engine asks again and again, for the test that nothing scans.
#[cfg(test)]
pub(crate) fn frequent() -> Vec<&'static str> {
    vec![DUE, QUEUE, QUEUE_LATER, ON_THE_WAY, NEXT_DUE]
}

impl Store {
    /// Tasks of a connection that are due, in certain states, the longest due first.
    pub async fn due_tasks(
        &self,
        connection: ConnectionId,
        states: &[TaskState],
        now: Instant,
        limit: u32,
    ) -> Result<Vec<DueTask>, StoreError> {
        let states = word_list(states.iter().map(|state| state.word()));
        let row = values![connection, now, states, i64::from(limit)];
        self.db().fetch(DUE, row).await?.iter().map(read_due).collect()
    }

    /// Tasks that were due, whole, in the order of their ids; without those that changed since.
    pub async fn tasks_as_due(&self, due: &[DueTask]) -> Result<Vec<Task>, StoreError> {
        let seen: HashMap<_, _> = due.iter().map(|due| (due.task, due.version)).collect();
        let ids: Vec<_> = seen.keys().copied().collect();
        let mut tasks = self.tasks(&ids).await?;
        tasks.retain(|task| seen.get(&task.id) == Some(&task.version));
        Ok(tasks)
    }

    /// The approved tasks of a connection that may go by now and that no job is carrying, the longest due
    /// first; a page of them, after the last of the page before.
    pub async fn batch_queue(
        &self,
        connection: ConnectionId,
        now: Instant,
        after: Option<&Queued>,
        limit: u32,
    ) -> Result<Vec<Queued>, StoreError> {
        let after = after.map(|last| (last.due_at, last.since, last.task.to_string()));
        let (due_at, since, id) = after.unwrap_or((Instant::MIN, Instant::MIN, String::new()));
        let row = values![connection, now, due_at, since, id, i64::from(limit)];
        self.db().fetch(QUEUE, row).await?.iter().map(read_queued).collect()
    }

    /// When the first of those may go that may not by now.
    pub async fn batch_queue_later(
        &self,
        connection: ConnectionId,
        now: Instant,
    ) -> Result<Option<Instant>, StoreError> {
        let row = self.db().fetch_optional(QUEUE_LATER, values![connection, now]).await?;
        row.map_or(Ok(None), |row| row.instant_optional("due_at"))
    }

    /// How many tasks of a connection and a right are on their way to approval by themselves.
    pub async fn n_on_the_way(
        &self,
        connection: ConnectionId,
        right: Right,
    ) -> Result<u64, StoreError> {
        let row = self.db().fetch_optional(ON_THE_WAY, values![connection, right.word()]).await?;
        row.map_or(Ok(0), |row| row.count("n"))
    }

    /// When a task or job of a connection is due next.
    pub async fn next_due(&self, connection: ConnectionId) -> Result<Option<Instant>, StoreError> {
        let row = self.db().fetch_optional(NEXT_DUE, values![connection]).await?;
        row.map_or(Ok(None), |row| row.instant_optional("due_at"))
    }
}

fn read_due(row: &Row) -> Result<DueTask, StoreError> {
    Ok(DueTask {
        task: row.parse("id")?,
        version: row.get("version")?,
        state: row.parse("state")?,
        variant: row.get("variant")?,
    })
}

fn read_queued(row: &Row) -> Result<Queued, StoreError> {
    Ok(Queued {
        task: row.parse("id")?,
        request: row.parse("request_id")?,
        right: row.parse("right_word")?,
        variant: row.get::<Option<String>>("variant")?.unwrap_or_default(),
        n_items: row.count("n_items")?,
        n_bytes: row.count("n_bytes")?,
        since: row.instant("since")?,
        due_at: row.instant("due_at")?,
    })
}
