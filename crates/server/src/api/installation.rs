//! The whole installation: who runs the engine, the switch that stops it, and the settings.

use axum::extract::State;
use domain::Instant;
use engine::operator::controls::{self, PausedAll, Resumed, SettingList};
use engine::operator::engine::{self as standing, EngineView};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::body::{Json, Path};
use crate::caller::Caller;
use crate::problem::Problem;

/// What a client has to know before anything else.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct About {
    /// The version of the program.
    pub version: String,
    /// What time it is here.
    #[schema(value_type = Timestamp)]
    pub now: Instant,
    /// The control URL of the simulated vendors whose clock is followed, if one is.
    pub clock: Option<String>,
}

/// Says which version this is and what time it is here.
#[utoipa::path(get, path = "/about", operation_id = "show_about", tag = "installation",
    responses((status = 200, description = "This server", body = About)))]
pub(super) async fn about(State(app): State<App>, _: Caller) -> Result<Json<About>, Problem> {
    Ok(Json(About {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        now: app.now(),
        clock: controls::clock(app.store()).await?,
    }))
}

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

/// Allows changing calls again.
#[utoipa::path(post, path = "/engine/resume", operation_id = "resume_engine", tag = "installation",
    responses((status = 200, description = "Whether they had been stopped", body = Resumed)))]
pub(super) async fn resume(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<Resumed>, Problem> {
    Ok(Json(controls::resume_all(&app.desk(&caller)).await?))
}

/// Lists the settings as they hold now.
#[utoipa::path(get, path = "/settings", operation_id = "list_settings", tag = "installation",
    responses((status = 200, description = "All of them", body = SettingList)))]
pub(super) async fn settings(State(app): State<App>) -> Result<Json<SettingList>, Problem> {
    Ok(Json(controls::list(app.store()).await?))
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
