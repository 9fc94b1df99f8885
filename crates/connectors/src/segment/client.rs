//! The calls: one pure function builds each request. [`read`] reads an answer that
//! `classify` has let through.

use std::collections::BTreeSet;

use connector_api::{Answer, Auth, Call, Endpoint, Method, VendorError};
use domain::Instant;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::mapping::{ProfileKey, encode};
use super::wire::NewRegulation;

const MIB: u64 = 1024 * 1024;

/// The most external ids or events of a page.
const PAGE: &str = "100";

/// Regulations of a page: each may carry 5,000 ids or 4 MB, so a page of more would not fit.
const REGULATIONS_PAGE: &str = "5";

/// Entries of a page of suppressions: whether one may carry a whole batch of ids is not published.
const SUPPRESSIONS_PAGE: &str = "100";

/// The Public API and its version 1, spelled as in the specification.
const PUBLIC_V1: &str = "application/vnd.segment.v1+json";

const fn endpoint(
    name: &'static str,
    method: Method,
    base: &'static str,
    path: &'static str,
    limit: &'static str,
    max_mib: u64,
    names_others: bool,
) -> Endpoint {
    Endpoint { name, method, base, path, limit, max_bytes: max_mib * MIB, names_others }
}

macro_rules! endpoints {
    ($($name:ident = $wire:literal $method:ident $base:literal $path:literal limit $limit:literal max $mib:literal $($others:ident)?;)*) => {
        $(pub(super) static $name: Endpoint = endpoint($wire, Method::$method, $base, $path, $limit, $mib, endpoints!(@ $($others)?));)*

        /// Every endpoint that is called.
        #[cfg(test)]
        pub(super) static ENDPOINTS: &[&Endpoint] = &[$(&$name,)*];
    };
    (@ names_others) => { true };
    (@) => { false };
}

endpoints! {
    WORKSPACE = "workspace" Get "public_api" "/" limit "public_api" max 1;
    CREATE_REGULATION = "create_regulation" Post "public_api" "/regulations" limit "regulations" max 1;
    REGULATION = "regulation" Get "public_api" "/regulations/{regulateId}" limit "public_api" max 16;
    REGULATIONS = "regulations" Get "public_api" "/regulations" limit "public_api" max 32 names_others;
    SUPPRESSIONS = "suppressions" Get "public_api" "/suppressions" limit "public_api" max 32 names_others;
    SOURCES = "sources" Get "public_api" "/sources" limit "public_api" max 16;
    DESTINATIONS = "destinations" Get "public_api" "/destinations" limit "public_api" max 32;
    SPACES = "spaces" Get "public_api" "/spaces" limit "public_api" max 4;
    EXTERNAL_IDS = "external_ids" Get "profile_api" "/v1/spaces/{spaceId}/collections/users/profiles/{id}/external_ids" limit "profile_api" max 4;
    TRAITS = "traits" Get "profile_api" "/v1/spaces/{spaceId}/collections/users/profiles/{id}/traits" limit "profile_api" max 16;
    EVENTS = "events" Get "profile_api" "/v1/spaces/{spaceId}/collections/users/profiles/{id}/events" limit "profile_api" max 32;
    LINKS = "links" Get "profile_api" "/v1/spaces/{spaceId}/collections/users/profiles/{id}/links" limit "profile_api" max 4;
    METADATA = "metadata" Get "profile_api" "/v1/spaces/{spaceId}/collections/users/profiles/{id}/metadata" limit "profile_api" max 1;
    TRACK_BATCH = "track_batch" Post "tracking_api" "/v1/batch" limit "tracking_api" max 1;
}

/// Whose workspace the token leads to.
pub(super) fn workspace() -> Call {
    public(&WORKSPACE, "/")
}

/// Has people deleted, suppressed or un-suppressed.
pub(super) fn create_regulation(regulation_type: &str, user_ids: &[&str]) -> Call {
    let body = NewRegulation { regulation_type, subject_type: "USER_ID", subject_ids: user_ids };
    // A list of texts always has a JSON form.
    public(&CREATE_REGULATION, "/regulations").json(serde_json::to_value(body).unwrap_or_default())
}

/// Where a regulation stands.
pub(super) fn regulation(id: &str) -> Call {
    public(&REGULATION, format!("/regulations/{}", encode(id)))
}

