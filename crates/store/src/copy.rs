//! A copy of an installation's rows, out of the file in the data folder into a PostgreSQL database.
//!
//! Nobody writes to either while it lasts: both carry a mark with the id of the copy from its beginning,
//! and whoever begins to write is refused. So a copy that was broken off goes on after the last row that
//! arrived, and at no moment may both be used. At the end every row is read back from both sides and
//! compared; then the file is marked as moved, and after it the mark of the database goes. Whatever is
//! broken off between is finished by the same command again.
//!
//! Which tables and columns there are is read from the databases. Bodies and keys stay where they are.

mod rows;
mod tables;
#[cfg(test)]
mod tests;

use domain::Digest;

use crate::connection::Secret;
use crate::db::{Db, values};
use crate::error::StoreError;
use crate::keys::{KeyFolder, installation_of};
use crate::lease::{self, LeaseRow};
use crate::migrate::{self, Mark, Why};
use crate::seal::random;
use crate::store::Options;
use crate::{installation, journal};
use tables::Table;

/// What the planner goes by, which else comes only in time.
const ANALYZE: &str = "ANALYZE";

/// Why rows could not be copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// Somebody runs the engine over one of the two.
    #[error("the engine is run by {0}")]
    EngineAtWork(String),
    /// The destination holds something, and nothing of this copy.
    #[error(
        "the PostgreSQL database is not empty, and holds no unfinished copy of this data folder"
    )]
    NotEmpty,
    /// It was done before.
    #[error("the data folder was copied already, and its rows are in use elsewhere")]
    AlreadyMoved,
    /// There is nothing to take back.
    #[error("the data folder was never copied, and may be used")]
    NotMoved,
    /// Taking back what is in use would lose what happened since.
    #[error("the PostgreSQL database was used since: the data folder knows nothing of that")]
    UsedSince,
    /// The other one is not the one that the rows were copied into.
    #[error("the PostgreSQL database is not the one that the data folder was copied into")]
    NotTheCopy,
    /// The two databases don't have the same tables and columns.
    #[error("the schemas differ: {0}")]
    Schema(String),
    /// A row is not on both sides, or not the same.
    #[error("the copy differs from the original in table {table}, in the row with the key {key}")]
    Differs {
        /// The table.
        table: String,
        /// The values of its key.
        key: String,
    },
    /// A database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is done.
    pub step: Step,
    /// With how many rows.
    pub n_rows: u64,
    /// Of how many.
    pub n_rows_total: u64,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Rows are copied.
    Copying,
    /// Rows are read back and compared.
    Comparing,
}

/// What was copied and compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The tables, with the rows of each.
    pub tables: Vec<(&'static str, u64)>,
    /// Rows that were there from a copy broken off before.
    pub n_rows_before: u64,
}

impl Copied {
    /// All rows, each of them compared.
    pub fn n_rows(&self) -> u64 {
        self.tables.iter().map(|(_, n_rows)| n_rows).sum()
    }
}

/// Copies what is in the data folder's file into the database, or goes on where that was broken off.
pub async fn copy(
    options: &Options,
    into: &Secret,
    is_held: impl Fn(&LeaseRow) -> bool,
    mut tell: impl FnMut(Progress),
) -> Result<Copied, CopyError> {
    // The keys that belong to the folder have to be at hand, though none is needed.
    KeyFolder::open_existing(&options.keys, &options.data).map_err(StoreError::from)?;
    let from = Db::open_as_is(&options.data).await?;
    migrate::compare(&from, migrate::SQLITE).await?;
    let before = Mark::of(&from).await?;
    if before.is_none() {
        refuse_at_work(&from, &is_held).await?;
    }
    let into = destination(into, before.as_ref()).await?;
    let copied = between(options, &from, &into, is_held, &mut tell).await;
    from.close().await;
    into.close().await;
    copied
}

async fn between(
    options: &Options,
    from: &Db,
    into: &Db,
    is_held: impl Fn(&LeaseRow) -> bool,
    tell: &mut impl FnMut(Progress),
) -> Result<Copied, CopyError> {
    let tables = tables::of_both(from, into).await?;
    let mark = begin(from, is_held).await?;
    arrive(into, &mark, &tables).await?;
    let n_rows_total = rows::count(from, &tables).await?;
    let mut n_rows_before = 0;
    let mut done = Progress { step: Step::Copying, n_rows: 0, n_rows_total };
    for table in &tables {
        n_rows_before += rows::copy(table, from, into, &mut done, tell).await?;
    }
    let mut done = Progress { step: Step::Comparing, n_rows: 0, n_rows_total };
    let mut compared = Vec::with_capacity(tables.len());
    for table in &tables {
        compared.push((table.name, rows::compare(table, from, into, &mut done, tell).await?));
    }
    finish(options, from, into, &mark, &tables).await?;
    Ok(Copied { tables: compared, n_rows_before })
}

