//! Many rows in one statement.
//!
//! A thousand requests a second are tens of thousands of rows; one statement per row would spend the
//! time in handing statements over. Rows are therefore written in blocks whose sizes are powers of
//! two, so that each `Over` has a handful of texts, all of them prepared once.
//! The texts are made here from constants and kept for ever, which is what makes them `'static`.
//!
//! What is left over becomes one block, filled up with rows of NULL that nothing comes of: a statement
//! is handed to the database's thread and back, which costs more than a few values that are passed
//! over.
//!
//! PostgreSQL takes each column as one array instead, so that a block may have any length and there is
//! one text. It binds and plans thousands of values one by one, which took it longer than the work.
//! What follows the rows both read alike.

use std::sync::OnceLock;

use crate::db::{Db, Dialect, List, Row, Tx, Value};
use crate::error::StoreError;

/// Blocks hold 1, 2, 4, … rows, at most 512.
const SIZES: usize = 10;

/// How many rows the largest block has: more of narrow ones, since a statement keeps memory for each
/// of its values as long as it is prepared.
const fn largest(columns: usize) -> usize {
    if columns == 1 { 1 << (SIZES - 1) } else { 128 }
}

/// How many rows go to PostgreSQL in one statement.
const ARRAY: usize = 512;

/// Those of SQLite by size, and the one of PostgreSQL.
struct Texts {
    sqlite: [OnceLock<String>; SIZES],
    postgres: OnceLock<String>,
}

impl Texts {
    const fn none() -> Self {
        Self { sqlite: [const { OnceLock::new() }; SIZES], postgres: OnceLock::new() }
    }
}

/// `WITH v (…) AS (VALUES (…), (…))` and a statement that joins `v` by its first column: a
/// compare-and-set of many rows, which counts those that won, a look-up of many, or an insert of those
/// whose first column is not NULL.
///
/// Look-ups say `FROM v CROSS JOIN … WHERE`, which makes SQLite begin with `v`. Left to itself it may
/// think a long `v` dearer than reading a whole table. One over several tables takes a step for each, of
/// the form `, step AS MATERIALIZED (…)`, beyond which PostgreSQL does not change the order either.
pub(crate) struct Over {
    columns: &'static [(&'static str, Kind)],
    statement: Statement,
    texts: Texts,
}

enum Statement {
    Written(&'static str),
    Insert { table: &'static str, tail: &'static str },
}

/// The type of a column of `v`, which a list of bare placeholders would leave open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Int,
    Bool,
    Bytes,
}

impl Kind {
    fn null(self) -> Value {
        match self {
            Self::Text => Value::Text(None),
            Self::Int => Value::Int(None),
            Self::Bool => Value::Bool(None),
            Self::Bytes => Value::Bytes(None),
        }
    }

    fn sql(self, dialect: Dialect) -> &'static str {
        match (self, dialect) {
            (Self::Text, _) => "TEXT",
            (Self::Int, _) => "BIGINT",
            (Self::Bool, _) => "BOOLEAN",
            (Self::Bytes, Dialect::Sqlite) => "BLOB",
            (Self::Bytes, Dialect::Postgres) => "BYTEA",
        }
    }

    fn empty_list(self) -> List {
        match self {
            Self::Text => List::Text(Vec::new()),
            Self::Int => List::Int(Vec::new()),
            Self::Bool => List::Bool(Vec::new()),
            Self::Bytes => List::Bytes(Vec::new()),
        }
    }
}

