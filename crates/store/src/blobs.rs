//! Large bodies, sealed in chunks, one file each, in a folder beside the database.
//!
//! A file is a row of `length (4 bytes), sealed chunk`. A chunk's place holds the blob's id, its
//! index and whether it is the last, so a file that was cut, extended or reordered does not open.
//! Memory is constant both ways. A body is written to a draft that no reader finds, and renamed when
//! it is complete and durable; `sweep` removes the drafts that a crash left.
//!
//! Reading and writing are plain blocking `Read` and `Write`: async callers put them on
//! `spawn_blocking`.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use zeroize::{Zeroize as _, Zeroizing};

use crate::error::StoreError;
use crate::seal::{Place, SealingKey};

/// How much plain text a chunk holds; the last one may hold less, even nothing.
pub const CHUNK_LEN: usize = 256 * 1024;
/// A sealed chunk is a little longer than its plain text; anything beyond this is damage.
const SEALED_LEN_MAX: usize = CHUNK_LEN + 1024;

/// Whoever was writing a file that nobody touched for so long is gone: no call takes as long, nor
/// any lease.
const LEFT: Duration = Duration::from_secs(24 * 3600);

/// The folder of sealed bodies.
#[derive(Clone, Debug)]
pub struct Blobs {
    folder: PathBuf,
}

impl Blobs {
    /// Opens the folder for writing.
    pub fn open(folder: PathBuf) -> Result<Self, StoreError> {
        let blobs = Self { folder };
        make_folder(&blobs.drafts())?;
        Ok(blobs)
    }

    /// Opens the folder for reading; makes and sweeps nothing.
    pub fn open_read_only(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Starts a body. The id is letters, digits, `_` and `-`.
    pub fn create(&self, id: &str, key: Arc<SealingKey>) -> Result<BlobWriter, StoreError> {
        let path = self.path(id)?;
        let draft = self.drafts().join(id);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)
            .map_err(|error| StoreError::file("start a body", error))?;
        let sealer = Sealer { id: id.into(), key, index: 0 };
        Ok(BlobWriter {
            out: BufWriter::with_capacity(64 * 1024, file),
            sealer,
            buffer: Zeroizing::new(Vec::with_capacity(CHUNK_LEN)),
            size_bytes: 0,
            draft: Draft(draft),
            path,
        })
    }

    /// Opens a body for reading, or nothing if there is none.
    pub fn read(&self, id: &str, key: Arc<SealingKey>) -> Result<Option<BlobReader>, StoreError> {
        let file = match File::open(self.path(id)?) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::file("open a body", error)),
        };
        Ok(Some(BlobReader {
            from: BufReader::with_capacity(64 * 1024, file),
            sealer: Sealer { id: id.into(), key, index: 0 },
            chunk: Zeroizing::default(),
            given: 0,
            ended: false,
        }))
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

    /// Removes drafts, and bodies that the caller does not know, if nobody has touched them for
    /// [`LEFT`]: another holder may be writing one, or have finished one that is not known yet.
    pub fn sweep(&self, is_known: impl Fn(&str) -> bool) -> Result<u64, StoreError> {
        let failed = |error| StoreError::file("sweep the large bodies", error);
        let now = self.now().map_err(failed)?;
        let is_left = |path: &Path| match fs::metadata(path).and_then(|file| file.modified()) {
            Ok(touched_at) => Ok(now.duration_since(touched_at).is_ok_and(|idle| idle >= LEFT)),
            // It was finished, or given up, since it was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        };
        let mut n_removed = 0;
        for folder in fs::read_dir(&self.folder).map_err(failed)? {
            let folder = folder.map_err(failed)?.path();
            for entry in fs::read_dir(&folder).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                let is_draft = folder == self.drafts();
                let is_wanted = !is_draft && entry.file_name().to_str().is_some_and(&is_known);
                if !is_wanted && is_left(&entry.path()).map_err(failed)? {
                    fs::remove_file(entry.path()).map_err(failed)?;
                    n_removed += 1;
                }
            }
        }
        Ok(n_removed)
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
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if id.len() < 2 || id.len() > 128 || !id.chars().all(plain) {
            let error = io::Error::new(io::ErrorKind::InvalidInput, "not the id of a body");
            return Err(StoreError::file("name a body", error));
        }
        let (_, spread) = id.split_at(id.len() - 2);
        Ok(self.folder.join(spread).join(id))
    }
}

