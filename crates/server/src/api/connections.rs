//! Connections: seeing, making, testing, setting, pausing and removing them.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use domain::connection::CheckReport;
use engine::operator::connections::{self, ConnectionList, ConnectionView, NewConnection, Removal};
use http::StatusCode;

use crate::app::App;
use crate::body::{Json, Path};
use crate::caller::Caller;
use crate::problem::Problem;

/// Lists the living connections.
#[utoipa::path(get, path = "/connections", operation_id = "list_connections", tag = "connections",
    responses((status = 200, description = "All of them", body = ConnectionList)))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<ConnectionList>, Problem> {
    Ok(Json(connections::list(&app.desk(&caller)).await?))
}

/// Shows a connection. Secrets are named, never shown.
#[utoipa::path(get, path = "/connections/{name}", operation_id = "show_connection",
    tag = "connections", params(("name" = String, Path)),
    responses((status = 200, description = "The connection", body = ConnectionView)))]
pub(super) async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<ConnectionView>, Problem> {
    Ok(Json(connections::view(&app.desk(&caller), &name).await?))
}

/// Tries every permission of a connection that is not made. Saves nothing.
#[utoipa::path(post, path = "/connections/check", operation_id = "check_connection",
    tag = "connections", request_body = NewConnection,
    responses((status = 200, description = "What was found", body = CheckReport)))]
pub(super) async fn check(
    State(app): State<App>,
    caller: Caller,
    Json(new): Json<NewConnection>,
) -> Result<Json<CheckReport>, Problem> {
    if let Some(problem) = led_back(&caller, new.allow_loopback) {
        return Err(problem);
    }
    let draft = connections::draft(&app.desk(&caller), new).await?;
    Ok(Json(app.check(draft.connection(), draft.secrets().clone()).await?))
}

/// Makes a connection, or gives one of the same name new settings and secrets. Every permission is
/// tried before anything is saved; with a required one missing nothing is.
#[utoipa::path(post, path = "/connections", operation_id = "create_connection",
    tag = "connections", request_body = NewConnection, responses(
        (status = 201, description = "It is connected", body = ConnectionView)))]
pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    Json(new): Json<NewConnection>,
) -> Result<Response, Problem> {
    if let Some(problem) = led_back(&caller, new.allow_loopback) {
        return Err(problem);
    }
    let desk = app.desk(&caller);
    let draft = connections::draft(&desk, new).await?;
    let report = app.check(draft.connection(), draft.secrets().clone()).await?;
    let connection = connections::add(&desk, draft, report).await?;
    Ok((StatusCode::CREATED, Json(ConnectionView::from(connection))).into_response())
}

/// Tries every permission of a connection again. One that a failed call had paused goes on if all is
/// well.
#[utoipa::path(post, path = "/connections/{name}/test", operation_id = "test_connection",
    tag = "connections", params(("name" = String, Path)),
    responses((status = 200, description = "What was found", body = ConnectionView)))]
pub(super) async fn test(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<ConnectionView>, Problem> {
    let desk = app.desk(&caller);
    let connection = engine::operator::find::connection(app.store(), &name).await?;
    let secrets = app.store().secrets(connection.id).await?;
    let report = app.check(&connection, secrets).await?;
    Ok(Json(connections::checked(&desk, &name, report).await?.into()))
}

/// Sets switches of a connection: all of them, or none if one is wrong.
#[utoipa::path(patch, path = "/connections/{name}/switches", operation_id = "set_connection",
    tag = "connections", params(("name" = String, Path)),
    request_body(content = BTreeMap<String, String>, description = "Switches by name, as text"),
    responses((status = 200, description = "The connection", body = ConnectionView)))]
pub(super) async fn set(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
    Json(switches): Json<BTreeMap<String, String>>,
) -> Result<Json<ConnectionView>, Problem> {
    let switches: Vec<_> = switches.into_iter().collect();
    Ok(Json(connections::set(&app.desk(&caller), &name, &switches).await?.into()))
}

/// Stops the calls of one connection.
#[utoipa::path(post, path = "/connections/{name}/pause", operation_id = "pause_connection",
    tag = "connections", params(("name" = String, Path)),
    responses((status = 200, description = "The connection", body = ConnectionView)))]
pub(super) async fn pause(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<ConnectionView>, Problem> {
    Ok(Json(connections::pause(&app.desk(&caller), &name).await?.into()))
}

/// Lets a connection go on that a person paused. One that a failed call paused needs a test.
#[utoipa::path(post, path = "/connections/{name}/resume", operation_id = "resume_connection",
    tag = "connections", params(("name" = String, Path)),
    responses((status = 200, description = "The connection", body = ConnectionView)))]
pub(super) async fn resume(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<ConnectionView>, Problem> {
    Ok(Json(connections::resume(&app.desk(&caller), &name).await?.into()))
}

/// Says what removing a connection would end. Changes nothing.
#[utoipa::path(get, path = "/connections/{name}/removal", operation_id = "preview_removal",
    tag = "connections", params(("name" = String, Path)),
    responses((status = 200, description = "What it would end", body = Removal)))]
pub(super) async fn removal(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<Removal>, Problem> {
    Ok(Json(connections::what_removal_ends(&app.desk(&caller), &name).await?))
}

/// Removes a connection: its open tasks are settled as skipped, its jobs ended, its secrets destroyed.
/// Its history stays.
#[utoipa::path(delete, path = "/connections/{name}", operation_id = "remove_connection",
    tag = "connections", params(("name" = String, Path)),
    responses((status = 200, description = "What it ended", body = Removal)))]
pub(super) async fn remove(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<Removal>, Problem> {
    Ok(Json(connections::remove(&app.desk(&caller), &name).await?))
}

/// What is told to somebody with a token who would lead a connection back to the machine.
pub(super) fn led_back(caller: &Caller, allow_loopback: bool) -> Option<Problem> {
    let is_far = caller.access().token.is_some();
    (allow_loopback && is_far).then(|| {
        let detail =
            "only at the machine itself may a connection be led back to it (allow_loopback)";
        Problem::new(StatusCode::FORBIDDEN, "E-API-013", detail)
            .advise("use the socket in the data folder, or `habeas connect`")
    })
}
