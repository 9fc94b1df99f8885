//! The control interface: `clock`, `faults`, `switches`, `calls`, `audit`, `population`, `reset`.
//!
//! | route | what |
//! | --- | --- |
//! | `GET /clock` | `{"now", "mode", "pace"}` |
//! | `POST /clock` | `{"advance": "P3D"}`, `{"mode": "paced", "pace": 86400}`, `{"mode": "idle"}` |
//! | `POST /clock/followers` | registers, reports busy, or reports idle and waits |
//! | `GET`, `PUT /faults/{vendor}` | the list of planned faults |
//! | `GET`, `PUT /switches/{vendor}` | the vendor's switches; a `PUT` changes what it names |
//! | `GET /calls` | calls per vendor, endpoint and status; effects per vendor |
//! | `GET /audit/{vendor}` | what the vendor has accepted |
//! | `GET /population/{vendor}` | the people, as JSON lines, by `offset` and `limit` |
//! | `POST /reset` | everything as at the start |

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use http::{StatusCode, header};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use crate::clock::{Mode, Reading};
use crate::duration::IsoDuration;
use crate::faults::Plan;
use crate::world::World;

/// An idle report is answered after this much real time at the latest.
const LONGEST_REPORT: Duration = Duration::from_secs(3);

pub(crate) fn router(world: Arc<World>) -> Router {
    Router::new()
        .route("/clock", get(read_clock).post(set_clock))
        .route("/clock/followers", post(follow))
        .route("/faults/{vendor}", get(list_faults).put(plan_faults))
        .route("/switches/{vendor}", get(read_switches).put(set_switches))
        .route("/calls", get(count_calls))
        .route("/audit/{vendor}", get(audit))
        .route("/population/{vendor}", get(list_population))
        .route("/reset", post(reset))
        .with_state(world)
}

/// Why a control call is refused.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("no vendor of that name")]
    UnknownVendor,
    #[error("the body does not fit: {0}")]
    BadBody(String),
    #[error(transparent)]
    TooFar(#[from] crate::clock::TooFar),
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self {
            Refusal::UnknownVendor => StatusCode::NOT_FOUND,
            Refusal::BadBody(_) | Refusal::TooFar(_) => StatusCode::UNPROCESSABLE_ENTITY,
        };
        (status, axum::Json(json!({"error": self.to_string()}))).into_response()
    }
}

type Answer = Result<Response, Refusal>;

fn answer(value: &impl Serialize) -> Answer {
    Ok(axum::Json(value).into_response())
}

fn body<T: DeserializeOwned>(bytes: &Bytes) -> Result<T, Refusal> {
    let text: &[u8] = if bytes.is_empty() { b"{}" } else { bytes };
    serde_json::from_slice(text).map_err(|error| Refusal::BadBody(error.to_string()))
}

fn vendor(name: &str) -> Result<(), Refusal> {
    if name == "segment" { Ok(()) } else { Err(Refusal::UnknownVendor) }
}

async fn read_clock(State(world): State<Arc<World>>) -> Answer {
    answer(&world.clock.reading())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockChange {
    mode: Option<Mode>,
    pace: Option<f64>,
    advance: Option<IsoDuration>,
}

async fn set_clock(State(world): State<Arc<World>>, bytes: Bytes) -> Answer {
    let change: ClockChange = body(&bytes)?;
    if change.pace.is_some_and(|pace| !pace.is_finite() || pace < 0.0) {
        return Err(Refusal::BadBody("pace: seconds per second, not negative".to_owned()));
    }
    if change.mode.is_some() || change.pace.is_some() {
        let mode = change.mode.unwrap_or(Mode::Paced);
        world.clock.set_mode(mode, change.pace);
    }
    if let Some(length) = change.advance {
        world.clock.advance(length.0)?;
    }
    world.catch_up();
    world.settle();
    answer(&world.clock.reading())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Report {
    id: Option<String>,
    #[serde(default)]
    busy: bool,
    next_due: Option<Timestamp>,
}

#[derive(Serialize)]
struct Registered {
    id: String,
    #[serde(flatten)]
    reading: Reading,
}

async fn follow(State(world): State<Arc<World>>, bytes: Bytes) -> Answer {
    let report: Report = body(&bytes)?;
    let Some(id) = report.id else {
        return answer(&Registered { id: world.clock.follow(), reading: world.clock.reading() });
    };
    if report.busy {
        world.clock.report_busy(&id);
    } else {
        wait_for_work(&world, &id, report.next_due).await;
    }
    answer(&world.clock.reading())
}

/// Stays until the follower has something to do, reports anew, or the longest report is over.
async fn wait_for_work(world: &Arc<World>, id: &str, next_due: Option<Timestamp>) {
    let ticket = world.clock.report_idle(id, next_due);
    let latest = Instant::now() + LONGEST_REPORT;
    let mut changes = world.clock.changes();
    loop {
        changes.mark_unchanged();
        world.settle();
        if world.clock.is_answered(&ticket) || Instant::now() >= latest {
            break;
        }
        let by_itself = next_due.and_then(|due| world.clock.real_time_until(due));
        // Never a zero wait: a timer that rounds down would spin.
        let soon = by_itself.map(|wait| Instant::now() + wait.max(Duration::from_millis(1)));
        let wake_at = soon.map_or(latest, |soon| soon.min(latest));
        tokio::select! {
            // The sender lives in the world, so this can't fail.
            _ = changes.changed() => {}
            () = sleep_until(wake_at) => {}
        }
    }
    world.clock.seen(&ticket);
}

async fn list_faults(State(world): State<Arc<World>>, Path(name): Path<String>) -> Answer {
    vendor(&name)?;
    answer(&world.faults.list(&name))
}

async fn plan_faults(
    State(world): State<Arc<World>>,
    Path(name): Path<String>,
    bytes: Bytes,
) -> Answer {
    vendor(&name)?;
    let plans: Vec<Plan> = body(&bytes)?;
    world.faults.replace(&name, plans);
    answer(&world.faults.list(&name))
}

async fn read_switches(State(world): State<Arc<World>>, Path(name): Path<String>) -> Answer {
    vendor(&name)?;
    answer(&world.segment.switches())
}

async fn set_switches(
    State(world): State<Arc<World>>,
    Path(name): Path<String>,
    bytes: Bytes,
) -> Answer {
    vendor(&name)?;
    let changes: Value = body(&bytes)?;
    let now = world.clock.now();
    world
        .segment
        .set_switches(&changes, now)
        .map_err(|error| Refusal::BadBody(error.to_string()))?;
    answer(&world.segment.switches())
}

async fn count_calls(State(world): State<Arc<World>>) -> Answer {
    let mut counts = json!(world.calls.by_endpoint());
    counts["effects"] = json!({"segment": world.segment.effects()});
    answer(&counts)
}

async fn audit(State(world): State<Arc<World>>, Path(name): Path<String>) -> Answer {
    vendor(&name)?;
    world.catch_up();
    answer(&world.segment.audit())
}

#[derive(Deserialize)]
struct Window {
    #[serde(default)]
    offset: usize,
    limit: Option<usize>,
}

async fn list_population(
    State(world): State<Arc<World>>,
    Path(name): Path<String>,
    Query(window): Query<Window>,
) -> Answer {
    vendor(&name)?;
    let lines = world.segment.population(window.offset, window.limit.unwrap_or(usize::MAX));
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], lines).into_response())
}

async fn reset(State(world): State<Arc<World>>) -> Answer {
    world.reset();
    answer(&world.clock.reading())
}
