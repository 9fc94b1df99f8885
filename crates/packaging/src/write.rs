//! Writing the package of a request: gather what the store knows, pack it, journal that it was made.

#[cfg(test)]
mod tests;

use std::io::{self, Read, Write};

use domain::{Actor, BlobId, Entry, Event, Instant, Outcome, Request, RequestId, Task, TaskState};
use serde::{Deserialize, Serialize};
use store::{BlobReader, Store, Transition};
use tokio::runtime::Handle;

use crate::contents::{Contents, System};
use crate::error::PackageError;
use crate::pack::{Packed, pack};

/// What a package came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Systems that were asked.
    pub n_systems: usize,
    /// Files of data.
    pub n_files: usize,
    /// Records in them.
    pub n_records: u64,
    /// Size of the package.
    pub size_bytes: u64,
    /// What has to be known before it is handed over; empty if it is complete and released.
    pub reservations: Vec<String>,
}

/// Writes the package of a request, and journals that somebody has it. Until that is done nobody may
/// be given what was written.
pub async fn write<W: Write + Send + 'static>(
    store: &Store,
    request: RequestId,
    actor: &Actor,
    now: Instant,
    out: W,
) -> Result<(Summary, W), PackageError> {
    let request = store.request(request).await?.ok_or(PackageError::NoSuchRequest)?;
    if !request.right.only_reads() {
        return Err(PackageError::NothingToPackage { right: request.right });
    }
    if request.closing.as_ref().is_some_and(|end| end.purged.is_some()) {
        return Err(PackageError::Purged);
    }
    if let Some(end) = request.closing.as_ref().filter(|end| end.how.is_against_acting()) {
        return Err(PackageError::Closed { how: end.how });
    }
    if let Some(why) = store.unopened(&[request.id]).await?.remove(&request.id) {
        return Err(PackageError::Unopened { why });
    }
    let (contents, bodies) = gather(store, &request, now).await?;
    let n_systems = contents.systems.len();
    let reservations = contents.reservations.clone();
    let bodies = Bodies { store: store.clone(), request: request.id, blobs: bodies };
    let writing = tokio::task::spawn_blocking(move || {
        let mut open = |number| bodies.open(number);
        pack(contents, &mut open, Counted { out, n_bytes: 0 })
    });
    let (Counted { out, n_bytes }, packed) =
        writing.await.map_err(|_| PackageError::CutShort)??;
    let entry = Entry::new(now, actor.clone(), Event::PackageWritten)
        .request(request.id)
        .fact("n_files", packed.n_files)
        .fact("n_records", packed.n_records)
        .fact("size_bytes", n_bytes)
        .fact("manifest", packed.manifest.to_string());
    store.apply(None, &[Transition { journal: vec![entry], ..Transition::default() }]).await?;
    let Packed { n_files, n_records, .. } = packed;
    Ok((Summary { n_systems, n_files, n_records, size_bytes: n_bytes, reservations }, out))
}

