//! The seam to the database: values in, rows out, transactions between.
//!
//! Every statement of this crate goes through `Tx` or `Db::fetch`, with one SQL text for all drivers
//! (ARCHITECTURE.md has the rules). A new driver adds a variant to the three enums here and a file
//! in `driver`; no noun changes.

use std::path::Path;
use std::str::FromStr;

use domain::Instant;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Postgres, Row as _, Sqlite};

use crate::crash::CrashPoints;
use crate::driver::{postgres, sqlite};
use crate::error::StoreError;
use crate::migrate;

/// A value bound to a statement. `None` is NULL of that type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Text(Option<String>),
    Int(Option<i64>),
    Bool(Option<bool>),
    Bytes(Option<Vec<u8>>),
    /// An array, which is PostgreSQL's alone.
    List(List),
}

/// Values of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum List {
    Text(Vec<Option<String>>),
    Int(Vec<Option<i64>>),
    Bool(Vec<Option<bool>>),
    Bytes(Vec<Option<Vec<u8>>>),
}

impl List {
    /// Adds a value of its type.
    pub(crate) fn push(&mut self, value: Value) -> Result<(), StoreError> {
        match (self, value) {
            (Self::Text(list), Value::Text(value)) => list.push(value),
            (Self::Int(list), Value::Int(value)) => list.push(value),
            (Self::Bool(list), Value::Bool(value)) => list.push(value),
            (Self::Bytes(list), Value::Bytes(value)) => list.push(value),
            _ => {
                let cause = "it is of another type than its column".into();
                return Err(StoreError::Database { attempt: "bind a value", cause });
            }
        }
        Ok(())
    }
}

/// How a database wants its statements written, where databases differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

/// An open database.
#[derive(Clone, Debug)]
pub(crate) enum Db {
    Sqlite(sqlite::Database),
    Postgres(postgres::Database),
}

impl Db {
    /// Opens the database of a data folder for reading and writing, makes it if it is missing, and
    /// brings its schema up to date.
    pub(crate) async fn open(folder: &Path) -> Result<Self, StoreError> {
        Ok(Self::Sqlite(sqlite::Database::open(folder, migrate::SQLITE).await?))
    }

    /// Opens the database behind a URL for reading and writing, and brings its schema up to date.
    pub(crate) async fn open_url(url: &str) -> Result<Self, StoreError> {
        Ok(Self::Postgres(postgres::Database::open(url, migrate::POSTGRES).await?))
    }

    /// Opens the database behind a URL for reading.
    pub(crate) async fn open_url_read_only(url: &str) -> Result<Self, StoreError> {
        Ok(Self::Postgres(postgres::Database::open_read_only(url, migrate::POSTGRES).await?))
    }

    /// Opens the database behind a URL to look at it, whatever its schema.
    pub(crate) async fn look_at(url: &str) -> Result<Self, StoreError> {
        Ok(Self::Postgres(postgres::Database::look_at(url).await?))
    }

    /// Opens the existing database of a data folder for writing, whatever its schema and whether it is
    /// marked.
    pub(crate) async fn open_as_is(folder: &Path) -> Result<Self, StoreError> {
        Ok(Self::Sqlite(sqlite::Database::open_as_is(folder).await?))
    }

    /// The same for one behind a URL, whose schema is up to date.
    pub(crate) async fn open_url_as_is(url: &str) -> Result<Self, StoreError> {
        Ok(Self::Postgres(postgres::Database::open_as_is(url).await?))
    }

    /// How it wants its statements written.
    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Opens an existing database for reading, beside whoever writes it.
    pub(crate) async fn open_read_only(folder: &Path) -> Result<Self, StoreError> {
        Ok(Self::Sqlite(sqlite::Database::open_read_only(folder, migrate::SQLITE).await?))
    }

    /// Opens a copy that nobody writes, and leaves no file beside it.
    pub(crate) async fn open_copy(folder: &Path) -> Result<Self, StoreError> {
        Ok(Self::Sqlite(sqlite::Database::open_copy(folder, migrate::SQLITE).await?))
    }