/// Opens the database to copy into, and brings an empty one's schema up to date. One that is used for
/// anything is refused before anything is written.
async fn destination(url: &Secret, before: Option<&Mark>) -> Result<Db, CopyError> {
    let db = Db::look_at(url.expose()).await?;
    let is_empty = !tables::has_any(&db).await?;
    let there = match is_empty || !db.has_table(tables::HISTORY).await? {
        true => None,
        false => Mark::of(&db).await?,
    };
    let seen = match (&there, before) {
        (Some(there), Some(before)) if there.copy == before.copy => {
            migrate::compare(&db, migrate::POSTGRES).await
        }
        (_, Some(Mark { why: Why::Moved, .. })) => return Err(CopyError::AlreadyMoved),
        (None, _) if is_empty => Ok(()),
        (None, _) if tables::is_bare(&db).await? => Ok(()),
        _ => return Err(CopyError::NotEmpty),
    };
    db.close().await;
    seen?;
    Ok(match there {
        Some(_) => Db::open_url_as_is(url.expose()).await?,
        None => Db::open_url(url.expose()).await?,
    })
}

/// Refuses to go on while somebody holds a lease.
async fn refuse_at_work(db: &Db, is_held: impl Fn(&LeaseRow) -> bool) -> Result<(), CopyError> {
    match lease::all(db).await?.into_iter().find(is_held) {
        Some(row) => Err(CopyError::EngineAtWork(row.info)),
        None => Ok(()),
    }
}

/// Marks the file, so that nobody writes to it any more.
async fn begin(from: &Db, is_held: impl Fn(&LeaseRow) -> bool) -> Result<Mark, CopyError> {
    let mut tx = from.begin_as_is().await?;
    if let Some(mark) = Mark::of(from).await? {
        return Ok(mark);
    }
    refuse_at_work(from, is_held).await?;
    let random: [u8; 16] = random().map_err(StoreError::from)?;
    let mark = Mark { why: Why::Moving, copy: Digest::of(&random).to_string() };
    mark.set(&mut tx).await?;
    tx.commit().await?;
    Ok(mark)
}

/// Marks the database that the rows go to, if it is still as empty as it was.
async fn arrive(into: &Db, mark: &Mark, tables: &[Table]) -> Result<(), CopyError> {
    let mut tx = into.begin_as_is().await?;
    match Mark::of(into).await? {
        Some(there) if there.copy == mark.copy => return Ok(()),
        None if rows::count(into, tables).await? == 0 => {}
        _ => return Err(CopyError::NotEmpty),
    }
    Mark { why: Why::Arriving, ..mark.clone() }.set(&mut tx).await?;
    Ok(tx.commit().await?)
}

/// Gives the database the numbers and the id that the rows don't bring, and lets it be used in place of
/// the file.
async fn finish(
    options: &Options,
    from: &Db,
    into: &Db,
    mark: &Mark,
    tables: &[Table],
) -> Result<(), CopyError> {
    let id = installation_of(options).map_err(StoreError::from)?;
    let mut tx = from.begin_as_is().await?;
    Mark { why: Why::Moved, ..mark.clone() }.set(&mut tx).await?;
    tx.commit().await?;
    let mut tx = into.begin_as_is().await?;
    rows::go_on_after(&mut tx, tables).await?;
    tx.execute(ANALYZE, values![]).await?;
    installation::claim(&mut tx, &id).await?;
    Mark::take_away(&mut tx).await?;
    Ok(tx.commit().await?)
}

/// Lets the file be used again. Where its rows had all arrived, the database that has them is named,
/// and must not have been used since; it is marked first.
pub async fn reopen(options: &Options, copied_into: Option<&Secret>) -> Result<(), CopyError> {
    let from = Db::open_as_is(&options.data).await?;
    let mark = Mark::of(&from).await?.ok_or(CopyError::NotMoved)?;
    if mark.why == Why::Moved {
        let url = copied_into.ok_or(CopyError::NotTheCopy)?;
        let into = Db::open_url_as_is(url.expose()).await?;
        let closed = close_again(options, &from, &into, &mark).await;
        into.close().await;
        closed?;
    }
    let mut tx = from.begin_as_is().await?;
    Mark::take_away(&mut tx).await?;
    tx.commit().await?;
    from.close().await;
    Ok(())
}

/// Marks a database that the rows have arrived in.
async fn close_again(
    options: &Options,
    from: &Db,
    into: &Db,
    mark: &Mark,
) -> Result<(), CopyError> {
    let id = installation_of(options).map_err(StoreError::from)?;
    let mut tx = into.begin_as_is().await?;
    match Mark::of(into).await? {
        Some(there) if there.copy == mark.copy => return Ok(()),
        Some(_) => return Err(CopyError::NotTheCopy),
        None if !installation::is(&mut tx, &id).await? => return Err(CopyError::NotTheCopy),
        None => {}
    }
    let time = lease::time_of(into).await?;
    let is_held = |row: &LeaseRow| time.as_ref().is_some_and(|time| row.is_held(time));
    refuse_at_work(into, is_held).await?;
    if journal::last(into).await? != journal::last(from).await? {
        return Err(CopyError::UsedSince);
    }
    Mark { why: Why::Arriving, ..mark.clone() }.set(&mut tx).await?;
    Ok(tx.commit().await?)
}
