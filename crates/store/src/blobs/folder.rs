//! Bodies in a folder beside the database, a file each.
//!
//! A body is written to a draft that no reader finds, and renamed when it is complete and durable;
//! `sweep` removes the drafts that a crash left.

#[cfg(test)]
mod tests;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::chunks::{BlobReader, ChunkWriter};
use super::{LEFT, spread};
use crate::error::StoreError;
use crate::seal::SealingKey;

/// A file beside the drafts, dated when all folders were swept last.
const SWEPT: &str = "swept";

/// The folder of sealed bodies.
#[derive(Clone, Debug)]
pub struct Folder {
    folder: PathBuf,
}

impl Folder {
    /// Opens the folder for writing.
    pub fn open(folder: PathBuf) -> Result<Self, StoreError> {
        let made = Self { folder };
        make_folder(&made.drafts())?;
        Ok(made)
    }

    /// Opens the folder for reading; makes and sweeps nothing.
    pub fn open_read_only(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Starts a body. The id is letters, digits, `_` and `-`.
    pub fn create(&self, id: &str, key: Arc<SealingKey>) -> Result<FolderWriter, StoreError> {
        let path = self.path(id)?;
        let draft = self.drafts().join(id);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)
            .map_err(|error| StoreError::file("start a body", error))?;
        Ok(FolderWriter { chunks: ChunkWriter::new(file, id, key), draft: Draft(draft), path })
    }

    /// Opens a body for reading, or nothing if there is none.
    pub fn read(&self, id: &str, key: Arc<SealingKey>) -> Result<Option<BlobReader>, StoreError> {
        let file = match File::open(self.path(id)?) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::file("open a body", error)),
        };
        Ok(Some(BlobReader::new(file, id, key)))
    }

    /// Removes a body, if it is there.
    pub fn remove(&self, id: &str) -> Result<(), StoreError> {
        match fs::remove_file(self.path(id)?) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::file("remove a body", error))
            }
            _ => Ok(()),
        }
    }

    /// A file without a name, for what only passes through; nothing of it outlives its handle.
    pub fn nameless(&self) -> Result<File, StoreError> {
        tempfile::tempfile_in(self.drafts())
            .map_err(|error| StoreError::file("begin a spool", error))
    }

    /// The folders over which bodies are spread, and that of drafts.
    pub fn folders(&self) -> Result<Vec<PathBuf>, StoreError> {
        let listed = fs::read_dir(&self.folder)
            .and_then(|folders| folders.map(|folder| Ok(folder?.path())).collect());
        listed.map_err(|error| StoreError::file("list the large bodies", error))
    }

    /// The ids of the bodies in one of them; a draft has none yet.
    pub fn ids_in(&self, folder: &Path) -> Result<Vec<String>, StoreError> {
        if folder == self.drafts() {
            return Ok(Vec::new());
        }
        let name = |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().into_string().ok());
        let listed = fs::read_dir(folder)
            .and_then(|entries| entries.map(name).filter_map(Result::transpose).collect());
        listed.map_err(|error| StoreError::file("list the large bodies", error))
    }

    /// Removes from a folder drafts, and bodies that the caller does not know, if nobody has touched them
    /// for [`LEFT`]: another holder may be writing one, or have finished one that is not known yet.
    pub fn sweep(&self, folder: &Path, is_known: impl Fn(&str) -> bool) -> Result<u64, StoreError> {
        let failed = |error| StoreError::file("sweep the large bodies", error);
        let now = self.now().map_err(failed)?;
        let is_left = |path: &Path| match fs::metadata(path).and_then(|file| file.modified()) {
            Ok(touched_at) => Ok(now.duration_since(touched_at).is_ok_and(|idle| idle >= LEFT)),
            // It was finished, or given up, since it was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        };
        let is_draft = folder == self.drafts();
        let mut n_removed = 0;
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let is_wanted = match name.to_str() {
                Some(name) if is_draft => name == SWEPT,
                Some(name) => is_known(name),
                None => false,
            };
            if !is_wanted && is_left(&entry.path()).map_err(failed)? {
                match fs::remove_file(entry.path()) {
                    Ok(()) => n_removed += 1,
                    // Somebody was quicker.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(failed(error)),
                }
            }
        }
        Ok(n_removed)
    }

    /// Whether all folders were swept within a day.
    pub fn was_swept(&self) -> Result<bool, StoreError> {
        let failed = |error| StoreError::file("see when the large bodies were swept", error);
        match fs::metadata(self.drafts().join(SWEPT)).and_then(|file| file.modified()) {
            Ok(swept_at) => {
                let now = self.now().map_err(failed)?;
                Ok(now.duration_since(swept_at).is_ok_and(|since| since < LEFT))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(failed(error)),
        }
    }

    /// Notes that all folders have been swept.
    pub fn note_swept(&self) -> Result<(), StoreError> {
        let path = self.drafts().join(SWEPT);
        let made =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
        made.map(drop).map_err(|error| StoreError::file("note that bodies were swept", error))
    }

    /// The time by which the file system dates files, which need not be the machine's.
    fn now(&self) -> io::Result<SystemTime> {
        let path = self.drafts().join("now");
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(&path)?;
        let now = file.metadata()?.modified()?;
        fs::remove_file(path)?;
        Ok(now)
    }

    /// Dates every file back to when its writer must be gone.
    #[cfg(test)]
    pub(crate) fn age(&self) {
        for folder in fs::read_dir(&self.folder).unwrap() {
            for entry in fs::read_dir(folder.unwrap().path()).unwrap() {
                let file = OpenOptions::new().write(true).open(entry.unwrap().path()).unwrap();
                let touched_at = file.metadata().unwrap().modified().unwrap();
                file.set_modified(touched_at - LEFT).unwrap();
            }
        }
    }

    fn drafts(&self) -> PathBuf {
        self.folder.join("drafts")
    }

    /// Bodies are spread over folders by the end of their id, where ids made by time differ.
    fn path(&self, id: &str) -> Result<PathBuf, StoreError> {
        Ok(self.folder.join(spread(id)?).join(id))
    }
}

/// A body that is being written. Dropped before `finish`, it never existed.
pub struct FolderWriter {
    chunks: ChunkWriter,
    draft: Draft,
    path: PathBuf,
}

impl FolderWriter {
    /// Seals the last chunk, makes the file durable and gives it its name. Returns the number of
    /// bytes that were written in plain.
    pub fn finish(self) -> Result<u64, StoreError> {
        let failed = |error| StoreError::file("save a body", error);
        let Self { chunks, draft, path } = self;
        let (file, size_bytes) = chunks.end().map_err(failed)?;
        file.sync_all().map_err(failed)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        make_folder(folder)?;
        fs::rename(&draft.0, &path).map_err(failed)?;
        File::open(folder).and_then(|opened| opened.sync_all()).map_err(failed)?;
        Ok(size_bytes)
    }
}

impl Write for FolderWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.chunks.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.chunks.flush()
    }
}

/// Removes the draft's file, unless it was renamed before.
struct Draft(PathBuf);

impl Drop for Draft {
    fn drop(&mut self) {
        // Where this fails, the next sweep does it.
        let _removed = fs::remove_file(&self.0);
    }
}

fn make_folder(folder: &Path) -> Result<(), StoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| StoreError::file("make the folder for large bodies", error))
}
