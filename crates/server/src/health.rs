//! For whoever watches the program: `/healthz` says that it answers, `/readyz` that it does its work.
//!
//! Both are open to everybody who reaches the listener, and tell nothing but that.

use axum::extract::State;
use engine::operator::engine as standing;
use http::StatusCode;
use serde_json::{Value, json};

use crate::app::App;
use crate::body::Json;
use crate::problem::Problem;

/// The program answers.
pub(crate) async fn alive() -> Json<Value> {
    Json(json!({"alive": true}))
}

/// The store can be read, and somebody runs the engine.
pub(crate) async fn ready(State(app): State<App>) -> Result<Json<Value>, Problem> {
    match standing::runner(app.store(), app.holder()).await? {
        Some(_) => Ok(Json(json!({"ready": true}))),
        None => {
            let detail = "nobody runs the engine";
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "E-API-012", detail))
        }
    }
}
