//! SQLite: one file, a write-ahead log, one writer, a few readers.
//!
//! There is one writing connection per process and every write transaction begins as `IMMEDIATE`: a
//! transaction that reads first and then writes would fail at once when another process has written
//! between, however long it may wait. Commits are durable (`synchronous = FULL`): this is evidence.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteRow, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _, Row as _, Sqlite, SqliteConnection, Transaction};

use crate::crash::{Call, CrashPoints, Moment, Turn, settle};
use crate::db::{Db, Row, Tx, Value};
use crate::driver::rest;
use crate::error::StoreError;
use crate::migrate::{self, Migration};

/// The database's file in the data folder.
pub(crate) const FILE: &str = "habeas.db";
/// Earlier versions can corrupt a write-ahead log when one connection writes while another
/// checkpoints (sqlite.org/wal.html#the_wal_reset_bug).
const OLDEST_SQLITE: (&str, [u32; 3]) = ("3.51.3", [3, 51, 3]);
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How soon it is tried again where SQLite itself does not wait.
const AFTER_BUSY: Duration = Duration::from_millis(50);
/// How long a transaction may wait for its turn in this process.
const TURN_TIMEOUT: Duration = Duration::from_secs(120);
const READERS: u32 = 4;
/// Room for every statement in all its sizes.
const STATEMENTS: usize = 2048;
/// How many rows may wait to be taken: a page of due tasks, so that the reader's thread isn't woken
/// again and again in the middle of one answer.
const ROWS_AHEAD: usize = 1024;

/// The connections to one file.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    /// The only connection that writes; a read-only database has none.
    writer: Option<SqlitePool>,
    readers: SqlitePool,
    /// Always one and the same connection, as `data_version` counts per connection. It is the
    /// writer where there is one, so that our own commits do not count.
    watch: SqlitePool,
    /// Where a simulated process dies.
    pub(crate) crash_points: CrashPoints,
}

/// A write transaction.
pub(crate) struct Writing {
    pub(crate) tx: Transaction<'static, Sqlite>,
    crash_points: CrashPoints,
    /// What it ran, noted only where the process may die of it.
    ran: Vec<&'static str>,
    turn: Option<Box<dyn Turn>>,
}

