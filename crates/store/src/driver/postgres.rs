//! PostgreSQL: any number of processes, one that writes at a time.
//!
//! Writers take turns under a lock of the database, as SQLite's do under that of its file, so that one
//! text and one reasoning hold for both: what a transaction has read stays so until it commits, and
//! whoever commits later has the higher numbers. Work is committed in groups, so the turns are few. The
//! lock ends with its transaction, also where a holder stands still: the server breaks off a
//! transaction in which nothing happens. Nothing here outlives a transaction on its connection but
//! prepared statements, and where a pooler stands between that hands a connection out per transaction,
//! nothing is prepared.

mod reach;

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgArguments, PgConnectOptions, PgPool, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Executor as _, PgConnection, Postgres, Row as _, Transaction};

use self::reach::{ALIVE, Pooler, pool, reach, within};
use crate::db::{List, Row, Tx, Value};
use crate::driver::rest;
use crate::error::{StoreError, is_away};
use crate::migrate::{self, Migration};
use crate::seal::random;

/// How long a transaction may wait for its turn.
const TURN_TIMEOUT: Duration = Duration::from_secs(120);
/// How long a statement may take before its connection counts as dead.
const DEAD_AFTER: Duration = Duration::from_secs(60);
const READERS: u32 = 4;
/// The lock under which writers take turns: the bytes of "habeas".
const TURN: i64 = 0x6861_6265_6173;
/// How long a holder of the turn may do nothing before the server takes it away.
const STANDS_STILL: &str = "10s";
/// How long to wait before asking again what came of a commit.
const AFTER_FAILURE: Duration = Duration::from_millis(500);
/// How long that is asked: a standby may have to take over first.
const FIND_OUT: Duration = Duration::from_secs(90);

/// The connections to one database.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    /// The only connection of this process that writes; a database that is only read has none.
    writer: Option<Writer>,
    readers: PgPool,
    pooler: Pooler,
}

#[derive(Clone, Debug)]
struct Writer {
    pool: PgPool,
    pooler: Pooler,
    /// Under which it counts its transactions.
    id: Arc<str>,
}

/// A write transaction.
pub(crate) struct Writing {
    tx: Transaction<'static, Postgres>,
    pooler: Pooler,
    writer: Option<(Writer, i64)>,
    /// Whether a statement failed and was not undone: the server would end it by undoing all, and report
    /// no error.
    is_spoilt: bool,
}

impl Database {
    /// Opens the database and migrates it.
    pub(crate) async fn open(url: &str, known: &[Migration]) -> Result<Self, StoreError> {
        let (options, pooler) = reach(url).await?;
        let writer = pool(options.clone(), 1);
        let tx = writer.begin_with(in_turn()).await.map_err(|e| failed("begin to write", e))?;
        let mut tx = Tx::Postgres(Writing { tx, pooler, writer: None, is_spoilt: false });
        migrate::bring_up_to_date(&mut tx, known).await?;
        tx.commit().await?;
        Self::to_write(writer, options, pooler)
    }

    /// Opens a database that is up to date for writing, also one that nobody may use yet.
    pub(crate) async fn open_as_is(url: &str) -> Result<Self, StoreError> {
        let (options, pooler) = reach(url).await?;
        Self::to_write(pool(options.clone(), 1), options, pooler)
    }

    fn to_write(
        writer: PgPool,
        options: PgConnectOptions,
        pooler: Pooler,
    ) -> Result<Self, StoreError> {
        let writer = Some(Writer { pool: writer, pooler, id: new_id()? });
        Ok(Self { writer, readers: pool(options, READERS), pooler })
    }

    /// Opens an existing database for reading.
    pub(crate) async fn open_read_only(url: &str, known: &[Migration]) -> Result<Self, StoreError> {
        let database = Self::look_at(url).await?;
        migrate::refuse_other_schema(&crate::db::Db::Postgres(database.clone()), known).await?;
        Ok(database)
    }

    /// Opens a database to look at it, whatever its schema.
    pub(crate) async fn look_at(url: &str) -> Result<Self, StoreError> {
        let (options, pooler) = reach(url).await?;
        Ok(Self { writer: None, readers: pool(options, READERS), pooler })
    }

