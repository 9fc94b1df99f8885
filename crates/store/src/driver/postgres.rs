//! PostgreSQL: any number of processes, one that writes at a time.
//!
//! Writers take turns under a lock of the database, as SQLite's do under that of its file, so that one
//! text and one reasoning hold for both: what a transaction has read stays so until it commits, and
//! whoever commits later has the higher numbers. Work is committed in groups, so the turns are few. The
//! lock ends with its transaction, also where a holder stands still: the server breaks off a
//! transaction in which nothing happens. Nothing here outlives a transaction on its connection but
//! prepared statements, so a pooler that hands one out per transaction and knows those, or is told to
//! do without, may stand between.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgArguments, PgConnectOptions, PgPool, PgPoolOptions, PgRow};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgConnection, Postgres,
    Row as _, Transaction,
};

use crate::db::{Row, Tx, Value};
use crate::driver::rest;
use crate::error::{StoreError, is_away};
use crate::migrate::{self, Migration};
use crate::seal::random;

/// The oldest server, as it numbers itself.
const OLDEST: (&str, i32) = ("15", 150_000);
/// How a URL begins.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];
/// How long a transaction may wait for its turn.
const TURN_TIMEOUT: Duration = Duration::from_secs(120);
/// How long a connection may take to be made.
const LET_IN: Duration = Duration::from_secs(10);
/// How long a statement may take before its connection counts as dead.
const DEAD_AFTER: Duration = Duration::from_secs(60);
/// How long a connection may take to show that it is alive.
const ALIVE: Duration = Duration::from_secs(5);
/// How long after its work a connection is taken for alive.
const FRESH: Duration = Duration::from_secs(1);
const READERS: u32 = 4;
/// The lock under which writers take turns: the bytes of "habeas".
const TURN: i64 = 0x6861_6265_6173;
/// How long a holder of the turn may do nothing before the server takes it away.
const STANDS_STILL: &str = "10s";
/// How long to wait before asking again what came of a commit.
const AFTER_FAILURE: Duration = Duration::from_millis(500);
/// How long that is asked: a standby may have to take over first.
const FIND_OUT: Duration = Duration::from_secs(90);
/// The parameter of a URL by which a pooler between is spared prepared statements.
const SPARED: &str = "statement-cache-capacity=0";

/// The connections to one database.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    /// The only connection of this process that writes; a database that is only read has none.
    writer: Option<Writer>,
    readers: PgPool,
    /// Whether a pooler stands between that knows no prepared statements, so that what belongs together
    /// has to be in a transaction.
    is_spared: bool,
}

#[derive(Clone, Debug)]
struct Writer {
    pool: PgPool,
    /// Under which it counts its transactions.
    id: Arc<str>,
}

/// A write transaction.
pub(crate) struct Writing {
    tx: Transaction<'static, Postgres>,
    writer: Option<(Writer, i64)>,
    /// Whether a statement failed and was not undone: the server would end it by undoing all, and report
    /// no error.
    is_spoilt: bool,
}

impl Database {
    /// Opens the database and migrates it.
    pub(crate) async fn open(url: &str, known: &[Migration]) -> Result<Self, StoreError> {
        let options = options(url)?;
        let pool = connect(options.clone(), 1).await?;
        refuse_old(&pool).await?;
        let tx = pool.begin_with(in_turn()).await.map_err(|e| failed("begin to write", e))?;
        let mut tx = Tx::Postgres(Writing { tx, writer: None, is_spoilt: false });
        migrate::bring_up_to_date(&mut tx, known).await?;
        tx.commit().await?;
        let readers = connect(options, READERS).await?;
        let writer = Some(Writer { pool, id: new_id()? });
        Ok(Self { writer, readers, is_spared: url.contains(SPARED) })
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
        Ok(Self { writer: None, readers, is_spared: url.contains(SPARED) })
    }

