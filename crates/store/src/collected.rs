//! What an access collected: large bodies, sealed under the request's key, and the rows that name
//! them.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::path::PathBuf;

use domain::{BlobId, RequestId, TaskId};
use futures_util::TryStreamExt as _;

use crate::blobs::{self, Bucket, CHUNK_LEN, Folder, blocking};
use crate::bulk::{Kind, Over};
use crate::db::{Row, Value, values};
use crate::error::StoreError;
use crate::store::Store;

/// What one round of a task collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Collected {
    /// The task.
    pub task: TaskId,
    /// Its request.
    pub request: RequestId,
    /// Its round.
    pub round: u32,
    /// The body.
    pub blob: BlobId,
    /// How many records it holds.
    pub n_records: u64,
    /// How long it is.
    pub n_bytes: u64,
}

pub(crate) static INSERT: Over = Over::insert(
    "collected",
    &[
        ("request_id", Kind::Text),
        ("task_id", Kind::Text),
        ("round", Kind::Int),
        ("blob_id", Kind::Text),
        ("n_records", Kind::Int),
        ("n_bytes", Kind::Int),
    ],
    "",
);
const OF_REQUEST: &str = "SELECT request_id, task_id, round, blob_id, n_records, n_bytes
    FROM collected WHERE request_id = $1 ORDER BY task_id, round, blob_id";
static NAMED: Over = Over::new(
    &[("blob_id", Kind::Text)],
    "SELECT v.blob_id FROM v WHERE EXISTS (SELECT 1 FROM collected c WHERE c.blob_id = v.blob_id)",
);

/// How many bodies in a bucket are looked up at once.
const PAGE: usize = 1000;

/// What is asked of every body, for the test that nothing scans.
#[cfg(test)]
pub(crate) fn frequent(dialect: crate::db::Dialect) -> Vec<&'static str> {
    vec![OF_REQUEST, NAMED.longest_text(dialect)]
}

/// What sweeping the bodies came to.
#[derive(Debug, Default)]
pub struct Swept {
    /// How many files were removed.
    pub n_removed: u64,
    /// Why folders could not be swept.
    pub failed: Vec<StoreError>,
}

impl Store {
    /// What was collected for a request.
    pub async fn collected_of(&self, request: RequestId) -> Result<Vec<Collected>, StoreError> {
        self.db().fetch(OF_REQUEST, values![request]).await?.iter().map(read).collect()
    }

    /// Starts a large body of a request. It exists for others once it is finished and a `Collected`
    /// names it.
    pub async fn blob_writer(&self, request: RequestId) -> Result<BlobWriter, StoreError> {
        // A bucket may have been named since this process began.
        self.check_bodies().await?;
        let id = BlobId::new(self.ids()?);
        let key = self.request_keys([request]).await?.remove(&request);
        let key = key.ok_or(StoreError::NotFound { what: "key of the request" })?;
        let writer = self.blobs().create(&id.to_string(), key)?;
        Ok(BlobWriter { id, writer })
    }

    /// Opens a large body of a request, or nothing if it does not exist, or its key was destroyed.
    pub async fn blob_reader(
        &self,
        request: RequestId,
        blob: BlobId,
    ) -> Result<Option<BlobReader>, StoreError> {
        let Some(key) = self.request_keys([request]).await?.remove(&request) else {
            return Ok(None);
        };
        let reader = self.blobs().read(&blob.to_string(), key).await?;
        Ok(reader.map(|reader| BlobReader { reader }))
    }

    /// Whether all bodies were swept within a day.
    pub async fn are_blobs_swept(&self) -> Result<bool, StoreError> {
        self.with_folder(Folder::was_swept).await
    }

