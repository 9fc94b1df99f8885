//! For whoever watches the program: `/healthz` says that it answers, `/readyz` whether it does its work,
//! and what is wrong if not.
//!
//! Both are open to everybody who reaches the listener, and tell nothing but that.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use engine::operator::readiness::{self, Readiness};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::body::Json;
use crate::problem::{self, Problem};

/// The program answers.
pub(crate) async fn alive() -> Json<Value> {
    Json(json!({"alive": true}))
}

/// The program does its work: everything that was looked at, as a problem where something is wrong.
pub(crate) async fn ready(State(app): State<App>) -> Response {
    let is_stopping = *app.stopped().borrow();
    let readiness = readiness::look(app.store(), app.holder(), is_stopping).await;
    if readiness.ready {
        return Json(readiness).into_response();
    }
    let wrong = readiness.checks.iter().filter(|check| !check.ok);
    let wrong: Vec<_> = wrong.map(|check| format!("{}: {}", check.name, check.what)).collect();
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "E-API-012", wrong.join("; "));
    let mut answer =
        (StatusCode::SERVICE_UNAVAILABLE, Json(Unready { problem, readiness })).into_response();
    let media_type = HeaderValue::from_static(problem::MEDIA_TYPE);
    answer.headers_mut().insert(header::CONTENT_TYPE, media_type);
    answer
}

/// A problem, with what was looked at beside it.
#[derive(Serialize)]
struct Unready {
    #[serde(flatten)]
    problem: Problem,
    #[serde(flatten)]
    readiness: Readiness,
}
