//! Many rows in one statement.
//!
//! A thousand requests a second are tens of thousands of rows; one statement per row would spend the
//! time in handing statements over. Rows are therefore written in blocks whose sizes are powers of
//! two, so that each `Insert` and each `Over` has a handful of texts, all of them prepared once.
//! The texts are made here from constants and kept for ever, which is what makes them `'static`.
//!
//! What is left over becomes one block, filled up with rows of NULL that nothing comes of: a statement
//! is handed to the database's thread and back, which costs more than a few values that are passed
//! over.
//!
//! Both helpers write SQL that SQLite and PostgreSQL read alike, but for the placeholders.

use std::sync::OnceLock;

use crate::db::{Db, Row, Tx, Value};
use crate::error::StoreError;

/// Blocks hold 1, 2, 4, … rows, at most 1,024.
const SIZES: usize = 11;

/// How many rows the largest block has: more of narrow ones, since a statement keeps memory for each
/// of its values as long as it is prepared.
const fn largest(columns: usize) -> usize {
    if columns == 1 { 1 << (SIZES - 1) } else { 128 }
}

type Texts = [OnceLock<String>; SIZES];

const fn no_texts() -> Texts {
    [const { OnceLock::new() }; SIZES]
}

/// `INSERT INTO … SELECT * FROM (VALUES (…), (…))`, without the rows whose first column is NULL.
pub(crate) struct Insert {
    table: &'static str,
    columns: &'static [&'static str],
    tail: &'static str,
    texts: Texts,
}

impl Insert {
    /// Inserts into these columns of a table.
    pub(crate) const fn new(table: &'static str, columns: &'static [&'static str]) -> Self {
        Self { table, columns, tail: "", texts: no_texts() }
    }

    /// The same, and what follows the rows: `ON CONFLICT …`, `RETURNING …`.
    pub(crate) const fn with_tail(
        table: &'static str,
        columns: &'static [&'static str],
        tail: &'static str,
    ) -> Self {
        Self { table, columns, tail, texts: no_texts() }
    }

    /// Inserts all rows; each has the values of the columns in their order.
    pub(crate) async fn run(
        &'static self,
        tx: &mut Tx,
        rows: impl IntoIterator<Item = Vec<Value>>,
    ) -> Result<u64, StoreError> {
        let mut touched = 0;
        for block in blocks(rows, self.columns.len(), || self.null_row()) {
            touched += tx.execute(self.text(block.size), block.values).await?;
        }
        Ok(touched)
    }

    /// Inserts all rows and returns what `RETURNING` says.
    pub(crate) async fn run_returning(
        &'static self,
        tx: &mut Tx,
        rows: impl IntoIterator<Item = Vec<Value>>,
    ) -> Result<Vec<Row>, StoreError> {
        let mut returned = Vec::new();
        for block in blocks(rows, self.columns.len(), || self.null_row()) {
            returned.extend(tx.fetch(self.text(block.size), block.values).await?);
        }
        Ok(returned)
    }

    fn text(&'static self, size: usize) -> &'static str {
        text_of(&self.texts, size, || {
            let columns = self.columns.join(", ");
            let rows = placeholders(size, self.columns.len(), |_| None);
            format!(
                "INSERT INTO {} ({columns}) SELECT * FROM (VALUES {rows}) AS v \
                 WHERE v.column1 IS NOT NULL {}",
                self.table, self.tail
            )
        })
    }

    fn null_row(&self) -> Vec<Value> {
        vec![Value::Text(None); self.columns.len()]
    }
}

/// `WITH v (…) AS (VALUES (…), (…))` and a statement that joins `v` by its first column: a
/// compare-and-set of many rows, which counts those that won, or a look-up of many.
///
/// Look-ups say `FROM v CROSS JOIN … WHERE`, which makes SQLite begin with `v`. Left to itself it may
/// think a long `v` dearer than reading a whole table.
pub(crate) struct Over {
    columns: &'static [(&'static str, Kind)],
    statement: &'static str,
    texts: Texts,
}

/// The type of a column of `v`, which a list of bare placeholders would leave open.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Text,
    Int,
    Bool,
}

impl Over {
    /// Runs a statement over a table of values `v` with these columns.
    pub(crate) const fn new(
        columns: &'static [(&'static str, Kind)],
        statement: &'static str,
    ) -> Self {
        Self { columns, statement, texts: no_texts() }
    }

    /// Runs the statement over all rows and returns what comes back.
    pub(crate) async fn run(
        &'static self,
        tx: &mut Tx,
        rows: impl IntoIterator<Item = Vec<Value>>,
    ) -> Result<Vec<Row>, StoreError> {
        let mut returned = Vec::new();
        for block in blocks(rows, self.columns.len(), || self.null_row()) {
            returned.extend(tx.fetch(self.text(block.size), block.values).await?);
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
            changed += tx.execute(self.text(block.size), block.values).await?;
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
            returned.extend(db.fetch(self.text(block.size), block.values).await?);
        }
        Ok(returned)
    }

    /// The text for the largest block, whose plan is the most likely to go wrong.
    #[cfg(test)]
    pub(crate) fn longest_text(&'static self) -> &'static str {
        self.text(largest(self.columns.len()))
    }

    fn null_row(&self) -> Vec<Value> {
        let null = |(_, kind): &(_, Kind)| match kind {
            Kind::Text => Value::Text(None),
            Kind::Int => Value::Int(None),
            Kind::Bool => Value::Bool(None),
        };
        self.columns.iter().map(null).collect()
    }

    /// The text for a block of this size, a power of two.
    pub(crate) fn text(&'static self, size: usize) -> &'static str {
        text_of(&self.texts, size, || {
            let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
            let cast = |column: usize| match self.columns.get(column)?.1 {
                Kind::Text => Some("TEXT"),
                Kind::Int => Some("BIGINT"),
                Kind::Bool => Some("BOOLEAN"),
            };
            let rows = placeholders(size, names.len(), cast);
            format!("WITH v ({}) AS (VALUES {rows}) {}", names.join(", "), self.statement)
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

fn text_of(texts: &'static Texts, size: usize, make: impl FnOnce() -> String) -> &'static str {
    match texts.get(size.ilog2() as usize) {
        Some(text) => text.get_or_init(make),
        // `blocks` makes no other size; an empty statement would be refused by the database.
        None => "",
    }
}

/// `(?, ?), (?, ?)`; the first row carries the casts, which type the whole list.
///
/// Placeholders without a number are SQLite's. It takes `$1` as well, but that is a name to it, and
/// binding two thousand names costs the square of that. PostgreSQL will want numbers, and so texts
/// of its own; this function is the one place that differs.
fn placeholders(
    rows: usize,
    columns: usize,
    cast: impl Fn(usize) -> Option<&'static str>,
) -> String {
    let mut text = String::with_capacity(rows * (columns * 3 + 4));
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..columns {
            let comma = if column == 0 { "" } else { ", " };
            text.push_str(comma);
            match cast(column).filter(|_| row == 0) {
                Some(kind) => text.extend(["CAST(? AS ", kind, ")"]),
                None => text.push('?'),
            }
        }
        text.push(')');
    }
    text
}

#[cfg(test)]
mod tests;
