//! Success or failure: the only place where a status, a header or an error body is looked at.
//!
//! Segment's own ways, as of its documentation of 2026:
//!
//! * A missing permission is answered with 401, as a bad token is (403 is undocumented, and taken
//!   alike). Which of the two it is shows `GET /` only: it works with any good token. So 401 or
//!   403 means rejected credentials there and a missing permission elsewhere, and the connection
//!   check that follows a missing permission finds a dead token out.
//! * A 404 means absence only in the API's own words: one written by a proxy proves nothing.
//! * On `POST /regulations` the `X-RateLimit-*` headers tell the monthly quota, elsewhere the rate.

use std::time::Duration;

use connector_api::{Answer, Endpoint, Limit, Method, VendorError};
use domain::Instant;
use jiff::fmt::rfc2822;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::client;

/// A longer wait than this is no rate limit.
const LONGEST_RATE_WAIT: Duration = Duration::from_secs(3600);

/// The quota that parks regulations until the month is over.
const QUOTA: &str = "Segment's monthly quota of deletion requests (“regulations”)";

/// What trying an endpoint came to, for a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tried {
    /// It works.
    Works,
    /// 401 or 403.
    Refused,
    /// 404.
    Absent,
}

/// Tells success from failure.
pub(super) fn classify(
    endpoint: &Endpoint,
    answer: &Answer,
    now: Instant,
) -> Result<(), VendorError> {
    let changes = endpoint.method != Method::Get;
    match answer.status {
        // The Tracking API's body says nothing; its status is all there is to read.
        200..=299 if endpoint.base == "tracking_api" => Ok(()),
        200..=299 => readable(endpoint, answer),
        401 | 403 => Err(refused(endpoint)),
        404 if may_be_absent(endpoint) => absent_in_its_own_words(endpoint, answer),
        400 | 409 | 413 | 422 => Err(invalid(endpoint, answer)),
        // Said in Segment's own words, the workspace or the token may not do this at all, whoever
        // it is about; by a proxy, it may be anything.
        404 if changes && absent_in_its_own_words(endpoint, answer).is_ok() => {
            Err(refused(endpoint))
        }
        429 => Err(throttled(endpoint, answer, now)),
        // Whatever is no documented refusal may have taken effect.
        _ if changes => Err(VendorError::AnswerLost {
            what: format!("“{}” was answered with status {}", endpoint.name, answer.status),
        }),
        408 | 500..=599 => Err(VendorError::Transient {
            what: format!("“{}” was answered with status {}", endpoint.name, answer.status),
        }),
        status => Err(VendorError::ContractBroken {
            what: format!("“{}” was answered with status {status}", endpoint.name),
        }),
    }
}

/// Until when an endpoint should rest, by what a good answer's headers say. On `POST /regulations`
/// they tell the monthly quota, in a unit that Segment's documents disagree on: there only a
/// refusal counts.
pub(super) fn rest_until(endpoint: &Endpoint, answer: &Answer, now: Instant) -> Option<Instant> {
    let is_rate = endpoint.base == "public_api" && endpoint.name != client::CREATE_REGULATION.name;
    let is_used_up = answer.header("x-ratelimit-remaining").map(str::trim) == Some("0");
    let reset = answer.header("x-ratelimit-reset").filter(|_| is_rate && is_used_up)?;
    instant(reset, now).filter(|at| *at > now)
}

/// Whether a good answer says that there is no such thing.
pub(super) fn is_absent(answer: &Answer) -> bool {
    answer.status == 404
}

/// Reads an answer that the flow asked for raw. Faults that say nothing about a permission
/// remain errors.
pub(super) fn tried(
    endpoint: &Endpoint,
    answer: &Answer,
    now: Instant,
) -> Result<Tried, VendorError> {
    match answer.status {
        401 | 403 => Ok(Tried::Refused),
        404 => Ok(Tried::Absent),
        _ => classify(endpoint, answer, now).map(|()| Tried::Works),
    }
}

fn readable(endpoint: &Endpoint, answer: &Answer) -> Result<(), VendorError> {
    if serde_json::from_slice::<IgnoredAny>(&answer.body).is_ok() {
        return Ok(());
    }
    let what = format!("the answer to “{}” is no JSON", endpoint.name);
    match endpoint.method {
        Method::Get => Err(VendorError::ContractBroken { what }),
        _ => Err(VendorError::AnswerLost { what }),
    }
}