    /// Begins a write transaction, after those that asked before.
    pub(crate) async fn begin(&self) -> Result<Writing, StoreError> {
        let Some(writer) = &self.writer else {
            let cause = "the store was opened for reading".into();
            return Err(StoreError::ReadOnly { attempt: "begin to write", cause });
        };
        let count = async {
            let mut tx = writer.pool.begin_with(in_turn()).await?;
            let counted = sqlx::query(COUNT).bind(&*writer.id).fetch_one(&mut *tx).await?;
            Ok((tx, counted.try_get("n")?))
        };
        let begun = within(TURN_TIMEOUT + ALIVE, count).await;
        let (tx, n) = begun.map_err(|error| failed("begin to write", error))?;
        Ok(Writing { tx, writer: Some((writer.clone(), n)), is_spoilt: false })
    }

    /// Reads on one of the readers.
    pub(crate) async fn fetch(
        &self,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<Vec<PgRow>, StoreError> {
        if self.is_spared {
            let mut reader = self.readers.begin().await.map_err(|e| failed("begin to read", e))?;
            return fetch("read", &mut reader, sql, values).await;
        }
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
        let Self { tx, writer, is_spoilt } = self;
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
        let statement = sqlx::query_with(sql, arguments(values)?);
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
        let rows = fetch("write", &mut self.tx, sql, values).await;
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

/// How many transactions a writer has committed, once the server has ended the one that broke.
async fn found_out(writer: &Writer) -> Result<i64, sqlx::Error> {
    loop {
        // The turn comes only when the broken transaction has ended, either way.
        let asked = async {
            let mut tx = writer.pool.begin_with(in_turn()).await?;
            let row = sqlx::query("SELECT n FROM writer WHERE id = $1").bind(&*writer.id);
            row.fetch_optional(&mut *tx).await?.map_or(Ok(0), |row| row.try_get("n"))
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

/// Waits for an answer, but not for ever: a server whose machine is gone never gives one.
async fn within<T>(
    limit: Duration,
    answer: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let silent = || sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, "it does not answer"));
    tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| Err(silent()))
}

/// Runs a statement and returns its rows.
async fn fetch(
    attempt: &'static str,
    connection: &mut PgConnection,
    sql: &'static str,
    values: Vec<Value>,
) -> Result<Vec<PgRow>, StoreError> {
    let statement = sqlx::query_with(sql, arguments(values)?);
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
        };
        added.map_err(|cause| StoreError::Database { attempt: "bind a value", cause })?;
    }
    Ok(arguments)
}

fn options(url: &str) -> Result<PgConnectOptions, StoreError> {
    if !SCHEMES.iter().any(|scheme| url.starts_with(scheme)) {
        let cause = "it does not begin with postgres://".into();
        return Err(StoreError::Database { attempt: "read its URL", cause });
    }
    let options: PgConnectOptions = url.parse().map_err(|error| failed("read its URL", error))?;
    // No number here is a float, and poolers refuse what they don't know at the start of a connection.
    let options = options.extra_float_digits(None).application_name("habeas");
    Ok(options.disable_statement_logging())
}

async fn connect(options: PgConnectOptions, connections: u32) -> Result<PgPool, StoreError> {
    // A pool asks for long; whoever opens a store wants to hear at once what is wrong.
    let first = within(LET_IN, PgConnection::connect_with(&options)).await;
    let first = first.map_err(|error| failed("open the store", error))?;
    drop(first.close().await);
    let pool = PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(TURN_TIMEOUT)
        // One that was at work a moment ago is taken as it is.
        .test_before_acquire(false)
        .before_acquire(|connection, idle| {
            let is_fresh = idle.idle_for < FRESH;
            Box::pin(async move { Ok(is_fresh || within(ALIVE, is_alive(connection)).await?) })
        })
        .after_release(|connection, _| Box::pin(within(ALIVE, is_alive(connection))));
    Ok(pool.connect_lazy_with(options))
}

async fn is_alive(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    connection.ping().await.map(|()| true)
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
    use sqlx::Error::{Io, PoolTimedOut, Protocol, Tls};
    match error {
        Io(_) | PoolTimedOut | Protocol(_) | Tls(_) => {
            StoreError::Unreachable { attempt, cause: Box::new(error) }
        }
        error => StoreError::database(attempt, error),
    }
}
