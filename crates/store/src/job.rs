//! Vendor jobs as rows, and the rows between them and tasks.

use domain::job::{Carried, JobState};
use domain::{ConnectionId, IdentifierId, Instant, Job, JobId, TaskId};

use crate::bulk::{Kind, Over};
use crate::db::{Row, Value, json, values};
use crate::error::StoreError;
use crate::store::Store;

pub(crate) static INSERT: Over = Over::insert(
    "job",
    &[
        ("id", Kind::Text),
        ("version", Kind::Int),
        ("connection_id", Kind::Text),
        ("state", Kind::Text),
        ("due_at", Kind::Int),
        ("vendor_ref", Kind::Text),
        ("body", Kind::Text),
    ],
    "",
);
pub(crate) static UPDATE: Over = Over::new(
    &[
        ("id", Kind::Text),
        ("expected", Kind::Int),
        ("state", Kind::Text),
        ("due_at", Kind::Int),
        ("vendor_ref", Kind::Text),
        ("body", Kind::Text),
    ],
    "UPDATE job SET state = v.state, due_at = v.due_at, vendor_ref = v.vendor_ref,
        body = v.body, version = v.expected + 1
     FROM v WHERE job.id = v.id AND job.version = v.expected",
);
pub(crate) static INSERT_CARRIED: Over = Over::insert(
    "carried",
    &[
        ("job_id", Kind::Text),
        ("task_id", Kind::Text),
        ("request_id", Kind::Text),
        ("round", Kind::Int),
        ("identifiers", Kind::Text),
    ],
    "",
);

const ONE: &str = "SELECT body, version FROM job WHERE id = $1";
const DUE: &str = "SELECT body, version FROM job
    WHERE connection_id = $1 AND due_at IS NOT NULL AND due_at <= $2 ORDER BY due_at, id LIMIT $3";
const IN_STATE: &str = "SELECT body, version FROM job WHERE connection_id = $1 AND state = $2
    ORDER BY id";
const REFS: &str = "SELECT vendor_ref FROM job WHERE connection_id = $1 AND vendor_ref IS NOT NULL
    ORDER BY id";
const CARRIED_BY: &str = "SELECT job_id, task_id, request_id, round, identifiers FROM carried
    WHERE job_id = $1 AND task_id > $2 ORDER BY task_id, round LIMIT $3";
const CARRIED_OF: &str = "SELECT job_id, task_id, request_id, round, identifiers FROM carried
    WHERE task_id = $1 ORDER BY job_id";
static ELSEWHERE: Over = Over::new(
    &[("id", Kind::Text), ("connection_id", Kind::Text)],
    ", mine AS MATERIALIZED (
        SELECT i.id, i.request_id, i.token, i.older_token, v.connection_id
        FROM v CROSS JOIN identifier i WHERE i.id = v.id
     ), shared AS MATERIALIZED (
        SELECT mine.id AS mine, mine.connection_id, other.id AS theirs, other.request_id
        FROM mine CROSS JOIN identifier other
        WHERE (other.token IN (mine.token, mine.older_token) OR other.older_token = mine.token)
            AND other.request_id <> mine.request_id
     ), tasks AS MATERIALIZED (
        SELECT shared.mine, shared.theirs, t.id FROM shared CROSS JOIN task t
        WHERE t.request_id = shared.request_id AND t.connection_id = shared.connection_id
     )
     SELECT tasks.mine, tasks.theirs, c.job_id, c.task_id, c.request_id, c.round, c.identifiers
     FROM tasks CROSS JOIN carried c WHERE c.task_id = tasks.id",
);

/// What the engine asks again and again, for the test that nothing scans.
#[cfg(test)]
pub(crate) fn frequent(dialect: crate::db::Dialect) -> Vec<&'static str> {
    vec![
        ONE,
        DUE,
        CARRIED_BY,
        CARRIED_OF,
        UPDATE.longest_text(dialect),
        ELSEWHERE.longest_text(dialect),
    ]
}

