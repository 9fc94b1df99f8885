//! Numbers for overviews and benchmarks. None of them reads a table whole, but for `row_counts`.

use domain::{RequestState, TaskState};

use crate::db::{Row, values};
use crate::error::StoreError;
use crate::store::Store;

/// How many requests and tasks stand where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests by state.
    pub requests: Vec<(RequestState, u64)>,
    /// Open tasks by state.
    pub tasks: Vec<(TaskState, u64)>,
    /// Ended tasks by the word of their outcome.
    pub outcomes: Vec<(String, u64)>,
}

const REQUESTS: &str = "SELECT state, COUNT(*) AS n FROM request GROUP BY state ORDER BY state";
const TASKS: &str = "SELECT state, COUNT(*) AS n FROM task WHERE state <> 'ended'
    GROUP BY state ORDER BY state";
const OUTCOMES: &str = "SELECT COALESCE(outcome, '') AS outcome, COUNT(*) AS n FROM task
    WHERE state = 'ended' GROUP BY outcome ORDER BY outcome";

/// Every table that grows, with the statement that counts its rows.
macro_rules! row_counts {
    ($($table:literal),*) => {
        &[$(($table, concat!("SELECT COUNT(*) AS n FROM ", $table))),*]
    };
}
const TABLES: &[(&str, &str)] = row_counts!(
    "request",
    "request_key",
    "identifier",
    "task",
    "job",
    "carried",
    "intent",
    "evidence",
    "collected",
    "journal"
);

impl Store {
    /// How many requests and tasks stand where.
    pub async fn counts(&self) -> Result<Counts, StoreError> {
        let word = |row: &Row| Ok((row.parse("state")?, row.count("n")?));
        let requests = self.db().fetch(REQUESTS, values![]).await?;
        let task_word = |row: &Row| Ok((row.parse("state")?, row.count("n")?));
        let tasks = self.db().fetch(TASKS, values![]).await?;
        let outcomes = self.db().fetch(OUTCOMES, values![]).await?;
        let outcome = |row: &Row| Ok((row.get("outcome")?, row.count("n")?));
        Ok(Counts {
            requests: requests.iter().map(word).collect::<Result<_, StoreError>>()?,
            tasks: tasks.iter().map(task_word).collect::<Result<_, StoreError>>()?,
            outcomes: outcomes.iter().map(outcome).collect::<Result<_, StoreError>>()?,
        })
    }

    /// How many rows each table has, for benchmarks: it counts them one by one.
    pub async fn row_counts(&self) -> Result<Vec<(&'static str, u64)>, StoreError> {
        let mut counts = Vec::with_capacity(TABLES.len());
        for (table, sql) in TABLES {
            let row = self.db().fetch_optional(sql, values![]).await?;
            counts.push((*table, row.map_or(Ok(0), |row| row.count("n"))?));
        }
        Ok(counts)
    }
}