impl Over {
    /// Runs a statement over a table of values `v` with these columns.
    pub(crate) const fn new(
        columns: &'static [(&'static str, Kind)],
        statement: &'static str,
    ) -> Self {
        Self { columns, statement: Statement::Written(statement), texts: Texts::none() }
    }

    /// Inserts rows into these columns of a table; the tail says what follows them: `ON CONFLICT …`,
    /// `RETURNING …`. The first column is one that is never NULL.
    pub(crate) const fn insert(
        table: &'static str,
        columns: &'static [(&'static str, Kind)],
        tail: &'static str,
    ) -> Self {
        Self { columns, statement: Statement::Insert { table, tail }, texts: Texts::none() }
    }

    /// Runs the statement over all rows and returns what comes back.
    pub(crate) async fn run(
        &'static self,
        tx: &mut Tx,
        rows: impl IntoIterator<Item = Vec<Value>>,
    ) -> Result<Vec<Row>, StoreError> {
        let mut returned = Vec::new();
        for (text, values) in self.statements(tx.dialect(), rows)? {
            returned.extend(tx.fetch(text, values).await?);
        }
        Ok(returned)
    }

    /// Runs a statement that only changes rows, and counts those it changed.
    pub(crate) async fn change(
        &'static self,
        tx: &mut Tx,
        rows: impl IntoIterator<Item = Vec<Value>>,
    ) -> Result<u64, StoreError> {
        let mut changed = 0;
        for (text, values) in self.statements(tx.dialect(), rows)? {
            changed += tx.execute(text, values).await?;
        }
        Ok(changed)
    }

    /// The same as `run` for a statement that only reads, outside of any transaction.
    pub(crate) async fn read(
        &'static self,
        db: &Db,
        rows: impl IntoIterator<Item = Vec<Value>>,
    ) -> Result<Vec<Row>, StoreError> {
        let mut returned = Vec::new();
        for (text, values) in self.statements(db.dialect(), rows)? {
            returned.extend(db.fetch(text, values).await?);
        }
        Ok(returned)
    }

    /// The same, where rows are long: each block is made into values before the next is read.
    pub(crate) async fn read_as<T>(
        &'static self,
        db: &Db,
        rows: impl IntoIterator<Item = Vec<Value>>,
        mut read: impl FnMut(&Row) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut all = Vec::new();
        for (text, values) in self.statements(db.dialect(), rows)? {
            for row in db.fetch(text, values).await? {
                all.push(read(&row)?);
            }
        }
        Ok(all)
    }

    /// The text for the largest block, whose plan is the most likely to go wrong.
    #[cfg(test)]
    pub(crate) fn longest_text(&'static self, dialect: Dialect) -> &'static str {
        match dialect {
            Dialect::Sqlite => self.text_of_rows(largest(self.columns.len())),
            Dialect::Postgres => self.text_of_arrays(),
        }
    }

    /// The statements that together go over all rows.
    fn statements(
        &'static self,
        dialect: Dialect,
        rows: impl IntoIterator<Item = Vec<Value>>,
    ) -> Result<Vec<(&'static str, Vec<Value>)>, StoreError> {
        let rows = rows.into_iter().collect();
        match dialect {
            Dialect::Sqlite => {
                let null_row = || self.columns.iter().map(|(_, kind)| kind.null()).collect();
                let blocks = blocks(rows, self.columns.len(), null_row).into_iter();
                Ok(blocks.map(|block| (self.text_of_rows(block.size), block.values)).collect())
            }
            Dialect::Postgres => {
                let arrays = arrays(rows, self.columns)?.into_iter();
                Ok(arrays.map(|values| (self.text_of_arrays(), values)).collect())
            }
        }
    }

    /// The text for a block of this size, a power of two.
    fn text_of_rows(&'static self, size: usize) -> &'static str {
        match self.texts.sqlite.get(size.ilog2() as usize) {
            Some(text) => text.get_or_init(|| {
                let rows = placeholders(size, self.columns);
                self.text_over(&format!("VALUES {rows}"))
            }),
            // `blocks` makes no other size; an empty statement would be refused by the database.
            None => "",
        }
    }

    /// The text for an array for each column.
    fn text_of_arrays(&'static self) -> &'static str {
        self.texts.postgres.get_or_init(|| {
            let kinds = self.columns.iter().zip(1..);
            let arrays = kinds
                .map(|((_, kind), n)| format!("CAST(${n} AS {}[])", kind.sql(Dialect::Postgres)));
            let arrays: Vec<String> = arrays.collect();
            self.text_over(&format!("SELECT * FROM unnest({})", arrays.join(", ")))
        })
    }

    fn text_over(&self, rows: &str) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        let list = names.join(", ");
        let statement = match self.statement {
            Statement::Written(text) => text.to_owned(),
            Statement::Insert { table, tail } => {
                let first = names.first().copied().unwrap_or_default();
                format!(
                    "INSERT INTO {table} ({list}) SELECT * FROM v \
                     WHERE v.{first} IS NOT NULL {tail}"
                )
            }
        };
        format!("WITH v ({list}) AS ({rows}) {statement}")
    }
}

/// The values of one statement.
struct Block {
    size: usize,
    values: Vec<Value>,
}

/// Cuts rows into blocks, the largest first; the last is filled up.
fn blocks(
    mut rows: Vec<Vec<Value>>,
    columns: usize,
    null_row: impl Fn() -> Vec<Value>,
) -> Vec<Block> {
    let largest = largest(columns);
    let mut blocks = Vec::with_capacity(rows.len() / largest + 1);
    let mut left = rows.len();
    let mut rows = rows.drain(..);
    while left > 0 {
        let size = left.next_power_of_two().min(largest);
        let n_rows = left.min(size);
        let mut values = Vec::with_capacity(size * columns);
        values.extend(rows.by_ref().take(n_rows).flatten());
        values.extend((n_rows..size).flat_map(|_| null_row()));
        blocks.push(Block { size, values });
        left -= n_rows;
    }
    blocks
}

/// An array for each column, of so many rows at a time.
fn arrays(rows: Vec<Vec<Value>>, columns: &[(&str, Kind)]) -> Result<Vec<Vec<Value>>, StoreError> {
    let mut all = Vec::with_capacity(rows.len().div_ceil(ARRAY));
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let mut lists: Vec<List> = columns.iter().map(|(_, kind)| kind.empty_list()).collect();
        for row in rows.by_ref().take(ARRAY) {
            for (list, value) in lists.iter_mut().zip(row) {
                list.push(value)?;
            }
        }
        all.push(lists.into_iter().map(Value::List).collect());
    }
    Ok(all)
}

/// `(?, ?), (?, ?)`; the first row carries the casts, which type the whole list.
///
/// Placeholders without a number are SQLite's. It takes `$1` as well, but that is a name to it, and
/// binding two thousand names costs the square of that.
fn placeholders(rows: usize, columns: &[(&str, Kind)]) -> String {
    let typed: Vec<_> = columns
        .iter()
        .map(|(_, kind)| format!("CAST(? AS {})", kind.sql(Dialect::Sqlite)))
        .collect();
    let other = format!(", ({})", vec!["?"; columns.len()].join(", "));
    format!("({}){}", typed.join(", "), other.repeat(rows.saturating_sub(1)))
}

#[cfg(test)]
mod tests;
