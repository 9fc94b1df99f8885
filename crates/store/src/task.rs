//! Tasks as rows: what queries need is a column, the rest is `detail`, and what a round found and
//! plans has a row of its own, which is written once and not each time the task moves.

use domain::{ConnectionId, Instant, RequestId, Right, Task, TaskId, TaskState};

use crate::bulk::{Kind, Over};
use crate::db::{Row, Tx, Value, json, values};
use crate::error::StoreError;
use crate::store::Store;

macro_rules! columns {
    () => {
        "t.id, t.request_id, t.connection_id, t.right_word, t.state, t.round, t.due_at, t.since, \
         t.detail, t.version, f.body AS findings"
    };
}
macro_rules! with_findings {
    () => {
        " task t LEFT JOIN findings f ON f.task_id = t.id "
    };
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
    /// When the engine may act, if not at once.
    pub due_at: Option<Instant>,
}

pub(crate) static INSERT: Over = Over::insert(
    "task",
    &[
        ("id", Kind::Text),
        ("version", Kind::Int),
        ("request_id", Kind::Text),
        ("connection_id", Kind::Text),
        ("right_word", Kind::Text),
        ("state", Kind::Text),
        ("round", Kind::Int),
        ("due_at", Kind::Int),
        ("since", Kind::Int),
        ("needs_person", Kind::Bool),
        ("variant", Kind::Text),
        ("n_items", Kind::Int),
        ("n_bytes", Kind::Int),
        ("sending", Kind::Text),
        ("queued", Kind::Bool),
        ("outcome", Kind::Text),
        ("detail", Kind::Text),
    ],
    "",
);
/// What a round found and plans, in place of what an earlier round did.
pub(crate) static FINDINGS: Over = Over::insert(
    "findings",
    &[("task_id", Kind::Text), ("body", Kind::Text)],
    "ON CONFLICT (task_id) DO UPDATE SET body = excluded.body",
);
pub(crate) static UPDATE: Over = Over::new(
    &[
        ("id", Kind::Text),
        ("expected", Kind::Int),
        ("state", Kind::Text),
        ("round", Kind::Int),
        ("due_at", Kind::Int),
        ("since", Kind::Int),
        ("needs_person", Kind::Bool),
        ("variant", Kind::Text),
        ("n_items", Kind::Int),
        ("n_bytes", Kind::Int),
        ("sending", Kind::Text),
        ("queued", Kind::Bool),
        ("outcome", Kind::Text),
        ("detail", Kind::Text),
    ],
    "UPDATE task SET state = v.state, round = v.round, due_at = v.due_at, since = v.since,
        needs_person = v.needs_person, variant = v.variant, n_items = v.n_items,
        n_bytes = v.n_bytes, sending = v.sending, queued = v.queued,
        outcome = v.outcome, detail = v.detail,
        version = v.expected + 1
     FROM v WHERE task.id = v.id AND task.version = v.expected",
);
static BY_ID: Over = Over::new(
    &[("id", Kind::Text)],
    concat!("SELECT ", columns!(), " FROM v CROSS JOIN", with_findings!(), "WHERE t.id = v.id"),
);
static IDS_BY_REQUEST: Over = Over::new(
    &[("request_id", Kind::Text)],
    "SELECT t.id FROM v CROSS JOIN task t WHERE t.request_id = v.request_id",
);
static BY_REQUEST: Over = Over::new(
    &[("request_id", Kind::Text)],
    concat!(
        "SELECT ",
        columns!(),
        " FROM v CROSS JOIN",
        with_findings!(),
        "WHERE t.request_id = v.request_id"
    ),
);
static BRIEF_BY_REQUEST: Over = Over::new(
    &[("request_id", Kind::Text)],
    "SELECT t.id, t.request_id, t.connection_id, t.right_word, t.state, t.round, t.due_at, t.since,
        t.detail, t.version, CAST(NULL AS TEXT) AS findings
     FROM v CROSS JOIN task t WHERE t.request_id = v.request_id",
);
const DUE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM",
    with_findings!(),
    "WHERE t.connection_id = $1 AND t.due_at IS NOT NULL AND NOT t.queued
        AND t.due_at <= $2
        AND $3 LIKE '%|' || t.state || '|%' ORDER BY t.due_at, t.id LIMIT $4"
);
const OF_CONNECTION: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM",
    with_findings!(),
    "WHERE t.connection_id = $1 AND t.id > $2 ORDER BY t.id LIMIT $3"
);
const OPEN_OF_CONNECTION: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM",
    with_findings!(),
    "WHERE t.connection_id = $1 AND t.state <> 'ended' AND t.id > $2
        ORDER BY t.id LIMIT $3"
);
const OBSERVED: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM",
    with_findings!(),
    "WHERE t.connection_id = $1 AND t.state = 'planned' AND t.due_at IS NULL AND t.id > $2
        ORDER BY t.id LIMIT $3"
);
const PREFIX: &str = "SELECT id FROM task WHERE id >= $1 AND id < $2 ORDER BY id LIMIT 20";
const QUEUE: &str = "SELECT id, request_id, right_word, variant, n_items, n_bytes, since, due_at
    FROM task WHERE connection_id = $1 AND queued ORDER BY since, id";
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
    vec![
        DUE,
        QUEUE,
        ON_THE_WAY,
        NEXT_DUE,
        OPEN_OF_CONNECTION,
        OBSERVED,
        BY_ID.longest_text(),
        IDS_BY_REQUEST.longest_text(),
        BY_REQUEST.longest_text(),
        BRIEF_BY_REQUEST.longest_text(),
        UPDATE.longest_text(),
    ]
}

