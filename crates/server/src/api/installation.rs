//! The whole installation: who runs the engine, the switch that stops it, and the settings.

use axum::extract::State;
use engine::operator::controls::{self, PausedAll, SettingView};
use engine::operator::engine::{self as standing, EngineView};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::body::{Json, Path};
use crate::caller::Caller;
use crate::problem::Problem;

/// Says who runs the engine, and whether it may change anything.
#[utoipa::path(get, path = "/engine", operation_id = "show_engine", tag = "installation",
    responses((status = 200, description = "Where it stands", body = EngineView)))]
pub(super) async fn engine(State(app): State<App>) -> Result<Json<EngineView>, Problem> {
    Ok(Json(standing::view(app.store(), app.holder()).await?))
}

/// Stops every changing call on every connection, within 20 seconds.
#[utoipa::path(post, path = "/engine/pause", operation_id = "pause_engine", tag = "installation",
    responses((status = 200, description = "Since when and by whom", body = PausedAll)))]
pub(super) async fn pause(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<PausedAll>, Problem> {
    Ok(Json(controls::pause_all(&app.desk(&caller)).await?))
}

/// What came of allowing changing calls.
#[derive(Serialize, ToSchema)]
pub(super) struct Resumed {
    /// Whether they had been stopped.
    was_paused: bool,
}

/// Allows changing calls again.
#[utoipa::path(post, path = "/engine/resume", operation_id = "resume_engine", tag = "installation",
    responses((status = 200, description = "Whether they had been stopped", body = Resumed)))]
pub(super) async fn resume(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<Resumed>, Problem> {
    let was_paused = controls::resume_all(&app.desk(&caller)).await?;
    Ok(Json(Resumed { was_paused }))
}

/// The settings.
#[derive(Serialize, ToSchema)]
pub(super) struct SettingList {
    /// Each with its value and what it means.
    settings: Vec<SettingView>,
}

/// Lists the settings as they hold now.
#[utoipa::path(get, path = "/settings", operation_id = "list_settings", tag = "installation",
    responses((status = 200, description = "All of them", body = SettingList)))]
pub(super) async fn settings(State(app): State<App>) -> Result<Json<SettingList>, Problem> {
    Ok(Json(SettingList { settings: controls::list(app.store()).await? }))
}

/// What a setting is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewValue {
    /// As text.
    value: String,
}

/// Changes a setting.
#[utoipa::path(put, path = "/settings/{key}", operation_id = "set_setting", tag = "installation",
    params(("key" = String, Path)), request_body = NewValue,
    responses((status = 200, description = "The settings as they hold now", body = SettingList)))]
pub(super) async fn set(
    State(app): State<App>,
    caller: Caller,
    Path(key): Path<String>,
    Json(NewValue { value }): Json<NewValue>,
) -> Result<Json<SettingList>, Problem> {
    controls::set(&app.desk(&caller), &key, &value).await?;
    settings(State(app)).await
}
