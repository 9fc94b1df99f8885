//! The list of purged requests, a file beside the keys.
//!
//! A backup of yesterday's holds what was purged today. The list stays with the keys when the data
//! folder is put back, so that what it names is purged again. It is appended to, a line a request, and
//! durable before the key of the request is destroyed: a crash between the two leaves a line, by which
//! the purge is finished later.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use domain::request::ClosedAs;
use domain::{Instant, RequestId};

use super::{KeyError, failed, read_optional, sync_folder};

const FILE: &str = "purged";

/// A line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurgedLine {
    /// The request.
    pub request: RequestId,
    /// When it was purged.
    pub at: Instant,
    /// As what it had been closed: a backup may know it as open.
    pub how: ClosedAs,
}

/// Appends a line, durably.
pub(super) fn append(folder: &Path, line: &PurgedLine) -> Result<(), KeyError> {
    let path = folder.join(FILE);
    let open = || OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&path);
    let write = |mut file: File| -> io::Result<()> {
        // A crash may have torn the line before.
        let start = if ends_a_line(&mut file)? { "" } else { "\n" };
        let PurgedLine { request, at, how } = line;
        file.write_all(format!("{start}{request} {at} {}\n", how.word()).as_bytes())?;
        file.sync_all()
    };
    open().and_then(write).map_err(|cause| failed("write", &path, cause))?;
    sync_folder(folder)
}

/// All lines. One that a crash has torn is left out: its request was not purged.
pub(super) fn read(folder: &Path) -> Result<Vec<PurgedLine>, KeyError> {
    let content = read_optional(&folder.join(FILE))?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&content).lines().filter_map(parse).collect())
}

fn parse(line: &str) -> Option<PurgedLine> {
    let mut parts = line.splitn(3, ' ');
    let (request, at) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some(PurgedLine { request, at, how: parts.next()?.parse().ok()? })
}

fn ends_a_line(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}
