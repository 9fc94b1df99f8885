//! Files of a backup: copied, digested and made durable, a piece at a time.

#[cfg(test)]
mod tests;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use domain::Digest;
use domain::digest::Running;

use super::{BackupError, Existing, FileLine, failed};
use crate::error::StoreError;

/// How much is held in memory.
const PIECE: usize = 256 * 1024;
const DRAFTS: &str = "drafts";

/// Marks an unfinished folder as ours; whoever fills it holds a lock on it.
const MARKER: &str = ".unfinished";

/// What says that a folder is ours; the lock lies on the one that goes last.
const OURS: [&str; 2] = [super::manifest::FILE, MARKER];

/// A folder that is gone when it is dropped, unless it got its name before.
#[derive(Debug)]
pub(super) struct Unnamed(PathBuf, File);

impl Unnamed {
    /// Makes it, in place of what a crash may have left. Refuses where somebody else fills it now, and
    /// where it is not ours.
    pub(super) fn begin(path: &Path) -> Result<Self, StoreError> {
        let taken =
            |error| failed("take an unfinished folder that another program may fill", error);
        if path.exists() && !is_empty(path) {
            let left = File::open(path.join(MARKER)).map_err(taken)?;
            Self::hold(path, left).map_err(taken)?.clear()?;
        }
        make_folder(parent(path))?;
        remove_folder(path)?;
        DirBuilder::new().mode(0o700).create(path).map_err(taken)?;
        Self::hold(path, create(&path.join(MARKER))?).map_err(taken)
    }

    /// Locks the marker, unless somebody else did, or has put another in its place meanwhile.
    fn hold(path: &Path, marker: File) -> io::Result<Self> {
        marker.try_lock()?;
        let held = Self(path.to_owned(), marker);
        if held.is_ours() { Ok(held) } else { Err(ErrorKind::WouldBlock.into()) }
    }

    fn clear(self) -> Result<(), StoreError> {
        remove_folder(&self.0)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    fn is_ours(&self) -> bool {
        let there = fs::metadata(self.0.join(MARKER));
        let here = self.1.metadata();
        matches!((there, here), (Ok(there), Ok(here)) if there.ino() == here.ino())
    }

    /// Gives it its name. What has it now is called something else meanwhile, and then goes, or stays
    /// if it is not to be replaced.
    pub(super) fn name(
        self,
        name: &Path,
        before: &Path,
        existing: Existing,
    ) -> Result<(), BackupError> {
        let renamed = |error| failed("give it its name", error);
        refuse_foreign(before)?;
        refuse_foreign(name)?;
        remove_folder(before)?;
        let is_replaced = name.exists();
        if is_replaced && existing == Existing::Refuse {
            return Err(BackupError::Exists(name.to_owned()));
        }
        if is_replaced {
            fs::rename(name, before).map_err(renamed)?;
        }
        fs::rename(&self.0, name).map_err(renamed)?;
        fs::remove_file(name.join(MARKER)).map_err(renamed)?;
        sync_folder(parent(name))?;
        Ok(remove_folder(before)?)
    }
}

impl Drop for Unnamed {
    fn drop(&mut self) {
        // What is left is replaced by the next one. Once it has its name, somebody else may fill a
        // folder at this path.
        if self.is_ours() {
            let _removed = remove_folder(&self.0);
        }
    }
}

/// Refuses to replace a folder that is no backup, nor what is left of one.
fn refuse_foreign(folder: &Path) -> Result<(), StoreError> {
    let is_ours = OURS.iter().any(|name| folder.join(name).is_file()) || is_empty(folder);
    if folder.exists() && !is_ours {
        return Err(failed("replace a folder that is no backup", ErrorKind::AlreadyExists.into()));
    }
    Ok(())
}

/// Copies a file and digests what was read; nothing if there is none.
pub(super) fn copy(
    from: &Path,
    into: &Path,
    path: &str,
    mut tell: impl FnMut(u64),
) -> Result<Option<FileLine>, StoreError> {
    let mut source = match File::open(from) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("read a file to copy", error)),
    };
    let mut copy = create(&into.join(path))?;
    let (mut digest, mut n_bytes) = (Running::default(), 0);
    each_piece(&mut source, |piece| {
        digest.add(piece);
        n_bytes += piece.len() as u64;
        tell(piece.len() as u64);
        copy.write_all(piece)
    })
    .and_then(|()| copy.sync_all())
    .map_err(|error| failed("copy a file", error))?;
    Ok(Some(FileLine::new(path, n_bytes, digest.finish())))
}

