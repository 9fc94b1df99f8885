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
//! The SQL is such that SQLite and PostgreSQL read it alike, but for placeholders and the names of types.

use std::sync::OnceLock;

use crate::db::{Db, Dialect, Row, Tx, Value};
use crate::error::StoreError;

/// Blocks hold 1, 2, 4, … rows, at most 512.
const SIZES: usize = 10;

/// How many rows the largest block has: more of narrow ones, since a statement keeps memory for each
/// of its values as long as it is prepared.
const fn largest(columns: usize) -> usize {
    if columns == 1 { 1 << (SIZES - 1) } else { 128 }
}

/// By dialect, then by size.
type Texts = [[OnceLock<String>; SIZES]; 2];

const fn no_texts() -> Texts {
    [const { [const { OnceLock::new() }; SIZES] }; 2]
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
}

impl Over {
    /// Runs a statement over a table of values `v` with these columns.
    pub(crate) const fn new(
        columns: &'static [(&'static str, Kind)],
        statement: &'static str,
    ) -> Self {
        Self { columns, statement: Statement::Written(statement), texts: no_texts() }
    }

    /// Inserts rows into these columns of a table; the tail says what follows them: `ON CONFLICT …`,
    /// `RETURNING …`. The first column is one that is never NULL.
    pub(crate) const fn insert(
        table: &'static str,
        columns: &'static [(&'static str, Kind)],
        tail: &'static str,
    ) -> Self {
        Self { columns, statement: Statement::Insert { table, tail }, texts: no_texts() }
    }

    /// Runs the statement over all rows and returns what comes back.
    pub(crate) async fn run(
        &'static self,
        tx: &mut Tx,
        rows: impl IntoIterator<Item = Vec<Value>>,
    ) -> Result<Vec<Row>, StoreError> {
        let mut returned = Vec::new();
        for block in blocks(rows, self.columns.len(), || self.null_row()) {
            returned.extend(tx.fetch(self.text(tx.dialect(), block.size), block.values).await?);
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
        for block in blocks(rows, self.columns.len(), || self.null_row()) {
            changed += tx.execute(self.text(tx.dialect(), block.size), block.values).await?;
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
        for block in blocks(rows, self.columns.len(), || self.null_row()) {
            returned.extend(db.fetch(self.text(db.dialect(), block.size), block.values).await?);
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
        for block in blocks(rows, self.columns.len(), || self.null_row()) {
            for row in db.fetch(self.text(db.dialect(), block.size), block.values).await? {
                all.push(read(&row)?);
            }
        }
        Ok(all)
    }

    /// The text for the largest block, whose plan is the most likely to go wrong.
    #[cfg(test)]
    pub(crate) fn longest_text(&'static self) -> &'static str {
        self.text(Dialect::Sqlite, largest(self.columns.len()))
    }

    fn null_row(&self) -> Vec<Value> {
        self.columns.iter().map(|(_, kind)| kind.null()).collect()
    }

    /// The text for a block of this size, a power of two.
    pub(crate) fn text(&'static self, dialect: Dialect, size: usize) -> &'static str {
        text_of(&self.texts, dialect, size, || {
            let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
            let list = names.join(", ");
            let rows = placeholders(dialect, size, self.columns);
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
            format!("WITH v ({list}) AS (VALUES {rows}) {statement}")
        })
    }
}

/// The values of one statement.
struct Block {
    size: usize,
    values: Vec<Value>,
}

/// Cuts rows into blocks, the largest first; the last is filled up.
fn blocks(
    rows: impl IntoIterator<Item = Vec<Value>>,
    columns: usize,
    null_row: impl Fn() -> Vec<Value>,
) -> Vec<Block> {
    let mut rows: Vec<Vec<Value>> = rows.into_iter().collect();
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

fn text_of(
    texts: &'static Texts,
    dialect: Dialect,
    size: usize,
    make: impl FnOnce() -> String,
) -> &'static str {
    match texts.get(dialect as usize).and_then(|texts| texts.get(size.ilog2() as usize)) {
        Some(text) => text.get_or_init(make),
        // `blocks` makes no other size; an empty statement would be refused by the database.
        None => "",
    }
}

/// `(?, ?), (?, ?)`; the first row carries the casts, which type the whole list.
///
/// Placeholders without a number are SQLite's. It takes `$1` as well, but that is a name to it, and
/// binding two thousand names costs the square of that. PostgreSQL wants numbers, and so texts of its
/// own.
fn placeholders(dialect: Dialect, rows: usize, columns: &[(&str, Kind)]) -> String {
    let mut text = String::with_capacity(rows * (columns.len() * 3 + 4));
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        for (index, (_, kind)) in columns.iter().enumerate() {
            text.push_str(if index == 0 { "" } else { ", " });
            let place = match dialect {
                Dialect::Sqlite => "?".to_owned(),
                Dialect::Postgres => format!("${}", row * columns.len() + index + 1),
            };
            match row {
                0 => text.extend(["CAST(", &place, " AS ", kind.sql(dialect), ")"]),
                _ => text.push_str(&place),
            }
        }
        text.push(')');
    }
    text
}

#[cfg(test)]
mod tests;