    /// Begins a write transaction, after those that asked before.
    pub(crate) async fn begin(&self) -> Result<Writing, StoreError> {
        let Some(writer) = &self.writer else {
            let cause = "the store was opened for reading".into();
            return Err(StoreError::ReadOnly { attempt: "begin to write", cause });
        };
        let count = async {
            let mut tx = writer.pool.begin_with(in_turn()).await?;
            let counted = writer.ask(COUNT).fetch_one(&mut *tx).await?;
            Ok((tx, counted.try_get("n")?))
        };
        let begun = within(TURN_TIMEOUT + ALIVE, count).await;
        let (tx, n) = begun.map_err(|error| failed("begin to write", error))?;
        let pooler = self.pooler;
        Ok(Writing { tx, pooler, writer: Some((writer.clone(), n)), is_spoilt: false })
    }

    /// Reads on one of the readers.
    pub(crate) async fn fetch(
        &self,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<Vec<PgRow>, StoreError> {
        if self.pooler == Pooler::Between {
            let mut reader = self.readers.begin().await.map_err(|e| failed("begin to read", e))?;
            return fetch("read", self.pooler, &mut reader, sql, values).await;
        }
        let mut reader = self.readers.acquire().await.map_err(|e| failed("begin to read", e))?;
        fetch("read", self.pooler, &mut reader, sql, values).await
    }

    /// Whether a table exists.
    pub(crate) async fn has_table(&self, name: &'static str) -> Result<bool, StoreError> {
        let rows =
            self.fetch("SELECT to_regclass($1) IS NOT NULL AS has", vec![name.into()]).await?;
        let has = rows.first().map(|row| row.try_get("has")).transpose();
        Ok(has.map_err(|error| failed("look for a table", error))?.unwrap_or(false))
    }

    /// A number that changes when another process has committed.
    pub(crate) async fn data_version(&self) -> Result<i64, StoreError> {
        let mine = self.writer.as_ref().map_or("", |writer| &writer.id);
        let sql = "SELECT CAST(COALESCE(SUM(n), 0) AS BIGINT) AS n FROM writer WHERE id <> $1";
        let rows = self.fetch(sql, vec![mine.into()]).await?;
        let n = rows.first().map(|row| row.try_get("n")).transpose();
        Ok(n.map_err(|error| failed("ask for changes", error))?.unwrap_or(0))
    }

    /// The time that the server has at this moment, in milliseconds.
    pub(crate) async fn time(&self) -> Result<i64, StoreError> {
        let sql = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) AS now_ms";
        let rows = self.fetch(sql, Vec::new()).await?;
        let now =
            rows.first().ok_or(sqlx::Error::RowNotFound).and_then(|row| row.try_get("now_ms"));
        now.map_err(|error| failed("ask for the time", error))
    }

    /// Whether its connections keep the plans of statements.
    #[cfg(test)]
    pub(crate) fn prepares(&self) -> bool {
        self.pooler == Pooler::Absent
    }

    /// Closes all connections.
    pub(crate) async fn close(&self) {
        self.readers.close().await;
        if let Some(writer) = &self.writer {
            writer.pool.close().await;
        }
    }
}

impl Writer {
    /// A statement about its own row.
    fn ask(&self, sql: &'static str) -> Query<'_, Postgres, PgArguments> {
        self.pooler.statement(sql, PgArguments::default()).bind(&*self.id)
    }
}

impl Writing {
    /// Makes everything since `begin` durable. Where the connection broke meanwhile it is found out
    /// what came of it: this process counts its transactions in the database.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        let Self { tx, writer, is_spoilt, .. } = self;
        if is_spoilt {
            let cause = "a statement before it failed".into();
            return Err(StoreError::Database { attempt: "commit", cause });
        }
        let error = match within(DEAD_AFTER, tx.commit()).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let Some((writer, n)) = writer.filter(|_| leaves_open(&error)) else {
            return Err(failed("commit", error));
        };
        match within(FIND_OUT, found_out(&writer)).await {
            Ok(counted) if counted >= n => Ok(()),
            Ok(_) => Err(failed("commit", error)),
            Err(error) => Err(failed("find out what came of a commit", error)),
        }
    }

