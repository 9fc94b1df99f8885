//! The schema's history: numbered scripts that run once each, in order, in one transaction at start.
//!
//! A script that ran is never edited: its checksum is compared at every start. A store that a newer
//! program has migrated is refused, since an older one would misread it.
//!
//! A database that is not to be used, since its rows moved elsewhere or are not all there yet, carries a
//! [`Mark`] in the same history.

use std::collections::BTreeMap;

use domain::Digest;

use crate::db::{Db, Row, Tx, values};
use crate::error::StoreError;

/// One step of the schema.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Migration {
    /// Its number; the first is 1. They run in their order, also one that is found missing later.
    pub(crate) number: i64,
    /// What it brings.
    pub(crate) name: &'static str,
    /// Its script.
    pub(crate) sql: &'static str,
}

/// A list of migrations, whose scripts lie in a folder of their database under their number and name.
macro_rules! migrations {
    ($folder:literal: $($number:literal $file:literal $name:literal),* $(,)?) => {
        &[$(Migration {
            number: $number,
            name: $name,
            sql: include_str!(concat!("../migrations/", $folder, "/", $file, ".sql")),
        }),*]
    };
}

/// All steps this program knows, in order: the same numbers for each database.
macro_rules! all_of {
    ($folder:literal) => {
        migrations!($folder:
            1 "0001_first" "first",
            2 "0002_principals" "principals",
            3 "0003_lists" "lists",
            4 "0004_keys" "keys",
            5 "0005_telling" "telling",
            6 "0006_notices" "notices",
            7 "0007_sealed_settings" "sealed settings",
            8 "0008_sweeping" "sweeping",
            9 "0009_walks" "walks",
            10 "0010_endpoint_urls" "endpoint urls",
            11 "0011_queue" "queue",
        )
    };
}

/// For SQLite.
pub(crate) const SQLITE: &[Migration] = all_of!("sqlite");
/// For PostgreSQL.
pub(crate) const POSTGRES: &[Migration] = all_of!("postgres");

const HISTORY: &str = "CREATE TABLE IF NOT EXISTS schema_migration (
    number BIGINT PRIMARY KEY NOT NULL, name TEXT NOT NULL, checksum TEXT NOT NULL)";
const RAN: &str = "SELECT number, checksum FROM schema_migration ORDER BY number";
const RECORD: &str = "INSERT INTO schema_migration (number, name, checksum) VALUES ($1, $2, $3)";

/// The number under which a mark stands: higher than any migration's, so that a program that knows of
/// no marks refuses a newer schema.
const MARKED: i64 = i64::MAX;
const MARK: &str = "INSERT INTO schema_migration (number, name, checksum) VALUES ($1, $2, $3)
    ON CONFLICT (number) DO UPDATE SET name = excluded.name, checksum = excluded.checksum";
const UNMARK: &str = "DELETE FROM schema_migration WHERE number = $1";
const GET_MARK: &str = "SELECT number, name, checksum FROM schema_migration WHERE number = $1";

/// Why nobody may use a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// Its rows are on their way into another.
    Moving,
    /// All of them are there.
    Moved,
    /// They are on their way into this one.
    Arriving,
}

/// That nobody may use a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Why.
    pub(crate) why: Why,
    /// The copy at whose other end it stands too.
    pub(crate) copy: String,
}

impl Mark {
    /// Sets it in place of the one before.
    pub(crate) async fn set(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let word = match self.why {
            Why::Moving => "moving",
            Why::Moved => "moved",
            Why::Arriving => "arriving",
        };
        tx.execute(MARK, values![MARKED, word, &*self.copy]).await.map(drop)
    }

    /// Takes it away.
    pub(crate) async fn take_away(tx: &mut Tx) -> Result<(), StoreError> {
        tx.execute(UNMARK, values![MARKED]).await.map(drop)
    }

    /// The one that a database carries.
    pub(crate) async fn of(db: &Db) -> Result<Option<Self>, StoreError> {
        let row = db.fetch_optional(GET_MARK, values![MARKED]).await?;
        row.as_ref().map(Self::read).transpose()
    }

