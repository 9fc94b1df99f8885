//! The files for the person of an access request.

use std::io;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use domain::RequestId;
use futures_util::stream;
use http::{HeaderName, header};
use packaging::PackageError;
use store::{BlobReader, Spool, StoreError};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::spawn_blocking;

use super::BASE;
use super::requests::within_reach;
use crate::app::App;
use crate::body::Path;
use crate::caller::Caller;
use crate::pace::Patience;
use crate::problem::{Chain, Problem};

/// The header that says what a package came to.
pub const ABOUT: HeaderName = HeaderName::from_static("habeas-package");

/// Whether a package is asked for at a path: it may take long to be made.
pub fn are_at(path: &str) -> bool {
    path.strip_prefix(BASE).is_some_and(|path| path.ends_with("/package"))
}

/// A ZIP file.
#[derive(utoipa::ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "only its schema is looked at")]
pub(super) struct Zip(Vec<u8>);

/// Makes the package of a request: one ZIP file with everything that was collected, as JSON and as a
/// page that a person can read. It holds personal data in plain; the journal says who had it. The header
/// `Habeas-Package` is an object of JSON: `n_systems`, `n_files`, `n_records`, `size_bytes`, and
/// `reservations`, which has to be known before it is handed over.
#[utoipa::path(post, path = "/requests/{id}/package", operation_id = "package_request",
    tag = "requests", params(("id" = RequestId, Path)),
    responses((status = 200, description = "The file", body = Zip,
        content_type = "application/zip",
        headers(("Habeas-Package" = String, description = "What it came to, as JSON")))))]
pub(super) async fn package(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<RequestId>,
) -> Result<Response, Problem> {
    let id = within_reach(&app, &caller, id).await?;
    let place = app.place_for_package().await?;
    let spool = app.store().spool()?;
    let (actor, now) = (caller.access().actor(), app.now());
    let (summary, spool) = packaging::write(app.store(), id, &actor, now, spool).await?;
    let finished = spawn_blocking(move || spool.finish()).await;
    let spool = finished.map_err(|_| Problem::bug())??;
    let reader = spool.open()?;
    let headers = [
        (header::CONTENT_TYPE, "application/zip".to_owned()),
        (header::CONTENT_LENGTH, spool.size_bytes().to_string()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{id}.zip\"")),
        // Counts, and sentences of ours.
        (ABOUT, serde_json::to_string(&summary).unwrap_or_default()),
    ];
    let (say, taken) = mpsc::channel(1);
    tokio::spawn(hand_out(reader, (spool, place), say));
    let pieces = stream::unfold(taken, |mut taken: mpsc::Receiver<_>| async move {
        let piece: io::Result<Bytes> = taken.recv().await?;
        Some((piece, taken))
    });
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// Hands a file out, piece by piece. It is there, and keeps its place, until the last was taken, or
/// until whoever takes it is too slow: the answer then ends before its length.
async fn hand_out(
    mut reader: BlobReader,
    kept: (Spool, OwnedSemaphorePermit),
    say: mpsc::Sender<io::Result<Bytes>>,
) {
    let mut patience = Patience::new();
    loop {
        let read = spawn_blocking(move || piece(reader)).await.map_err(io::Error::other);
        let (piece, rest) = match read.and_then(|read| read.map_err(io::Error::other)) {
            Ok(Some((piece, rest))) => (Ok(piece), Some(rest)),
            Ok(None) => break,
            Err(error) => (Err(error), None),
        };
        let n_bytes = piece.as_ref().map_or(0, Bytes::len);
        let taken = patience.wait(say.send(piece)).await;
        let (Some(Ok(())), Some(rest)) = (taken, rest) else { break };
        patience.moved(n_bytes);
        reader = rest;
    }
    drop(kept);
}

fn piece(mut reader: BlobReader) -> Result<Option<(Bytes, BlobReader)>, StoreError> {
    Ok(reader.next_chunk()?.map(|chunk| (chunk.into(), reader)))
}

impl From<PackageError> for Problem {
    fn from(error: PackageError) -> Self {
        use http::StatusCode as S;
        let detail = error.to_string();
        match error {
            PackageError::NoSuchRequest => Self::not_found("request"),
            PackageError::NothingToPackage { .. } => {
                Self::new(S::UNPROCESSABLE_ENTITY, "E-PKG-001", detail)
            }
            PackageError::Closed { .. } | PackageError::Purged => {
                Self::new(S::CONFLICT, "E-PKG-002", detail)
            }
            PackageError::Unopened { .. } => Self::new(S::SERVICE_UNAVAILABLE, "E-KEY-007", detail),
            PackageError::Store(error) => error.into(),
            PackageError::Write(error) => StoreError::file("write the package", error).into(),
            other => {
                tracing::error!(error = %Chain(&other), "no package was made");
                Self::new(S::INTERNAL_SERVER_ERROR, "E-PKG-003", detail)
            }
        }
    }
}