    /// Runs a statement and counts the rows it touched.
    pub(crate) async fn execute(
        &mut self,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<u64, StoreError> {
        let statement = self.pooler.statement(sql, arguments(values)?);
        let done = within(DEAD_AFTER, statement.execute(&mut *self.tx)).await;
        self.is_spoilt |= done.is_err();
        Ok(done.map_err(|error| failed("write", error))?.rows_affected())
    }

    /// Runs a statement and returns its rows.
    pub(crate) async fn fetch(
        &mut self,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<Vec<PgRow>, StoreError> {
        let rows = fetch("write", self.pooler, &mut self.tx, sql, values).await;
        self.is_spoilt |= rows.is_err();
        rows
    }

    /// Runs several statements that take no values, however long they take.
    pub(crate) async fn run_script(&mut self, sql: &'static str) -> Result<(), StoreError> {
        let done = self.tx.execute(sqlx::raw_sql(sql)).await;
        self.is_spoilt |= done.is_err();
        done.map(drop).map_err(|error| failed("change the schema", error))
    }

    /// Goes back to a mark, and is good again.
    pub(crate) async fn go_back(&mut self, sql: &'static str) -> Result<(), StoreError> {
        self.execute(sql, Vec::new()).await?;
        self.is_spoilt = false;
        Ok(())
    }
}

/// Whether it is not known after this error what came of a commit: nobody answered, or whoever runs the
/// server ended the connection, which also happens to one that waits for a standby.
fn leaves_open(error: &sqlx::Error) -> bool {
    match error.as_database_error() {
        None => true,
        Some(said) => said.code().is_some_and(|state| is_away(&state)),
    }
}

/// How many transactions a writer has committed, once the server has ended the one that broke. It writes too:
/// a commit that waits for a standby, and is broken off there, is seen by every reader before the standby
/// has it; but what is committed after it waits for both.
async fn found_out(writer: &Writer) -> Result<i64, sqlx::Error> {
    loop {
        // The turn comes only when the broken transaction has ended, either way.
        let asked = async {
            let mut tx = writer.pool.begin_with(in_turn()).await?;
            let row = writer.ask("UPDATE writer SET seen_at = now() WHERE id = $1 RETURNING n");
            let n = row.fetch_optional(&mut *tx).await?.map_or(Ok(0), |row| row.try_get("n"))?;
            tx.commit().await.map(|()| n)
        };
        if let Ok(n) = asked.await {
            return Ok(n);
        }
        rest(AFTER_FAILURE).await;
    }
}

/// A name for a process that writes: plain letters and digits, since it stands in a text of SQL.
fn new_id() -> Result<Arc<str>, StoreError> {
    let random: [u8; 16] = random().map_err(StoreError::from)?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into())
}

/// Counts a transaction of a writer in itself: where it is undone, so is that.
const COUNT: &str = "INSERT INTO writer (id, n) VALUES ($1, 1)
    ON CONFLICT (id) DO UPDATE SET n = writer.n + 1, seen_at = now() RETURNING n";

/// Begins a transaction and waits for its turn, in one message.
fn in_turn() -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "BEGIN; SET LOCAL idle_in_transaction_session_timeout = '{STANDS_STILL}';
         SET LOCAL lock_timeout = '{}s'; SELECT pg_advisory_xact_lock({TURN})",
        TURN_TIMEOUT.as_secs()
    ))
}

/// Runs a statement and returns its rows.
async fn fetch(
    attempt: &'static str,
    pooler: Pooler,
    connection: &mut PgConnection,
    sql: &'static str,
    values: Vec<Value>,
) -> Result<Vec<PgRow>, StoreError> {
    let statement = pooler.statement(sql, arguments(values)?);
    let rows = within(DEAD_AFTER, statement.fetch_all(connection)).await;
    rows.map_err(|error| failed(attempt, error))
}

/// Wraps rows for the seam.
pub(crate) fn rows(found: Result<Vec<PgRow>, StoreError>) -> Result<Vec<Row>, StoreError> {
    Ok(found?.into_iter().map(Row::Postgres).collect())
}

fn arguments(values: Vec<Value>) -> Result<PgArguments, StoreError> {
    use sqlx::Arguments as _;
    let mut arguments = PgArguments::default();
    arguments.reserve(values.len(), 0);
    for value in values {
        let added = match value {
            Value::Text(value) => arguments.add(value),
            Value::Int(value) => arguments.add(value),
            Value::Bool(value) => arguments.add(value),
            Value::Bytes(value) => arguments.add(value),
            Value::List(List::Text(list)) => arguments.add(list),
            Value::List(List::Int(list)) => arguments.add(list),
            Value::List(List::Bool(list)) => arguments.add(list),
            Value::List(List::Bytes(list)) => arguments.add(list),
        };
        added.map_err(|cause| StoreError::Database { attempt: "bind a value", cause })?;
    }
    Ok(arguments)
}

fn failed(attempt: &'static str, error: sqlx::Error) -> StoreError {
    use sqlx::Error::{Io, PoolTimedOut, Protocol, Tls};
    match error {
        Io(_) | PoolTimedOut | Protocol(_) | Tls(_) => {
            StoreError::Unreachable { attempt, cause: Box::new(error) }
        }
        error => StoreError::database(attempt, error),
    }
}
