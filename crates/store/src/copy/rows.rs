//! Rows by pages, in the order of their keys: written, and read back from both sides.
//!
//! A page is all that is held in memory. Statements are made of the names that the schema has, a few for
//! each table, and kept for as long as the program runs.

use super::tables::Table;
use super::{CopyError, Progress};
use crate::bulk::Kind;
use crate::db::{Db, Row, Tx, Value, values};
use crate::error::StoreError;

/// How many rows one statement reads or writes.
const PAGE: usize = 128;
/// How many pages are written in one transaction.
const PAGES: usize = 32;

/// How many rows a database has in these tables.
pub(super) async fn count(db: &Db, tables: &[Table]) -> Result<u64, StoreError> {
    let mut n_rows = 0;
    for table in tables {
        n_rows += count_of(db, table).await?;
    }
    Ok(n_rows)
}

async fn count_of(db: &Db, table: &Table) -> Result<u64, StoreError> {
    let sql = format!("SELECT COUNT(*) AS n FROM {}", table.name);
    let row = db.fetch_optional(sql.leak(), values![]).await?;
    row.map_or(Ok(0), |row| row.count("n"))
}

/// Copies the rows of a table that have not arrived yet, and says how many had.
pub(super) async fn copy(
    table: &Table,
    from: &Db,
    into: &Db,
    done: &mut Progress,
    tell: &mut impl FnMut(Progress),
) -> Result<u64, CopyError> {
    let n_before = count_of(into, table).await?;
    done.n_rows += n_before;
    let reader = Reader::new(table);
    let mut after = reader.last(into).await?;
    let whole: &'static str = insert(table, PAGE).leak();
    loop {
        let mut tx = into.begin_as_is().await?;
        for _ in 0..PAGES {
            let page = reader.after(from, after.as_deref()).await?;
            let n_rows = page.len();
            let Some(last) = page.last() else { break };
            after = Some(table.key_of(last));
            let sql = if n_rows == PAGE { whole } else { insert(table, n_rows).leak() };
            tx.execute(sql, page.into_iter().flatten().collect::<Vec<_>>()).await?;
            done.n_rows += n_rows as u64;
            if n_rows < PAGE {
                tx.commit().await?;
                tell(*done);
                return Ok(n_before);
            }
        }
        tx.commit().await?;
        tell(*done);
        if reader.after(from, after.as_deref()).await?.is_empty() {
            return Ok(n_before);
        }
    }
}

/// Reads a table from both sides and compares row with row. Says how many there are.
pub(super) async fn compare(
    table: &Table,
    from: &Db,
    into: &Db,
    done: &mut Progress,
    tell: &mut impl FnMut(Progress),
) -> Result<u64, CopyError> {
    let reader = Reader::new(table);
    let mut after: Option<Vec<Value>> = None;
    let mut n_rows = 0;
    loop {
        let (ours, theirs) = tokio::try_join!(
            reader.after(from, after.as_deref()),
            reader.after(into, after.as_deref())
        )?;
        let unlike = ours.iter().zip(&theirs).find(|(ours, theirs)| ours != theirs);
        let shorter = ours.len().min(theirs.len());
        let surplus = ours.get(shorter).or_else(|| theirs.get(shorter));
        if let Some(row) = unlike.map(|(ours, _)| ours).or(surplus) {
            let (table, key) = (table.name.to_owned(), table.key_text(row));
            return Err(CopyError::Differs { table, key });
        }
        n_rows += ours.len() as u64;
        done.n_rows += ours.len() as u64;
        tell(*done);
        match ours.last() {
            Some(last) if ours.len() == PAGE => after = Some(table.key_of(last)),
            _ => return Ok(n_rows),
        }
    }
}

/// Lets the database count on after the largest number of each column that it counts.
pub(super) async fn go_on_after(tx: &mut Tx, tables: &[Table]) -> Result<(), StoreError> {
    for table in tables {
        let name = table.name;
        for column in table.columns.iter().filter(|column| column.is_counted) {
            let column = column.name;
            let sql = format!(
                "SELECT setval(pg_get_serial_sequence('{name}', '{column}'),
                    COALESCE(MAX({column}), 1), MAX({column}) IS NOT NULL) AS n FROM {name}"
            );
            tx.fetch(sql.leak(), values![]).await?;
        }
    }
    Ok(())
}

/// What reads a table by pages.
struct Reader<'t> {
    table: &'t Table,
    first: &'static str,
    next: &'static str,
    last: &'static str,
}

impl<'t> Reader<'t> {
    fn new(table: &'t Table) -> Self {
        let (name, columns) = (table.name, Table::names(&table.columns));
        let key = Table::names(&table.key);
        let places: Vec<_> = (1..=table.key.len()).map(|place| format!("${place}")).collect();
        let places = places.join(", ");
        let select = format!("SELECT {columns} FROM {name}");
        let first = format!("{select} ORDER BY {key} LIMIT {PAGE}");
        let next = format!("{select} WHERE ({key}) > ({places}) ORDER BY {key} LIMIT {PAGE}");
        let down: Vec<_> = table.key.iter().map(|one| format!("{} DESC", one.name)).collect();
        let last = format!("{select} ORDER BY {} LIMIT 1", down.join(", "));
        Self { table, first: first.leak(), next: next.leak(), last: last.leak() }
    }

    /// The rows after a key.
    async fn after(&self, db: &Db, key: Option<&[Value]>) -> Result<Vec<Vec<Value>>, StoreError> {
        let rows = match key {
            None => db.fetch(self.first, values![]).await?,
            Some(key) => db.fetch(self.next, key).await?,
        };
        rows.iter().map(|row| self.read(row)).collect()
    }

    /// The key of the last row.
    async fn last(&self, db: &Db) -> Result<Option<Vec<Value>>, StoreError> {
        let row = db.fetch_optional(self.last, values![]).await?;
        row.map(|row| Ok(self.table.key_of(&self.read(&row)?))).transpose()
    }

    fn read(&self, row: &Row) -> Result<Vec<Value>, StoreError> {
        let columns = self.table.columns.iter().map(|column| {
            Ok(match column.kind {
                Kind::Text => Value::Text(row.get(column.name)?),
                Kind::Int => Value::Int(row.get(column.name)?),
                Kind::Bool => Value::Bool(row.get(column.name)?),
                Kind::Bytes => Value::Bytes(row.get(column.name)?),
            })
        });
        columns.collect()
    }
}

/// A statement that writes so many rows.
fn insert(table: &Table, n_rows: usize) -> String {
    let n_columns = table.columns.len();
    let row = |row: usize| {
        let places: Vec<_> =
            (1..=n_columns).map(|place| format!("${}", row * n_columns + place)).collect();
        format!("({})", places.join(", "))
    };
    let rows: Vec<_> = (0..n_rows).map(row).collect();
    let columns = Table::names(&table.columns);
    format!("INSERT INTO {} ({columns}) VALUES {}", table.name, rows.join(", "))
}
