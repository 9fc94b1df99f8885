//! The Profile API (contract 4): routes, authentication, limits, and how an id is looked up.
//!
//! The path is read raw. An id may hold `%2F` and `%3A`; a decoded path would show them as `/` and
//! `:` and cut the id in two.

use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Method, header};
use percent_encoding::percent_decode_str;
use serde::Serialize;

use super::answers::json;
use super::profile_reads as reads;
use super::spaces::{Profile, Space};
use super::state::Segment;
use crate::front::Call;
use crate::world::World;

/// A refusal of the Profile API, whose envelope differs from the Public API's (4.4).
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) message: &'static str,
}

pub(super) type Answer = Result<Response, Refusal>;

pub(super) const NOT_FOUND: Refusal = refusal(404, "not_found", "Profile was not found.");
const UNAUTHORIZED: Refusal =
    refusal(401, "authentication_error", "The access token is missing or not valid.");
const THROTTLED: Refusal = refusal(429, "rate_limit_error", "Too many requests.");
const NO_ROUTE: Refusal = refusal(404, "not_found", "The resource was not found.");
const INTERNAL: Refusal = refusal(500, "server_error", "An internal error occurred.");

pub(super) const fn refusal(status: u16, code: &'static str, message: &'static str) -> Refusal {
    Refusal { status, code, message }
}

impl Refusal {
    pub(super) fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Envelope {
            error: Error,
        }
        #[derive(Serialize)]
        struct Error {
            code: &'static str,
            message: &'static str,
        }
        let Refusal { status, code, message } = self;
        json(status, &Envelope { error: Error { code, message } })
    }
}

/// What is wanted of the thing that the path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Want {
    Profiles,
    Traits,
    ExternalIds,
    Events,
    Metadata,
    Links,
    DeleteExternalId,
    AccountTraits,
    AccountLinks,
}

/// Space, raw id (empty for the list), what is wanted, and the route's template.
type Route<'a> = (&'a str, &'a str, Want, &'static str);

fn route<'a>(method: &Method, path: &'a str) -> Option<Route<'a>> {
    let rest = path.strip_prefix("/v1/spaces/")?;
    let (space, rest) = rest.split_once('/')?;
    let rest = rest.strip_prefix("collections/")?;
    let parts: Vec<&str> = rest.split('/').collect();
    let (id, want, template) = match (method.as_str(), parts.as_slice()) {
        ("GET", ["users", "profiles"]) => {
            ("", Want::Profiles, "GET /v1/spaces/{space}/collections/users/profiles")
        }
        ("GET", ["users", "profiles", id, "traits"]) => {
            (*id, Want::Traits, "GET /v1/spaces/{space}/collections/users/profiles/{id}/traits")
        }
        ("GET", ["users", "profiles", id, "external_ids"]) => (
            *id,
            Want::ExternalIds,
            "GET /v1/spaces/{space}/collections/users/profiles/{id}/external_ids",
        ),
        ("GET", ["users", "profiles", id, "events"]) => {
            (*id, Want::Events, "GET /v1/spaces/{space}/collections/users/profiles/{id}/events")
        }
        ("GET", ["users", "profiles", id, "metadata"]) => {
            (*id, Want::Metadata, "GET /v1/spaces/{space}/collections/users/profiles/{id}/metadata")
        }
        ("GET", ["users", "profiles", id, "links"]) => {
            (*id, Want::Links, "GET /v1/spaces/{space}/collections/users/profiles/{id}/links")
        }
        ("POST", ["users", "profiles", id, "external_ids", "delete"]) => (
            *id,
            Want::DeleteExternalId,
            "POST /v1/spaces/{space}/collections/users/profiles/{id}/external_ids/delete",
        ),
        ("GET", ["accounts", "profiles", id, "traits"]) => (
            *id,
            Want::AccountTraits,
            "GET /v1/spaces/{space}/collections/accounts/profiles/{id}/traits",
        ),
        ("GET", ["accounts", "profiles", id, "links"]) => (
            *id,
            Want::AccountLinks,
            "GET /v1/spaces/{space}/collections/accounts/profiles/{id}/links",
        ),
        _ => return None,
    };
    Some((space, id, want, template))
}

pub(super) fn endpoint(method: &Method, path: &str) -> &'static str {
    route(method, path).map_or("unknown (profile_api)", |(_, _, _, template)| template)
}