fn refused(endpoint: &Endpoint) -> VendorError {
    let rejected = |what: &str| VendorError::CredentialsRejected { what: what.to_owned() };
    match endpoint.name {
        "workspace" => rejected(
            "Segment does not take the token: it is wrong, revoked, or of the other region",
        ),
        "sources" => VendorError::PermissionMissing { which: "sources" },
        "destinations" => VendorError::PermissionMissing { which: "destinations" },
        "spaces" => VendorError::PermissionMissing { which: "spaces" },
        "track_batch" => rejected("the Tracking API does not take the write key"),
        _ if endpoint.base == "profile_api" => {
            rejected("the Profile API does not take the profile token of this space")
        }
        _ => VendorError::PermissionMissing { which: "privacy" },
    }
}

fn may_be_absent(endpoint: &Endpoint) -> bool {
    endpoint.base == "profile_api" || endpoint.name == client::REGULATION.name
}

/// The Profile API says `{"error": …}`, the Public API `{"errors": […]}`.
fn absent_in_its_own_words(endpoint: &Endpoint, answer: &Answer) -> Result<(), VendorError> {
    #[derive(Deserialize)]
    struct Words {
        #[serde(alias = "errors")]
        error: Option<IgnoredAny>,
    }
    match serde_json::from_slice::<Words>(&answer.body) {
        Ok(Words { error: Some(_) }) => Ok(()),
        _ => Err(VendorError::ContractBroken {
            what: format!("“{}” was answered with a 404 that is not Segment's own", endpoint.name),
        }),
    }
}

fn invalid(endpoint: &Endpoint, answer: &Answer) -> VendorError {
    // Segment's own words may quote a value, so they are not repeated.
    let what = match answer.status {
        413 => format!("the body of “{}” is too large", endpoint.name),
        status => format!("“{}” was answered with status {status}", endpoint.name),
    };
    VendorError::Invalid { what, members: Vec::new() }
}

fn throttled(endpoint: &Endpoint, answer: &Answer, now: Instant) -> VendorError {
    let hint = retry_after(answer, now).or_else(|| ms_before_next(answer, now));
    let reset = answer.header("x-ratelimit-reset").and_then(|text| instant(text, now));
    if endpoint.name != client::CREATE_REGULATION.name {
        return VendorError::Throttled { limit: Limit::Rate, until: hint.or(reset) };
    }
    let is_far = |at: &Instant| *at > super::settings::later(now, LONGEST_RATE_WAIT);
    let remaining = answer.header("x-ratelimit-remaining").and_then(|text| text.parse().ok());
    match remaining {
        Some(0u64) => VendorError::Throttled { limit: Limit::Quota(QUOTA), until: reset.or(hint) },
        // There is quota left, so the reset in the headers is not what holds us up.
        Some(_) if !hint.as_ref().is_some_and(is_far) => {
            VendorError::Throttled { limit: Limit::Rate, until: hint }
        }
        _ => {
            let until = hint.or(reset);
            let limit =
                if until.as_ref().is_some_and(is_far) { Limit::Quota(QUOTA) } else { Limit::Rate };
            VendorError::Throttled { limit, until }
        }
    }
}

fn retry_after(answer: &Answer, now: Instant) -> Option<Instant> {
    answer.header("retry-after").and_then(|text| instant(text, now))
}

/// `{"errors": [{"data": {"msBeforeNext": 31250}}]}`
fn ms_before_next(answer: &Answer, now: Instant) -> Option<Instant> {
    #[derive(Deserialize)]
    struct Errors {
        errors: Vec<Item>,
    }
    #[derive(Deserialize)]
    struct Item {
        data: Option<Points>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Points {
        ms_before_next: Option<u64>,
    }
    let body: Errors = serde_json::from_slice(&answer.body).ok()?;
    let millis = body.errors.iter().find_map(|item| item.data.as_ref()?.ms_before_next)?;
    Some(super::settings::later(now, Duration::from_millis(millis)))
}

/// A header's instant: an RFC 5322 date (Public API), an ISO 8601 date, whole seconds from now
/// (Tracking API, `Retry-After`), or seconds since 1970.
fn instant(text: &str, now: Instant) -> Option<Instant> {
    const A_LONG_TIME_AGO: u64 = 1_000_000_000;
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return if seconds < A_LONG_TIME_AGO {
            Some(super::settings::later(now, Duration::from_secs(seconds)))
        } else {
            Instant::from_second(i64::try_from(seconds).ok()?).ok()
        };
    }
    rfc2822::parse(text).map(|zoned| zoned.timestamp()).or_else(|_| text.parse()).ok()
}