/// The digest of a file.
pub(super) fn digest_of(path: &Path, mut tell: impl FnMut(u64)) -> Result<Digest, StoreError> {
    let mut digest = Running::default();
    let file = File::open(path);
    file.and_then(|mut file| {
        each_piece(&mut file, |piece| {
            digest.add(piece);
            tell(piece.len() as u64);
            Ok(())
        })
    })
    .map_err(|error| failed("read a file of the backup", error))?;
    Ok(digest.finish())
}

fn each_piece(
    from: &mut impl Read,
    mut each: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    loop {
        let n = from.read(&mut buffer)?;
        match buffer.get(..n) {
            None | Some([]) => return Ok(()),
            Some(piece) => each(piece)?,
        }
    }
}

/// Calls for each finished body below a folder of bodies, by the folder and the name.
pub(super) fn walk(
    blobs: &Path,
    mut each: impl FnMut(&str, &str) -> Result<(), StoreError>,
) -> Result<(), BackupError> {
    let listed = |error| failed("list the large bodies", error);
    for spread in list(blobs).map_err(listed)? {
        let spread = spread.map_err(listed)?.file_name();
        let Some(spread) = spread.to_str().filter(|name| *name != DRAFTS) else { continue };
        for body in list(&blobs.join(spread)).map_err(listed)? {
            if let Some(name) = body.map_err(listed)?.file_name().to_str() {
                each(spread, name)?;
            }
        }
    }
    Ok(())
}

/// A folder's entries; none if there is no such folder.
fn list(folder: &Path) -> io::Result<impl Iterator<Item = io::Result<fs::DirEntry>> + use<>> {
    match fs::read_dir(folder) {
        Ok(entries) => Ok(Some(entries).into_iter().flatten()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None.into_iter().flatten()),
        Err(error) => Err(error),
    }
}

pub(super) fn create(path: &Path) -> Result<File, StoreError> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.map_err(|error| failed("make a file of the backup", error))
}

/// Makes an empty file that nobody else reads, for the database to fill.
pub(super) fn make_private(path: &Path) -> Result<(), StoreError> {
    create(path).map(drop)
}

/// Makes a file durable, and says how long it is.
pub(super) fn sync_file(path: &Path) -> Result<u64, StoreError> {
    let synced = File::open(path).and_then(|file| {
        file.sync_all()?;
        Ok(file.metadata()?.len())
    });
    synced.map_err(|error| failed("save the copy of the database", error))
}

pub(super) fn make_folder(folder: &Path) -> Result<(), StoreError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| failed("make a folder", error))
}

/// Removes a folder, and last of all what says whose it is: a kill in between leaves one that the
/// next can remove.
pub(super) fn remove_folder(folder: &Path) -> Result<(), StoreError> {
    let removed = |error| failed("remove an unfinished folder", error);
    // What a link leads to is not ours to clear.
    if fs::symlink_metadata(folder).is_ok_and(|entry| entry.is_symlink()) {
        return fs::remove_file(folder).map_err(removed);
    }
    for entry in list(folder).map_err(removed)? {
        let entry = entry.map_err(removed)?;
        let is_last = OURS.iter().any(|name| entry.file_name() == *name);
        match entry.file_type().map_err(removed)?.is_dir() {
            true => fs::remove_dir_all(entry.path()).map_err(removed)?,
            false if is_last => {}
            false => fs::remove_file(entry.path()).map_err(removed)?,
        }
    }
    let is_gone = |error: &io::Error| error.kind() == ErrorKind::NotFound;
    let last = OURS.iter().map(|name| fs::remove_file(folder.join(name)));
    for done in last.chain(std::iter::once_with(|| fs::remove_dir(folder))) {
        done.or_else(|error| if is_gone(&error) { Ok(()) } else { Err(removed(error)) })?;
    }
    Ok(())
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

pub(super) fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    let synced = File::open(folder).and_then(|opened| opened.sync_all());
    synced.map_err(|error| failed("save a folder", error))
}

/// Makes the names in a folder and in those below durable.
pub(super) fn sync_below(folder: &Path) -> Result<(), StoreError> {
    for entry in fs::read_dir(folder).map_err(|error| failed("list a folder", error))? {
        let path = entry.map_err(|error| failed("list a folder", error))?.path();
        if path.is_dir() {
            sync_below(&path)?;
        }
    }
    sync_folder(folder)
}

/// The folder that something lies in.
pub(super) fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether a path lies in a folder, links resolved.
pub(super) fn lies_in(path: &Path, folder: &Path) -> io::Result<bool> {
    let absolute = std::path::absolute(path)?;
    let folder = fs::canonicalize(folder).or_else(|_| std::path::absolute(folder))?;
    let existing = absolute.ancestors().find_map(|path| path.canonicalize().ok());
    Ok(existing.is_some_and(|path| path.starts_with(folder)))
}
