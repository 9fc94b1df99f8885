//! The gates: what waits for a decision, and letting exactly that through.

#![expect(unused_qualifications, reason = "utoipa qualifies what stands in `params(…)`")]

use axum::extract::State;
use domain::TaskId;
use engine::operator::approve::{self, Approval, PendingPage, Selection, Shown};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::body::{Json, Query};
use crate::caller::Caller;
use crate::problem::Problem;

/// Which page.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Paging {
    /// The page that begins after this task: `next` of the page before.
    after: Option<TaskId>,
}

/// Shows what waits at the gates, 500 tasks a page. An approval names what was shown here.
#[utoipa::path(post, path = "/gates/preview", operation_id = "preview_gates", tag = "gates",
    params(Paging), request_body = Selection,
    responses((status = 200, description = "A page of what waits", body = PendingPage)))]
pub(super) async fn preview(
    State(app): State<App>,
    caller: Caller,
    Query(paging): Query<Paging>,
    Json(selection): Json<Selection>,
) -> Result<Json<PendingPage>, Problem> {
    Ok(Json(approve::page(&app.desk(&caller), &selection, paging.after).await?))
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
