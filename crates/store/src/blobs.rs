//! Large bodies, sealed in chunks: in a folder beside the database, or in an S3-compatible bucket.
//!
//! A body is a row of `length (4 bytes), sealed chunk`. A chunk's place holds the blob's id, its
//! index and whether it is the last, so a body that was cut, extended or reordered does not open.
//! Memory is constant both ways, and no reader finds a body before it is whole. What goes to a bucket
//! or comes from one passes through a sealed file without a name in the folder, so that writing and
//! reading never wait for the network in the middle.
//!
//! Writing and reading are plain blocking `Write` and `Read`: async callers put them on
//! `spawn_blocking`.

mod bucket;
mod chunks;
mod folder;
#[cfg(test)]
pub(crate) mod server;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Seek as _, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::error::StoreError;
use crate::seal::SealingKey;
pub use bucket::{Bodies, Bucket, BucketFault};
pub use chunks::{BlobReader, CHUNK_LEN, ChunkWriter};
pub use folder::Folder;
use folder::FolderWriter;

/// Whoever was writing a file that nobody touched for so long is gone: no call takes as long, nor
/// any lease.
const LEFT: Duration = Duration::from_secs(24 * 3600);

/// The place of the large bodies.
#[derive(Clone, Debug)]
pub struct Blobs {
    folder: Folder,
    bucket: Option<Bucket>,
}

impl Blobs {
    /// Opens the place for writing. The folder is needed also where bodies lie in a bucket.
    pub fn open(folder: PathBuf, bodies: Option<&Bodies>) -> Result<Self, StoreError> {
        let bucket = bodies.map(Bucket::open).transpose()?;
        Ok(Self { folder: Folder::open(folder)?, bucket })
    }

    /// Opens the place for reading; makes and sweeps nothing.
    pub fn open_read_only(folder: PathBuf, bodies: Option<&Bodies>) -> Result<Self, StoreError> {
        let bucket = bodies.map(Bucket::open).transpose()?;
        Ok(Self { folder: Folder::open_read_only(folder), bucket })
    }

    /// The folder beside the database.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The bucket, if bodies lie in one.
    pub fn bucket(&self) -> Option<&Bucket> {
        self.bucket.as_ref()
    }

    /// Starts a body. The id is letters, digits, `_` and `-`.
    pub fn create(&self, id: &str, key: Arc<SealingKey>) -> Result<BlobWriter, StoreError> {
        let Some(bucket) = &self.bucket else {
            return Ok(BlobWriter(To::Folder(self.folder.create(id, key)?)));
        };
        spread(id)?;
        let chunks = ChunkWriter::new(self.folder.nameless()?, id, key);
        Ok(BlobWriter(To::Bucket { chunks, id: id.into(), bucket: bucket.clone() }))
    }

    /// Opens a body for reading, or nothing if there is none.
    pub async fn read(
        &self,
        id: &str,
        key: Arc<SealingKey>,
    ) -> Result<Option<BlobReader>, StoreError> {
        let Some(bucket) = &self.bucket else { return self.folder.read(id, key) };
        let mut file = self.folder.nameless()?;
        if !bucket.fetch(id, &mut file).await? {
            return Ok(None);
        }
        file.rewind().map_err(|error| StoreError::file("open a body", error))?;
        Ok(Some(BlobReader::new(file, id, key)))
    }

    /// Removes a body, if it is there.
    pub async fn remove(&self, id: &str) -> Result<(), StoreError> {
        match &self.bucket {
            Some(bucket) => bucket.remove(id).await,
            None => self.folder.remove(id),
        }
    }

    /// A file without a name, for what only passes through; nothing of it outlives its handle.
    pub fn nameless(&self) -> Result<File, StoreError> {
        self.folder.nameless()
    }
}

/// A body that is being written. Dropped before `finish`, it never existed.
pub struct BlobWriter(To);

enum To {
    Folder(FolderWriter),
    Bucket { chunks: ChunkWriter, id: Box<str>, bucket: Bucket },
}

impl BlobWriter {
    /// Seals the last chunk, and makes the body durable where it belongs. Returns the number of bytes
    /// that were written in plain.
    pub async fn finish(self) -> Result<u64, StoreError> {
        match self.0 {
            To::Folder(writer) => blocking(move || writer.finish()).await,
            To::Bucket { chunks, id, bucket } => {
                let ended = blocking(move || {
                    chunks.end().map_err(|error| StoreError::file("save a body", error))
                });
                let (file, size_bytes) = ended.await?;
                bucket.put(&id, file).await?;
                Ok(size_bytes)
            }
        }
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            To::Folder(writer) => writer.write(bytes),
            To::Bucket { chunks, .. } => chunks.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            To::Folder(writer) => writer.flush(),
            To::Bucket { chunks, .. } => chunks.flush(),
        }
    }
}

/// Does something with files that blocks.
pub async fn blocking<T: Send + 'static>(
    what: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(what).await;
    done.map_err(|error| StoreError::Database {
        attempt: "look at the large bodies",
        cause: Box::new(error),
    })?
}

/// Bodies are spread by the end of their id, where ids made by time differ.
fn spread(id: &str) -> Result<&str, StoreError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if id.len() < 2 || id.len() > 128 || !id.chars().all(plain) {
        let error = io::Error::new(io::ErrorKind::InvalidInput, "not the id of a body");
        return Err(StoreError::file("name a body", error));
    }
    Ok(id.split_at(id.len() - 2).1)
}
