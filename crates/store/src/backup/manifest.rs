//! The manifest of a backup: a head in JSON, a line per file, and an end by which it is seen to be
//! whole. It is written and read line by line, however many files there are.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Lines, Write as _};
use std::path::Path;

use domain::digest::Running;
use domain::{Digest, Instant};
use serde::{Deserialize, Serialize};

use super::{BLOBS, BackupError, DATABASE, INSTALLATION, failed, files};
use crate::error::StoreError;

pub(super) const FILE: &str = "manifest";
const FORMAT: u32 = 1;
const END: &str = "end";

/// What a backup says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// How it is laid out.
    pub habeas_backup: u32,
    /// When it was made.
    pub made_at: Instant,
    /// By which version of the program.
    pub program: String,
    /// The number of the database's schema.
    pub schema: i64,
    /// The bucket in which the large bodies lie that are not in it, if they lie in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bodies: Option<String>,
}

impl Head {
    pub(super) fn new(
        made_at: Instant,
        program: &str,
        schema: i64,
        bodies: Option<String>,
    ) -> Self {
        Self { habeas_backup: FORMAT, made_at, program: program.to_owned(), schema, bodies }
    }
}

/// A manifest that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// What the backup says of itself.
    pub head: Head,
    /// How many files it has.
    pub n_files: u64,
    /// How long they are together.
    pub n_bytes: u64,
}

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileLine {
    /// Where it lies, below the folder.
    pub path: String,
    /// How long it is.
    pub n_bytes: u64,
    /// What it holds.
    pub digest: Digest,
}

impl FileLine {
    pub(super) fn new(path: &str, n_bytes: u64, digest: Digest) -> Self {
        Self { path: path.to_owned(), n_bytes, digest }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ' ');
        let digest = parts.next()?.parse().ok()?;
        let n_bytes = parts.next()?.parse().ok()?;
        let path = parts.next().filter(|path| is_ours(path))?.to_owned();
        Some(Self { path, n_bytes, digest })
    }
}

/// Whether a backup has files of that name: a manifest that somebody forged leads nowhere else.
fn is_ours(path: &str) -> bool {
    let is_plain = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    };
    match path.split('/').collect::<Vec<_>>().as_slice() {
        [one] => *one == DATABASE || *one == INSTALLATION,
        [folder, spread, name] => *folder == BLOBS && is_plain(spread) && is_plain(name),
        _ => false,
    }
}

impl Manifest {
    /// Reads the manifest of a backup, and makes sure that it is whole.
    pub fn read(folder: &Path) -> Result<Self, BackupError> {
        let no_backup = || BackupError::NoBackup(folder.to_owned());
        let mut lines = open(folder)?;
        let mut next = || lines.next().and_then(Result::ok).ok_or_else(no_backup);
        let mut digest = Running::default();
        let first = next()?;
        let head: Head = serde_json::from_str(&first).map_err(|_| no_backup())?;
        if head.habeas_backup != FORMAT {
            return Err(no_backup());
        }
        add(&mut digest, &first);
        let mut manifest = Self { head, n_files: 0, n_bytes: 0 };
        loop {
            let text = next()?;
            if let Some(end) = text.strip_prefix(END) {
                let is_whole = end.trim() == digest.finish().to_string();
                return if is_whole { Ok(manifest) } else { Err(no_backup()) };
            }
            add(&mut digest, &text);
            let line = FileLine::parse(&text).ok_or_else(no_backup)?;
            manifest.n_files += 1;
            manifest.n_bytes = manifest.n_bytes.checked_add(line.n_bytes).ok_or_else(no_backup)?;
        }
    }

    /// Its files.
    pub fn lines(
        &self,
        folder: &Path,
    ) -> Result<impl Iterator<Item = Result<FileLine, BackupError>> + use<>, BackupError> {
        let folder = folder.to_owned();
        let n_files = usize::try_from(self.n_files).unwrap_or(usize::MAX);
        let lines = open(&folder)?.skip(1).take(n_files);
        Ok(lines.map(move |line| {
            let line = line.ok().as_deref().and_then(FileLine::parse);
            line.ok_or_else(|| BackupError::NoBackup(folder.clone()))
        }))
    }
}

fn open(folder: &Path) -> Result<Lines<BufReader<File>>, BackupError> {
    let file = File::open(folder.join(FILE));
    Ok(BufReader::new(file.map_err(|_| BackupError::NoBackup(folder.to_owned()))?).lines())
}

fn add(digest: &mut Running, line: &str) {
    digest.add(line.as_bytes());
    digest.add(b"\n");
}

/// A manifest that is being written.
pub(super) struct ManifestWriter {
    out: BufWriter<File>,
    digest: Running,
}

impl ManifestWriter {
    pub(super) fn begin(folder: &Path, head: &Head) -> Result<Self, StoreError> {
        let out = BufWriter::new(files::create(&folder.join(FILE))?);
        let mut writer = Self { out, digest: Running::default() };
        writer.text(&crate::db::json(head)?)?;
        Ok(writer)
    }

    pub(super) fn line(&mut self, line: &FileLine) -> Result<(), StoreError> {
        self.text(&format!("{} {} {}", line.digest, line.n_bytes, line.path))
    }

    pub(super) fn finish(mut self) -> Result<(), StoreError> {
        let digest = std::mem::take(&mut self.digest).finish();
        self.text(&format!("{END} {digest}"))?;
        let saved = self.out.flush().and_then(|()| self.out.get_ref().sync_all());
        saved.map_err(|error| failed("save the manifest of the backup", error))
    }

    fn text(&mut self, text: &str) -> Result<(), StoreError> {
        add(&mut self.digest, text);
        let written = writeln!(self.out, "{text}");
        written.map_err(|error| failed("write the manifest of the backup", error))
    }
}