/// The regulations of these types, a small page at a time.
pub(super) fn regulations(regulation_types: &BTreeSet<&str>, cursor: Option<&str>) -> Call {
    let call = public(&REGULATIONS, "/regulations");
    let call = regulation_types
        .iter()
        .enumerate()
        .fold(call, |call, (n, it)| call.query(&format!("regulationTypes.{n}"), *it));
    paged(call, REGULATIONS_PAGE, cursor)
}

/// The suppression list.
pub(super) fn suppressions(cursor: Option<&str>) -> Call {
    paged(public(&SUPPRESSIONS, "/suppressions"), SUPPRESSIONS_PAGE, cursor)
}

/// The destinations.
pub(super) fn destinations(cursor: Option<&str>) -> Call {
    paged(public(&DESTINATIONS, "/destinations"), "100", cursor)
}

/// The spaces, as many as a page has that is asked for without a number. Only a note depends on
/// them.
pub(super) fn spaces() -> Call {
    paged(public(&SPACES, "/spaces"), "200", None)
}

/// The smallest page of a list, to see whether it may be read at all.
pub(super) fn first_of(endpoint: &'static Endpoint) -> Call {
    paged(public(endpoint, endpoint.path), "1", None)
}

/// The external ids of a profile.
pub(super) fn external_ids(space: &str, key: &ProfileKey, cursor: Option<&str>) -> Call {
    next(profile(&EXTERNAL_IDS, space, key).query("limit", PAGE), cursor)
}

/// Whether a profile is there, and which user ids it has.
pub(super) fn user_ids(space: &str, key: &ProfileKey) -> Call {
    profile(&EXTERNAL_IDS, space, key).query("include", "user_id").query("limit", PAGE)
}

/// The traits of a profile, each with its source and age, the documented most a page.
pub(super) fn traits(space: &str, key: &ProfileKey, cursor: Option<&str>) -> Call {
    let call = profile(&TRAITS, space, key).query("limit", "200").query("verbose", "true");
    next(call, cursor)
}

/// The events of a profile since an instant.
pub(super) fn events(space: &str, key: &ProfileKey, from: Instant, cursor: Option<&str>) -> Call {
    let call = profile(&EVENTS, space, key).query("start", from.to_string()).query("limit", PAGE);
    next(call, cursor)
}

/// The accounts a profile is linked to.
pub(super) fn links(space: &str, key: &ProfileKey, cursor: Option<&str>) -> Call {
    next(profile(&LINKS, space, key).query("limit", "20"), cursor)
}

/// When a profile was made and changed.
pub(super) fn metadata(space: &str, key: &ProfileKey) -> Call {
    profile(&METADATA, space, key)
}

/// Sends events.
pub(super) fn track_batch(events: &[Value], sent_at: Instant) -> Call {
    Call::new(&TRACK_BATCH, "/v1/batch", Auth::BasicUser("write_key".to_owned()))
        .json(json!({"batch": events, "sentAt": sent_at.to_string()}))
}

/// The body of a good answer in its documented shape.
pub(super) fn read<T: DeserializeOwned>(answer: &Answer, what: &str) -> Result<T, VendorError> {
    // The error's text is not passed on: it may quote the body.
    serde_json::from_slice(&answer.body).map_err(|_| VendorError::ContractBroken {
        what: format!("the answer to “{what}” is not in its documented form"),
    })
}

fn public(endpoint: &'static Endpoint, path: impl Into<String>) -> Call {
    // `/spaces` exists as alpha only, so it is asked for without a version.
    let accept = if endpoint.name == SPACES.name { "application/json" } else { PUBLIC_V1 };
    Call::new(endpoint, path, Auth::Bearer("token".to_owned())).header("accept", accept)
}

fn paged(call: Call, count: &str, cursor: Option<&str>) -> Call {
    let call = call.query("pagination.count", count);
    match cursor {
        Some(cursor) => call.query("pagination.cursor", cursor),
        None => call,
    }
}

fn profile(endpoint: &'static Endpoint, space: &str, key: &ProfileKey) -> Call {
    let path = endpoint.path.replace("{spaceId}", &encode(space)).replace("{id}", key.as_segment());
    let auth = Auth::BasicUser(format!("profile_token.{space}"));
    Call::new(endpoint, path, auth).header("accept", "application/json").limit_of(space)
}

fn next(call: Call, cursor: Option<&str>) -> Call {
    match cursor {
        Some(cursor) => call.query("next", cursor),
        None => call,
    }
}
