//! The chunks of a sealed body, one after the other: written to a file, and read from one.

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::sync::Arc;

use zeroize::{Zeroize as _, Zeroizing};

use crate::seal::{Place, SealingKey};

/// How much plain text a chunk holds; the last one may hold less, even nothing.
pub const CHUNK_LEN: usize = 256 * 1024;
/// A sealed chunk is a little longer than its plain text; anything beyond this is damage.
const SEALED_LEN_MAX: usize = CHUNK_LEN + 1024;

/// Writes a body to a file, chunk by chunk.
pub struct ChunkWriter {
    out: BufWriter<File>,
    sealer: Sealer,
    buffer: Zeroizing<Vec<u8>>,
    size_bytes: u64,
    /// Whether a chunk was cut short: whatever follows it would not open.
    is_torn: bool,
}

impl ChunkWriter {
    /// Writes to a file from where it stands.
    pub fn new(file: File, id: &str, key: Arc<SealingKey>) -> Self {
        Self {
            out: BufWriter::with_capacity(64 * 1024, file),
            sealer: Sealer { id: id.into(), key, index: 0 },
            buffer: Zeroizing::new(Vec::with_capacity(CHUNK_LEN)),
            size_bytes: 0,
            is_torn: false,
        }
    }

    /// Seals the last chunk. Gives the file back, and the number of bytes that were written in plain.
    pub fn end(mut self) -> io::Result<(File, u64)> {
        self.write_chunk(End::Last)?;
        let file = self.out.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok((file, self.size_bytes))
    }

    fn write_chunk(&mut self, end: End) -> io::Result<()> {
        // A disk that was full may have room again; the chunk that it cut short stays so.
        if std::mem::replace(&mut self.is_torn, true) {
            return Err(io::Error::other("an earlier write of this body failed"));
        }
        let sealed = self.sealer.seal(&self.buffer, end)?;
        self.buffer.zeroize();
        let length = u32::try_from(sealed.len()).map_err(io::Error::other)?;
        self.out.write_all(&length.to_be_bytes())?;
        self.out.write_all(&sealed)?;
        self.is_torn = false;
        Ok(())
    }
}

impl Write for ChunkWriter {
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
    /// Reads a file from where it stands.
    pub fn new(file: File, id: &str, key: Arc<SealingKey>) -> Self {
        Self {
            from: BufReader::with_capacity(64 * 1024, file),
            sealer: Sealer { id: id.into(), key, index: 0 },
            chunk: Zeroizing::default(),
            given: 0,
            ended: false,
        }
    }

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
