//! Collected bodies, line by line. A line is a record of a file: `{"file": "traits", "record": …}`.
//! Text in the file `notes` is what the reader must know: windows, gaps.

use std::io::{BufRead, BufReader, Read};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::PackageError;

/// No answer of a vendor is taken that is larger, so no record can be.
const LONGEST: u64 = 64 * 1024 * 1024;

/// The file of a body that holds what its reader must know, and no data.
pub const NOTES: &str = "notes";

/// One line.
#[derive(Deserialize)]
pub(crate) struct Line<'a> {
    /// The file that the record belongs to.
    pub(crate) file: String,
    /// The record, exactly as it was collected.
    #[serde(borrow)]
    pub(crate) record: &'a RawValue,
}

impl Line<'_> {
    /// The note, if this is one and no data.
    pub(crate) fn note(&self) -> Option<String> {
        let text = || serde_json::from_str(self.record.get()).ok();
        (self.file == NOTES).then(text).flatten()
    }
}

/// Calls `each` with every line of a body; memory holds one at a time.
pub(crate) fn for_each(
    body: Box<dyn Read>,
    mut each: impl FnMut(Line<'_>) -> Result<(), PackageError>,
) -> Result<(), PackageError> {
    let mut body = BufReader::new(body);
    let mut line = Vec::new();
    loop {
        line.clear();
        let n = body
            .by_ref()
            .take(LONGEST + 1)
            .read_until(b'\n', &mut line)
            .map_err(PackageError::Read)?;
        if n == 0 {
            return Ok(());
        }
        if n as u64 > LONGEST {
            return Err(PackageError::Damaged { what: "a record is larger than any answer" });
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let parsed = serde_json::from_slice(&line)
            .map_err(|_| PackageError::Damaged { what: "a line is not a record" })?;
        each(parsed)?;
    }
}
