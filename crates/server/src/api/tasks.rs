//! Tasks that a person settles, or begins again.

use axum::extract::State;
use domain::TaskId;
use engine::operator::find;
use engine::operator::tasks::{self, Settle, TaskView};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::body::{Json, Path};
use crate::caller::Caller;
use crate::problem::Problem;

/// How a task is settled.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Settling {
    /// Done by a person, or left undone.
    how: Settle,
    /// What was done, or why nothing is; kept in the journal, so it names no person.
    #[schema(min_length = 1)]
    note: String,
}

/// Settles a task that waits for a person.
#[utoipa::path(post, path = "/tasks/{id}/settle", operation_id = "settle_task", tag = "tasks",
    params(("id" = TaskId, Path)), request_body = Settling,
    responses((status = 200, description = "Where it stands", body = TaskView)))]
pub(super) async fn settle(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<TaskId>,
    Json(Settling { how, note }): Json<Settling>,
) -> Result<Json<TaskView>, Problem> {
    let desk = app.desk(&caller);
    let id = find::task(&desk, &id.to_string()).await?;
    Ok(Json(tasks::settle(&desk, id, how, &note).await?))
}

/// Begins another round of a task that is over, or waits for a decision or an identifier.
#[utoipa::path(post, path = "/tasks/{id}/retry", operation_id = "retry_task", tag = "tasks",
    params(("id" = TaskId, Path)),
    responses((status = 200, description = "Where it stands", body = TaskView)))]
pub(super) async fn retry(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<TaskId>,
) -> Result<Json<TaskView>, Problem> {
    let desk = app.desk(&caller);
    let id = find::task(&desk, &id.to_string()).await?;
    Ok(Json(tasks::retry(&desk, id).await?))
}
