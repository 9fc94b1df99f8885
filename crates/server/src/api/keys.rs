//! Keys: which there are, and new ones. No answer holds one.

use axum::extract::State;
use engine::operator::keys::{self, KeyList, KeyPurpose, KeysMade};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::body::Json;
use crate::caller::Caller;
use crate::problem::Problem;

/// Lists the keys by name: what is in use, and what still names the others.
#[utoipa::path(get, path = "/keys", operation_id = "list_keys", tag = "keys",
    responses((status = 200, description = "All of them", body = KeyList)))]
pub(super) async fn list(State(app): State<App>) -> Result<Json<KeyList>, Problem> {
    Ok(Json(keys::list(app.store()).await?))
}

/// Of which purpose new keys are made.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rotation {
    /// Of this one; of each, if absent.
    #[serde(default)]
    purpose: Option<KeyPurpose>,
}

/// Makes new keys in place of those in use. What names the old ones moves by itself.
#[utoipa::path(post, path = "/keys/rotate", operation_id = "rotate_keys", tag = "keys",
    request_body = Rotation,
    responses((status = 200, description = "Their names", body = KeysMade)))]
pub(super) async fn rotate(
    State(app): State<App>,
    caller: Caller,
    Json(Rotation { purpose }): Json<Rotation>,
) -> Result<Json<KeysMade>, Problem> {
    Ok(Json(keys::rotate(&app.desk(&caller), purpose).await?))
}
