//! Requests: taking them in, finding and showing them.

#![expect(unused_qualifications, reason = "utoipa qualifies what stands in `params(…)`")]

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use domain::identifier::Region;
use domain::{RequestId, RequestState, Right};
use engine::operator::find::{self, Found, Named};
use engine::operator::intake::TakenIn;
use engine::operator::list::{self, Filter, RequestList};
use engine::operator::show::{self, RequestView, Revealed};
use engine::operator::{Draft, engine as standing};
use http::{StatusCode, header};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::app::App;
use crate::body::{IdempotencyKey, Json, Path, Query};
use crate::caller::Caller;
use crate::intake::{Sent, take_in};
use crate::page::Limit;
use crate::problem::Problem;

/// Which requests, and which page of them.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Listing {
    /// Those that wait for a person.
    needs_me: bool,
    /// Those that are open past their deadline.
    overdue: bool,
    /// Those in one of these states, parted by commas.
    #[param(value_type = Option<String>, example = "reviewing,answering")]
    state: States,
    /// Those under this right.
    right: Option<Right>,
    /// Those with a task of the connection of this name.
    connection: Option<String>,
    /// The page that begins after this request: `next` of the page before.
    after: Option<RequestId>,
    /// How many to list at most.
    #[param(value_type = u32, minimum = 1, maximum = 500, default = 50)]
    limit: Limit,
}

/// States, parted by commas.
#[derive(Debug, Default, Deserialize)]
#[serde(try_from = "String")]
struct States(Vec<RequestState>);

impl TryFrom<String> for States {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let states = text.split(',').map(|state| state.trim().parse());
        // What was sent may be anything, so it is not repeated.
        let states: Result<Vec<_>, _> = states.collect();
        let known = || RequestState::ALL.iter().map(ToString::to_string).collect::<Vec<_>>();
        states.map(Self).map_err(|_| format!("expected states among {}", known().join(", ")))
    }
}

/// Lists requests, the oldest first.
#[utoipa::path(get, path = "/requests", operation_id = "list_requests", tag = "requests",
    params(Listing), responses((status = 200, description = "A page", body = RequestList)))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(listing): Query<Listing>,
) -> Result<Json<RequestList>, Problem> {
    let filter = Filter {
        needs_me: listing.needs_me,
        overdue: listing.overdue,
        states: listing.state.0,
        right: listing.right,
        connection: listing.connection,
    };
    let (after, limit) = (listing.after, listing.limit.rows());
    Ok(Json(list::page(&app.desk(&caller), &filter, after, limit).await?))
}

/// How values of a new request are read.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Reading {
    /// The country of phone numbers that don't say theirs, by ISO 3166-1 alpha-2, such as `DE`.
    #[param(value_type = Option<String>, pattern = "^[A-Z]{2}$")]
    phone_region: Option<Region>,
}

/// Takes in a request.
///
/// With an `external_id`, or else an `Idempotency-Key`, the same request comes in once, however often it
/// is sent: send one of them wherever an answer may get lost.
#[utoipa::path(post, path = "/requests", operation_id = "create_request", tag = "requests",
    params(Reading, IdempotencyKey), request_body = Draft, responses(
        (status = 201, description = "It is in", body = TakenIn,
            headers(("Location" = String, description = "Where it is shown"))),
        (status = 200, description = "It was in already", body = TakenIn)))]
pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    Query(reading): Query<Reading>,
    IdempotencyKey(key): IdempotencyKey,
    Json(draft): Json<Draft>,
) -> Result<Response, Problem> {
    let sent = Sent { caller, region: reading.phone_region, draft, key };
    let taken = take_in(&app, sent).await?.map_err(Problem::faults)?;
    if !taken.is_new {
        return Ok(Json(taken).into_response());
    }
    let place = [(header::LOCATION, format!("{}/requests/{}", super::BASE, taken.request))];
    Ok((StatusCode::CREATED, place, Json(taken)).into_response())
}

/// Finds a request, or a task, by what a person calls it. An external id may tell of a person, so it is
/// sent in the body and stands in no URL.
#[utoipa::path(post, path = "/requests/find", operation_id = "find_request", tag = "requests",
    request_body = Named, responses((status = 200, description = "What was meant", body = Found)))]
pub(super) async fn find(
    State(app): State<App>,
    caller: Caller,
    Json(named): Json<Named>,
) -> Result<Json<Found>, Problem> {
    Ok(Json(find::either(&app.desk(&caller), &named.text).await?))
}

/// Shows a request: what was asked and by when, what is known per system, what waits, what happens
/// next by itself, and what can be done now. Without values.
#[utoipa::path(get, path = "/requests/{id}", operation_id = "show_request", tag = "requests",
    params(("id" = RequestId, Path)),
    responses((status = 200, description = "The request", body = RequestView)))]
pub(super) async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<RequestId>,
) -> Result<Json<RequestView>, Problem> {
    let id = within_reach(&app, &caller, id).await?;
    let is_served = standing::runner(app.store(), app.holder()).await?.is_some();
    Ok(Json(show::request_view(&app.desk(&caller), id, is_served).await?))
}

/// Shows the values that a request came with, or that were found, in plain. The journal says who saw
/// them.
#[utoipa::path(post, path = "/requests/{id}/reveal", operation_id = "reveal_request",
    tag = "requests", params(("id" = RequestId, Path)),
    responses((status = 200, description = "The values", body = Vec<Revealed>)))]
pub(super) async fn reveal(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<RequestId>,
) -> Result<Json<Vec<Revealed>>, Problem> {
    let id = within_reach(&app, &caller, id).await?;
    Ok(Json(show::reveal(&app.desk(&caller), id).await?))
}

/// The request, if its caller may know that there is one.
pub(super) async fn within_reach(
    app: &App,
    caller: &Caller,
    id: RequestId,
) -> Result<RequestId, Problem> {
    Ok(find::request_of(&app.desk(caller), id).await?)
}