impl Store {
    /// A task.
    pub async fn task(&self, id: TaskId) -> Result<Option<Task>, StoreError> {
        Ok(self.tasks(&[id]).await?.into_iter().next())
    }

    /// The tasks with these ids, in the order of their ids.
    pub async fn tasks(&self, ids: &[TaskId]) -> Result<Vec<Task>, StoreError> {
        read_all(&BY_ID.read(self.db(), ids.iter().map(|id| values![*id])).await?)
    }

    /// The tasks of these requests, in the order of their ids.
    pub async fn tasks_of(&self, requests: &[RequestId]) -> Result<Vec<Task>, StoreError> {
        read_all(&BY_REQUEST.read(self.db(), requests.iter().map(|id| values![*id])).await?)
    }

    /// The same without what their rounds found and plan, which is the longest part of them: for lists.
    /// They are to be read only; a task that is to be written is loaded whole.
    pub async fn tasks_in_brief(&self, requests: &[RequestId]) -> Result<Vec<Task>, StoreError> {
        let ids = requests.iter().map(|id| values![*id]);
        read_all(&BRIEF_BY_REQUEST.read(self.db(), ids).await?)
    }

    /// The ids that begin with a text, at most 20 of them; `tsk_` may be left out.
    pub async fn task_by_prefix(&self, prefix: &str) -> Result<Vec<TaskId>, StoreError> {
        let rows = self.db().fetch(PREFIX, prefix_range("tsk_", prefix)).await?;
        rows.iter().map(|row| row.parse("id")).collect()
    }

    /// Tasks of a connection that are due, in certain states, the longest due first.
    pub async fn due_tasks(
        &self,
        connection: ConnectionId,
        states: &[TaskState],
        now: Instant,
        limit: u32,
    ) -> Result<Vec<Task>, StoreError> {
        let states = word_list(states.iter().map(|state| state.word()));
        let row = values![connection, now, states, i64::from(limit)];
        self.db().fetch(DUE, row).await?.iter().map(read).collect()
    }

    /// The tasks of a connection, by id.
    pub async fn tasks_of_connection(
        &self,
        connection: ConnectionId,
        which: Which,
        after: Option<TaskId>,
        limit: u32,
    ) -> Result<Vec<Task>, StoreError> {
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let sql = match which {
            Which::Open => OPEN_OF_CONNECTION,
            Which::All => OF_CONNECTION,
        };
        let row = values![connection, after, i64::from(limit)];
        self.db().fetch(sql, row).await?.iter().map(read).collect()
    }

    /// The tasks of a connection that stand still with their plan, as they do in observe mode, by
    /// id.
    pub async fn observed(
        &self,
        connection: ConnectionId,
        after: Option<TaskId>,
        limit: u32,
    ) -> Result<Vec<Task>, StoreError> {
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let row = values![connection, after, i64::from(limit)];
        self.db().fetch(OBSERVED, row).await?.iter().map(read).collect()
    }