impl Database {
    /// Opens or makes the file, and migrates it.
    pub(crate) async fn open(folder: &Path, known: &[Migration]) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        make_private(&path)?;
        let options = options(&path)
            // A task with its plan takes half a page.
            .page_size(8192)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            // A purge deletes keys that are wrapped only, and a copy of the disk outlives them.
            .pragma("secure_delete", "ON")
            .pragma("cache_size", "-16384")
            .pragma("wal_autocheckpoint", "8192")
            .pragma("journal_size_limit", "134217728");
        let writer = connect_at_last(options).await?;
        refuse_old_sqlite(&writer).await?;
        let crash_points = CrashPoints::default();
        let mut tx = Tx::Sqlite(begin(&writer, &crash_points).await?);
        migrate::bring_up_to_date(&mut tx, known).await?;
        tx.commit().await?;
        let readers = self::options(&path).read_only(true).pragma("cache_size", "-2048");
        let readers = connect(readers, READERS).await?;
        Ok(Self { watch: writer.clone(), writer: Some(writer), readers, crash_points })
    }

    /// Opens an existing file for writing as it is, whatever its schema.
    pub(crate) async fn open_as_is(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        if !path.exists() {
            return Err(StoreError::missing(folder));
        }
        let writer = connect(options(&path).synchronous(SqliteSynchronous::Full), 1).await?;
        refuse_old_sqlite(&writer).await?;
        let readers = connect(options(&path).read_only(true), READERS).await?;
        let crash_points = CrashPoints::default();
        Ok(Self { watch: writer.clone(), writer: Some(writer), readers, crash_points })
    }

    /// Opens an existing file for reading.
    pub(crate) async fn open_read_only(
        folder: &Path,
        known: &[Migration],
    ) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        if !path.exists() {
            return Err(StoreError::missing(folder));
        }
        Self::read(options(&path).read_only(true), known).await
    }

    /// Opens a copy that nobody writes, and leaves no file beside it.
    pub(crate) async fn open_copy(folder: &Path, known: &[Migration]) -> Result<Self, StoreError> {
        Self::read(options(&folder.join(FILE)).read_only(true).immutable(true), known).await
    }

    async fn read(options: SqliteConnectOptions, known: &[Migration]) -> Result<Self, StoreError> {
        let watch = connect(options.clone(), 1).await?;
        refuse_old_sqlite(&watch).await?;
        let readers = connect(options, READERS).await?;
        let crash_points = CrashPoints::default();
        let database = Self { writer: None, readers, watch, crash_points };
        migrate::refuse_other_schema(&Db::Sqlite(database.clone()), known).await?;
        Ok(database)
    }

    /// Begins a write transaction, after those that asked before, unless the rows have moved elsewhere
    /// while this process had the file open.
    pub(crate) async fn begin(&self) -> Result<Tx, StoreError> {
        let mut tx = Tx::Sqlite(self.begin_as_is().await?);
        migrate::refuse_marked(&mut tx).await?;
        Ok(tx)
    }

    /// Begins a write transaction, whether the rows have moved or not.
    pub(crate) async fn begin_as_is(&self) -> Result<Writing, StoreError> {
        let Some(writer) = &self.writer else {
            let cause = "the store was opened for reading".into();
            return Err(StoreError::ReadOnly { attempt: "begin to write", cause });
        };
        begin(writer, &self.crash_points).await
    }

    /// Reads on one of the readers.
    pub(crate) async fn fetch(
        &self,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<Vec<SqliteRow>, StoreError> {
        let read = async {
            self.crash_points.pass(Moment::Before, Call::Read(sql))?;
            let mut reader =
                self.readers.acquire().await.map_err(|e| failed("begin to read", e))?;
            let rows = fetch("read", &mut reader, sql, values).await;
            self.crash_points.pass(Moment::After, Call::Read(sql))?;
            rows
        };
        self.crash_points.in_turn(read).await
    }

    /// Writes the database as it is at one moment into an empty file, beside whoever writes it.
    pub(crate) async fn copy_into(&self, file: &Path) -> Result<(), StoreError> {
        let file = file.to_str().ok_or_else(|| StoreError::Database {
            attempt: "copy itself",
            cause: "the path of the copy is not text in UTF-8".into(),
        })?;
        let copied = sqlx::query("VACUUM INTO $1").bind(file).execute(&self.readers).await;
        copied.map(drop).map_err(|error| failed("copy itself", error))
    }

    /// Folds the log into the file and empties it, so that nothing stays there that was overwritten
    /// since. Says whether it could: somebody who reads, as a backup does, may need the log still.
    pub(crate) async fn fold_log(&self) -> Result<bool, StoreError> {
        let Some(writer) = &self.writer else { return Ok(false) };
        let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(writer).await;
        let is_busy: i64 = row
            .and_then(|row| row.try_get("busy"))
            .map_err(|error| failed("fold its log", error))?;
        Ok(is_busy == 0)
    }

    /// The first fault that it finds in the file; nothing if there is none.
    pub(crate) async fn check(&self) -> Result<Option<String>, StoreError> {
        let rows = self.fetch("PRAGMA quick_check(1)", Vec::new()).await?;
        let told = rows.first().map(|row| row.try_get::<String, _>(0)).transpose();
        let told = told.map_err(|error| failed("check itself", error))?;
        Ok(told.filter(|told| told != "ok"))
    }

    /// Whether a table exists.
    pub(crate) async fn has_table(&self, name: &'static str) -> Result<bool, StoreError> {
        let sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name = $1";
        Ok(!self.fetch(sql, vec![name.into()]).await?.is_empty())
    }

    /// A number that changes when another process has committed.
    pub(crate) async fn data_version(&self) -> Result<i64, StoreError> {
        let asked = sqlx::query("PRAGMA data_version").fetch_one(&self.watch);
        let row = self.crash_points.in_turn(asked).await;
        let row = row.map_err(|error| failed("ask for changes", error))?;
        row.try_get(0).map_err(|error| failed("ask for changes", error))
    }

    /// Closes the readers first, so that the writer is the last and folds the log into the file.
    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.watch.close().await;
    }
}

impl Writing {
    /// The connection, for this statement.
    pub(crate) fn by(&mut self, sql: &'static str) -> &mut SqliteConnection {
        if self.crash_points.are_set() {
            self.ran.push(sql);
        }
        &mut self.tx
    }

    /// Makes everything since `begin` durable.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        let call = Call::Commit(&self.ran);
        self.crash_points.pass(Moment::Before, call)?;
        let committed = self.tx.commit().await.map_err(|error| failed("commit", error));
        self.crash_points.pass(Moment::After, call)?;
        settle(self.turn).await;
        committed
    }
}

