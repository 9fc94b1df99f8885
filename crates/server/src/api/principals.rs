//! Principals and their tokens: who may do what, and how they are known.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use domain::access::Permission;
use domain::{Reach, Role};
use engine::operator::principals::tokens::{self, MadeToken, NewToken, TokenList, TokenView};
use engine::operator::principals::{
    self, Changes, NewPrincipal, PrincipalList, PrincipalView, setup,
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::body::{IdempotencyKey, Json, Path};
use crate::caller::Caller;
use crate::problem::Problem;

/// Whoever asks.
#[derive(Serialize, ToSchema)]
pub(super) struct Me {
    /// The name that the journal says.
    name: String,
    /// Their roles.
    roles: Vec<Role>,
    /// What the roles allow.
    permissions: Vec<Permission>,
    /// Which requests they see and act on.
    reach: Reach,
}

/// Says who asks, and what they may do.
#[utoipa::path(get, path = "/me", operation_id = "show_me", tag = "principals",
    responses((status = 200, description = "Whoever asks", body = Me)))]
pub(super) async fn me(caller: Caller) -> Json<Me> {
    let access = caller.access();
    let permissions = Permission::ALL.iter().copied().filter(|one| access.allows(*one));
    Json(Me {
        name: access.name.clone(),
        roles: access.roles.iter().copied().collect(),
        permissions: permissions.collect(),
        reach: access.reach.clone(),
    })
}

/// Who sets an installation up.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetUp {
    /// The set-up token that `habeas serve` printed at its first start.
    token: String,
    /// The name of the first super admin.
    name: String,
}

/// Makes the first super admin, and a token for them. Works once.
#[utoipa::path(post, path = "/setup", operation_id = "set_up", tag = "principals",
    request_body = SetUp,
    responses((status = 201, description = "The token, shown this once", body = MadeToken)))]
pub(super) async fn set_up(
    State(app): State<App>,
    Json(SetUp { token, name }): Json<SetUp>,
) -> Result<Response, Problem> {
    let made = setup::finish(&app.desk_of_nobody(), &token, &name).await?;
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

/// Lists people and programs with what they may do.
#[utoipa::path(get, path = "/principals", operation_id = "list_principals", tag = "principals",
    responses((status = 200, description = "All of them", body = PrincipalList)))]
pub(super) async fn list(State(app): State<App>) -> Result<Json<PrincipalList>, Problem> {
    Ok(Json(principals::list(app.store(), app.now()).await?))
}

/// Makes a principal. One that stands already, just so, is returned.
#[utoipa::path(post, path = "/principals", operation_id = "create_principal", tag = "principals",
    request_body = NewPrincipal,
    responses((status = 200, description = "The principal", body = PrincipalView)))]
pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    Json(new): Json<NewPrincipal>,
) -> Result<Json<PrincipalView>, Problem> {
    Ok(Json(principals::add(&app.desk(&caller), &new).await?))
}

/// Shows a principal.
#[utoipa::path(get, path = "/principals/{name}", operation_id = "show_principal",
    tag = "principals", params(("name" = String, Path)),
    responses((status = 200, description = "The principal", body = PrincipalView)))]
pub(super) async fn show(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Json<PrincipalView>, Problem> {
    Ok(Json(principals::view(app.store(), &name, app.now()).await?))
}

/// Gives a principal other roles or another reach.
#[utoipa::path(patch, path = "/principals/{name}", operation_id = "set_principal",
    tag = "principals", params(("name" = String, Path)), request_body = Changes,
    responses((status = 200, description = "The principal", body = PrincipalView)))]
pub(super) async fn set(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
    Json(changes): Json<Changes>,
) -> Result<Json<PrincipalView>, Problem> {
    Ok(Json(principals::set(&app.desk(&caller), &name, &changes).await?))
}

/// Lets a principal do nothing any more. It stays, since the journal names it.
#[utoipa::path(post, path = "/principals/{name}/disable", operation_id = "disable_principal",
    tag = "principals", params(("name" = String, Path)),
    responses((status = 200, description = "The principal", body = PrincipalView)))]
pub(super) async fn disable(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<PrincipalView>, Problem> {
    Ok(Json(principals::disable(&app.desk(&caller), &name).await?))
}

/// Lets a disabled principal in again.
#[utoipa::path(post, path = "/principals/{name}/enable", operation_id = "enable_principal",
    tag = "principals", params(("name" = String, Path)),
    responses((status = 200, description = "The principal", body = PrincipalView)))]
pub(super) async fn enable(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<PrincipalView>, Problem> {
    Ok(Json(principals::enable(&app.desk(&caller), &name).await?))
}

/// Lists the tokens of everybody.
#[utoipa::path(get, path = "/tokens", operation_id = "list_all_tokens", tag = "principals",
    responses((status = 200, description = "All of them", body = TokenList)))]
pub(super) async fn list_all_tokens(State(app): State<App>) -> Result<Json<TokenList>, Problem> {
    Ok(Json(tokens::list(app.store(), None, app.now()).await?))
}

/// Lists the tokens of a principal.
#[utoipa::path(get, path = "/principals/{name}/tokens", operation_id = "list_tokens",
    tag = "principals", params(("name" = String, Path)),
    responses((status = 200, description = "All of them", body = TokenList)))]
pub(super) async fn list_tokens(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Json<TokenList>, Problem> {
    Ok(Json(tokens::list(app.store(), Some(&name), app.now()).await?))
}

/// Makes a token for a principal. Its text is shown this once: by the same `Idempotency-Key` the same
/// token is told again, without its text.
#[utoipa::path(post, path = "/principals/{name}/tokens", operation_id = "create_token",
    tag = "principals", params(("name" = String, Path), IdempotencyKey), request_body = NewToken,
    responses(
        (status = 201, description = "The token with its text", body = MadeToken),
        (status = 200, description = "The token that the key made before", body = MadeToken)))]
pub(super) async fn create_token(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    Json(new): Json<NewToken>,
) -> Result<Response, Problem> {
    let made = tokens::add(&app.desk(&caller), &name, &new, key.as_deref()).await?;
    let status = if made.secret.is_some() { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(made)).into_response())
}

/// Ends a token, for good.
#[utoipa::path(delete, path = "/tokens/{id}", operation_id = "revoke_token", tag = "principals",
    params(("id" = domain::TokenId, Path)),
    responses((status = 200, description = "The token", body = TokenView)))]
pub(super) async fn revoke_token(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<domain::TokenId>,
) -> Result<Json<TokenView>, Problem> {
    Ok(Json(tokens::revoke(&app.desk(&caller), &id.to_string()).await?))
}
