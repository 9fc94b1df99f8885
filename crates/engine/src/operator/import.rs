//! Importing a file of requests, in groups of one transaction each.
//!
//! The file is read twice: first whole, so that a fault of the file imports nothing, then group by
//! group. Running it again after a crash is harmless: rows that are in come back as known. Memory
//! stays constant; only a dry run, which stores nothing to compare with, keeps a short digest of
//! each row.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::io::{Read, Seek};

use domain::identifier::Region;
use domain::{Event, ImportId, RequestId};
use serde::{Deserialize, Serialize};
use store::Transition;
use utoipa::ToSchema;

use super::csv::{FileFault, Reader};
use super::desk::{Desk, OperatorError};
use super::draft::{Draft, Rules};
use super::fault::Fault;
use super::intake::{Channel, Handed, New, Run, Seen, Verdict, take, twice};

/// Rows per transaction.
const GROUP: usize = 2_000;

/// How to import.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Only say what would happen.
    pub dry_run: bool,
    /// The region of phone numbers without a country.
    pub phone_region: Option<Region>,
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ImportedRow)]
pub struct RowDone {
    /// Its number; the header is row 1.
    pub row: u64,
    /// The request that it is, if it is one.
    pub request: Option<RequestId>,
    /// The codes of what is wrong with it.
    pub errors: Vec<Cow<'static, str>>,
}

/// A row that was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BadRow {
    /// Its number; the header is row 1.
    pub row: u64,
    /// What is wrong with it.
    pub faults: Vec<Fault>,
}

/// What an import came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ImportSummary)]
pub struct Summary {
    /// Rows in the file, without the header.
    pub n_rows: u64,
    /// Requests that are new, or would be.
    pub n_new: u64,
    /// New ones whose deadline has passed already.
    pub n_late: u64,
    /// New ones that no connection serves, so that a person has to.
    pub n_left_to_person: u64,
    /// Requests that were in already.
    pub n_known: u64,
    /// Rows left out.
    pub n_left_out: u64,
    /// The first hundred of them; the rows themselves tell of all.
    pub bad_rows: Vec<BadRow>,
}

/// The most bad rows that a summary holds.
const MOST_SHOWN: usize = 100;

/// Why nothing, or not everything, was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file itself; nothing was imported.
    #[error("nothing was imported")]
    File(#[from] FileFault),
    /// The store, or the journal. What was imported stays; importing again completes it.
    #[error("the import stopped; what is in stays, and importing the file again completes it")]
    Operator(#[from] OperatorError),
}

/// Reads a whole file for faults of the file, and counts its rows. Blocking.
pub fn look_through(file: impl Read) -> Result<u64, FileFault> {
    let mut reader = Reader::open(file)?;
    let mut n_rows = 0;
    while reader.next_row()?.is_some() {
        n_rows += 1;
    }
    Ok(n_rows)
}

/// An import under way, group by group.
pub struct Import<'a, R> {
    desk: &'a Desk<'a>,
    reader: Reader<R>,
    importing: Importing,
}

impl<'a, R: Read> Import<'a, R> {
    /// Begins to import a file that was [looked through](look_through).
    pub async fn begin(
        desk: &'a Desk<'a>,
        file: R,
        options: &Options,
    ) -> Result<Self, ImportError> {
        let reader = Reader::open(file)?;
        let importing = Importing {
            rules: Rules::load(desk, options.phone_region.clone()).await?,
            seen: Seen::default(),
            begun: RequestId::new(desk.ids),
            run: if options.dry_run { Run::Dry } else { Run::Real },
            summary: Summary::default(),
        };
        Ok(Self { desk, reader, importing })
    }

    /// Imports the next group, and says what became of each row; nothing once the file is at its end.
    pub async fn next(&mut self) -> Result<Option<Vec<RowDone>>, ImportError> {
        let group = read_group(&mut self.reader)?;
        if group.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.importing.group(self.desk, group).await?))
    }

    /// What it came to; the journal says so too.
    pub async fn finish(self) -> Result<Summary, ImportError> {
        if self.importing.run == Run::Real {
            self.importing.journal(self.desk).await?;
        }
        Ok(self.importing.summary)
    }
}

/// Imports a whole file that can be read from its beginning again. `tell` hears of each group of rows.
pub async fn import(
    desk: &Desk<'_>,
    mut file: impl Read + Seek,
    options: &Options,
    tell: &mut dyn FnMut(Vec<RowDone>),
) -> Result<Summary, ImportError> {
    look_through(&mut file)?;
    file.rewind().map_err(FileFault::Read)?;
    let mut import = Import::begin(desk, file, options).await?;
    while let Some(rows) = import.next().await? {
        tell(rows);
    }
    import.finish().await
}

type Group = Vec<(u64, Result<Draft, Fault>)>;

fn read_group(reader: &mut Reader<impl Read>) -> Result<Group, FileFault> {
    let mut group = Vec::new();
    while group.len() < GROUP {
        let Some(row) = reader.next_row()? else { break };
        group.push(row);
    }
    Ok(group)
}

struct Importing {
    rules: Rules,
    seen: Seen,
    /// An id made before any of this run's: what is younger came in with this file.
    begun: RequestId,
    run: Run,
    summary: Summary,
}

impl Importing {
    async fn group(&mut self, desk: &Desk<'_>, group: Group) -> Result<Vec<RowDone>, ImportError> {
        if self.run == Run::Real {
            self.seen.clear();
        }
        let good = group.iter().filter_map(|(_, row)| row.as_ref().ok());
        let handed = good.map(|draft| Handed { desk, rules: &self.rules, draft, key: None });
        let handed: Vec<_> = handed.collect();
        let taken = take(Channel::File, self.run, &mut self.seen, &handed).await?;
        let mut taken = taken.into_iter();
        let mut rows = Vec::with_capacity(group.len());
        for (row, draft) in group {
            let verdict = match draft {
                Err(fault) => Verdict::Faults(vec![fault]),
                Ok(_) => taken.next().unwrap_or(Verdict::New(New::default())),
            };
            rows.push(self.note(row, verdict));
        }
        Ok(rows)
    }

    fn note(&mut self, row: u64, verdict: Verdict) -> RowDone {
        let summary = &mut self.summary;
        summary.n_rows += 1;
        let (request, faults) = match verdict {
            Verdict::New(new) => {
                summary.n_new += 1;
                summary.n_late += u64::from(new.is_late);
                summary.n_left_to_person += u64::from(new.is_left_to_person);
                (new.id, Vec::new())
            }
            Verdict::Known(id) if id > self.begun => (Some(id), vec![twice()]),
            Verdict::Known(id) => {
                summary.n_known += 1;
                (Some(id), Vec::new())
            }
            Verdict::Faults(faults) => (None, faults),
            Verdict::Twice(fault) => (None, vec![fault]),
        };
        let errors = faults.iter().map(|fault| fault.code.clone()).collect();
        if !faults.is_empty() {
            summary.n_left_out += 1;
            if summary.bad_rows.len() < MOST_SHOWN {
                summary.bad_rows.push(BadRow { row, faults });
            }
        }
        RowDone { row, request, errors }
    }

    async fn journal(&self, desk: &Desk<'_>) -> Result<(), OperatorError> {
        let entry = desk
            .entry(Event::Imported)
            .fact("import", ImportId::new(desk.ids).to_string())
            .fact("n_rows", self.summary.n_rows)
            .fact("n_new", self.summary.n_new)
            .fact("n_known", self.summary.n_known)
            .fact("n_left_out", self.summary.n_left_out);
        desk.write(Transition { journal: vec![entry], ..Transition::default() }).await
    }
}
