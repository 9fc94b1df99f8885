//! Many rows in one statement.
//!
//! A thousand requests a second are tens of thousands of rows; one statement per row would spend the
//! time in handing statements over. Rows are therefore written in blocks whose sizes are powers of
//! two, so that each `Insert` and each `Over` has a handful of texts, all of them prepared once.
//! The texts are made here from constants and kept for ever, which is what makes them `'static`.
//!
//! Both helpers write SQL that SQLite and PostgreSQL read alike, but for the placeholders.

use std::sync::OnceLock;

use crate::db::{Db, Row, Tx, Value};
use crate::error::StoreError;

/// Blocks hold 1, 2, 4, … 128 rows.
const SIZES: usize = 8;
const LARGEST: usize = 1 << (SIZES - 1);

type Texts = [OnceLock<String>; SIZES];

const fn no_texts() -> Texts {
    [const { OnceLock::new() }; SIZES]
}

/// `INSERT INTO … VALUES (…), (…)`.
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
        for block in blocks(rows) {
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
        for block in blocks(rows) {
            returned.extend(tx.fetch(self.text(block.size), block.values).await?);
        }
        Ok(returned)
    }

    fn text(&'static self, size: usize) -> &'static str {
        text_of(&self.texts, size, || {
            let columns = self.columns.join(", ");
            let rows = placeholders(size, self.columns.len(), |_| None);
            format!("INSERT INTO {} ({columns}) VALUES {rows} {}", self.table, self.tail)
        })
    }
}

/// `WITH v (…) AS (VALUES (…), (…))` and a statement that joins `v`: a compare-and-set of many rows,
/// whose `RETURNING` names those that won, or a look-up of many.
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
        for block in blocks(rows) {
            returned.extend(tx.fetch(self.text(block.size), block.values).await?);
        }
        Ok(returned)
    }

    /// The same for a statement that only reads, outside of any transaction.
    pub(crate) async fn read(
        &'static self,
        db: &Db,
        rows: impl IntoIterator<Item = Vec<Value>>,
    ) -> Result<Vec<Row>, StoreError> {
        let mut returned = Vec::new();
        for block in blocks(rows) {
            returned.extend(db.fetch(self.text(block.size), block.values).await?);
        }
        Ok(returned)
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

/// Cuts rows into blocks, the largest first.
fn blocks(rows: impl IntoIterator<Item = Vec<Value>>) -> Vec<Block> {
    let mut rows: Vec<Vec<Value>> = rows.into_iter().collect();
    let mut left = rows.len();
    let mut rows = rows.drain(..);
    let mut blocks = Vec::with_capacity(left / LARGEST + SIZES);
    while left > 0 {
        let size = if left >= LARGEST { LARGEST } else { 1 << left.ilog2() };
        let values = rows.by_ref().take(size).flatten().collect();
        blocks.push(Block { size, values });
        left -= size;
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
