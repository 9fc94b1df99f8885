//! The gates: what waits for a decision, and letting exactly that through.

use axum::extract::State;
use engine::operator::approve::{self, Approval, Pending, Selection, Shown};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::body::Json;
use crate::caller::Caller;
use crate::problem::Problem;

/// What waits at the gates.
#[derive(Serialize, ToSchema)]
pub(super) struct Waiting {
    /// Task by task; values are masked.
    pending: Vec<Pending>,
}

/// Shows what waits at the gates. An approval names what was shown here.
#[utoipa::path(post, path = "/gates/preview", operation_id = "preview_gates", tag = "gates",
    request_body = Selection,
    responses((status = 200, description = "What waits", body = Waiting)))]
pub(super) async fn preview(
    State(app): State<App>,
    caller: Caller,
    Json(selection): Json<Selection>,
) -> Result<Json<Waiting>, Problem> {
    Ok(Json(Waiting { pending: approve::preview(&app.desk(&caller), &selection).await? }))
}

/// What is let through.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Decision {
    /// Tasks as the preview showed them: `task`, `what`, `version` and `plan` of each.
    shown: Vec<Shown>,
}

/// Lets through what was shown. Each task goes, or stays, by itself: one whose plan is another by now
/// stays, and says so.
#[utoipa::path(post, path = "/gates/approve", operation_id = "approve_gates", tag = "gates",
    request_body = Decision,
    responses((status = 200, description = "What passed and what stayed", body = Approval)))]
pub(super) async fn approve(
    State(app): State<App>,
    caller: Caller,
    Json(decision): Json<Decision>,
) -> Result<Json<Approval>, Problem> {
    let answers = approve::approve_shown(&app.desk(&caller), &decision.shown).await?;
    Ok(Json(answers.into()))
}