/// Runs a statement and counts the rows it touched.
pub(crate) async fn execute(
    connection: &mut SqliteConnection,
    sql: &'static str,
    values: Vec<Value>,
) -> Result<u64, StoreError> {
    let done = sqlx::query_with(sql, arguments(values)?)
        .execute(connection)
        .await
        .map_err(|error| failed("write", error))?;
    Ok(done.rows_affected())
}

/// Runs a statement and returns its rows.
pub(crate) async fn fetch(
    attempt: &'static str,
    connection: &mut SqliteConnection,
    sql: &'static str,
    values: Vec<Value>,
) -> Result<Vec<SqliteRow>, StoreError> {
    sqlx::query_with(sql, arguments(values)?)
        .fetch_all(connection)
        .await
        .map_err(|error| failed(attempt, error))
}

/// Runs several statements that take no values.
pub(crate) async fn run_script(
    connection: &mut SqliteConnection,
    sql: &'static str,
) -> Result<(), StoreError> {
    let done = sqlx::raw_sql(sql).execute(connection).await;
    done.map(drop).map_err(|error| failed("change the schema", error))
}

/// Wraps rows for the seam.
pub(crate) fn rows(found: Result<Vec<SqliteRow>, StoreError>) -> Result<Vec<Row>, StoreError> {
    Ok(found?.into_iter().map(Row::Sqlite).collect())
}

fn arguments(values: Vec<Value>) -> Result<SqliteArguments, StoreError> {
    use sqlx::Arguments as _;
    let mut arguments = SqliteArguments::default();
    arguments.reserve(values.len(), 0);
    for value in values {
        let added = match value {
            Value::Text(value) => arguments.add(value),
            Value::Int(value) => arguments.add(value),
            Value::Bool(value) => arguments.add(value),
            Value::Bytes(value) => arguments.add(value),
            Value::List(_) => Err("it has no arrays".into()),
        };
        added.map_err(|cause| StoreError::Database { attempt: "bind a value", cause })?;
    }
    Ok(arguments)
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .statement_cache_capacity(STATEMENTS)
        .row_buffer_size(ROWS_AHEAD)
        .pragma("temp_store", "MEMORY")
        .disable_statement_logging()
}

async fn connect(
    options: SqliteConnectOptions,
    connections: u32,
) -> Result<SqlitePool, StoreError> {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(TURN_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .after_release(|connection, _| Box::pin(is_at_rest(connection)))
        .connect_with(options)
        .await
        .map_err(|error| failed("open the store", error))
}

/// Opens the file to write. SQLite waits for others in all it does but in the change to a write-ahead log,
/// which all who open a new file at the same moment want to make.
async fn connect_at_last(options: SqliteConnectOptions) -> Result<SqlitePool, StoreError> {
    let until = Instant::now() + BUSY_TIMEOUT;
    loop {
        match connect(options.clone(), 1).await {
            Err(StoreError::Busy { .. }) if Instant::now() < until => {
                rest(AFTER_BUSY).await;
            }
            connected => return connected,
        }
    }
}

/// Whether a connection that was given back can be used again. When a disk is full SQLite may end a
/// transaction by itself; sqlx then counts it as open for ever and would refuse to begin another.
async fn is_at_rest(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    // A transaction that was dropped is rolled back by now: the connection works in order.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

async fn begin(writer: &SqlitePool, crash_points: &CrashPoints) -> Result<Writing, StoreError> {
    let turn = crash_points.turn().await;
    let begun = writer.begin_with("BEGIN IMMEDIATE").await;
    let tx = begun.map_err(|error| failed("begin to write", error))?;
    Ok(Writing { tx, crash_points: crash_points.clone(), ran: Vec::new(), turn })
}

async fn refuse_old_sqlite(pool: &SqlitePool) -> Result<(), StoreError> {
    let row = sqlx::query("SELECT sqlite_version()")
        .fetch_one(pool)
        .await
        .map_err(|error| failed("ask for its version", error))?;
    let found: String = row.try_get(0).map_err(|error| failed("ask for its version", error))?;
    let (needed, oldest) = OLDEST_SQLITE;
    let parts: Vec<u32> = found.split('.').filter_map(|part| part.parse().ok()).collect();
    if parts.as_slice() < oldest.as_slice() {
        return Err(StoreError::OldSqlite { found, needed });
    }
    Ok(())
}

/// Makes the file before SQLite does, since SQLite would let others read it. The log and the shared
/// memory file take over its mode.
fn make_private(path: &Path) -> Result<(), StoreError> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(StoreError::file("make the database file", error))
        }
        _ => Ok(()),
    }
}

fn failed(attempt: &'static str, error: sqlx::Error) -> StoreError {
    StoreError::database(attempt, error)
}
