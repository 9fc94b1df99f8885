//! Backups: a folder with a copy of the database as it was at one moment, the large bodies, and a
//! manifest of digests. Keys are not in it: what it holds about people is sealed.
//!
//! A backup is made beside whoever runs the engine, needs no key, and holds little in memory however
//! large the store is. It is written under another name, read back and compared, and gets its name only
//! then; a failure leaves nothing under it.

mod files;
mod manifest;
mod restore;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::Instant;

use crate::bodies::remembered;
use crate::db::Db;
use crate::error::StoreError;
use crate::migrate;
use crate::store::Options;
use files::{Unnamed, copy, digest_of, make_folder, walk};
use manifest::ManifestWriter;
pub use manifest::{FileLine, Head, Manifest};
pub use restore::{Draft, is_begun, put_back};

/// The database's name in a backup.
const DATABASE: &str = crate::driver::sqlite::FILE;
/// Which keys belong to it.
const INSTALLATION: &str = "installation";
const BLOBS: &str = "blobs";
/// What a backup is called until it is whole.
const UNFINISHED: &str = "part";
/// What the one before is called until it may go.
const BEFORE: &str = "before";
/// How often is told how far the database's copy has come.
const LOOK: Duration = Duration::from_millis(200);

/// Why a backup could not be made or put back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Something has that name.
    #[error("{0} is there already")]
    Exists(PathBuf),
    /// It would lie in what it is a copy of.
    #[error("the backup {0} must not lie inside the data folder")]
    InsideData(PathBuf),
    /// It would lie beside what opens it.
    #[error("the backup {0} must not lie inside the key folder")]
    InsideKeys(PathBuf),
    /// It has no manifest of ours, or one that was cut short or altered.
    #[error("{0} is not a whole backup of this program")]
    NoBackup(PathBuf),
    /// A file differs from what the manifest says.
    #[error("{file} of the backup is damaged: it is not what was written")]
    Damaged {
        /// The file.
        file: String,
    },
    /// The folder to put it into is in use.
    #[error("the data folder {0} is not empty")]
    NotEmpty(PathBuf),
    /// The database is damaged.
    #[error("the database is damaged: {0}")]
    BadDatabase(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How far it has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that were written or read.
    pub n_bytes: u64,
    /// Of how many; a guess while the database is copied.
    pub n_bytes_total: u64,
}

/// What to do where something has the name of the backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Leave it, and refuse.
    Refuse,
    /// Replace it, once the new one is whole.
    Replace,
}

/// Makes a backup of a data folder. Whatever happens, the backup is whole or not there.
pub async fn write(
    Options { data, keys, .. }: &Options,
    into: &Path,
    existing: Existing,
    (now, program): (Instant, &str),
    mut tell: impl FnMut(Progress),
) -> Result<Manifest, BackupError> {
    if existing == Existing::Refuse && into.exists() {
        return Err(BackupError::Exists(into.to_owned()));
    }
    if files::lies_in(into, data).map_err(|error| failed("find the backup", error))? {
        return Err(BackupError::InsideData(into.to_owned()));
    }
    if files::lies_in(into, keys).map_err(|error| failed("find the backup", error))? {
        return Err(BackupError::InsideKeys(into.to_owned()));
    }
    let db = Db::open_read_only(data).await?;
    let draft = Unnamed::begin(&into.with_added_extension(UNFINISHED))?;
    let written = fill(&db, data, draft.path(), (now, program), &mut tell).await;
    db.close().await;
    written?;
    let manifest = Manifest::read(draft.path())?;
    compare(&manifest, draft.path(), &mut tell)?;
    draft.name(into, &into.with_added_extension(BEFORE), existing)?;
    Ok(manifest)
}

/// What is wrong with the database of a data folder, by its own check; nothing if all is well. Needs no
/// key.
pub async fn check(data: &Path) -> Result<Option<String>, StoreError> {
    let db = Db::open_read_only(data).await?;
    let found = db.check().await;
    db.close().await;
    found
}