/// Answers a call.
pub(super) fn answer(world: &World, call: &Call<'_>) -> Response {
    let state = &mut *world.segment.state();
    state.requests_answered += 1;
    let answer = serve(state, call);
    let mut response = answer.unwrap_or_else(|refusal| refused(state, refusal));
    response.headers_mut().insert("request-id", HeaderValue::from(state.requests_answered));
    response
}

/// The refusal of a planned fault.
pub(super) fn refuse(world: &World, status: u16) -> Response {
    let refusal = match status {
        401 => UNAUTHORIZED,
        404 => NO_ROUTE,
        429 => THROTTLED,
        413 => refusal(413, "invalid_request_error", "The request body is too large."),
        503 => refusal(503, "server_error", "The service is not available."),
        _ => INTERNAL,
    };
    refused(&world.segment.state(), refusal)
}

/// A refusal, with the hint that a switch adds.
fn refused(state: &Segment, refusal: Refusal) -> Response {
    let mut response = refusal.into_response();
    if refusal.status == 429 && state.switches.profile_retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

fn serve(state: &mut Segment, call: &Call<'_>) -> Answer {
    let (space_id, raw_id, want, _) = route(call.method, call.path).ok_or(NO_ROUTE)?;
    let number = state.spaces.iter().position(|space| space.id == space_id);
    let number = number.ok_or(UNAUTHORIZED)?;
    authenticate(&state.spaces[number], call)?;
    if !state.spaces[number].bucket.take(state.now) && state.switches.limits {
        return Err(THROTTLED);
    }
    if state.switches.profile_unescaped_500 && !is_escaped(raw_id) {
        return Err(INTERNAL);
    }
    let id = percent_decode_str(raw_id).decode_utf8();
    let id = id.map_err(|_| refusal(400, "validation_error", "The id is not valid UTF-8."))?;
    if want == Want::DeleteExternalId {
        return super::profile_writes::delete_external_id(state, number, &id, call.body);
    }
    let view = reads::View {
        space: &state.spaces[number],
        sources: &state.sources,
        now: state.now,
        cursor_repeats: state.switches.cursor_repeats,
        path: call.path,
    };
    let params = super::query::pairs(call.query);
    match want {
        Want::Profiles => reads::profiles(&view, &params),
        Want::AccountTraits => reads::account_traits(&view, &id),
        Want::AccountLinks => reads::account_links(&view, &id, &params),
        _ => {
            let profile = find(view.space, &id).filter(|found| found.visible_at <= view.now);
            let profile = profile.ok_or(NOT_FOUND)?;
            match want {
                Want::Traits => reads::traits(&view, profile, &params),
                Want::ExternalIds => reads::external_ids(&view, profile, &params),
                Want::Events => reads::events(&view, profile, &params),
                Want::Links => reads::links(&view, profile, &params),
                _ => Ok(reads::metadata(&view, profile)),
            }
        }
    }
}

/// Basic, with the space's token as user name and no password.
fn authenticate(space: &Space, call: &Call<'_>) -> Result<(), Refusal> {
    let given = call.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.ok_or(UNAUTHORIZED)?;
    if given == space.authorization {
        return Ok(());
    }
    // Clients differ in padding and in sending the colon.
    let encoded = given.strip_prefix("Basic ").ok_or(UNAUTHORIZED)?;
    let decoded = STANDARD.decode(encoded.trim()).map_err(|_| UNAUTHORIZED)?;
    let user = decoded.split(|byte| *byte == b':').next().unwrap_or_default();
    if user == space.token.as_bytes() { Ok(()) } else { Err(UNAUTHORIZED) }
}

/// Whether every special character of a raw id is escaped. The colon after the type, `@` and the
/// unreserved characters of a URL need no escape.
fn is_escaped(raw: &str) -> bool {
    let (kind, value) = raw.split_once(':').unwrap_or(("", raw));
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.~@%".contains(c);
    kind.chars().all(is_plain) && value.chars().all(is_plain)
}

/// `type:value`, `segment_id:use_…`, or the bare segment id; a bare external id finds nothing (4.2).
fn find<'a>(space: &'a Space, id: &str) -> Option<&'a Profile> {
    match id.split_once(':') {
        None => space.by_segment_id(id),
        Some(("segment_id", segment_id)) => space.by_segment_id(segment_id),
        Some((kind, value)) => space.look_up(kind, value),
    }
}