    fn read(row: &Row) -> Result<Self, StoreError> {
        let why = match row.get("name")? {
            "moving" => Why::Moving,
            "moved" => Why::Moved,
            "arriving" => Why::Arriving,
            _ => return Err(StoreError::NewerSchema { found: MARKED, known: newest_number() }),
        };
        Ok(Self { why, copy: row.get("checksum")? })
    }

    fn refusal(&self) -> StoreError {
        match self.why {
            Why::Moving | Why::Moved => StoreError::Moved,
            Why::Arriving => StoreError::Arriving,
        }
    }
}

/// Refuses to write to a database that carries a mark.
pub(crate) async fn refuse_marked(tx: &mut Tx) -> Result<(), StoreError> {
    let row = tx.fetch_optional(GET_MARK, values![MARKED]).await?;
    row.map_or(Ok(()), |row| Err(Mark::read(&row)?.refusal()))
}

/// The number of the newest schema that this program knows.
pub(crate) fn newest_number() -> i64 {
    newest(SQLITE)
}

/// Runs what has not run yet. The caller commits.
pub(crate) async fn bring_up_to_date(tx: &mut Tx, known: &[Migration]) -> Result<(), StoreError> {
    tx.run_script(HISTORY).await?;
    refuse_marked(tx).await?;
    let ran = history(&tx.fetch(RAN, values![]).await?)?;
    refuse_newer(&ran, known)?;
    for migration in known {
        let checksum = checksum(migration);
        match ran.get(&migration.number) {
            Some(found) if *found == checksum => {}
            Some(_) => return Err(StoreError::MigrationDiffers { number: migration.number }),
            None => {
                tx.run_script(migration.sql).await?;
                let row = values![migration.number, migration.name, checksum];
                tx.execute(RECORD, row).await?;
            }
        }
    }
    Ok(())
}

/// Refuses a database that this program can't read as it is, or may not. Changes nothing.
pub(crate) async fn refuse_other_schema(db: &Db, known: &[Migration]) -> Result<(), StoreError> {
    look_for_mark(db).await?;
    compare(db, known).await
}

/// Refuses a database that carries a mark, without a turn to write.
pub(crate) async fn look_for_mark(db: &Db) -> Result<(), StoreError> {
    if db.has_table("schema_migration").await?
        && let Some(mark) = Mark::of(db).await?
    {
        return Err(mark.refusal());
    }
    Ok(())
}

/// Refuses a schema that this program can't read as it is, whether it is marked or not.
pub(crate) async fn compare(db: &Db, known: &[Migration]) -> Result<(), StoreError> {
    let newest = newest(known);
    if !db.has_table("schema_migration").await? {
        return Err(StoreError::OlderSchema { found: 0, known: newest });
    }
    let ran = history(&db.fetch(RAN, values![]).await?)?;
    refuse_newer(&ran, known)?;
    let found = ran.keys().next_back().copied().unwrap_or(0);
    if found < newest {
        return Err(StoreError::OlderSchema { found, known: newest });
    }
    let differs = |one: &&Migration| ran.get(&one.number).is_none_or(|ran| *ran != checksum(one));
    match known.iter().find(differs) {
        Some(Migration { number, .. }) => Err(StoreError::MigrationDiffers { number: *number }),
        None => Ok(()),
    }
}

fn checksum(migration: &Migration) -> String {
    Digest::of(migration.sql.as_bytes()).to_string()
}

fn refuse_newer(ran: &BTreeMap<i64, String>, known: &[Migration]) -> Result<(), StoreError> {
    let known = newest(known);
    match ran.keys().next_back() {
        Some(&found) if found > known => Err(StoreError::NewerSchema { found, known }),
        _ => Ok(()),
    }
}

fn newest(known: &[Migration]) -> i64 {
    known.iter().map(|migration| migration.number).max().unwrap_or(0)
}

fn history(rows: &[Row]) -> Result<BTreeMap<i64, String>, StoreError> {
    let ran = rows.iter().map(|row| Ok((row.get("number")?, row.get("checksum")?)));
    ran.filter(|one| !matches!(one, Ok((MARKED, _)))).collect()
}
