//! Webhooks: whom we tell what happens, and what became of it.

#![expect(unused_qualifications, reason = "utoipa qualifies what stands in `params(…)`")]

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use engine::operator::deliveries::{self, Again, DeliveryPage, Filter, Replayed};
use engine::operator::endpoints::Channel;
use engine::operator::webhooks::{
    self, Changes, MadeWebhook, NewWebhook, Rotation, Tried, WebhookList, WebhookView,
};
use engine::telling::WebhookClient;
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::app::App;
use crate::body::{Json, Path, Query};
use crate::caller::Caller;
use crate::page::Limit;
use crate::problem::Problem;

/// Lists webhooks.
#[utoipa::path(get, path = "/webhooks", operation_id = "list_webhooks", tag = "webhooks",
    responses((status = 200, description = "All of them", body = WebhookList)))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<WebhookList>, Problem> {
    Ok(Json(webhooks::list(&app.desk(&caller)).await?))
}

/// Makes a webhook, which is told what happens from now on. Its secret is shown this once: one that
/// stands already, just so, is told again without it.
#[utoipa::path(post, path = "/webhooks", operation_id = "create_webhook", tag = "webhooks",
    request_body = NewWebhook,
    responses(
        (status = 201, description = "The webhook with its secret", body = MadeWebhook),
        (status = 200, description = "The webhook that stood already", body = MadeWebhook)))]
pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    Json(new): Json<NewWebhook>,
) -> Result<Response, Problem> {
    refuse_private(&caller, Some(new.allow_private))?;
    let made = webhooks::add(&app.desk(&caller), &new).await?;
    let status = if made.secret.is_some() { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(made)).into_response())
}

/// Shows a webhook.
#[utoipa::path(get, path = "/webhooks/{name}", operation_id = "show_webhook", tag = "webhooks",
    params(("name" = String, Path)),
    responses((status = 200, description = "The webhook", body = WebhookView)))]
pub(super) async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<WebhookView>, Problem> {
    Ok(Json(webhooks::view(&app.desk(&caller), &name).await?))
}

/// Changes where a webhook is told, or of what.
#[utoipa::path(patch, path = "/webhooks/{name}", operation_id = "set_webhook", tag = "webhooks",
    params(("name" = String, Path)), request_body = Changes,
    responses((status = 200, description = "The webhook", body = WebhookView)))]
pub(super) async fn set(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
    Json(changes): Json<Changes>,
) -> Result<Json<WebhookView>, Problem> {
    refuse_private(&caller, changes.allow_private)?;
    Ok(Json(webhooks::set(&app.desk(&caller), &name, &changes).await?))
}

/// Removes a webhook, with all that it was to be told.
#[utoipa::path(delete, path = "/webhooks/{name}", operation_id = "remove_webhook",
    tag = "webhooks", params(("name" = String, Path)),
    responses((status = 200, description = "What it was", body = WebhookView)))]
pub(super) async fn remove(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<WebhookView>, Problem> {
    Ok(Json(webhooks::remove(&app.desk(&caller), &name).await?))
}

/// Tells a webhook nothing for now. What happens meanwhile is told when it is enabled again.
#[utoipa::path(post, path = "/webhooks/{name}/disable", operation_id = "disable_webhook",
    tag = "webhooks", params(("name" = String, Path)),
    responses((status = 200, description = "The webhook", body = WebhookView)))]
pub(super) async fn disable(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<WebhookView>, Problem> {
    Ok(Json(webhooks::disable(&app.desk(&caller), &name).await?))
}

/// Tells a webhook again what happens, and what happened meanwhile.
#[utoipa::path(post, path = "/webhooks/{name}/enable", operation_id = "enable_webhook",
    tag = "webhooks", params(("name" = String, Path)),
    responses((status = 200, description = "The webhook", body = WebhookView)))]
pub(super) async fn enable(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<WebhookView>, Problem> {
    Ok(Json(webhooks::enable(&app.desk(&caller), &name).await?))
}

/// Gives a webhook another secret, shown this once. The one before signs beside it for a while.
#[utoipa::path(post, path = "/webhooks/{name}/secret", operation_id = "rotate_webhook_secret",
    tag = "webhooks", params(("name" = String, Path)), request_body = Rotation,
    responses((status = 200, description = "The webhook with its new secret", body = MadeWebhook)))]
pub(super) async fn rotate(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
    Json(rotation): Json<Rotation>,
) -> Result<Json<MadeWebhook>, Problem> {
    Ok(Json(webhooks::rotate(&app.desk(&caller), &name, &rotation).await?))
}

/// Sends a message of the type `webhook.test` at once, and says what came of it.
#[utoipa::path(post, path = "/webhooks/{name}/test", operation_id = "test_webhook",
    tag = "webhooks", params(("name" = String, Path)),
    responses((status = 200, description = "What came of it", body = Tried)))]
pub(super) async fn test(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<Tried>, Problem> {
    Ok(Json(webhooks::test(&app.desk(&caller), &name, &client()?).await?))
}

/// What sends a webhook at once.
pub(super) fn client() -> Result<WebhookClient, Problem> {
    WebhookClient::new().map_err(|error| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "E-API-014", error.to_string())
    })
}

/// Which deliveries, and which page of them.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Listing {
    /// Only those that were given up.
    pub(super) dead: bool,
    /// Before the delivery of this number: `next` of the page before.
    pub(super) before: Option<i64>,
    /// How many to list at most.
    #[param(value_type = u32, minimum = 1, maximum = 500, default = 50)]
    pub(super) limit: Limit,
}

/// Lists what a webhook was told, or is to be, the newest first. What ended is kept for a month.
#[utoipa::path(get, path = "/webhooks/{name}/deliveries", operation_id = "list_deliveries",
    tag = "webhooks", params(("name" = String, Path), Listing),
    responses((status = 200, description = "A page", body = DeliveryPage)))]
pub(super) async fn deliveries(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
    Query(listing): Query<Listing>,
) -> Result<Json<DeliveryPage>, Problem> {
    let filter = Filter { only_dead: listing.dead, before: listing.before };
    let (desk, limit) = (app.desk(&caller), listing.limit.rows());
    Ok(Json(deliveries::page(&desk, Channel::Webhook, &name, filter, limit).await?))
}

/// Tells a webhook something again: one delivery, all that were given up, or everything since a time.
#[utoipa::path(post, path = "/webhooks/{name}/replay", operation_id = "replay_deliveries",
    tag = "webhooks", params(("name" = String, Path)), request_body = Again,
    responses((status = 200, description = "They are due now", body = Replayed)))]
pub(super) async fn replay(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
    Json(again): Json<Again>,
) -> Result<Json<Replayed>, Problem> {
    Ok(Json(deliveries::replay(&app.desk(&caller), Channel::Webhook, &name, again).await?))
}

/// Only at the machine itself may a webhook be led to it, or into the network behind it.
fn refuse_private(caller: &Caller, allow_private: Option<bool>) -> Result<(), Problem> {
    if allow_private != Some(true) || caller.access().token.is_none() {
        return Ok(());
    }
    let detail = "only at the machine itself may a webhook be led to it, or into a private network \
                  (allow_private)";
    Err(Problem::new(StatusCode::FORBIDDEN, "E-API-013", detail)
        .advise("use the socket in the data folder, or `habeas webhooks`"))
}
