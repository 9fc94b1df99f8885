//! Numbers for whoever watches the program, asked for every few seconds: they count what is open or due
//! by its indexes, to a bound, and never what is over.

use domain::{ConnectionId, EndpointId, Instant, RequestState, TaskState};

use crate::db::{Row, values};
use crate::error::StoreError;
use crate::lease::{self, LeaseRow};
use crate::store::Store;

/// Nothing is counted further than this.
pub const MOST_COUNTED: u32 = 100_000;

/// Ages by which due work is counted, in seconds.
pub const AGES: [i64; 5] = [0, 60, 600, 3_600, 86_400];

// The states are all but the last one of `RequestState`.
const REQUESTS: &str = "SELECT state, COUNT(*) AS n,
        SUM(CASE WHEN due_at <= $1 THEN 1 ELSE 0 END) AS n_overdue
    FROM (SELECT state, due_at FROM request
        WHERE state IN ('received', 'verifying', 'reviewing', 'in progress', 'answering')
        LIMIT $2) AS bounded GROUP BY state";
const TASKS: &str = "SELECT connection_id, state, needs_person, COUNT(*) AS n
    FROM (SELECT connection_id, state, needs_person FROM task WHERE state <> 'ended' LIMIT $1) AS bounded
    GROUP BY connection_id, state, needs_person";
macro_rules! due {
    ($since:literal, $from:literal) => {
        concat!(
            "SELECT MIN(since) AS oldest, COUNT(*) AS n0,
                SUM(CASE WHEN since <= $3 THEN 1 ELSE 0 END) AS n1,
                SUM(CASE WHEN since <= $4 THEN 1 ELSE 0 END) AS n2,
                SUM(CASE WHEN since <= $5 THEN 1 ELSE 0 END) AS n3,
                SUM(CASE WHEN since <= $6 THEN 1 ELSE 0 END) AS n4
             FROM (SELECT ",
            $since,
            " AS since FROM ",
            $from,
            " AND ",
            $since,
            " <= $2 LIMIT $7) AS bounded"
        )
    };
}
const DUE_TASKS: &str =
    due!("due_at", "task WHERE connection_id = $1 AND due_at IS NOT NULL AND NOT queued");
const DUE_BATCHES: &str = due!("since", "task WHERE connection_id = $1 AND queued");
const DUE_JOBS: &str = due!("due_at", "job WHERE connection_id = $1 AND due_at IS NOT NULL");
const OPEN_INTENTS: &str =
    "SELECT COUNT(*) AS n FROM intent WHERE connection_id = $1 AND answer IS NULL";
const WAITING: &str = "SELECT COUNT(*) AS n, MIN(seq) AS oldest
    FROM (SELECT seq FROM delivery WHERE endpoint_id = $1 AND due_at IS NOT NULL LIMIT $2) AS bounded";
const DEAD: &str = "SELECT COUNT(*) AS n
    FROM (SELECT seq FROM delivery WHERE endpoint_id = $1 AND state = 'dead' LIMIT $2) AS bounded";
const WRITTEN_AT: &str = "SELECT at FROM journal WHERE seq = $1";
const NEWEST: &str = "SELECT seq, at FROM journal WHERE seq = (SELECT MAX(seq) FROM journal)";

/// Those that are asked for every few seconds.
#[cfg(test)]
pub(crate) fn frequent() -> Vec<&'static str> {
    vec![
        REQUESTS,
        TASKS,
        DUE_TASKS,
        DUE_BATCHES,
        DUE_JOBS,
        OPEN_INTENTS,
        WAITING,
        DEAD,
        WRITTEN_AT,
        NEWEST,
    ]
}

/// What is open, to [`MOST_COUNTED`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Open {
    /// Requests by state, and how many of them are overdue.
    pub requests: Vec<(RequestState, u64, u64)>,
    /// Tasks by connection (none for work by hand), state, and whether they wait for a person.
    pub tasks: Vec<(Option<ConnectionId>, TaskState, bool, u64)>,
}

/// What is due on one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Since when the oldest of it is.
    pub oldest: Option<Instant>,
    /// How much is due for at least as long as each of [`AGES`] says.
    pub by_age: [u64; AGES.len()],
}

