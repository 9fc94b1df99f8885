//! The switches of the Segment twin: each open question of the contract, and each misbehaviour that
//! is not a fault of a single call. The fields below are the one table of them; `GET /switches/segment`
//! shows all, `PUT` changes those that it names.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::duration::IsoDuration;

/// How a mix of finished and not supported destinations adds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Aggregate {
    Failed,
    Partial,
}

/// Where a 429 of the Public API says when to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RateHint {
    RetryAfter,
    Data,
    Both,
    None,
}

/// The order of the regulation lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ListOrder {
    NewestFirst,
    OldestFirst,
    Shuffled,
}

/// Users left in the month, per quota category (3.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct QuotaLeft {
    pub(super) segment_only: Option<u64>,
    pub(super) segment_and_destination: Option<u64>,
}

/// All switches with their present values.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Switches {
    /// Keep rate limits and monthly quotas.
    pub(super) limits: bool,
    /// Real milliseconds that each call takes at least.
    pub(super) latency_ms: u64,
    /// Calls a minute and token of the Public API; the real number is not published (1.5).
    pub(super) public_rate_per_minute: u64,
    /// Where a 429 of the Public API says when to come back.
    pub(super) rate_hint: RateHint,
    /// Whether a 429 of the Profile API carries `Retry-After`.
    pub(super) profile_retry_after: bool,
    /// Users left this month per category; setting it also keeps the quota while `limits` is off.
    pub(super) quota_left: QuotaLeft,
    /// Status for a missing permission: 401 (documented) or 403.
    pub(super) forbidden_status: u16,
    /// Status of `/spaces` where the workspace has no Unify (401, 403, 404); null: it has.
    pub(super) spaces_disabled_status: Option<u16>,
    /// Overall status of a mix of finished and not supported destinations.
    pub(super) aggregate: Aggregate,
    /// Whether `/suppressions` also lists users of combined types.
    pub(super) suppressions_include_combined: bool,
    /// `ANONYMOUS_ID` with `DELETE_ARCHIVE_ONLY` is enabled for the workspace.
    pub(super) anonymous_id_enabled: bool,
    /// Where it is not: accept it and end as `INVALID`, in place of 422 at once.
    pub(super) anonymous_id_invalid_later: bool,
    /// The Android source's Amplitude has its secret key, so that its deletions succeed.
    pub(super) deletion_configured: bool,
    /// Ids for which the creation of a regulation is refused with 422, as a whole.
    pub(super) refused_ids: Vec<String>,
    /// User ids whose regulations end as usual while their profiles stay.
    pub(super) lies_about: Vec<String>,
    /// Jobs do not move on while this is set.
    pub(super) stuck: bool,
    /// Jobs end as `FAILED` without deleting, and name no destination.
    pub(super) job_fails: bool,
    /// A job seen in its terminal state reads `RUNNING` the next time, then terminal again.
    pub(super) goes_back: bool,
    /// A word that no contract knows, shown in place of every status but `INITIALIZED`.
    pub(super) unknown_status: Option<String>,
    /// How long after the end of a job its deleted profiles come back.
    pub(super) reappear_after: Option<IsoDuration>,
    /// From creation to deletion; null: 1 to 20 days, by the seed.
    pub(super) deletion_takes: Option<IsoDuration>,
    /// From creation to suppression or its end; null: 1 to 24 hours, by the seed.
    pub(super) suppression_takes: Option<IsoDuration>,
    /// How long a created regulation stays out of the lists (reading it by id works at once).
    pub(super) regulations_listed_after: Option<IsoDuration>,
    /// How long a profile made by the Tracking API stays invisible (4.5).
    pub(super) visible_after: Option<IsoDuration>,
    /// `GET /` shows another workspace.
    pub(super) workspace_swapped: bool,
    /// Every page says that the next page is itself; in the Profile API every one after the first.
    pub(super) cursor_repeats: bool,
    /// Cursors sent by the client are refused as invalid.
    pub(super) cursor_invalid: bool,
    /// Pages never name the next one.
    pub(super) omit_next: bool,
    /// The order of the regulation lists.
    pub(super) list_order: ListOrder,
    /// `DELETE /regulations/{id}` exists, as it did before March 2026.
    pub(super) legacy_delete: bool,
    /// The Profile API answers 500 where special characters of an id are not escaped (4.1).
    pub(super) profile_unescaped_500: bool,
    /// The space has no *delete one external id* (4.6): 403.
    pub(super) id_deletion_disabled: bool,
    /// Where classic webhook destinations post delete messages; loopback only.
    pub(super) webhook_url: Option<String>,
}

impl Default for Switches {
    fn default() -> Switches {
        Switches {
            limits: true,
            latency_ms: 0,
            public_rate_per_minute: 6000,
            rate_hint: RateHint::Both,
            profile_retry_after: false,
            quota_left: QuotaLeft::default(),
            forbidden_status: 401,
            spaces_disabled_status: None,
            aggregate: Aggregate::Failed,
            suppressions_include_combined: true,
            anonymous_id_enabled: false,
            anonymous_id_invalid_later: false,
            deletion_configured: false,
            refused_ids: Vec::new(),
            lies_about: Vec::new(),
            stuck: false,
            job_fails: false,
            goes_back: false,
            unknown_status: None,
            reappear_after: None,
            deletion_takes: None,
            suppression_takes: None,
            regulations_listed_after: None,
            visible_after: None,
            workspace_swapped: false,
            cursor_repeats: false,
            cursor_invalid: false,
            omit_next: false,
            list_order: ListOrder::NewestFirst,
            legacy_delete: false,
            profile_unescaped_500: true,
            id_deletion_disabled: false,
            webhook_url: None,
        }
    }
}

/// A change names a switch that does not exist, or gives it a value that does not fit.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadSwitch {
    /// The names or types do not fit.
    #[error("{0}")]
    Shape(#[from] serde_json::Error),
    /// The changes are no object.
    #[error("switches are an object")]
    NoObject,
    /// A status that no answer has.
    #[error("{0} takes one of 401, 403, 404")]
    Status(&'static str),
    /// Delete messages would leave this machine.
    #[error("webhook_url is http on 127.0.0.1, [::1] or localhost")]
    NotLoopback,
}

impl Switches {
    /// The switches with `changes` applied.
    pub(super) fn changed(&self, changes: &Value) -> Result<Switches, BadSwitch> {
        let Value::Object(changes) = changes else { return Err(BadSwitch::NoObject) };
        let mut all = serde_json::to_value(self)?;
        for (name, value) in changes {
            all[name.as_str()] = value.clone();
        }
        let changed: Switches = serde_json::from_value(all)?;
        if ![401, 403].contains(&changed.forbidden_status) {
            return Err(BadSwitch::Status("forbidden_status"));
        }
        if changed.spaces_disabled_status.is_some_and(|s| ![401, 403, 404].contains(&s)) {
            return Err(BadSwitch::Status("spaces_disabled_status"));
        }
        if changed.webhook_url.as_deref().is_some_and(|url| !is_loopback(url)) {
            return Err(BadSwitch::NotLoopback);
        }
        Ok(changed)
    }
}

fn is_loopback(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else { return false };
    let host = uri.host().unwrap_or("");
    uri.scheme_str() == Some("http") && ["127.0.0.1", "[::1]", "localhost"].contains(&host)
}
