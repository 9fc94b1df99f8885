//! Which tables, columns and keys there are, as the databases themselves say.

use std::collections::{BTreeMap, BTreeSet};

use super::CopyError;
use crate::bulk::Kind;
use crate::db::{Db, Value, values};
use crate::error::StoreError;

/// The schema's history. Each database has its own.
pub(super) const HISTORY: &str = "schema_migration";
/// Who writes to PostgreSQL. There is nothing of the kind over a file.
const WRITER: &str = "writer";

const COLUMNS_SQLITE: &str = "SELECT m.name AS in_table, p.name AS in_column
    FROM sqlite_master m JOIN pragma_table_info(m.name) p
    WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
const COLUMNS_POSTGRES: &str = "SELECT CAST(c.table_name AS TEXT) AS in_table,
        CAST(c.column_name AS TEXT) AS in_column, CAST(c.data_type AS TEXT) AS kind,
        c.is_identity = 'YES' AS is_counted
    FROM information_schema.columns c JOIN information_schema.tables t
        ON t.table_schema = c.table_schema AND t.table_name = c.table_name
    WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE'
    ORDER BY c.table_name, c.ordinal_position";
const KEYS_POSTGRES: &str = "SELECT CAST(k.table_name AS TEXT) AS in_table,
        CAST(k.column_name AS TEXT) AS in_column
    FROM information_schema.table_constraints c JOIN information_schema.key_column_usage k
        ON k.constraint_schema = c.constraint_schema AND k.constraint_name = c.constraint_name
        AND k.table_name = c.table_name
    WHERE c.constraint_type = 'PRIMARY KEY' AND c.table_schema = current_schema()
    ORDER BY k.table_name, k.ordinal_position";
const REFERENCES_POSTGRES: &str = "SELECT CAST(own.relname AS TEXT) AS in_table,
        CAST(other.relname AS TEXT) AS to_table
    FROM pg_constraint c JOIN pg_class own ON own.oid = c.conrelid
        JOIN pg_class other ON other.oid = c.confrelid
    WHERE c.contype = 'f' AND c.connamespace = CAST(current_schema() AS REGNAMESPACE)";
const ANY: &str = "SELECT COUNT(*) AS n FROM pg_class
    WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
        AND relnamespace = CAST(current_schema() AS REGNAMESPACE)";

/// A table that both databases have.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    /// In the order of PostgreSQL's.
    pub(super) columns: Vec<Column>,
    /// The columns of the primary key, in its order.
    pub(super) key: Vec<Column>,
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Whether the database counts it up by itself.
    pub(super) is_counted: bool,
}

impl Table {
    /// The names of columns, as they stand in a statement.
    pub(super) fn names(columns: &[Column]) -> String {
        columns.iter().map(|column| column.name).collect::<Vec<_>>().join(", ")
    }

    /// A row's key for people: of ids, numbers and names, and no value about anybody.
    pub(super) fn key_text(&self, row: &[Value]) -> String {
        let parts = self.key_of(row).into_iter().map(|value| match value {
            Value::Text(Some(text)) => text,
            Value::Int(Some(number)) => number.to_string(),
            _ => "?".to_owned(),
        });
        parts.collect::<Vec<_>>().join(", ")
    }

    /// The values of a row's key.
    pub(super) fn key_of(&self, row: &[Value]) -> Vec<Value> {
        let place = |key: &Column| self.columns.iter().position(|one| one.name == key.name);
        self.key.iter().filter_map(|key| row.get(place(key)?).cloned()).collect()
    }
}

/// Whether there is any table or the like in a database.
pub(super) async fn has_any(db: &Db) -> Result<bool, StoreError> {
    let row = db.fetch_optional(ANY, values![]).await?;
    row.map_or(Ok(false), |row| Ok(row.get::<i64>("n")? > 0))
}

