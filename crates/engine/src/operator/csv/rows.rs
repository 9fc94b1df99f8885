//! Rows of a CSV file, one at a time, in buffers of a fixed size.
//!
//! Unlike a general reader this one counts blank rows, bounds a row's length and tells a quotation
//! mark that is never closed, which would otherwise swallow the rows behind it without a word.

use std::io::{ErrorKind, Read};

use csv_core::ReadRecordResult;

use super::FileFault;

/// The most bytes of a row.
const LONGEST_ROW: usize = 64 * 1024;
/// More columns than any header can have.
const MOST_CELLS: usize = 1024;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Row {
    /// Nothing but a line's end.
    Blank,
    /// Cells, to be read with [`Rows::cells`].
    Cells,
}

/// The rows of a file.
pub(super) struct Rows<R> {
    from: R,
    parser: csv_core::Reader,
    input: Box<[u8]>,
    /// What of `input` is still to be used.
    left: std::ops::Range<usize>,
    is_read_out: bool,
    output: Box<[u8]>,
    ends: Box<[usize]>,
    n_cells: usize,
    n_blank: u64,
    number: u64,
    n_bytes: u64,
    last_byte: u8,
}

impl<R: Read> Rows<R> {
    /// Finds out by the first row what parts the cells: `;` if it is there, else `,`.
    pub(super) fn new(from: R) -> Result<Self, FileFault> {
        let mut rows = Self {
            from,
            parser: csv_core::Reader::new(),
            input: vec![0; LONGEST_ROW].into(),
            left: 0..0,
            is_read_out: false,
            output: vec![0; LONGEST_ROW].into(),
            ends: vec![0; MOST_CELLS].into(),
            n_cells: 0,
            n_blank: 0,
            number: 0,
            n_bytes: 0,
            last_byte: b'\n',
        };
        while rows.left.end < rows.input.len() && !rows.is_read_out {
            rows.read_more()?;
        }
        if rows.unread().starts_with(b"\xff\xfe") || rows.unread().starts_with(b"\xfe\xff") {
            return Err(FileFault::Encoding { row: 1 });
        }
        if rows.unread().starts_with(BYTE_ORDER_MARK) {
            rows.advance(BYTE_ORDER_MARK.len());
            rows.last_byte = b'\n';
        }
        let first = rows.unread().split(|byte| matches!(byte, b'\n' | b'\r')).next();
        let delimiter = if first.is_some_and(|row| row.contains(&b';')) { b';' } else { b',' };
        rows.parser = csv_core::ReaderBuilder::new().delimiter(delimiter).build();
        Ok(rows)
    }

    /// Goes to the next row. Blank rows at the very end are none.
    pub(super) fn next(&mut self) -> Result<Option<Row>, FileFault> {
        if self.n_blank == 0 {
            self.n_blank = self.count_blank()?;
        }
        if self.is_at_end()? {
            return Ok(None);
        }
        self.number += 1;
        if self.n_blank > 0 {
            self.n_blank -= 1;
            return Ok(Some(Row::Blank));
        }
        self.parse_row()?;
        Ok(Some(Row::Cells))
    }

    /// The number of the row gone to last; the first is 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// How many bytes have been used up.
    pub(super) fn n_bytes(&self) -> u64 {
        self.n_bytes
    }

    /// The cells of the row gone to last.
    pub(super) fn cells(&self) -> Result<Vec<&str>, FileFault> {
        let mut start = 0;
        let mut cells = Vec::with_capacity(self.n_cells);
        for end in self.ends.iter().take(self.n_cells) {
            let cell = self.output.get(start..*end).unwrap_or_default();
            let row = self.number;
            cells.push(std::str::from_utf8(cell).map_err(|_| FileFault::Encoding { row })?);
            start = *end;
        }
        Ok(cells)
    }

    fn parse_row(&mut self) -> Result<(), FileFault> {
        let row = self.number;
        let (mut n_out, mut n_ends, mut n_quotes, mut n_lines) = (0, 0, 0, 0);
        // A row that the end of the file ends, over several lines, within a quotation.
        let is_cut_off = loop {
            self.fill()?;
            let Self { parser, input, left, output, ends, .. } = self;
            let unread = input.get(left.clone()).unwrap_or_default();
            let output = output.get_mut(n_out..).unwrap_or_default();
            let ends = ends.get_mut(n_ends..).unwrap_or_default();
            let (result, n_in, out, ended) = parser.read_record(unread, output, ends);
            let used = unread.get(..n_in).unwrap_or_default();
            n_quotes += used.iter().filter(|byte| **byte == b'"').count();
            n_lines += used.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count();
            (n_out, n_ends) = (n_out + out, n_ends + ended);
            let is_end_of_file = unread.is_empty();
            self.advance(n_in);
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    return Err(FileFault::RowTooLong { row });
                }
                ReadRecordResult::Record | ReadRecordResult::End => break is_end_of_file,
            }
        };
        self.n_cells = n_ends;
        if is_cut_off && n_quotes % 2 == 1 && n_lines > 0 {
            return Err(FileFault::OpenQuote { row });
        }
        Ok(())
    }

    /// Skips blank rows and counts them. The `\n` of a `\r\n` belongs to the row before.
    fn count_blank(&mut self) -> Result<u64, FileFault> {
        let mut n = 0;
        loop {
            self.fill()?;
            match self.unread().first() {
                Some(b'\n') if self.last_byte == b'\r' => self.advance(1),
                Some(b'\n' | b'\r') => {
                    n += 1;
                    self.advance(1);
                }
                _ => return Ok(n),
            }
        }
    }

    fn is_at_end(&mut self) -> Result<bool, FileFault> {
        self.fill()?;
        Ok(self.left.is_empty())
    }

    fn unread(&self) -> &[u8] {
        self.input.get(self.left.clone()).unwrap_or_default()
    }

    fn advance(&mut self, n: usize) {
        if let Some(byte) = self.unread().get(..n).and_then(<[u8]>::last) {
            self.last_byte = *byte;
        }
        self.left.start += n;
        self.n_bytes += n as u64;
    }

    /// Reads on, if nothing is left.
    fn fill(&mut self) -> Result<(), FileFault> {
        if self.left.is_empty() && !self.is_read_out {
            self.left = 0..0;
            self.read_more()?;
        }
        Ok(())
    }

    fn read_more(&mut self) -> Result<(), FileFault> {
        let room = self.input.get_mut(self.left.end..).unwrap_or_default();
        match self.from.read(room) {
            Ok(0) => self.is_read_out = true,
            Ok(n) => self.left.end += n,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(FileFault::Read(error)),
        }
        Ok(())
    }
}