/// Compares every file of a backup with its manifest.
pub fn verify(folder: &Path, mut tell: impl FnMut(Progress)) -> Result<Manifest, BackupError> {
    let manifest = Manifest::read(folder)?;
    compare(&manifest, folder, &mut tell)?;
    Ok(manifest)
}

async fn fill(
    db: &Db,
    data: &Path,
    draft: &Path,
    (now, program): (Instant, &str),
    tell: &mut impl FnMut(Progress),
) -> Result<(), BackupError> {
    let mut at = Progress { n_bytes: 0, n_bytes_total: size_of_data(data)? };
    let copy_of_db = draft.join(DATABASE);
    files::make_private(&copy_of_db)?;
    copy_database(db, &copy_of_db, at, tell).await?;
    let checked = Db::open_copy(draft).await?;
    let found = checked.check().await;
    let bodies = remembered(&checked).await;
    checked.close().await;
    if let Some(wrong) = found? {
        return Err(BackupError::BadDatabase(wrong));
    }
    let head = Head::new(now, program, migrate::newest_number(), bodies?);
    let mut manifest = ManifestWriter::begin(draft, &head)?;
    let size = files::sync_file(&copy_of_db)?;
    manifest.line(&FileLine::new(DATABASE, size, digest_of(&copy_of_db, |_| {})?))?;
    at.n_bytes += size;
    let line = copy(&data.join(INSTALLATION), draft, INSTALLATION, |_| {})?;
    manifest.line(&line.ok_or_else(|| BackupError::Damaged { file: INSTALLATION.to_owned() })?)?;
    // After the database, so that every body that its copy names is there; one that is gone since
    // was purged.
    walk(&data.join(BLOBS), |spread, name| {
        let path = format!("{BLOBS}/{spread}/{name}");
        make_folder(&draft.join(BLOBS).join(spread))?;
        let told = |n: u64| {
            at.n_bytes += n;
            tell(at);
        };
        match copy(&data.join(&path), draft, &path, told)? {
            Some(line) => manifest.line(&line),
            None => Ok(()),
        }
    })?;
    manifest.finish()?;
    Ok(files::sync_below(draft)?)
}

/// Copies the database, and tells meanwhile how long the copy is by now.
async fn copy_database(
    db: &Db,
    into: &Path,
    mut at: Progress,
    tell: &mut impl FnMut(Progress),
) -> Result<(), StoreError> {
    let mut copying = std::pin::pin!(db.copy_into(into));
    loop {
        match tokio::time::timeout(LOOK, &mut copying).await {
            Ok(done) => return done,
            Err(_) => {
                at.n_bytes = fs::metadata(into).map_or(0, |file| file.len());
                tell(at);
            }
        }
    }
}

fn size_of_data(data: &Path) -> Result<u64, BackupError> {
    let length = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
    let mut size = length(&data.join(DATABASE));
    walk(&data.join(BLOBS), |spread, name| {
        size += length(&data.join(BLOBS).join(spread).join(name));
        Ok(())
    })?;
    Ok(size)
}

fn compare(
    manifest: &Manifest,
    folder: &Path,
    tell: &mut impl FnMut(Progress),
) -> Result<(), BackupError> {
    let mut at = Progress { n_bytes: 0, n_bytes_total: manifest.n_bytes };
    for line in manifest.lines(folder)? {
        let line = line?;
        let told = |n: u64| {
            at.n_bytes += n;
            tell(at);
        };
        let damaged = || BackupError::Damaged { file: line.path.clone() };
        let path = folder.join(&line.path);
        if !path.is_file() || digest_of(&path, told)? != line.digest {
            return Err(damaged());
        }
    }
    Ok(())
}

fn failed(attempt: &'static str, error: io::Error) -> StoreError {
    StoreError::file(attempt, error)
}
