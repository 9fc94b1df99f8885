//! PostgreSQL: any number of processes, one that writes at a time.
//!
//! Writers take turns under a lock of the database, as SQLite's do under that of its file, so that one
//! text and one reasoning hold for both: what a transaction has read stays so until it commits, and
//! whoever commits later has the higher numbers. Work is committed in groups, so the turns are few. The
//! lock ends with its transaction, also where a holder stands still: the server breaks off a
//! transaction in which nothing happens. Nothing here outlives a transaction on its connection, so a
//! pooler that hands one out per transaction may stand between.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgArguments, PgConnectOptions, PgPool, PgPoolOptions, PgRow};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Executor as _, PgConnection, Postgres, Row as _,
    Transaction,
};

use crate::db::{Row, Tx, Value};
use crate::driver::rest;
use crate::error::StoreError;
use crate::migrate::{self, Migration};
use crate::seal::random;

/// The oldest server, as it numbers itself.
const OLDEST: (&str, i32) = ("15", 150_000);
/// How long a transaction may wait for a connection, or for its turn.
const TURN_TIMEOUT: Duration = Duration::from_secs(120);
const READERS: u32 = 4;
/// The lock under which writers take turns: the bytes of "habeas".
const TURN: i64 = 0x6861_6265_6173;
/// How long a holder of the turn may do nothing before the server takes it away.
const STANDS_STILL: &str = "10s";
/// How long to wait before asking again what came of a commit.
const AFTER_FAILURE: Duration = Duration::from_millis(500);
/// How often that is asked.
const ASKED: u32 = 60;

/// The connections to one database.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    /// The only connection of this process that writes; a database that is only read has none.
    writer: Option<Writer>,
    readers: PgPool,
}

#[derive(Clone, Debug)]
struct Writer {
    pool: PgPool,
    /// Under which it counts its transactions.
    id: Arc<str>,
}

/// A write transaction.
pub(crate) struct Writing {
    pub(crate) tx: Transaction<'static, Postgres>,
    writer: Option<(Writer, i64)>,
}

impl Database {
    /// Opens the database and migrates it.
    pub(crate) async fn open(url: &str, known: &[Migration]) -> Result<Self, StoreError> {
        let options = options(url)?;
        let pool = connect(options.clone(), 1).await?;
        refuse_old(&pool).await?;
        let tx = pool.begin_with(in_turn("")).await.map_err(|e| failed("begin to write", e))?;
        let mut tx = Tx::Postgres(Writing { tx, writer: None });
        migrate::bring_up_to_date(&mut tx, known).await?;
        tx.commit().await?;
        Self::registered(pool, options).await
    }

    /// Opens a database that is up to date for writing, also one that nobody may use yet.
    pub(crate) async fn open_as_is(url: &str) -> Result<Self, StoreError> {
        let options = options(url)?;
        Self::registered(connect(options.clone(), 1).await?, options).await
    }

    async fn registered(pool: PgPool, options: PgConnectOptions) -> Result<Self, StoreError> {
        let id: Arc<str> = new_id()?;
        let registered = sqlx::query("INSERT INTO writer (id, n) VALUES ($1, 0)").bind(&*id);
        registered.execute(&pool).await.map_err(|error| failed("register as a writer", error))?;
        let readers = connect(options, READERS).await?;
        Ok(Self { writer: Some(Writer { pool, id }), readers })
    }

    /// Opens an existing database for reading.
    pub(crate) async fn open_read_only(url: &str, known: &[Migration]) -> Result<Self, StoreError> {
        let database = Self::look_at(url).await?;
        migrate::refuse_other_schema(&crate::db::Db::Postgres(database.clone()), known).await?;
        Ok(database)
    }

    /// Opens a database to look at it, whatever its schema.
    pub(crate) async fn look_at(url: &str) -> Result<Self, StoreError> {
        let readers = connect(options(url)?, READERS).await?;
        refuse_old(&readers).await?;
        Ok(Self { writer: None, readers })
    }

    /// Begins a write transaction, after those that asked before.
    pub(crate) async fn begin(&self) -> Result<Writing, StoreError> {
        let Some(writer) = &self.writer else {
            let cause = "the store was opened for reading".into();
            return Err(StoreError::ReadOnly { attempt: "begin to write", cause });
        };
        let count =
            format!("UPDATE writer SET n = n + 1, seen_at = now() WHERE id = '{}'", writer.id);
        let begun = writer.pool.begin_with(in_turn(&count)).await;
        let mut tx = begun.map_err(|error| failed("begin to write", error))?;
        let n = count_of(&mut tx, writer).await.map_err(|error| failed("begin to write", error))?;
        Ok(Writing { tx, writer: n.map(|n| (writer.clone(), n)) })
    }

