//! The Public API (contract 1 to 3): its routes, who may use them, its limits.

use axum::response::Response;
use http::{HeaderValue, Method, header};
use percent_encoding::percent_decode_str;
use serde_json::json;

use super::answers::{RateData, Refusal, data};
use super::limits::WindowState;
use super::query::Query;
use super::quota::header_date;
use super::regulations::Scope;
use super::state::Segment;
use super::switches::RateHint;
use super::tokens::Permission;
use super::{catalog_api, regulations_api};
use crate::front::Call;
use crate::world::World;

/// An operation, with the id in its path.
pub(super) enum Route<'a> {
    Workspace,
    Echo,
    Sources,
    Source(&'a str),
    SourceDestinations(&'a str),
    SourceWarehouses(&'a str),
    Destinations,
    Destination(&'a str),
    Warehouses,
    Warehouse(&'a str),
    WarehouseSources(&'a str),
    ReverseEtlModels,
    Functions,
    Spaces,
    Users,
    User(&'a str),
    Suppressions,
    Regulations,
    Regulation(&'a str),
    SourceRegulations(&'a str),
    CreateRegulation,
    CreateSourceRegulation(&'a str),
    CreateCloudSourceRegulation(&'a str),
    DeleteRegulation(&'a str),
}

/// The route of a call and its template; `None` where the vendor has none.
fn route<'a>(method: &Method, segments: &[&'a str]) -> Option<(Route<'a>, &'static str)> {
    use Route::{
        CreateCloudSourceRegulation, CreateRegulation, CreateSourceRegulation, DeleteRegulation,
        Destination, Destinations, Echo, Functions, Regulation, Regulations, ReverseEtlModels,
        Source, SourceDestinations, SourceRegulations, SourceWarehouses, Sources, Spaces,
        Suppressions, User, Users, Warehouse, WarehouseSources, Warehouses, Workspace,
    };
    Some(match (method.as_str(), segments) {
        ("GET", [""] | []) => (Workspace, "GET /"),
        ("GET", ["echo"]) => (Echo, "GET /echo"),
        ("GET", ["sources"]) => (Sources, "GET /sources"),
        ("GET", ["sources", id]) => (Source(id), "GET /sources/{id}"),
        ("GET", ["sources", id, "connected-destinations"]) => {
            (SourceDestinations(id), "GET /sources/{id}/connected-destinations")
        }
        ("GET", ["sources", id, "connected-warehouses"]) => {
            (SourceWarehouses(id), "GET /sources/{id}/connected-warehouses")
        }
        ("GET", ["destinations"]) => (Destinations, "GET /destinations"),
        ("GET", ["destinations", id]) => (Destination(id), "GET /destinations/{id}"),
        ("GET", ["warehouses"]) => (Warehouses, "GET /warehouses"),
        ("GET", ["warehouses", id]) => (Warehouse(id), "GET /warehouses/{id}"),
        ("GET", ["warehouses", id, "connected-sources"]) => {
            (WarehouseSources(id), "GET /warehouses/{id}/connected-sources")
        }
        ("GET", ["reverse-etl-models"]) => (ReverseEtlModels, "GET /reverse-etl-models"),
        ("GET", ["functions"]) => (Functions, "GET /functions"),
        ("GET", ["users", id]) => (User(id), "GET /users/{id}"),
        ("GET", ["spaces"]) => (Spaces, "GET /spaces"),
        ("GET", ["users"]) => (Users, "GET /users"),
        ("GET", ["suppressions"]) => (Suppressions, "GET /suppressions"),
        ("GET", ["regulations"]) => (Regulations, "GET /regulations"),
        ("GET", ["regulations", "sources", id]) => {
            (SourceRegulations(id), "GET /regulations/sources/{id}")
        }
        ("GET", ["regulations", id]) => (Regulation(id), "GET /regulations/{id}"),
        ("DELETE", ["regulations", id]) => (DeleteRegulation(id), "DELETE /regulations/{id}"),
        ("POST", ["regulations"]) => (CreateRegulation, "POST /regulations"),
        ("POST", ["regulations", "sources", id]) => {
            (CreateSourceRegulation(id), "POST /regulations/sources/{id}")
        }
        ("POST", ["regulations", "cloudsources", id]) => {
            (CreateCloudSourceRegulation(id), "POST /regulations/cloudsources/{id}")
        }
        _ => return None,
    })
}

fn segments(path: &str) -> Vec<&str> {
    path.trim_start_matches('/').split('/').collect()
}

pub(super) fn endpoint(method: &Method, path: &str) -> &'static str {
    route(method, &segments(path)).map_or("unknown (public_api)", |(_, template)| template)
}

/// Answers a call.
pub(super) fn answer(world: &World, call: &Call<'_>) -> Response {
    let state = &mut *world.segment.state();
    let mut response = match admit(state, call) {
        Ok((token, window)) => {
            let answer = serve(state, call, token);
            let mut response = answer.unwrap_or_else(Refusal::into_response);
            if response.status().is_success() {
                rate_headers(&mut response, window.consumed, window.remaining, window.resets_at);
            }
            response
        }
        Err(refusal) => refusal.into_response(),
    };
    if let Some(kind) = vendor_type(call) {
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    response
}

/// The refusal of a planned fault.
pub(super) fn refuse(world: &World, status: u16) -> Response {
    let state = world.segment.state();
    let refusal = match status {
        401 => unauthorized(),
        404 => Refusal::new(404, "not-found", "No such resource."),
        413 => Refusal::new(413, "payload-too-large", "The request body is too large."),
        429 => {
            let resets_at = state.now + jiff::SignedDuration::from_secs(31);
            throttled(&state, 601, 0, resets_at)
        }
        503 => Refusal::new(503, "service-unavailable", "The service is not available."),
        _ => Refusal::new(status, "internal-server-error", "An unexpected error occurred."),
    };
    refusal.into_response()
}

/// Who calls, and whether they may call now.
fn admit(state: &mut Segment, call: &Call<'_>) -> Result<(usize, WindowState), Refusal> {
    let authorization = call.headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let secret = authorization.and_then(|value| value.strip_prefix("Bearer "));
    let token = secret.and_then(|secret| state.tokens.find(secret)).ok_or_else(unauthorized)?;
    let limit = state.switches.public_rate_per_minute;
    let window = state.calls_by_token.entry(token).or_default().take(state.now, limit);
    if state.switches.limits && !window.is_within {
        return Err(throttled(state, window.consumed, 0, window.resets_at));
    }
    Ok((token, window))
}

fn serve(state: &mut Segment, call: &Call<'_>, token: usize) -> Result<Response, Refusal> {
    let segments = segments(call.path);
    let no_route = || Refusal::new(404, "not-found", "No such resource.");
    let (route, _) = route(call.method, &segments).ok_or_else(no_route)?;
    if let Some(permission) = permission(&route) {
        allow(state, token, permission)?;
    }
    let query = Query::of(call);
    match route {
        Route::Workspace => Ok(catalog_api::workspace(state)),
        Route::Echo => echo(call, &query),
        Route::Sources => catalog_api::sources(state, &query),
        Route::Source(id) => catalog_api::source(state, id),
        Route::SourceDestinations(id) => catalog_api::source_destinations(state, id, &query),
        Route::SourceWarehouses(id) => catalog_api::source_warehouses(state, id, &query),
        Route::Destinations => catalog_api::destinations(state, &query),
        Route::Destination(id) => catalog_api::destination(state, id),
        Route::Warehouses => catalog_api::warehouses(state, &query),
        Route::Warehouse(id) => catalog_api::warehouse(state, id),
        Route::WarehouseSources(id) => catalog_api::warehouse_sources(state, id, &query),
        Route::ReverseEtlModels => catalog_api::reverse_etl_models(state, &query),
        Route::Functions => catalog_api::functions(state, &query),
        Route::User(id) => catalog_api::user(state, id),
        Route::Spaces => catalog_api::spaces(state, &query),
        Route::Users => catalog_api::users(state, &query),
        Route::Suppressions => regulations_api::suppressions(state, &query),
        Route::Regulations => regulations_api::list(state, &query),
        Route::Regulation(id) => regulations_api::read(state, id),
        Route::SourceRegulations(id) => regulations_api::list_of_source(state, id, &query),
        Route::DeleteRegulation(id) => regulations_api::cancel(state, id),
        Route::CreateRegulation => regulations_api::create(state, call.body, Scope::Workspace),
        Route::CreateSourceRegulation(id) => {
            let source = catalog_api::place_of_source(state, id)?;
            regulations_api::create(state, call.body, Scope::Source(source))
        }
        Route::CreateCloudSourceRegulation(id) => {
            let source = catalog_api::place_of_source(state, id)?;
            let scope = Scope::CloudSource { source, collection: String::new() };
            regulations_api::create(state, call.body, scope)
        }
    }
}

/// What a route needs. Which roles the vendor asks for is not published; these follow 1.2.
fn permission(route: &Route<'_>) -> Option<Permission> {
    match route {
        Route::Workspace | Route::Echo | Route::Users | Route::User(_) => None,
        Route::Sources
        | Route::Source(_)
        | Route::SourceDestinations(_)
        | Route::SourceWarehouses(_)
        | Route::ReverseEtlModels
        | Route::Functions => Some(Permission::Sources),
        // The vendor calls a warehouse a destination, too.
        Route::Destinations
        | Route::Destination(_)
        | Route::Warehouses
        | Route::Warehouse(_)
        | Route::WarehouseSources(_) => Some(Permission::Destinations),
        Route::Spaces => Some(Permission::Spaces),
        _ => Some(Permission::Privacy),
    }
}

fn allow(state: &Segment, token: usize, permission: Permission) -> Result<(), Refusal> {
    let closed = state.switches.spaces_disabled_status;
    if let Some(status) = closed.filter(|_| permission == Permission::Spaces) {
        return Err(Refusal::new(status, "forbidden", "Unify is not enabled for this workspace."));
    }
    if state.tokens.allows(token, permission) {
        return Ok(());
    }
    let kind = if state.switches.forbidden_status == 403 { "forbidden" } else { "unauthorized" };
    let message = "The token does not grant access to this resource.";
    Err(Refusal::new(state.switches.forbidden_status, kind, message))
}

fn unauthorized() -> Refusal {
    Refusal::new(401, "unauthorized", "The token is missing or not valid.")
}

/// A 429 with the hints that the switches allow.
pub(super) fn throttled(
    state: &Segment,
    consumed_points: u64,
    remaining_points: u64,
    resets_at: jiff::Timestamp,
) -> Refusal {
    let wait = resets_at.duration_since(state.now);
    let hint = state.switches.rate_hint;
    let mut refusal = Refusal::new(429, "RequestError", "Too many requests");
    if matches!(hint, RateHint::Data | RateHint::Both) {
        let ms_before_next = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
        refusal.items[0].data =
            Some(RateData { remaining_points, ms_before_next, consumed_points });
    }
    if matches!(hint, RateHint::RetryAfter | RateHint::Both) {
        let seconds = u64::try_from(wait.as_millis()).unwrap_or(0).div_ceil(1000);
        refusal.retry_after = Some(seconds);
        refusal.reset = Some(header_date(resets_at));
    }
    refusal
}

/// The three headers of a successful answer, unless the operation has set its own.
pub(super) fn rate_headers(
    response: &mut Response,
    consumed: u64,
    remaining: u64,
    resets_at: jiff::Timestamp,
) {
    let headers = response.headers_mut();
    if headers.contains_key("x-ratelimit-reset") {
        return;
    }
    headers.insert("x-ratelimit-consumed", HeaderValue::from(consumed));
    headers.insert("x-ratelimit-remaining", HeaderValue::from(remaining));
    if let Ok(reset) = HeaderValue::from_str(&header_date(resets_at)) {
        headers.insert("x-ratelimit-reset", reset);
    }
}

/// The vendor's own media type, where the client asks for one (1.3, both spellings).
fn vendor_type(call: &Call<'_>) -> Option<HeaderValue> {
    let accept = call.headers.get(header::ACCEPT)?.to_str().ok()?;
    let first = accept.split([',', ';']).next()?.trim();
    let is_vendor = first.starts_with("application/vnd.segment.") && first.ends_with("+json");
    is_vendor.then(|| HeaderValue::from_str(first).ok()).flatten()
}

/// The vendor's test helper (1.8); `delay` is accepted and not waited for.
fn echo(call: &Call<'_>, query: &Query) -> Result<Response, Refusal> {
    let message = query.get("message").ok_or_else(|| Refusal::invalid("message", "is required"))?;
    let is_set = |name| query.get(name).is_some_and(|value| value == "true");
    if is_set("triggerUnexpectedError") {
        return Err(Refusal::new(500, "internal-server-error", "An unexpected error occurred."));
    }
    if is_set("triggerError") {
        return Err(Refusal::new(400, "bad-request", "An error, as asked for."));
    }
    if is_set("triggerMultipleErrors") {
        let mut refusal = Refusal::new(400, "bad-request", "A first error, as asked for.");
        refusal.items.extend(Refusal::new(400, "bad-request", "A second error.").items);
        return Err(refusal);
    }
    let shown = |name: &http::HeaderName| *name != header::AUTHORIZATION;
    let headers: serde_json::Map<String, serde_json::Value> = call
        .headers
        .iter()
        .filter(|(name, _)| shown(name))
        .map(|(name, value)| (name.to_string(), json!(value.to_str().unwrap_or(""))))
        .collect();
    let message = percent_decode_str(message).decode_utf8_lossy();
    let mut response = data(&json!({"method": "get", "message": message, "headers": headers}));
    if let Some(status) = query.get("statusCode").and_then(|code| code.parse().ok()) {
        *response.status_mut() = status;
    }
    Ok(response)
}