/// Counts what passes.
struct Counted<W> {
    out: W,
    n_bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.out.write(bytes)?;
        self.n_bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Everything about a request but its bodies; those are numbered as the blobs beside it.
async fn gather(
    store: &Store,
    request: &Request,
    now: Instant,
) -> Result<(Contents, Vec<BlobId>), PackageError> {
    let tasks = store.tasks_of(&[request.id]).await?;
    let identifiers = store.identifiers_of(&[request.id]).await?;
    let (systems, bodies) = systems(store, request.id, &tasks).await?;
    let vouched = identifiers.iter().filter(|(_, one)| one.origin.is_vouched_for());
    let contents = Contents {
        request: request.id.to_string(),
        right: request.right.to_string(),
        scope: request.scope.to_string().replace('|', ", ").replace('_', " "),
        received_at: day(request.received_at),
        written_at: day(now),
        written_unix: now.as_second(),
        asked_by: vouched.map(|(_, one)| (one.kind.to_string(), one.given.clone())).collect(),
        reservations: reservations(request, &tasks),
        systems,
    };
    Ok((contents, bodies))
}

/// Each task's system, and the blobs of all of them.
async fn systems(
    store: &Store,
    request: RequestId,
    tasks: &[Task],
) -> Result<(Vec<System>, Vec<BlobId>), PackageError> {
    let connections = store.all_connections().await?;
    let collected = store.collected_of(request).await?;
    let mut bodies = Vec::new();
    let mut systems = Vec::new();
    for task in tasks {
        // A round begins anew with everything known by then, so the last one that found anything
        // holds it all: what was gone by a later round is still the person's to see. Later ones hold
        // notes on why.
        let of_task = || collected.iter().filter(|one| one.task == task.id && may_be_packed(task));
        let last = of_task().filter(|one| one.n_records > 0).map(|one| one.round).max();
        let begin = bodies.len();
        bodies.extend(of_task().filter(|one| Some(one.round) >= last).map(|one| one.blob));
        let connection =
            connections.iter().find(|connection| Some(connection.id) == task.connection);
        systems.push(System {
            name: connection.map_or("by hand", |connection| &connection.name).to_owned(),
            connector: connection.map_or("", |connection| &connection.connector).to_owned(),
            answer: answer_of(task),
            notes: gaps_of(task),
            bodies: (begin..bodies.len()).collect(),
        });
    }
    Ok((systems, bodies))
}

/// Whether what was collected for a task may be handed out, or looked at before it is: not if the
/// task was cancelled, or a person left it out.
fn may_be_packed(task: &Task) -> bool {
    !matches!(task.detail.outcome, Some(Outcome::Cancelled | Outcome::Settled { done: false, .. }))
}

fn day(at: Instant) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

fn answer_of(task: &Task) -> String {
    match &task.detail.outcome {
        Some(outcome) => outcome.to_string(),
        None => match &task.detail.hand {
            Some(work) => format!("to be done by a person: {}", work.what),
            None => "has not answered yet".to_owned(),
        },
    }
}

/// What could not be searched, or is left to a person.
fn gaps_of(task: &Task) -> Vec<String> {
    let Some(found) = task.findings.found() else { return Vec::new() };
    let unsearched = found.not_searchable.iter().map(|what| format!("Not searched: {what}."));
    let by_hand = found.by_hand.iter().map(|work| format!("{}: {}.", work.place, work.what));
    unsearched.chain(by_hand).collect()
}

/// Why a package is not yet the answer to its request.
fn reservations(request: &Request, tasks: &[Task]) -> Vec<String> {
    let mut out = Vec::new();
    if request.routed.is_none() {
        out.push("no system has been asked yet".to_owned());
    }
    let is_collected =
        |task: &&Task| task.state == TaskState::Approving && task.detail.outcome.is_some();
    let n_unreleased = tasks.iter().filter(is_collected).count();
    let n_open = tasks.iter().filter(|task| !task.is_over()).count() - n_unreleased;
    let n = tasks.len();
    if n_open > 0 {
        out.push(format!("this is not complete (answers still missing: {n_open} of {n})"));
    }
    if n_unreleased > 0 {
        out.push(format!("this is for review only (answers not released: {n_unreleased} of {n})"));
    }
    out
}

/// The collected bodies, opened by number.
struct Bodies {
    store: Store,
    request: RequestId,
    blobs: Vec<BlobId>,
}

impl Bodies {
    fn open(&self, number: usize) -> io::Result<Box<dyn Read>> {
        let gone = || io::Error::new(io::ErrorKind::NotFound, "a collected body is gone");
        let blob = self.blobs.get(number).ok_or_else(gone)?;
        // This runs on a thread that may block.
        let opened = Handle::current().block_on(self.store.blob_reader(self.request, *blob));
        let reader = opened.map_err(io::Error::other)?.ok_or_else(gone)?;
        Ok(Box::new(Chunks { reader, chunk: Vec::new(), given: 0 }))
    }
}

/// A body as plain bytes.
struct Chunks {
    reader: BlobReader,
    chunk: Vec<u8>,
    given: usize,
}

impl Read for Chunks {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.given == self.chunk.len() {
            self.given = 0;
            self.chunk = self.reader.next_chunk().map_err(io::Error::other)?.unwrap_or_default();
        }
        let n = self.chunk.get(self.given..).unwrap_or_default().read(into)?;
        self.given += n;
        Ok(n)
    }
}
