//! Mail: the mail server, whose addresses get notices, and what became of their letters.

use axum::extract::State;
use engine::operator::deliveries::{self, Again, DeliveryPage, Filter, Replayed};
use engine::operator::endpoints::Channel;
use engine::operator::mail::{self, MailView, NewMailServer, NewRecipient, RecipientView};
use engine::telling::MailServer;

use super::webhooks::Listing;
use crate::app::App;
use crate::body::{Json, Path, Query};
use crate::caller::Caller;
use crate::problem::Problem;

/// Shows the mail server, without its password, and whose addresses get notices.
#[utoipa::path(get, path = "/mail", operation_id = "show_mail", tag = "mail",
    responses((status = 200, description = "How mail stands", body = MailView)))]
pub(super) async fn show(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<MailView>, Problem> {
    Ok(Json(mail::view(&app.desk(&caller)).await?))
}

/// Sets the mail server, all of it, in place of the one before. The password is never shown.
#[utoipa::path(put, path = "/mail/server", operation_id = "set_mail_server", tag = "mail",
    request_body = NewMailServer,
    responses((status = 200, description = "The mail server", body = MailServer)))]
pub(super) async fn set_server(
    State(app): State<App>,
    caller: Caller,
    Json(new): Json<NewMailServer>,
) -> Result<Json<MailServer>, Problem> {
    Ok(Json(mail::set_server(&app.desk(&caller), new).await?))
}

/// Forgets the mail server and its password. Letters wait until another is set, or are given up.
#[utoipa::path(delete, path = "/mail/server", operation_id = "unset_mail_server", tag = "mail",
    responses((status = 200, description = "How mail stands", body = MailView)))]
pub(super) async fn unset_server(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<MailView>, Problem> {
    Ok(Json(mail::unset_server(&app.desk(&caller)).await?))
}

/// Says whose address gets which notices from now on. The name may be new, or that of a recipient who
/// is changed.
#[utoipa::path(put, path = "/mail/recipients/{name}", operation_id = "set_recipient", tag = "mail",
    params(("name" = String, Path)), request_body = NewRecipient,
    responses((status = 200, description = "The recipient", body = RecipientView)))]
pub(super) async fn set_recipient(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
    Json(new): Json<NewRecipient>,
) -> Result<Json<RecipientView>, Problem> {
    Ok(Json(mail::put(&app.desk(&caller), &name, &new).await?))
}

/// Removes a recipient, with all letters that were still to be sent.
#[utoipa::path(delete, path = "/mail/recipients/{name}", operation_id = "remove_recipient",
    tag = "mail", params(("name" = String, Path)),
    responses((status = 200, description = "Who it was", body = RecipientView)))]
pub(super) async fn remove_recipient(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<RecipientView>, Problem> {
    Ok(Json(mail::remove(&app.desk(&caller), &name).await?))
}

/// Lists letters to a recipient, the newest first. What ended is kept for a month.
#[utoipa::path(get, path = "/mail/recipients/{name}/deliveries", operation_id = "list_letters",
    tag = "mail", params(("name" = String, Path), Listing),
    responses((status = 200, description = "A page", body = DeliveryPage)))]
pub(super) async fn deliveries(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
    Query(listing): Query<Listing>,
) -> Result<Json<DeliveryPage>, Problem> {
    let filter = Filter { only_dead: listing.dead, before: listing.before };
    let (desk, limit) = (app.desk(&caller), listing.limit.rows());
    Ok(Json(deliveries::page(&desk, Channel::Mail, &name, filter, limit).await?))
}

/// Sends a recipient letters again: one, all that were given up, or everything since a time.
#[utoipa::path(post, path = "/mail/recipients/{name}/replay", operation_id = "replay_letters",
    tag = "mail", params(("name" = String, Path)), request_body = Again,
    responses((status = 200, description = "They are due now", body = Replayed)))]
pub(super) async fn replay(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
    Json(again): Json<Again>,
) -> Result<Json<Replayed>, Problem> {
    Ok(Json(deliveries::replay(&app.desk(&caller), Channel::Mail, &name, again).await?))
}
