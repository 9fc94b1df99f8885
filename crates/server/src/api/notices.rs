//! Notices: what an operator has to know of.

#![expect(unused_qualifications, reason = "utoipa qualifies what stands in `params(…)`")]

use axum::extract::State;
use domain::NoticeId;
use engine::operator::notices::{self, Filter, NoticePage, NoticeTest};
use serde::Deserialize;
use utoipa::IntoParams;

use super::webhooks::client;
use crate::app::App;
use crate::body::{Json, Query};
use crate::caller::Caller;
use crate::page::Limit;
use crate::problem::Problem;

/// Which notices, and which page of them.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Listing {
    /// Only those whose cause is not mended.
    open: bool,
    /// Before this one: `next` of the page before.
    before: Option<NoticeId>,
    /// How many to list at most.
    #[param(value_type = u32, minimum = 1, maximum = 500, default = 50)]
    limit: Limit,
}

/// Lists notices, the newest first.
#[utoipa::path(get, path = "/notices", operation_id = "list_notices", tag = "notices",
    params(Listing), responses((status = 200, description = "A page", body = NoticePage)))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(listing): Query<Listing>,
) -> Result<Json<NoticePage>, Problem> {
    let filter = Filter { only_open: listing.open, before: listing.before };
    Ok(Json(notices::page(&app.desk(&caller), filter, listing.limit.rows()).await?))
}

/// Sends everybody who is told of notices a test at once, and says of each what came of it.
#[utoipa::path(post, path = "/notices/test", operation_id = "test_notices", tag = "notices",
    responses((status = 200, description = "What came of it", body = NoticeTest)))]
pub(super) async fn test(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<NoticeTest>, Problem> {
    Ok(Json(notices::test(&app.desk(&caller), &client()?).await?))
}
