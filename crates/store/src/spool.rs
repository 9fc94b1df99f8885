//! A body that only passes through: what came in whole before it is looked at, or is made whole before
//! it goes out. Sealed under a key that is nowhere but in memory, and gone with its handle.

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Seek as _, Write};
use std::sync::Arc;

use crate::blobs::{self, ChunkWriter};
use crate::collected::BlobReader;
use crate::error::StoreError;
use crate::seal::{SealingKey, new_key};
use crate::store::Store;

/// What the chunks of a spool are sealed for.
const NAME: &str = "spool";

/// A spool that is being filled.
pub struct SpoolWriter {
    chunks: ChunkWriter,
    key: Arc<SealingKey>,
}

/// A body that can be read again and again, one reader at a time, until it is dropped.
pub struct Spool {
    file: File,
    key: Arc<SealingKey>,
    size_bytes: u64,
}

impl Store {
    /// Begins a spool. Writing to it blocks. Its file has no name, so nothing of it outlives this
    /// process.
    pub fn spool(&self) -> Result<SpoolWriter, StoreError> {
        let key = Arc::new(SealingKey::new(NAME, &new_key()?)?);
        let file = self.blobs().nameless()?;
        Ok(SpoolWriter { chunks: ChunkWriter::new(file, NAME, Arc::clone(&key)), key })
    }
}

impl SpoolWriter {
    /// Writes more of it.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.write_all(bytes).map_err(|error| StoreError::file("take in a file", error))
    }

    /// The body is whole.
    pub fn finish(self) -> Result<Spool, StoreError> {
        let Self { chunks, key } = self;
        let ended = chunks.end().map_err(|error| StoreError::file("end a spool", error));
        let (file, size_bytes) = ended?;
        Ok(Spool { file, key, size_bytes })
    }
}

impl Write for SpoolWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.chunks.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.chunks.flush()
    }
}

impl Spool {
    /// Reads it from its beginning; whoever read it before must be done. Reading blocks.
    pub fn open(&self) -> Result<BlobReader, StoreError> {
        let again = || {
            let mut file = self.file.try_clone()?;
            file.rewind()?;
            Ok(file)
        };
        let file = again().map_err(|error| StoreError::file("open a spool", error))?;
        Ok(BlobReader { reader: blobs::BlobReader::new(file, NAME, Arc::clone(&self.key)) })
    }

    /// How long it is.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }
}
