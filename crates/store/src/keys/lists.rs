//! Lists that stand beside the keys, a line each: purged requests and destroyed keys.
//!
//! A backup of yesterday's holds what was purged today. The lists stay with the keys when the data
//! folder is put back, so that what they name is purged again, and that a key which was destroyed is
//! not taken for one that was lost. A line is durable before what it tells of is done: a crash between
//! the two leaves a line, by which it is finished later. A purge that was refused has its line struck out by
//! another.

use std::collections::HashMap;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use domain::request::ClosedAs;
use domain::{Instant, RequestId};

use super::KeyError;
use super::files::{failed, read_optional, sync_folder};

/// What strikes a line out.
const REFUSED: &str = "refused";

/// A line of the list of purged requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurgedLine {
    /// The request.
    pub request: RequestId,
    /// When it was purged.
    pub at: Instant,
    /// As what it had been closed: a backup may know it as open.
    pub how: ClosedAs,
    /// The version of the request that was purged: what has a later one was changed instead.
    pub version: i64,
    /// Who purged it.
    pub by: String,
}

impl PurgedLine {
    /// Nothing for a line that a crash has torn: its request was not purged.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let (line, by) = line.split_once('\t')?;
        let mut parts = line.splitn(4, ' ');
        let (request, at) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let (version, how) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some(Self { request, at, how, version, by: by.to_owned() })
    }

    /// The line that strikes this one out.
    pub(super) fn refused(&self) -> String {
        format!("{REFUSED} {} {}", self.request, self.version)
    }
}

/// The lines that stand, the first purged first; of several about a request the last.
pub(super) fn standing(list: &str) -> Vec<PurgedLine> {
    let mut standing = HashMap::new();
    for text in list.lines() {
        if let Some(line) = PurgedLine::parse(text) {
            standing.insert(line.request, line);
        } else if let Some((request, version)) = parse_refused(text)
            && standing.get(&request).is_some_and(|line| line.version == version)
        {
            standing.remove(&request);
        }
    }
    let mut standing: Vec<_> = standing.into_values().collect();
    standing.sort_by_key(|line| (line.at, line.request));
    standing
}

fn parse_refused(text: &str) -> Option<(RequestId, i64)> {
    let (request, version) = text.strip_prefix(REFUSED)?.trim_start().split_once(' ')?;
    Some((request.parse().ok()?, version.parse().ok()?))
}

impl fmt::Display for PurgedLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = self.by.replace(char::is_control, "_");
        write!(f, "{} {} {} {}\t{by}", self.request, self.at, self.version, self.how.word())
    }
}

/// Appends a line to a list, durably.
pub(super) fn append(folder: &Path, list: &str, line: &str) -> Result<(), KeyError> {
    let path = folder.join(list);
    let open = || OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&path);
    let write = |mut file: File| -> io::Result<()> {
        // A crash may have torn the line before.
        let start = if ends_a_line(&mut file)? { "" } else { "\n" };
        file.write_all(format!("{start}{line}\n").as_bytes())?;
        file.sync_all()
    };
    open().and_then(write).map_err(|cause| failed("write", &path, cause))?;
    sync_folder(folder)
}

/// A whole list.
pub(super) fn read(folder: &Path, list: &str) -> Result<String, KeyError> {
    let content = read_optional(&folder.join(list))?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&content).into_owned())
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
