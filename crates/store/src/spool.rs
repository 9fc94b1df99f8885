//! A body that only passes through: what came in whole before it is looked at, or is made whole before
//! it goes out. Sealed under a key that is nowhere but in memory, and gone with its handle.

#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::sync::Arc;

use crate::blobs::{BlobWriter, Blobs};
use crate::collected::BlobReader;
use crate::error::StoreError;
use crate::seal::{SealingKey, new_key, random};
use crate::store::Store;

/// A spool that is being filled.
pub struct SpoolWriter {
    writer: BlobWriter,
    spool: Spool,
}

/// A body that can be read again and again, until it is dropped.
pub struct Spool {
    blobs: Blobs,
    id: String,
    key: Arc<SealingKey>,
    size_bytes: u64,
}

impl Store {
    /// Begins a spool. Writing to it blocks. What a crash leaves of it can't be opened by anybody, and
    /// goes with the next sweep.
    pub fn spool(&self) -> Result<SpoolWriter, StoreError> {
        let name = u128::from_be_bytes(random()?);
        let key = Arc::new(SealingKey::new("spool", &new_key()?)?);
        let blobs = self.blobs().clone();
        let id = format!("spool_{name:032x}");
        let writer = blobs.create(&id, Arc::clone(&key))?;
        Ok(SpoolWriter { writer, spool: Spool { blobs, id, key, size_bytes: 0 } })
    }
}

impl SpoolWriter {
    /// Writes more of it.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.write_all(bytes).map_err(|error| StoreError::file("take in a file", error))
    }

    /// The body is whole.
    pub fn finish(self) -> Result<Spool, StoreError> {
        let Self { writer, mut spool } = self;
        spool.size_bytes = writer.finish()?;
        Ok(spool)
    }
}

impl Write for SpoolWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Spool {
    /// Reads it from its beginning. Reading blocks.
    pub fn open(&self) -> Result<BlobReader, StoreError> {
        let gone = || StoreError::file("open a spool", io::ErrorKind::NotFound.into());
        let reader = self.blobs.read(&self.id, Arc::clone(&self.key))?.ok_or_else(gone)?;
        Ok(BlobReader { reader })
    }

    /// How long it is.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        // Where this fails, the next sweep does it; nobody can read it any more.
        let _removed = self.blobs.remove(&self.id);
    }
}
