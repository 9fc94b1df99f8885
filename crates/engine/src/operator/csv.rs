//! Requests out of a CSV file, row by row, in constant memory.
//!
//! The header is that of the built-in identifier types and the fields of a request; `,` or `;`, a
//! byte order mark is accepted. A fault of the file stops everything; a fault of a row is that row's.
//! Values are not judged here: that is `draft`'s.

mod header;
mod rows;
#[cfg(test)]
mod tests;

use std::io::Read;

use super::draft::Draft;
use super::fault::Fault;
use header::Column;
use rows::{Row, Rows};

/// The most bytes of a cell.
const LONGEST_CELL: usize = 8 * 1024;

/// A fault of the whole file: nothing of it is imported.
#[derive(Debug, thiserror::Error)]
pub enum FileFault {
    /// Not UTF-8.
    #[error("row {row} is not UTF-8: save the file as “CSV UTF-8” and import it again")]
    Encoding {
        /// The row.
        row: u64,
    },
    /// A column that has no meaning here.
    #[error(
        "{column} has a heading that is not known: {meant}use {known}, or id.NAME for a type of your own"
    )]
    UnknownColumn {
        /// Its place, and its name where that is no value for sure.
        column: String,
        /// The question whether another one was meant, where one is near.
        meant: String,
        /// The columns that exist.
        known: String,
    },
    /// A column that is there twice.
    #[error("the column “{column}” is there twice")]
    ColumnTwice {
        /// Its name.
        column: String,
    },
    /// A column that has to be there.
    #[error("the column “{column}” is missing: the first row must name the columns")]
    MissingColumn {
        /// Its name.
        column: &'static str,
    },
    /// Nothing in it.
    #[error("the file is empty: the first row must name the columns")]
    Empty,
    /// A row beyond all measure.
    #[error("row {row} is longer than 64 KiB: look for a quotation mark that is never closed")]
    RowTooLong {
        /// The row.
        row: u64,
    },
    /// A quote that is open at the end of the file.
    #[error("a quotation mark opened in row {row} is never closed")]
    OpenQuote {
        /// The row.
        row: u64,
    },
    /// The file can't be read.
    #[error("the file could not be read")]
    Read(#[source] std::io::Error),
}

impl FileFault {
    /// Its code, which never changes; none where the file could not be read at all.
    pub fn code(&self) -> Option<&'static str> {
        Some(match self {
            Self::Encoding { .. } => "E-CSV-001",
            Self::UnknownColumn { .. } => "E-CSV-002",
            Self::ColumnTwice { .. } => "E-CSV-003",
            Self::MissingColumn { .. } => "E-CSV-004",
            Self::Empty => "E-CSV-005",
            Self::RowTooLong { .. } => "E-CSV-006",
            Self::OpenQuote { .. } => "E-CSV-007",
            Self::Read(_) => return None,
        })
    }
}

/// What a row holds: a draft, or what is wrong with the row.
pub type RowResult = Result<Draft, Fault>;

/// Reads a CSV of requests. Rows are counted as a spreadsheet does: the header is row 1.
pub struct Reader<R> {
    rows: Rows<R>,
    columns: Vec<Column>,
}

impl<R: Read> Reader<R> {
    /// Reads the header.
    pub fn open(from: R) -> Result<Self, FileFault> {
        let mut rows = Rows::new(from)?;
        let columns = match rows.next()? {
            None => return Err(FileFault::Empty),
            Some(Row::Blank) => return Err(FileFault::MissingColumn { column: "right" }),
            Some(Row::Cells) => header::read(&rows.cells()?)?,
        };
        Ok(Self { rows, columns })
    }

    /// The next row and its number; nothing at the end.
    pub fn next_row(&mut self) -> Result<Option<(u64, RowResult)>, FileFault> {
        let Some(row) = self.rows.next()? else { return Ok(None) };
        let draft = match row {
            Row::Blank => Err(empty()),
            Row::Cells => self.draft(&self.rows.cells()?),
        };
        Ok(Some((self.rows.number(), draft)))
    }

    /// How many bytes of the file have been used up.
    pub fn n_bytes(&self) -> u64 {
        self.rows.n_bytes()
    }

    fn draft(&self, cells: &[&str]) -> RowResult {
        if cells.iter().all(|cell| cell.trim().is_empty()) {
            return Err(empty());
        }
        if cells.len() != self.columns.len() {
            let (n, due) = (cells.len(), self.columns.len());
            let message = format!("has {n} cells where the header has {due} columns");
            return Err(Fault::new("", "E-CSV-011", message));
        }
        let mut draft = Draft::default();
        for (column, cell) in self.columns.iter().zip(cells) {
            if cell.len() > LONGEST_CELL {
                let message = format!("is longer than {LONGEST_CELL} bytes");
                return Err(Fault::new(column.name(), "E-CSV-012", message));
            }
            column.put(cell, &mut draft);
        }
        Ok(draft)
    }
}

fn empty() -> Fault {
    Fault::new("", "E-CSV-010", "the row is empty")
}
