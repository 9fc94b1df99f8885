//! Decisions on a request: denying, cancelling, answering, opening again, adding identifiers.

use axum::extract::State;
use domain::RequestId;
use domain::identifier::Region;
use engine::operator::Given;
use engine::operator::decide::{self, Added, Answered, Stopped};
use engine::operator::purge::{self, PurgeView};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::requests::within_reach;
use crate::app::App;
use crate::body::{Json, Path};
use crate::caller::Caller;
use crate::problem::Problem;

/// Why, or how; kept in the journal, so it names no person.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Note {
    /// In a sentence.
    #[serde(default)]
    note: String,
}

/// Refuses a request. What was not sent is cancelled; once anything was carried out it can't be denied.
#[utoipa::path(post, path = "/requests/{id}/deny", operation_id = "deny_request", tag = "decisions",
    params(("id" = RequestId, Path)), request_body = Note,
    responses((status = 200, description = "What it stopped", body = Stopped)))]
pub(super) async fn deny(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<RequestId>,
    Json(Note { note }): Json<Note>,
) -> Result<Json<Stopped>, Problem> {
    let id = within_reach(&app, &caller, id).await?;
    Ok(Json(decide::deny(&app.desk(&caller), id, &note).await?))
}

/// Ends a request that its person took back. What was not sent is cancelled.
#[utoipa::path(post, path = "/requests/{id}/cancel", operation_id = "cancel_request",
    tag = "decisions", params(("id" = RequestId, Path)), request_body = Note,
    responses((status = 200, description = "What it stopped", body = Stopped)))]
pub(super) async fn cancel(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<RequestId>,
    Json(Note { note }): Json<Note>,
) -> Result<Json<Stopped>, Problem> {
    let id = within_reach(&app, &caller, id).await?;
    Ok(Json(decide::cancel(&app.desk(&caller), id, &note).await?))
}

/// Records that the person was told what came of it, and closes the request.
#[utoipa::path(post, path = "/requests/{id}/answer", operation_id = "answer_request",
    tag = "decisions", params(("id" = RequestId, Path)), request_body = Note,
    responses((status = 200, description = "As what it was closed", body = Answered)))]
pub(super) async fn answer(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<RequestId>,
    Json(Note { note }): Json<Note>,
) -> Result<Json<Answered>, Problem> {
    let id = within_reach(&app, &caller, id).await?;
    Ok(Json(decide::answer(&app.desk(&caller), id, &note).await?))
}

/// Opens a closed request again; its history stays.
#[utoipa::path(post, path = "/requests/{id}/reopen", operation_id = "reopen_request",
    tag = "decisions", params(("id" = RequestId, Path)), request_body = Note,
    responses((status = 204, description = "It is open again")))]
pub(super) async fn reopen(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<RequestId>,
    Json(Note { note }): Json<Note>,
) -> Result<StatusCode, Problem> {
    let id = within_reach(&app, &caller, id).await?;
    decide::reopen(&app.desk(&caller), id, &note).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Identifiers that somebody learnt since.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewIdentifiers {
    /// The identifiers.
    identifiers: Vec<Given>,
    /// The country of phone numbers that don't say theirs, by ISO 3166-1 alpha-2, such as `DE`.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^[A-Z]{2}$")]
    phone_region: Option<Region>,
}

/// Adds identifiers to an open request. Systems that can use one of them look again.
#[utoipa::path(post, path = "/requests/{id}/identifiers", operation_id = "add_identifiers",
    tag = "decisions", params(("id" = RequestId, Path)), request_body = NewIdentifiers,
    responses((status = 200, description = "What they came to", body = Added)))]
pub(super) async fn add_identifiers(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<RequestId>,
    Json(new): Json<NewIdentifiers>,
) -> Result<Json<Added>, Problem> {
    let id = within_reach(&app, &caller, id).await?;
    let desk = app.desk(&caller);
    Ok(Json(decide::add_identifiers(&desk, id, &new.identifiers, new.phone_region).await?))
}

/// Destroys the values of a closed request for good. One that was purged before stays so.
#[utoipa::path(post, path = "/requests/{id}/purge", operation_id = "purge_request",
    tag = "decisions", params(("id" = RequestId, Path)),
    responses((status = 200, description = "When its key was destroyed", body = PurgeView)))]
pub(super) async fn purge(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<RequestId>,
) -> Result<Json<PurgeView>, Problem> {
    let id = within_reach(&app, &caller, id).await?;
    Ok(Json(purge::purge(&app.desk(&caller), id).await?))
}
