//! Files of requests, taken in whole before anything is done with them, then imported row by row.

#![expect(unused_qualifications, reason = "utoipa qualifies what stands in `params(…)`")]

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use domain::identifier::Region;
use engine::operator::import::{self, Import, ImportError, Options, RowDone, Summary};
use engine::operator::principals::tokens::{NotAccepted, is_good_still};
use futures_util::stream;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use serde::{Deserialize, Serialize};
use store::Spool;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::body::{Query, unread};
use crate::caller::Caller;
use crate::pace::Patience;
use crate::problem::Problem;

/// The largest file, in bytes.
const LARGEST_FILE: usize = 1 << 30;
/// Where files are sent, below the base.
pub(crate) const PATH: &str = "/imports";

/// How a file is imported.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Importing {
    /// Only say what would happen.
    dry_run: bool,
    /// Tell of every row, not only of how far it is.
    rows: bool,
    /// The country of phone numbers that don't say theirs, by ISO 3166-1 alpha-2, such as `DE`.
    #[param(value_type = Option<String>, pattern = "^[A-Z]{2}$")]
    phone_region: Option<Region>,
}

/// One line of the answer to an import.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportLine {
    /// How far it is.
    Progress(ImportProgress),
    /// What became of a row.
    Row(RowDone),
    /// What it came to; the last line.
    Done(Summary),
    /// Why it stopped; the last line. What was imported stays.
    Failed(Problem),
}

/// How far an import is.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
pub struct ImportProgress {
    /// Rows that are done.
    pub n_rows: u64,
    /// Rows in the file.
    pub n_rows_total: u64,
}

/// Imports a CSV file of requests, up to 1 GiB.
///
/// The file is taken in whole first: a fault of the file, such as an unknown column, imports nothing. A
/// fault of a row leaves that row out. The answer is a line of JSON for each step, the last one with
/// what it came to. It goes on though nobody reads the answer (whoever takes it slower than 64 KiB a second for
/// half a minute is told the last line only); sending the same file again is harmless,
/// since rows that are in come back as known.
#[utoipa::path(post, path = "/imports", operation_id = "import_requests", tag = "requests",
    params(Importing),
    request_body(content = String, content_type = "text/csv", description = "The file, in UTF-8"),
    responses((status = 200, description = "What becomes of it, line by line", body = ImportLine,
        content_type = "application/x-ndjson")))]
pub(super) async fn import(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Query(importing): Query<Importing>,
    body: Body,
) -> Result<Response, Problem> {
    if !is_csv(&headers) {
        let detail = "the body must be CSV, and say so (Content-Type: text/csv)";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "E-API-005", detail));
    }
    let place = app.place_for_import().await?;
    let spool = take_in(&app, body).await?;
    let file = spool.open()?;
    let looked = spawn_blocking(move || import::look_through(file)).await;
    let n_rows_total = looked.map_err(|_| Problem::bug())?.map_err(ImportError::from)?;
    let (say, heard) = mpsc::channel(4);
    tokio::spawn(async move {
        let told = run(&app, &caller, &spool, importing, n_rows_total, &say).await;
        let last = told.map_or_else(ImportLine::Failed, ImportLine::Done);
        drop((spool, place));
        // Whoever sent the file may have gone.
        let _ = say.send(lines(&[last])).await;
    });
    let next = |mut heard: mpsc::Receiver<Bytes>| async move {
        heard.recv().await.map(|lines| (Ok::<_, std::convert::Infallible>(lines), heard))
    };
    let answer = Body::from_stream(stream::unfold(heard, next));
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], answer).into_response())
}

fn is_csv(headers: &HeaderMap) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = media_type.and_then(|text| text.split(';').next()).unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("text/csv")
}

/// Takes in a body whole, sealed.
async fn take_in(app: &App, body: Body) -> Result<Spool, Problem> {
    let mut body = Limited::new(body, LARGEST_FILE);
    let (send, mut pieces) = mpsc::channel::<Bytes>(4);
    let mut writer = app.store().spool()?;
    let writing = spawn_blocking(move || {
        while let Some(piece) = pieces.blocking_recv() {
            writer.append(&piece)?;
        }
        Ok::<_, store::StoreError>(writer)
    });
    let mut patience = Patience::new();
    while let Some(frame) = patience.wait(body.frame()).await.ok_or_else(stalled)? {
        let Ok(piece) = frame.map_err(|error| unread(&*error))?.into_data() else { continue };
        patience.moved(piece.len());
        if send.send(piece).await.is_err() {
            // The writing has failed, and says below why.
            break;
        }
    }
    drop(send);
    let writer = writing.await.map_err(|_| Problem::bug())??;
    let finished = spawn_blocking(move || writer.finish()).await;
    Ok(finished.map_err(|_| Problem::bug())??)
}

fn stalled() -> Problem {
    let detail = "the file came too slowly, or not to its end; nothing was done";
    Problem::new(StatusCode::REQUEST_TIMEOUT, "E-API-008", detail)
}

async fn run(
    app: &App,
    caller: &Caller,
    spool: &Spool,
    importing: Importing,
    n_rows_total: u64,
    say: &mpsc::Sender<Bytes>,
) -> Result<Summary, Problem> {
    let Importing { dry_run, rows: tells_rows, phone_region } = importing;
    let desk = app.desk(caller);
    let options = Options { dry_run, phone_region };
    let mut import = Import::begin(&desk, spool.open()?, &options).await?;
    let (mut n_rows, mut patience) = (0, Some(Patience::new()));
    loop {
        // It may take long, and whoever began it may have lost the right to meanwhile.
        if !is_good_still(app.store(), caller.access(), app.now()).await? {
            return Err(ended());
        }
        let Some(rows) = import.next().await? else { break };
        n_rows += rows.len() as u64;
        let progress = ImportLine::Progress(ImportProgress { n_rows, n_rows_total });
        let told = rows.into_iter().filter(|_| tells_rows).map(ImportLine::Row);
        let all: Vec<_> = told.chain([progress]).collect();
        // It goes on, and gives its place back, though nobody listens any more or only very slowly.
        if let Some(waiting) = &mut patience {
            let told = lines(&all);
            let n_bytes = told.len();
            match waiting.wait(say.send(told)).await {
                Some(Ok(())) => waiting.moved(n_bytes),
                _ => patience = None,
            }
        }
    }
    Ok(import.finish().await?)
}

fn ended() -> Problem {
    let detail =
        "the token ended, or may do something else now; what was imported until then stays";
    Problem::new(StatusCode::UNAUTHORIZED, NotAccepted::CODE, detail)
}

fn lines(all: &[ImportLine]) -> Bytes {
    let mut text = Vec::new();
    for line in all {
        // Numbers, ids and texts always serialise.
        text.extend(serde_json::to_vec(line).unwrap_or_default());
        text.push(b'\n');
    }
    text.into()
}