/// Whether a database has the tables of this program without a single row in them.
pub(super) async fn is_bare(db: &Db) -> Result<bool, StoreError> {
    if !db.has_table(HISTORY).await? {
        return Ok(false);
    }
    for name in columns_of_postgres(db).await.unwrap_or_default().into_keys() {
        let sql = format!("SELECT 1 AS one FROM {name} LIMIT 1");
        let is_own = name == HISTORY || name == WRITER;
        if !is_own && db.fetch_optional(sql.leak(), values![]).await?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The tables to copy, those first that others refer to. Refused where the databases differ in them.
pub(super) async fn of_both(from: &Db, into: &Db) -> Result<Vec<Table>, CopyError> {
    let columns = columns_of_postgres(into).await?;
    let keys = grouped(into, KEYS_POSTGRES).await?;
    refuse_others(&grouped(from, COLUMNS_SQLITE).await?, &columns)?;
    let mut tables = Vec::with_capacity(columns.len());
    for (name, columns) in columns {
        let in_key = keys.get(&name).into_iter().flatten();
        let column = |key: &String| columns.iter().find(|one| one.name == key).copied();
        let key: Vec<Column> = in_key.filter_map(column).collect();
        if key.is_empty() {
            return Err(CopyError::Schema(format!("the table {name} has no key")));
        }
        tables.push(Table { name: name.leak(), columns, key });
    }
    in_order(tables, &references(into).await?)
}

/// Refuses tables or columns that only one database has.
fn refuse_others(
    from: &BTreeMap<String, Vec<String>>,
    into: &BTreeMap<String, Vec<Column>>,
) -> Result<(), CopyError> {
    let all = |name: &str, columns: &[&str]| {
        columns.iter().map(|column| format!("{name}.{column}")).collect::<Vec<_>>()
    };
    let from = from.iter().filter(|(name, _)| *name != HISTORY).flat_map(|(name, columns)| {
        all(name, &columns.iter().map(String::as_str).collect::<Vec<_>>())
    });
    let into = into.iter().flat_map(|(name, columns)| {
        all(name, &columns.iter().map(|column| column.name).collect::<Vec<_>>())
    });
    let (from, into): (BTreeSet<_>, BTreeSet<_>) = (from.collect(), into.collect());
    match from.symmetric_difference(&into).next() {
        Some(column) => Err(CopyError::Schema(format!("only one of them has {column}"))),
        None => Ok(()),
    }
}

async fn columns_of_postgres(db: &Db) -> Result<BTreeMap<String, Vec<Column>>, CopyError> {
    let mut tables: BTreeMap<String, Vec<Column>> = BTreeMap::new();
    for row in db.fetch(COLUMNS_POSTGRES, values![]).await? {
        let (table, name): (String, String) = (row.get("in_table")?, row.get("in_column")?);
        if table == HISTORY || table == WRITER {
            continue;
        }
        let kind = match row.get("kind")? {
            "text" => Kind::Text,
            "bigint" => Kind::Int,
            "boolean" => Kind::Bool,
            "bytea" => Kind::Bytes,
            kind => return Err(CopyError::Schema(format!("{table}.{name} is of type {kind}"))),
        };
        let column = Column { name: name.leak(), kind, is_counted: row.get("is_counted")? };
        tables.entry(table).or_default().push(column);
    }
    Ok(tables)
}

async fn grouped(db: &Db, sql: &'static str) -> Result<BTreeMap<String, Vec<String>>, StoreError> {
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in db.fetch(sql, values![]).await? {
        tables.entry(row.get("in_table")?).or_default().push(row.get("in_column")?);
    }
    Ok(tables)
}

/// Which table refers to which.
async fn references(db: &Db) -> Result<BTreeSet<(String, String)>, StoreError> {
    let rows = db.fetch(REFERENCES_POSTGRES, values![]).await?;
    rows.iter().map(|row| Ok((row.get("in_table")?, row.get("to_table")?))).collect()
}

fn in_order(
    mut left: Vec<Table>,
    references: &BTreeSet<(String, String)>,
) -> Result<Vec<Table>, CopyError> {
    let mut ordered: Vec<Table> = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let waits = |table: &Table| {
            let mut others = references.iter().filter(|(of, _)| of == table.name);
            others.any(|(_, to)| to != table.name && left.iter().any(|one| one.name == to))
        };
        let (later, now): (Vec<_>, Vec<_>) = left.clone().into_iter().partition(waits);
        if now.is_empty() {
            return Err(CopyError::Schema("tables refer to each other in a circle".into()));
        }
        ordered.extend(now);
        left = later;
    }
    Ok(ordered)
}