impl Store {
    /// A job.
    pub async fn job(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        self.db().fetch_optional(ONE, values![id]).await?.as_ref().map(read).transpose()
    }

    /// Jobs of a connection that are due, the longest due first.
    pub async fn due_jobs(
        &self,
        connection: ConnectionId,
        now: Instant,
        limit: u32,
    ) -> Result<Vec<Job>, StoreError> {
        let row = values![connection, now, i64::from(limit)];
        self.db().fetch(DUE, row).await?.iter().map(read).collect()
    }

    /// The jobs of a connection in one state, by id.
    pub async fn jobs(
        &self,
        connection: ConnectionId,
        state: JobState,
    ) -> Result<Vec<Job>, StoreError> {
        let row = values![connection, state.word()];
        self.db().fetch(IN_STATE, row).await?.iter().map(read).collect()
    }

    /// The vendor's names of all jobs of a connection that we know of.
    pub async fn vendor_refs(&self, connection: ConnectionId) -> Result<Vec<String>, StoreError> {
        let rows = self.db().fetch(REFS, values![connection]).await?;
        rows.iter().map(|row| row.get("vendor_ref")).collect()
    }

    /// A page of what a job carries, by task.
    pub async fn carried_by(
        &self,
        job: JobId,
        after: Option<TaskId>,
        limit: u32,
    ) -> Result<Vec<Carried>, StoreError> {
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let rows = self.db().fetch(CARRIED_BY, values![job, after, i64::from(limit)]).await?;
        rows.iter().map(read_carried).collect()
    }

    /// By which jobs a task is or was carried.
    pub async fn carried_of(&self, task: TaskId) -> Result<Vec<Carried>, StoreError> {
        self.db().fetch(CARRIED_OF, values![task]).await?.iter().map(read_carried).collect()
    }

    /// Which of these identifiers a job of this connection carries, or carried, for another
    /// request that knows the same value: `(the one given, what was carried)`.
    pub async fn carried_elsewhere(
        &self,
        connection: ConnectionId,
        identifiers: &[IdentifierId],
    ) -> Result<Vec<(IdentifierId, Carried)>, StoreError> {
        let rows = identifiers.iter().map(|id| values![*id, connection]);
        let mut elsewhere = Vec::new();
        for row in &ELSEWHERE.read(self.db(), rows).await? {
            let carried = read_carried(row)?;
            if carried.identifiers.contains(&row.parse("theirs")?) {
                elsewhere.push((row.parse("mine")?, carried));
            }
        }
        Ok(elsewhere)
    }
}

/// The row of a new job.
pub(crate) fn row(job: &Job) -> Result<Vec<Value>, StoreError> {
    let mut row = values![job.id, 0_i64, job.connection];
    row.extend(changing_columns(job)?);
    Ok(row)
}

/// The row that replaces the version which was loaded.
pub(crate) fn change(job: &Job) -> Result<Vec<Value>, StoreError> {
    let mut row = values![job.id, job.version];
    row.extend(changing_columns(job)?);
    Ok(row)
}

/// The row of a task that a job carries.
pub(crate) fn carried_row(carried: &Carried) -> Result<Vec<Value>, StoreError> {
    let round = i64::from(carried.round);
    let identifiers = json(&carried.identifiers)?;
    Ok(values![carried.job, carried.task, carried.request, round, identifiers])
}

fn changing_columns(job: &Job) -> Result<Vec<Value>, StoreError> {
    Ok(values![job.state.word(), job.due_at, job.vendor_ref.clone(), json(job)?])
}

fn read(row: &Row) -> Result<Job, StoreError> {
    let mut job: Job = row.json("body")?;
    job.version = row.get("version")?;
    Ok(job)
}

fn read_carried(row: &Row) -> Result<Carried, StoreError> {
    Ok(Carried {
        job: row.parse("job_id")?,
        task: row.parse("task_id")?,
        request: row.parse("request_id")?,
        round: row.count("round")?,
        identifiers: row.json("identifiers")?,
    })
}