    /// Reads on one of the readers.
    pub(crate) async fn fetch(
        &self,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<Vec<PgRow>, StoreError> {
        let mut reader = self.readers.acquire().await.map_err(|e| failed("begin to read", e))?;
        fetch("read", &mut reader, sql, values).await
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

    /// Closes all connections.
    pub(crate) async fn close(&self) {
        self.readers.close().await;
        if let Some(writer) = &self.writer {
            writer.pool.close().await;
        }
    }
}

impl Writing {
    /// Makes everything since `begin` durable. Where the connection broke meanwhile it is found out
    /// what came of it: this process counts its transactions in the database.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        let Self { tx, writer } = self;
        let error = match tx.commit().await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let Some((writer, n)) = writer.filter(|_| error.as_database_error().is_none()) else {
            return Err(failed("commit", error));
        };
        for _ in 0..ASKED {
            // The turn comes only when the server has ended the broken transaction, either way.
            if let Ok(mut tx) = writer.pool.begin_with(in_turn("")).await
                && let Ok(Some(counted)) = count_of(&mut tx, &writer).await
            {
                return if counted >= n { Ok(()) } else { Err(failed("commit", error)) };
            }
            rest(AFTER_FAILURE).await;
        }
        Err(failed("find out what came of a commit", error))
    }
}

/// A name for a process that writes: plain letters and digits, since it stands in a text of SQL.
fn new_id() -> Result<Arc<str>, StoreError> {
    let random: [u8; 16] = random().map_err(StoreError::from)?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into())
}

/// How many transactions a writer has begun and not undone, as its own connection sees it.
async fn count_of(
    connection: &mut PgConnection,
    writer: &Writer,
) -> Result<Option<i64>, sqlx::Error> {
    let row = sqlx::query("SELECT n FROM writer WHERE id = $1").bind(&*writer.id);
    row.fetch_optional(connection).await?.map(|row| row.try_get("n")).transpose()
}

/// Begins a transaction, waits for its turn, and does what comes first in it, all in one message.
fn in_turn(first: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "BEGIN; SET LOCAL idle_in_transaction_session_timeout = '{STANDS_STILL}';
         SET LOCAL lock_timeout = '{}s'; SELECT pg_advisory_xact_lock({TURN}); {first}",
        TURN_TIMEOUT.as_secs()
    ))
}

/// Runs a statement and counts the rows it touched.
pub(crate) async fn execute(
    connection: &mut PgConnection,
    sql: &'static str,
    values: Vec<Value>,
) -> Result<u64, StoreError> {
    let done = sqlx::query_with(sql, arguments(values)?).execute(connection).await;
    Ok(done.map_err(|error| failed("write", error))?.rows_affected())
}

/// Runs a statement and returns its rows.
pub(crate) async fn fetch(
    attempt: &'static str,
    connection: &mut PgConnection,
    sql: &'static str,
    values: Vec<Value>,
) -> Result<Vec<PgRow>, StoreError> {
    let rows = sqlx::query_with(sql, arguments(values)?).fetch_all(connection).await;
    rows.map_err(|error| failed(attempt, error))
}

/// Runs several statements that take no values.
pub(crate) async fn run_script(
    connection: &mut PgConnection,
    sql: &'static str,
) -> Result<(), StoreError> {
    let done = connection.execute(sqlx::raw_sql(sql)).await;
    done.map(drop).map_err(|error| failed("change the schema", error))
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
        };
        added.map_err(|cause| StoreError::Database { attempt: "bind a value", cause })?;
    }
    Ok(arguments)
}

fn options(url: &str) -> Result<PgConnectOptions, StoreError> {
    let options: PgConnectOptions = url.parse().map_err(|error| failed("read its URL", error))?;
    Ok(options.application_name("habeas").disable_statement_logging())
}

async fn connect(options: PgConnectOptions, connections: u32) -> Result<PgPool, StoreError> {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(TURN_TIMEOUT)
        .connect_with(options)
        .await
        .map_err(|error| failed("open the store", error))
}

async fn refuse_old(pool: &PgPool) -> Result<(), StoreError> {
    let row = sqlx::query(
        "SELECT CAST(current_setting('server_version_num') AS INT) AS n,
        current_setting('server_version') AS found",
    )
    .fetch_one(pool)
    .await;
    let row = row.map_err(|error| failed("ask for its version", error))?;
    let number: i32 = row.try_get("n").map_err(|error| failed("ask for its version", error))?;
    let (needed, oldest) = OLDEST;
    if number < oldest {
        let found = row.try_get("found").map_err(|error| failed("ask for its version", error))?;
        return Err(StoreError::OldPostgres { found, needed });
    }
    Ok(())
}

fn failed(attempt: &'static str, error: sqlx::Error) -> StoreError {
    StoreError::database(attempt, error)
}