    /// The approved tasks of a connection that no job is carrying, the longest waiting first.
    pub async fn batch_queue(&self, connection: ConnectionId) -> Result<Vec<Queued>, StoreError> {
        self.db().fetch(QUEUE, values![connection]).await?.iter().map(read_queued).collect()
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

/// Whether what is over counts as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// What is not over.
    Open,
    /// Everything.
    All,
}

/// The ids of the tasks of some requests, within a transaction.
pub(crate) async fn ids_of_requests(
    tx: &mut Tx,
    requests: impl Iterator<Item = RequestId>,
) -> Result<Vec<TaskId>, StoreError> {
    let rows = IDS_BY_REQUEST.run(tx, requests.map(|id| values![id])).await?;
    rows.iter().map(|row| row.parse("id")).collect()
}

/// The tasks with these ids, within a transaction.
pub(crate) async fn by_ids(tx: &mut Tx, ids: Vec<TaskId>) -> Result<Vec<Task>, StoreError> {
    read_all(&BY_ID.run(tx, ids.into_iter().map(|id| values![id])).await?)
}

/// The row of a new task.
pub(crate) fn row(task: &Task) -> Result<Vec<Value>, StoreError> {
    let mut row = values![task.id, 0_i64, task.request, task.connection, task.right.word()];
    row.extend(changing_columns(task)?);
    Ok(row)
}

/// The row that replaces the version which was loaded.
pub(crate) fn change(task: &Task) -> Result<Vec<Value>, StoreError> {
    let mut row = values![task.id, task.version];
    row.extend(changing_columns(task)?);
    Ok(row)
}

fn changing_columns(task: &Task) -> Result<Vec<Value>, StoreError> {
    let plan = task.findings.plan();
    let weight = plan.map(|plan| plan.weight).unwrap_or_default();
    Ok(values![
        task.state.word(),
        i64::from(task.round),
        task.due_at,
        task.since,
        task.needs_a_person(),
        plan.map(|plan| plan.variant.clone()),
        i64::from(weight.items),
        i64::from(weight.bytes),
        task.detail.sending,
        is_queued(task),
        task.detail.outcome.as_ref().map(|outcome| outcome.word().to_owned()),
        json(&task.detail)?,
    ])
}

/// The row of what a round found and plans.
pub(crate) fn findings(task: &Task) -> Result<Vec<Value>, StoreError> {
    Ok(values![task.id, json(&task.findings)?])
}

/// Whether a task waits for a batch. Its due time is then the batch queue's affair.
fn is_queued(task: &Task) -> bool {
    task.state == TaskState::Acting && task.detail.sending.is_none() && !task.right.only_reads()
}

pub(crate) fn read(row: &Row) -> Result<Task, StoreError> {
    Ok(Task {
        id: row.parse("id")?,
        request: row.parse("request_id")?,
        connection: row.parse_optional("connection_id")?,
        right: row.parse("right_word")?,
        state: row.parse("state")?,
        round: row.count("round")?,
        due_at: row.instant_optional("due_at")?,
        since: row.instant("since")?,
        findings: row.json_optional("findings")?.unwrap_or_default(),
        detail: row.json("detail")?,
        version: row.get("version")?,
    })
}

fn read_all(rows: &[Row]) -> Result<Vec<Task>, StoreError> {
    let mut tasks = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    tasks.sort_by_key(|task| task.id);
    tasks.dedup_by_key(|task| task.id);
    Ok(tasks)
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
        due_at: row.instant_optional("due_at")?,
    })
}

/// Words for a `LIKE '%|' || word || '|%'`, which is how a statement takes a list of them.
pub(crate) fn word_list(words: impl Iterator<Item = impl AsRef<str>>) -> String {
    words.fold(String::from("|"), |list, word| list + word.as_ref() + "|")
}

/// The bounds of the ids that begin with a text, as two values.
pub(crate) fn prefix_range(kind: &str, prefix: &str) -> Vec<Value> {
    let from = match prefix.starts_with(kind) {
        true => prefix.to_owned(),
        false => format!("{kind}{prefix}"),
    };
    // Ids are lower-case letters, digits and `_`; `~` follows all of them.
    let to = format!("{from}~");
    values![from, to]
}
