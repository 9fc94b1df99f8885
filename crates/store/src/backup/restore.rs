//! Putting a backup back: into an empty data folder, compared with its manifest as it is copied.

use std::fs;
use std::path::{Path, PathBuf};

use super::files::{Unnamed, copy, lies_in, make_folder, sync_below};
use super::{BackupError, Existing, Manifest, Progress, failed};
use crate::error::StoreError;
use crate::keys::KeyFolder;
use crate::migrate;

/// What the folder is called until it is whole and may be used.
const UNFINISHED: &str = "restoring";

/// What was put back, before it gets the name of the data folder. Dropped, it never was.
#[derive(Debug)]
pub struct Draft {
    folder: Unnamed,
    data: PathBuf,
}

impl Draft {
    /// Where it lies, to be opened as a data folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Makes it the data folder. Nobody has it open any more.
    pub fn finish(self) -> Result<(), BackupError> {
        sync_below(self.folder.path())?;
        refuse_in_use(&self.data)?;
        if self.data.exists() {
            fs::remove_dir(&self.data)
                .map_err(|error| failed("replace the empty folder", error))?;
        }
        let before = self.data.with_added_extension(UNFINISHED).with_added_extension("before");
        self.folder.name(&self.data, &before, Existing::Refuse)
    }
}

/// Copies a backup to where it can become the data folder. Refuses what is damaged, newer than this
/// program, of other keys, and a data folder that is in use; then nothing is left behind.
pub fn put_back(
    backup: &Path,
    data: &Path,
    keys: &Path,
    mut tell: impl FnMut(Progress),
) -> Result<(Manifest, Draft), BackupError> {
    refuse_in_use(data)?;
    let manifest = Manifest::read(backup)?;
    let known = migrate::newest_number();
    if manifest.head.schema > known {
        return Err(StoreError::NewerSchema { found: manifest.head.schema, known }.into());
    }
    KeyFolder::open_existing(keys, backup).map_err(StoreError::from)?;
    if lies_in(backup, data).map_err(|error| failed("find the backup", error))? {
        return Err(BackupError::InsideData(backup.to_owned()));
    }
    let folder = Unnamed::begin(&data.with_added_extension(UNFINISHED))?;
    let mut at = Progress { n_bytes: 0, n_bytes_total: manifest.n_bytes };
    for line in manifest.lines(backup)? {
        let line = line?;
        let told = |n: u64| {
            at.n_bytes += n;
            tell(at);
        };
        let below = folder.path().join(&line.path);
        make_folder(below.parent().unwrap_or(folder.path()))?;
        let copied = copy(&backup.join(&line.path), folder.path(), &line.path, told)?;
        if copied.as_ref() != Some(&line) {
            return Err(BackupError::Damaged { file: line.path });
        }
    }
    Ok((manifest, Draft { folder, data: data.to_owned() }))
}

/// Whether a backup is being put back as this data folder, or one was and it was broken off.
pub fn is_begun(data: &Path) -> bool {
    data.with_added_extension(UNFINISHED).exists()
}

/// A data folder that holds anything is somebody's.
fn refuse_in_use(data: &Path) -> Result<(), BackupError> {
    let is_empty = match fs::read_dir(data) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    if is_empty { Ok(()) } else { Err(BackupError::NotEmpty(data.to_owned())) }
}