    /// Writes the database as it is at one moment into an empty file.
    pub(crate) async fn copy_into(&self, file: &Path) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(database) => database.copy_into(file).await,
            Self::Postgres(_) => Err(StoreError::Database {
                attempt: "copy itself",
                cause: "PostgreSQL is backed up with its own tools".into(),
            }),
        }
    }

    /// Leaves nothing on the disk that was overwritten or deleted, as far as nobody reads it still.
    /// Says whether that is so.
    pub(crate) async fn fold_log(&self) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(database) => database.fold_log().await,
            // What it keeps of rows that were deleted is vacuumed by itself, in its time.
            Self::Postgres(_) => Ok(false),
        }
    }

    /// What is wrong with the database; nothing if all is well.
    pub(crate) async fn check(&self) -> Result<Option<String>, StoreError> {
        match self {
            Self::Sqlite(database) => database.check().await,
            // It keeps checksums of its pages itself, where it was told to.
            Self::Postgres(_) => Ok(None),
        }
    }

    /// Begins a transaction that may write. Writers take turns.
    pub(crate) async fn begin(&self) -> Result<Tx, StoreError> {
        match self {
            Self::Sqlite(database) => database.begin().await,
            Self::Postgres(database) => Ok(Tx::Postgres(database.begin().await?)),
        }
    }

    /// The same, also where a mark says that nobody may use the database.
    pub(crate) async fn begin_as_is(&self) -> Result<Tx, StoreError> {
        match self {
            Self::Sqlite(database) => Ok(Tx::Sqlite(database.begin_as_is().await?)),
            Self::Postgres(database) => Ok(Tx::Postgres(database.begin().await?)),
        }
    }

    /// Reads, outside of any write transaction.
    pub(crate) async fn fetch(
        &self,
        sql: &'static str,
        values: impl Into<Vec<Value>>,
    ) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite(database) => sqlite::rows(database.fetch(sql, values.into()).await),
            Self::Postgres(database) => postgres::rows(database.fetch(sql, values.into()).await),
        }
    }

    /// Reads the first row, if there is one.
    pub(crate) async fn fetch_optional(
        &self,
        sql: &'static str,
        values: impl Into<Vec<Value>>,
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.fetch(sql, values).await?.into_iter().next())
    }

    /// Whether the schema is the one that this program writes.
    pub(crate) async fn check_schema(&self) -> Result<(), StoreError> {
        let known = match self {
            Self::Sqlite(_) => migrate::SQLITE,
            Self::Postgres(_) => migrate::POSTGRES,
        };
        migrate::refuse_other_schema(self, known).await
    }

    /// Whether a table exists.
    pub(crate) async fn has_table(&self, name: &'static str) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(database) => database.has_table(name).await,
            Self::Postgres(database) => database.has_table(name).await,
        }
    }

    /// The time of a database that several machines share, in milliseconds.
    pub(crate) async fn time(&self) -> Result<Option<i64>, StoreError> {
        match self {
            Self::Sqlite(_) => Ok(None),
            Self::Postgres(database) => Ok(Some(database.time().await?)),
        }
    }

    /// A number that changes when another process has committed.
    pub(crate) async fn data_version(&self) -> Result<i64, StoreError> {
        match self {
            Self::Sqlite(database) => database.data_version().await,
            Self::Postgres(database) => database.data_version().await,
        }
    }

    /// Where a simulated process dies. Only SQLite's calls have such points.
    pub(crate) fn crash_points(&self) -> CrashPoints {
        match self {
            Self::Sqlite(database) => database.crash_points.clone(),
            Self::Postgres(_) => CrashPoints::default(),
        }
    }

    /// Closes all connections; the last one to leave tidies the write-ahead log.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(database) => database.close().await,
            Self::Postgres(database) => database.close().await,
        }
    }
}

/// A write transaction. Dropped before `commit`, it never happened.
pub(crate) enum Tx {
    Sqlite(sqlite::Writing),
    Postgres(postgres::Writing),
}

impl Tx {
    /// How the database wants its statements written.
    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Runs a statement and returns how many rows it touched.
    pub(crate) async fn execute(
        &mut self,
        sql: &'static str,
        values: impl Into<Vec<Value>>,
    ) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(one) => sqlite::execute(one.by(sql), sql, values.into()).await,
            Self::Postgres(one) => one.execute(sql, values.into()).await,
        }
    }

    /// Runs a statement and returns its rows.
    pub(crate) async fn fetch(
        &mut self,
        sql: &'static str,
        values: impl Into<Vec<Value>>,
    ) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite(one) => {
                sqlite::rows(sqlite::fetch("write", one.by(sql), sql, values.into()).await)
            }
            Self::Postgres(one) => postgres::rows(one.fetch(sql, values.into()).await),
        }
    }

    /// Runs a statement and returns its first row, if there is one.
    pub(crate) async fn fetch_optional(
        &mut self,
        sql: &'static str,
        values: impl Into<Vec<Value>>,
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.fetch(sql, values).await?.into_iter().next())
    }

    /// Runs several statements that take no values.
    pub(crate) async fn run_script(&mut self, sql: &'static str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(one) => sqlite::run_script(one.by(sql), sql).await,
            Self::Postgres(one) => one.run_script(sql).await,
        }
    }

    /// Marks a point to which the transaction can go back. Points don't nest.
    pub(crate) async fn mark(&mut self) -> Result<(), StoreError> {
        self.execute("SAVEPOINT one", []).await.map(drop)
    }

    /// Undoes everything since the mark, and takes the mark away.
    pub(crate) async fn undo(&mut self) -> Result<(), StoreError> {
        const BACK: &str = "ROLLBACK TO SAVEPOINT one";
        match self {
            Self::Sqlite(_) => self.execute(BACK, []).await.map(drop)?,
            Self::Postgres(one) => one.go_back(BACK).await?,
        }
        self.keep().await
    }

    /// Takes the mark away and keeps what was done since.
    pub(crate) async fn keep(&mut self) -> Result<(), StoreError> {
        self.execute("RELEASE SAVEPOINT one", []).await.map(drop)
    }

    /// Makes everything since `begin` durable, at once.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(one) => one.commit().await,
            Self::Postgres(one) => one.commit().await,
        }
    }
}

