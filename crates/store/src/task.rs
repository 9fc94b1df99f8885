//! Tasks as rows: what queries need is a column, the rest is `detail`, and what a round found and
//! plans has a row of its own, which is written once and not each time the task moves.

use domain::{ConnectionId, RequestId, Task, TaskId, TaskState};

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
/// What the engine asks again and again, for the test that nothing scans.
#[cfg(test)]
pub(crate) fn frequent(dialect: crate::db::Dialect) -> Vec<&'static str> {
    vec![
        OPEN_OF_CONNECTION,
        OBSERVED,
        BY_ID.longest_text(dialect),
        IDS_BY_REQUEST.longest_text(dialect),
        BY_REQUEST.longest_text(dialect),
        BRIEF_BY_REQUEST.longest_text(dialect),
        UPDATE.longest_text(dialect),
    ]
}

impl Store {
    /// A task.
    pub async fn task(&self, id: TaskId) -> Result<Option<Task>, StoreError> {
        Ok(self.tasks(&[id]).await?.into_iter().next())
    }

    /// The tasks with these ids, in the order of their ids.
    pub async fn tasks(&self, ids: &[TaskId]) -> Result<Vec<Task>, StoreError> {
        let ids = ids.iter().map(|id| values![*id]);
        Ok(in_order(BY_ID.read_as(self.db(), ids, read).await?))
    }

    /// The tasks of these requests, in the order of their ids.
    pub async fn tasks_of(&self, requests: &[RequestId]) -> Result<Vec<Task>, StoreError> {
        let ids = requests.iter().map(|id| values![*id]);
        Ok(in_order(BY_REQUEST.read_as(self.db(), ids, read).await?))
    }

    /// The same without what their rounds found and plan, which is the longest part of them: for lists.
    /// They are to be read only; a task that is to be written is loaded whole.
    pub async fn tasks_in_brief(&self, requests: &[RequestId]) -> Result<Vec<Task>, StoreError> {
        let ids = requests.iter().map(|id| values![*id]);
        Ok(in_order(BRIEF_BY_REQUEST.read_as(self.db(), ids, read).await?))
    }

    /// The ids that begin with a text, at most 20 of them; `tsk_` may be left out.
    pub async fn task_by_prefix(&self, prefix: &str) -> Result<Vec<TaskId>, StoreError> {
        let rows = self.db().fetch(PREFIX, prefix_range("tsk_", prefix)).await?;
        rows.iter().map(|row| row.parse("id")).collect()
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
    let rows = BY_ID.run(tx, ids.into_iter().map(|id| values![id])).await?;
    Ok(in_order(rows.iter().map(read).collect::<Result<_, _>>()?))
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

fn in_order(mut tasks: Vec<Task>) -> Vec<Task> {
    tasks.sort_by_key(|task| task.id);
    tasks.dedup_by_key(|task| task.id);
    tasks
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
