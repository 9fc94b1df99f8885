//! Contents and bodies in, a package out. Blocking, in constant memory.

#[cfg(test)]
mod tests;

use std::io::Write;

use domain::Digest;

use crate::archive::Archive;
use crate::contents::{Contents, System};
use crate::error::PackageError;
use crate::survey::{Open, Surveyed, survey};
use crate::{lines, page};

/// What a package came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packed {
    /// Files of data.
    pub n_files: usize,
    /// Records in them.
    pub n_records: u64,
    /// The digest of the list of files, which holds the digest of each.
    pub manifest: Digest,
}

/// Writes a package: the page first, then the data file by file, then the list of files.
pub fn pack<W: Write>(
    mut contents: Contents,
    open: &mut Open<'_>,
    out: W,
) -> Result<(W, Packed), PackageError> {
    let surveyed = survey(&mut contents, open)?;
    let all = || surveyed.iter().flat_map(|system| &system.files);
    let n_records = all().map(|file| file.n_records).sum();
    let mut archive = Archive::new(out, contents.written_unix);
    archive.add_text("README.txt", &page::readme(&contents))?;
    archive.add_text("index.html", &page::index(&contents, &surveyed)?)?;
    let mut n_files = 0;
    for (system, surveyed) in contents.systems.iter().zip(&surveyed) {
        for (index, file) in surveyed.files.iter().enumerate() {
            archive.add(&file.path, |out| {
                write_records(system, surveyed, index, open, out)?;
                Ok(Some(file.n_records))
            })?;
            n_files += 1;
        }
    }
    let (out, manifest) = archive.finish(contents.request, contents.written_at)?;
    Ok((out, Packed { n_files, n_records, manifest }))
}

/// Writes the records of one file as a JSON array.
fn write_records(
    system: &System,
    surveyed: &Surveyed,
    index: usize,
    open: &mut Open<'_>,
    out: &mut dyn Write,
) -> Result<(), PackageError> {
    let mut before = "[\n";
    for body in &system.bodies {
        lines::for_each(open(*body).map_err(PackageError::Read)?, |line| {
            if surveyed.index_of(&line.file) != Some(index) || line.note().is_some() {
                return Ok(());
            }
            let mut write = |text: &str| out.write_all(text.as_bytes());
            write(before).and_then(|()| write(line.record.get())).map_err(PackageError::Write)?;
            before = ",\n";
            Ok(())
        })?;
    }
    let end: &[u8] = if before == "[\n" { b"[]\n" } else { b"\n]\n" };
    out.write_all(end).map_err(PackageError::Write)
}
