//! The seam to the database: values in, rows out, transactions between.
//!
//! Every statement of this crate goes through `Tx` or `Db::fetch`, with one SQL text for all drivers
//! (ARCHITECTURE.md has the rules). A new driver adds a variant to the three enums here and a file
//! in `driver`; no noun changes.

use std::path::Path;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, Sqlite};

use crate::driver::sqlite;
use crate::error::StoreError;
use crate::migrate::MIGRATIONS;

/// A value bound to a statement. `None` is NULL of that type.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Text(Option<String>),
    Int(Option<i64>),
    Bool(Option<bool>),
    Bytes(Option<Vec<u8>>),
}

/// An open database.
#[derive(Clone, Debug)]
pub(crate) enum Db {
    Sqlite(sqlite::Database),
}

impl Db {
    /// Opens the database of a data folder for reading and writing, makes it if it is missing, and
    /// brings its schema up to date.
    pub(crate) async fn open(folder: &Path) -> Result<Self, StoreError> {
        Ok(Self::Sqlite(sqlite::Database::open(folder, MIGRATIONS).await?))
    }

    /// Opens an existing database for reading, beside whoever writes it.
    pub(crate) async fn open_read_only(folder: &Path) -> Result<Self, StoreError> {
        Ok(Self::Sqlite(sqlite::Database::open_read_only(folder, MIGRATIONS).await?))
    }

    /// Begins a transaction that may write. Writers take turns.
    pub(crate) async fn begin(&self) -> Result<Tx, StoreError> {
        match self {
            Self::Sqlite(database) => Ok(Tx::Sqlite(database.begin().await?)),
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

    /// Whether a table exists.
    pub(crate) async fn has_table(&self, name: &'static str) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(database) => database.has_table(name).await,
        }
    }

    /// A number that changes when another process has committed.
    pub(crate) async fn data_version(&self) -> Result<i64, StoreError> {
        match self {
            Self::Sqlite(database) => database.data_version().await,
        }
    }

    /// Closes all connections; the last one to leave tidies the write-ahead log.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(database) => database.close().await,
        }
    }
}

/// A write transaction. Dropped before `commit`, it never happened.
pub(crate) enum Tx {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
}

impl Tx {
    /// Runs a statement and returns how many rows it touched.
    pub(crate) async fn execute(
        &mut self,
        sql: &'static str,
        values: impl Into<Vec<Value>>,
    ) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(tx) => sqlite::execute(tx, sql, values.into()).await,
        }
    }

    /// Runs a statement and returns its rows.
    pub(crate) async fn fetch(
        &mut self,
        sql: &'static str,
        values: impl Into<Vec<Value>>,
    ) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite(tx) => sqlite::rows(sqlite::fetch("write", tx, sql, values.into()).await),
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
            Self::Sqlite(tx) => sqlite::run_script(tx, sql).await,
        }
    }

    /// Makes everything since `begin` durable, at once.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => {
                tx.commit().await.map_err(|error| StoreError::database("commit", error))
            }
        }
    }
}

/// A row of an answer.
pub(crate) enum Row {
    Sqlite(SqliteRow),
}

impl Row {
    /// The value of a column by its name.
    pub(crate) fn get<T: Column>(&self, column: &'static str) -> Result<T, StoreError> {
        match self {
            Self::Sqlite(row) => {
                row.try_get(column).map_err(|error| StoreError::unreadable(column, error))
            }
        }
    }
}

/// A Rust type that every driver reads.
pub(crate) trait Column: for<'r> sqlx::Decode<'r, Sqlite> + sqlx::Type<Sqlite> {}

impl<T: for<'r> sqlx::Decode<'r, Sqlite> + sqlx::Type<Sqlite>> Column for T {}

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