/// All of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueOfConnection {
    /// Tasks to be moved on or looked at.
    pub tasks: Due,
    /// Tasks that wait to be sent, since they were approved.
    pub batches: Due,
    /// Vendor jobs to be asked about.
    pub jobs: Due,
    /// Changing calls whose outcome is not known.
    pub open_intents: u64,
}

/// What one endpoint has not been told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Untold {
    /// Deliveries to be made, or made again.
    pub waiting: u64,
    /// When what the oldest of them tells was written.
    pub oldest: Option<Instant>,
    /// Deliveries that were given up.
    pub dead: u64,
}

impl Store {
    /// What is open.
    pub async fn open_work(&self, now: Instant) -> Result<Open, StoreError> {
        let requests = self.db().fetch(REQUESTS, values![now, i64::from(MOST_COUNTED)]).await?;
        let tasks = self.db().fetch(TASKS, values![i64::from(MOST_COUNTED)]).await?;
        let request =
            |row: &Row| Ok((row.parse("state")?, row.count("n")?, row.count("n_overdue")?));
        let task = |row: &Row| {
            let connection = row.parse_optional("connection_id")?;
            Ok((connection, row.parse("state")?, row.get("needs_person")?, row.count("n")?))
        };
        Ok(Open {
            requests: requests.iter().map(request).collect::<Result<_, StoreError>>()?,
            tasks: tasks.iter().map(task).collect::<Result<_, StoreError>>()?,
        })
    }

    /// What is due on a connection.
    pub async fn due_work(
        &self,
        connection: ConnectionId,
        now: Instant,
    ) -> Result<DueOfConnection, StoreError> {
        let intents = self.db().fetch_optional(OPEN_INTENTS, values![connection]).await?;
        Ok(DueOfConnection {
            tasks: self.due(DUE_TASKS, connection, now).await?,
            batches: self.due(DUE_BATCHES, connection, now).await?,
            jobs: self.due(DUE_JOBS, connection, now).await?,
            open_intents: intents.map_or(Ok(0), |row| row.count("n"))?,
        })
    }

    /// What an endpoint has not been told.
    pub async fn untold(&self, endpoint: EndpointId) -> Result<Untold, StoreError> {
        let most = i64::from(MOST_COUNTED);
        let waiting = self.db().fetch_optional(WAITING, values![endpoint, most]).await?;
        let dead = self.db().fetch_optional(DEAD, values![endpoint, most]).await?;
        let count = |row: &Option<Row>| row.as_ref().map_or(Ok(0), |row| row.count("n"));
        let oldest: Option<i64> = match &waiting {
            Some(row) => row.get("oldest")?,
            None => None,
        };
        let written = match oldest {
            Some(seq) => self.db().fetch_optional(WRITTEN_AT, values![seq]).await?,
            None => None,
        };
        Ok(Untold {
            waiting: count(&waiting)?,
            oldest: written.map(|row| row.instant("at")).transpose()?,
            dead: count(&dead)?,
        })
    }

    async fn due(
        &self,
        sql: &'static str,
        connection: ConnectionId,
        now: Instant,
    ) -> Result<Due, StoreError> {
        let ago = |seconds| now - jiff::SignedDuration::from_secs(seconds);
        let [at, one, two, three, four] = AGES.map(ago);
        let most = i64::from(MOST_COUNTED);
        let values = values![connection, at, one, two, three, four, most];
        let Some(row) = self.db().fetch_optional(sql, values).await? else {
            return Ok(Due { oldest: None, by_age: Default::default() });
        };
        let mut by_age = [0; AGES.len()];
        for (n, column) in by_age.iter_mut().zip(["n0", "n1", "n2", "n3", "n4"]) {
            *n = row.get::<Option<i64>>(column)?.and_then(|n| n.try_into().ok()).unwrap_or(0);
        }
        Ok(Due { oldest: row.instant_optional("oldest")?, by_age })
    }

    /// The newest entry of the journal: its number, and when it was written.
    pub async fn newest_entry(&self) -> Result<Option<(i64, Instant)>, StoreError> {
        let row = self.db().fetch_optional(NEWEST, values![]).await?;
        row.map(|row| Ok((row.get("seq")?, row.instant("at")?))).transpose()
    }

    /// Every lease as it stands.
    pub async fn leases(&self) -> Result<Vec<LeaseRow>, StoreError> {
        lease::all(self.db()).await
    }
}
