//! The ZIP file: written front to back, each file hashed on its way, the list of files last.

use std::io::{self, Write};

use domain::Digest;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use rawzip::time::UtcDateTime;
use rawzip::{CompressionMethod, ZipArchiveWriter};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::error::PackageError;

/// The list of files, as `manifest.json` holds it.
#[derive(Debug, Serialize)]
pub(crate) struct Manifest {
    /// What this is.
    pub(crate) format: &'static str,
    /// The request.
    pub(crate) request: String,
    /// When it was written.
    pub(crate) written_at: String,
    /// Every file but this one.
    pub(crate) files: Vec<Listed>,
}

/// One file of the list.
#[derive(Debug, Serialize)]
pub(crate) struct Listed {
    /// Its path.
    pub(crate) path: String,
    /// How many records it holds, where it holds records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) n_records: Option<u64>,
    /// Its size, unpacked.
    pub(crate) size_bytes: u64,
    /// Its SHA-256, unpacked.
    pub(crate) sha256: String,
}

/// A ZIP file that is being written.
pub(crate) struct Archive<W: Write> {
    zip: ZipArchiveWriter<W>,
    at: UtcDateTime,
    /// The files so far.
    pub(crate) files: Vec<Listed>,
}

impl<W: Write> Archive<W> {
    /// Begins one; every file in it bears this time (seconds since 1970).
    pub(crate) fn new(out: W, at_unix: i64) -> Self {
        let at = UtcDateTime::from_unix(at_unix);
        Self { zip: ZipArchiveWriter::new(out), at, files: Vec::new() }
    }

    /// Adds a file of text.
    pub(crate) fn add_text(&mut self, path: &str, text: &str) -> Result<(), PackageError> {
        self.add(path, |out| {
            out.write_all(text.as_bytes()).map_err(PackageError::Write)?;
            Ok(None)
        })
    }

    /// Adds a file; `fill` writes it and says how many records it holds.
    pub(crate) fn add(
        &mut self,
        path: &str,
        fill: impl FnOnce(&mut dyn Write) -> Result<Option<u64>, PackageError>,
    ) -> Result<(), PackageError> {
        let (mut entry, config) = self
            .zip
            .new_file(path)
            .compression_method(CompressionMethod::DEFLATE)
            .last_modified(self.at)
            .start()
            .map_err(PackageError::Zip)?;
        let (descriptor, n_records, sha256, size_bytes) = {
            let encoder = DeflateEncoder::new(&mut entry, Compression::default());
            let out = config.wrap(encoder);
            let mut hashed = Hashed { out, hash: Sha256::new(), size_bytes: 0 };
            let n_records = fill(&mut hashed)?;
            let (encoder, descriptor) = hashed.out.finish().map_err(PackageError::Zip)?;
            encoder.finish().map_err(PackageError::Write)?;
            let sha256 = hashed.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
            (descriptor, n_records, sha256, hashed.size_bytes)
        };
        entry.finish(descriptor).map_err(PackageError::Zip)?;
        self.files.push(Listed { path: path.to_owned(), n_records, size_bytes, sha256 });
        Ok(())
    }

    /// Adds the list of files and ends the archive. Gives back what it was written to and the
    /// digest of the list, which stands for the whole.
    pub(crate) fn finish(
        mut self,
        request: String,
        written_at: String,
    ) -> Result<(W, Digest), PackageError> {
        let files = std::mem::take(&mut self.files);
        let manifest = Manifest { format: "habeas-package-1", request, written_at, files };
        let text = serde_json::to_string_pretty(&manifest)
            .map_err(|error| PackageError::Write(io::Error::other(error)))?;
        self.add_text("manifest.json", &text)?;
        Ok((self.zip.finish().map_err(PackageError::Zip)?, Digest::of(text.as_bytes())))
    }
}

/// Hashes and counts what passes.
struct Hashed<W> {
    out: W,
    hash: Sha256,
    size_bytes: u64,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.out.write(bytes)?;
        let (written, _) = bytes.split_at(n);
        self.hash.update(written);
        self.size_bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