    /// Removes bodies that were never finished, and those that no row names, a day after they were
    /// last written to: a holder that lost its lease may be writing still. Folder by folder, so that no
    /// more is in memory than the names in one, and one that fails keeps no other from being swept.
    pub async fn sweep_blobs(&self) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        if let Some(bucket) = self.blobs().bucket() {
            match self.sweep_bucket(bucket, &mut swept.n_removed).await {
                Ok(()) => {}
                Err(error) => swept.failed.push(error),
            }
        } else {
            for folder in self.with_folder(Folder::folders).await? {
                match self.sweep_folder(folder).await {
                    Ok(n_removed) => swept.n_removed += n_removed,
                    Err(error) => swept.failed.push(error),
                }
            }
        }
        // Also where some failed: the next command need not try them all over.
        self.with_folder(Folder::note_swept).await?;
        Ok(swept)
    }

    async fn sweep_folder(&self, folder: PathBuf) -> Result<u64, StoreError> {
        let (folder, ids) =
            self.with_folder(|blobs| blobs.ids_in(&folder).map(|ids| (folder, ids))).await?;
        let named = self.bodies_named(&ids).await?;
        self.with_folder(move |blobs| blobs.sweep(&folder, |id| named.contains(id))).await
    }

    async fn sweep_bucket(&self, bucket: &Bucket, n_removed: &mut u64) -> Result<(), StoreError> {
        let now = bucket.try_out().await?;
        let mut pages = bucket.left_at(now).try_chunks(PAGE);
        while let Some(ids) = pages.try_next().await.map_err(|error| error.1)? {
            let named = self.bodies_named(&ids).await?;
            for id in ids.iter().filter(|id| !named.contains(*id)) {
                bucket.remove(id).await?;
                *n_removed += 1;
            }
        }
        Ok(())
    }

    /// Which of these bodies a row names.
    async fn bodies_named(&self, ids: &[String]) -> Result<HashSet<String>, StoreError> {
        let rows = NAMED.read(self.db(), ids.iter().map(|id| values![id.clone()])).await?;
        rows.iter().map(|row| row.get("blob_id")).collect()
    }

    /// Does something with the folder of bodies that blocks.
    async fn with_folder<T: Send + 'static>(
        &self,
        what: impl FnOnce(&Folder) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let folder = self.blobs().folder().clone();
        blocking(move || what(&folder)).await
    }
}

/// A large body that is being written. Dropped before `finish`, it never existed.
pub struct BlobWriter {
    id: BlobId,
    writer: blobs::BlobWriter,
}

impl BlobWriter {
    /// Appends bytes. They go to memory and, a chunk at a time, to the system's cache.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.writer.write_all(bytes).map_err(|error| StoreError::file("write a body", error))
    }

    /// Makes the body durable. Returns its id and its length.
    pub async fn finish(self) -> Result<(BlobId, u64), StoreError> {
        let Self { id, writer } = self;
        let length = writer.finish().await?;
        Ok((id, length))
    }
}

/// A large body that is being read: chunk by chunk, or as `Read`.
pub struct BlobReader {
    pub(crate) reader: blobs::BlobReader,
}

impl BlobReader {
    /// The next bytes, at most one chunk of them; nothing at the end.
    pub fn next_chunk(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        let mut chunk = Vec::with_capacity(CHUNK_LEN);
        let read = (&mut self.reader).take(CHUNK_LEN as u64).read_to_end(&mut chunk);
        read.map_err(|error| StoreError::file("read a body", error))?;
        Ok((!chunk.is_empty()).then_some(chunk))
    }
}

impl Read for BlobReader {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.reader.read(into)
    }
}

/// The row of what was collected.
pub(crate) fn row(collected: &Collected) -> Vec<Value> {
    let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    values![
        collected.request,
        collected.task,
        i64::from(collected.round),
        collected.blob,
        count(collected.n_records),
        count(collected.n_bytes),
    ]
}

fn read(row: &Row) -> Result<Collected, StoreError> {
    Ok(Collected {
        task: row.parse("task_id")?,
        request: row.parse("request_id")?,
        round: row.count("round")?,
        blob: row.parse("blob_id")?,
        n_records: row.count("n_records")?,
        n_bytes: row.count("n_bytes")?,
    })
}
