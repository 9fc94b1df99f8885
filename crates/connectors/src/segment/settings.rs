//! What an operator entered and what the last check found, as the flows need it. Pure.

use std::collections::BTreeSet;
use std::time::Duration;

use connector_api::Context;
use domain::Instant;
use domain::right::{Scope, ScopeWord};
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::Sha256;

/// The variant of a plan that sends a consent event.
pub(super) const CONSENT_EVENT: &str = "consent_event";
/// The variant that suppresses.
pub(super) const SUPPRESS_ONLY: &str = "SUPPRESS_ONLY";
/// The variant that ends a suppression.
pub(super) const UNSUPPRESS: &str = "UNSUPPRESS";

/// The ways to delete; the first is the default.
pub(super) const DELETION_TYPES: &[&str] =
    &["SUPPRESS_WITH_DELETE", "DELETE_ONLY", "SUPPRESS_WITH_DELETE_INTERNAL", "DELETE_INTERNAL"];

/// The scopes that a consent category can be given for.
pub(super) const CONSENT_SCOPES: &[&str] =
    &["sale", "sharing", "targeted_advertising", "sensitive_use"];

/// How user ids can have been made from e-mail addresses: the address itself, or a digest of it in
/// lower case, as lower-case hex.
pub(super) const USER_IDS_FROM_EMAIL: &[&str] = &["email", "md5", "sha256"];

/// How people are opted out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OptOutBy {
    /// By an event that carries their consent.
    ConsentEvent,
    /// By suppressing all new data.
    Suppression,
}

/// What a check leaves for later steps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Facts {
    /// Whether the destinations could be read.
    pub(super) knows_destinations: bool,
    /// The destinations that are switched on.
    pub(super) destinations: Vec<DestinationFact>,
    /// Spaces whose profile token was refused.
    pub(super) unreadable_spaces: Vec<String>,
}

/// A destination of the workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DestinationFact {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) source: String,
    /// Whether Segment documents that it forwards deletions to it.
    pub(super) can_delete: bool,
}

/// A setting that is a text.
pub(super) fn text<'a>(context: &Context<'a>, key: &str) -> Option<&'a str> {
    context.settings.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// The spaces that were entered.
pub(super) fn spaces<'a>(context: &Context<'a>) -> Vec<&'a str> {
    let list = context.settings.get("spaces").and_then(Value::as_array);
    let mut spaces: Vec<_> = list.into_iter().flatten().filter_map(Value::as_str).collect();
    let mut seen = BTreeSet::new();
    spaces.retain(|space| !space.is_empty() && seen.insert(*space));
    spaces
}

/// Whether there is a profile token for a space.
pub(super) fn has_token(context: &Context<'_>, space: &str) -> bool {
    context.secrets.contains(&format!("profile_token.{space}"))
}

/// The spaces that can be searched and read.
pub(super) fn readable_spaces<'a>(context: &Context<'a>) -> Vec<&'a str> {
    let unreadable = facts(context).unreadable_spaces;
    let mut spaces = spaces(context);
    spaces.retain(|space| has_token(context, space) && !unreadable.iter().any(|it| it == space));
    spaces
}

/// What the last check found.
pub(super) fn facts(context: &Context<'_>) -> Facts {
    context.check.and_then(|check| Facts::deserialize(&check.facts).ok()).unwrap_or_default()
}

/// The user id that the company would have made from an address, if it makes them so.
pub(super) fn user_id_from(context: &Context<'_>, email: &str) -> Option<String> {
    let lower = email.to_lowercase();
    match text(context, "user_id_from_email")? {
        "email" => Some(email.to_owned()),
        "md5" => Some(hex(&Md5::digest(lower))),
        "sha256" => Some(hex(&Sha256::digest(lower))),
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How people are deleted.
pub(super) fn deletion_type<'a>(context: &Context<'a>) -> &'a str {
    text(context, "deletion_type").unwrap_or(DELETION_TYPES[0])
}

/// Whether this way of deleting tells the destinations.
pub(super) fn is_forwarded(regulation_type: &str) -> bool {
    matches!(regulation_type, "DELETE_ONLY" | "SUPPRESS_WITH_DELETE")
}

/// How people are opted out, or why they can't be. Left open, it is the consent event where that
/// is possible and else suppression.
pub(super) fn opt_out_by(context: &Context<'_>) -> Result<OptOutBy, String> {
    let lacking = consent_lacks(context, &readable_spaces(context));
    choose_opt_out(context, lacking)
}

/// The same, for a check that has just found out which spaces can be read.
pub(super) fn choose_opt_out(
    context: &Context<'_>,
    lacking: Option<String>,
) -> Result<OptOutBy, String> {
    match (text(context, "opt_out_by"), lacking) {
        (Some("suppress_only"), _) => Ok(OptOutBy::Suppression),
        (_, None) => Ok(OptOutBy::ConsentEvent),
        (None, Some(_)) => Ok(OptOutBy::Suppression),
        (Some(_), Some(lacking)) => Err(lacking),
    }
}

/// What an opt-out by consent event lacks, if anything.
pub(super) fn consent_lacks(context: &Context<'_>, readable: &[&str]) -> Option<String> {
    let mut lacking = Vec::new();
    if !context.secrets.contains("write_key") {
        lacking.push("the write key of a source");
    }
    if CONSENT_SCOPES.iter().all(|scope| category(context, scope).is_none()) {
        lacking.push("the consent category of at least one scope");
    }
    if readable.is_empty() {
        lacking.push("a space with a working profile token, since only profiles that were found are opted out");
    }
    if lacking.is_empty() {
        return None;
    }
    Some(format!(
        "an opt-out by consent event needs {}; enter what is missing, or set opt_out_by to suppress_only",
        lacking.join(", and ")
    ))
}

/// The consent categories of a scope, and the scope words that have none.
pub(super) fn categories<'a>(
    context: &Context<'a>,
    scope: &Scope,
) -> (BTreeSet<&'a str>, Vec<ScopeWord>) {
    let mut categories = BTreeSet::new();
    let mut without = Vec::new();
    for word in scope.words() {
        match category(context, word.word()) {
            Some(id) => {
                categories.insert(id);
            }
            None => without.push(*word),
        }
    }
    (categories, without)
}

fn category<'a>(context: &Context<'a>, scope: &str) -> Option<&'a str> {
    let table = context.settings.get("consent_categories")?;
    table.get(scope).and_then(Value::as_str).filter(|id| !id.is_empty())
}

/// An instant that much later.
pub(super) fn later(at: Instant, by: Duration) -> Instant {
    let by = jiff::SignedDuration::try_from(by).unwrap_or(jiff::SignedDuration::MAX);
    at.checked_add(by).unwrap_or(Instant::MAX)
}

/// An instant that much earlier.
pub(super) fn earlier(at: Instant, by: Duration) -> Instant {
    let by = jiff::SignedDuration::try_from(by).unwrap_or(jiff::SignedDuration::MAX);
    at.checked_sub(by).unwrap_or(Instant::MIN)
}

/// How long ago an instant was; nothing if it is yet to come.
pub(super) fn age(since: Instant, now: Instant) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}