/// A row of an answer.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    /// The value of a column by its name.
    pub(crate) fn get<'r, T: Column<'r>>(&'r self, column: &'static str) -> Result<T, StoreError> {
        match self {
            Self::Sqlite(row) => {
                row.try_get(column).map_err(|error| StoreError::unreadable(column, error))
            }
            Self::Postgres(row) => {
                row.try_get(column).map_err(|error| StoreError::unreadable(column, error))
            }
        }
    }
}

impl Row {
    /// A column of text that is the one spelling of a value: an id, a word, a digest.
    pub(crate) fn parse<T>(&self, column: &'static str) -> Result<T, StoreError>
    where
        T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
    {
        self.get::<&str>(column)?.parse().map_err(|error| StoreError::unreadable(column, error))
    }

    /// The same for a column that may be NULL.
    pub(crate) fn parse_optional<T>(&self, column: &'static str) -> Result<Option<T>, StoreError>
    where
        T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
    {
        let text: Option<&str> = self.get(column)?;
        let parsed = text.map(str::parse).transpose();
        parsed.map_err(|error| StoreError::unreadable(column, error))
    }

    /// A column of JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, StoreError> {
        let text: &str = self.get(column)?;
        serde_json::from_str(text).map_err(|error| StoreError::unreadable(column, error))
    }

    /// A column of JSON that may be NULL.
    pub(crate) fn json_optional<T: DeserializeOwned>(
        &self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        let text: Option<&str> = self.get(column)?;
        let value = text.map(serde_json::from_str).transpose();
        value.map_err(|error| StoreError::unreadable(column, error))
    }

    /// A column of milliseconds.
    pub(crate) fn instant(&self, column: &'static str) -> Result<Instant, StoreError> {
        let millis = self.get(column)?;
        Instant::from_millisecond(millis).map_err(|error| StoreError::unreadable(column, error))
    }

    /// A column of milliseconds that may be NULL.
    pub(crate) fn instant_optional(
        &self,
        column: &'static str,
    ) -> Result<Option<Instant>, StoreError> {
        let millis: Option<i64> = self.get(column)?;
        let instant = millis.map(Instant::from_millisecond).transpose();
        instant.map_err(|error| StoreError::unreadable(column, error))
    }

    /// A count, or another number that is never negative.
    pub(crate) fn count<T: TryFrom<i64>>(&self, column: &'static str) -> Result<T, StoreError> {
        let number: i64 = self.get(column)?;
        T::try_from(number).map_err(|_| StoreError::unreadable(column, "a number out of range"))
    }
}

/// Text for a column of JSON.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::unreadable("value to store", error))
}

/// A Rust type that every driver reads.
pub(crate) trait Column<'r>: ReadBy<'r, Sqlite> + ReadBy<'r, Postgres> {}

impl<'r, T: ReadBy<'r, Sqlite> + ReadBy<'r, Postgres>> Column<'r> for T {}

/// A Rust type that a driver reads.
pub(crate) trait ReadBy<'r, D: sqlx::Database>: sqlx::Decode<'r, D> + sqlx::Type<D> {}

impl<'r, D: sqlx::Database, T: sqlx::Decode<'r, D> + sqlx::Type<D>> ReadBy<'r, D> for T {}

macro_rules! value_from {
    ($($plain:ty => $variant:ident),*) => {$(
        impl From<$plain> for Value {
            fn from(value: $plain) -> Self {
                Self::$variant(Some(value))
            }
        }
        impl From<Option<$plain>> for Value {
            fn from(value: Option<$plain>) -> Self {
                Self::$variant(value)
            }
        }
    )*};
}

value_from!(String => Text, i64 => Int, bool => Bool, Vec<u8> => Bytes);

impl From<Instant> for Value {
    fn from(value: Instant) -> Self {
        Self::Int(Some(value.as_millisecond()))
    }
}

impl From<Option<Instant>> for Value {
    fn from(value: Option<Instant>) -> Self {
        Self::Int(value.map(Instant::as_millisecond))
    }
}

/// Ids are text.
macro_rules! value_from_id {
    ($($id:ident),*) => {$(
        impl From<domain::$id> for Value {
            fn from(id: domain::$id) -> Self {
                Self::Text(Some(id.to_string()))
            }
        }
        impl From<Option<domain::$id>> for Value {
            fn from(id: Option<domain::$id>) -> Self {
                Self::Text(id.map(|id| id.to_string()))
            }
        }
    )*};
}

value_from_id!(
    RequestId,
    ConnectionId,
    TaskId,
    IdentifierId,
    JobId,
    IntentId,
    EvidenceId,
    BlobId,
    PrincipalId,
    TokenId,
    EndpointId,
    NoticeId
);

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(Some(value.to_owned()))
    }
}

/// Builds the list of values of a statement, each by `Value::from`.
macro_rules! values {
    ($($value:expr),* $(,)?) => {
        vec![$($crate::db::Value::from($value)),*]
    };
}
pub(crate) use values;