/// A body that is being written. Dropped before `finish`, it never existed.
pub struct BlobWriter {
    out: BufWriter<File>,
    sealer: Sealer,
    buffer: Zeroizing<Vec<u8>>,
    size_bytes: u64,
    draft: Draft,
    path: PathBuf,
}

impl BlobWriter {
    /// Seals the last chunk, makes the file durable and gives it its name. Returns the number of
    /// bytes that were written in plain.
    pub fn finish(mut self) -> Result<u64, StoreError> {
        let attempt = "save a body";
        let failed = |error| StoreError::file(attempt, error);
        self.write_chunk(End::Last).map_err(failed)?;
        self.out.flush().and_then(|()| self.out.get_ref().sync_all()).map_err(failed)?;
        let folder = self.path.parent().unwrap_or(Path::new("."));
        make_folder(folder)?;
        fs::rename(&self.draft.0, &self.path).map_err(failed)?;
        File::open(folder).and_then(|opened| opened.sync_all()).map_err(failed)?;
        Ok(self.size_bytes)
    }

    fn write_chunk(&mut self, end: End) -> io::Result<()> {
        let sealed = self.sealer.seal(&self.buffer, end)?;
        self.buffer.zeroize();
        let length = u32::try_from(sealed.len()).map_err(io::Error::other)?;
        self.out.write_all(&length.to_be_bytes())?;
        self.out.write_all(&sealed)
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full chunk waits for the next byte, since it may be the last one.
        if self.buffer.len() == CHUNK_LEN && !bytes.is_empty() {
            self.write_chunk(End::More)?;
        }
        let taken = bytes.len().min(CHUNK_LEN - self.buffer.len());
        let (now, _) = bytes.split_at(taken);
        self.buffer.extend_from_slice(now);
        self.size_bytes += taken as u64;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A body that is being read.
pub struct BlobReader {
    from: BufReader<File>,
    sealer: Sealer,
    chunk: Zeroizing<Vec<u8>>,
    given: usize,
    ended: bool,
}

impl BlobReader {
    fn read_chunk(&mut self) -> io::Result<()> {
        let mut length = [0; 4];
        self.from.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length) as usize;
        if length > SEALED_LEN_MAX {
            return Err(damaged("a chunk of this body is too long"));
        }
        let mut sealed = vec![0; length];
        self.from.read_exact(&mut sealed)?;
        // Nothing follows the last chunk, so the file itself says which one it should be; whether
        // it was sealed as that one, the seal says.
        self.ended = io::BufRead::fill_buf(&mut self.from)?.is_empty();
        let end = if self.ended { End::Last } else { End::More };
        self.chunk = self.sealer.open(&sealed, end)?;
        self.given = 0;
        Ok(())
    }
}

impl Read for BlobReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.given == self.chunk.len() {
            if self.ended || into.is_empty() {
                return Ok(0);
            }
            self.read_chunk()?;
        }
        let left = self.chunk.get(self.given..).unwrap_or_default();
        let taken = left.len().min(into.len());
        for (to, from) in into.iter_mut().zip(left) {
            *to = *from;
        }
        self.given += taken;
        Ok(taken)
    }
}

#[derive(Clone, Copy)]
enum End {
    More,
    Last,
}

/// Seals or opens the chunks of one body, in order.
struct Sealer {
    id: Box<str>,
    key: Arc<SealingKey>,
    index: u64,
}

impl Sealer {
    fn seal(&mut self, plain: &[u8], end: End) -> io::Result<Vec<u8>> {
        let column = self.next(end);
        self.key.seal(Place::new("blob", &self.id, &column), plain).map_err(io::Error::other)
    }

    fn open(&mut self, sealed: &[u8], end: End) -> io::Result<Zeroizing<Vec<u8>>> {
        let column = self.next(end);
        self.key.open(Place::new("blob", &self.id, &column), sealed).map_err(damaged)
    }

    fn next(&mut self, end: End) -> String {
        let index = self.index;
        self.index += 1;
        match end {
            End::More => format!("{index}"),
            End::Last => format!("{index} last"),
        }
    }
}

fn damaged(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, cause)
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

#[cfg(test)]
mod tests;
