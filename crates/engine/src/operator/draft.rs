//! Drafts of requests, as a person or a file gives them, and the rules that a draft must keep.

mod dates;
mod rules;
#[cfg(test)]
mod tests;

use domain::deadline::{Deadline, deadline};
use domain::identifier::{NormaliseError, normalise};
use domain::request::Verified;
use domain::{Digest, IdentifierKind, Instant, Right, Scope};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::fault::Fault;
use super::intake::Channel;
pub(super) use dates::read as read_date;
pub(super) use rules::Common;
pub use rules::Rules;

/// More identifiers than this are no longer one person's.
const MOST_IDENTIFIERS: usize = 50;
/// Longer texts are not what the field is for.
const LONGEST_TEXT: usize = 200;

/// A request as it was given. Nothing in it has been looked at yet.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RequestDraft)]
pub struct Draft {
    /// The right's word.
    #[schema(value_type = Right)]
    pub right: String,
    /// The scope's words, parted by `|`; empty for the right's default.
    #[serde(default)]
    pub scope: String,
    /// What names the person.
    #[schema(min_items = 1)]
    pub identifiers: Vec<Given>,
    /// The law.
    pub jurisdiction: Option<String>,
    /// The brand.
    pub brand: Option<String>,
    /// The kind of person.
    pub subject_kind: Option<String>,
    /// The name another system has for the request; the same name again is the same request.
    pub external_id: Option<String>,
    /// When it was received, as a day or a time by RFC 3339; now if absent.
    pub received_at: Option<String>,
    /// When it must be answered, as a day or a time by RFC 3339; follows from a setting if absent.
    pub due_at: Option<String>,
    /// Who vouches for the person; whoever enters it if absent.
    pub verified_by: Option<String>,
    /// When they did, as a day or a time by RFC 3339.
    pub verified_at: Option<String>,
}

/// An identifier as it was given.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GivenIdentifier)]
pub struct Given {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: IdentifierKind,
    /// Its value.
    #[schema(min_length = 1)]
    pub value: String,
}

impl Given {
    /// An identifier of this type.
    pub fn new(kind: IdentifierKind, value: impl Into<String>) -> Self {
        Self { kind, value: value.into() }
    }

    /// Where the value of this number stands in a draft as JSON.
    pub fn field(index: usize) -> String {
        format!("identifiers[{index}].value")
    }
}

/// A draft that keeps the rules.
pub(super) struct Checked {
    pub(super) right: Right,
    pub(super) scope: Scope,
    /// Kind, as given, normalised; no two the same.
    pub(super) identifiers: Vec<(IdentifierKind, String, String)>,
    pub(super) jurisdiction: Option<String>,
    pub(super) brand: Option<String>,
    pub(super) subject_kind: Option<String>,
    pub(super) external_id: Option<String>,
    pub(super) received_at: Instant,
    pub(super) deadline: Deadline,
    pub(super) verified: Verified,
    /// Whether the draft named who vouches.
    pub(super) verified_as_given: bool,
}

/// Checks a draft: one fault per field at most, all of them at once.
pub(super) fn check(draft: &Draft, channel: Channel, rules: &Rules) -> Result<Checked, Vec<Fault>> {
    let mut faults = Vec::new();
    let right = keep(read_right(draft), &mut faults);
    let scope =
        keep(right.map_or(Ok(Scope::default()), |right| read_scope(right, draft)), &mut faults);
    let identifiers = read_identifiers(draft, channel, rules, &mut faults);
    let mut text = |field, value: &Option<String>| {
        keep(read_text(field, value.as_deref()), &mut faults).flatten()
    };
    let jurisdiction = text("jurisdiction", &draft.jurisdiction);
    let subject_kind = text("subject_kind", &draft.subject_kind);
    let external_id = text("external_id", &draft.external_id);
    let brand = keep(read_brand(draft, rules), &mut faults).flatten();
    let received_at = keep(dates::received(draft.received_at.as_deref(), rules.now), &mut faults);
    let due_at = keep(dates::due(draft.due_at.as_deref(), received_at), &mut faults).flatten();
    let verified = read_verified(draft, rules, &mut faults);
    match (right, scope, received_at, verified) {
        (Some(right), Some(scope), Some(received_at), Some(verified)) if faults.is_empty() => {
            Ok(Checked {
                right,
                scope,
                identifiers,
                jurisdiction,
                brand,
                subject_kind,
                external_id,
                received_at,
                deadline: deadline(received_at, due_at, rules.common.respond_within),
                verified,
                verified_as_given: draft.verified_by.is_some(),
            })
        }
        _ => Err(faults),
    }
}

impl Draft {
    /// What makes it the same request when it comes again: its external id, else its content.
    pub(super) fn key(&self) -> String {
        match &self.external_id {
            Some(id) => format!("external:{}", id.trim()),
            None => format!("content:{}", Digest::of_json(self)),
        }
    }
}

fn keep<T>(read: Result<T, Fault>, faults: &mut Vec<Fault>) -> Option<T> {
    read.map_err(|fault| faults.push(fault)).ok()
}

fn read_right(draft: &Draft) -> Result<Right, Fault> {
    let word = draft.right.trim();
    word.parse().map_err(|error: domain::right::UnknownWord| {
        Fault::new("right", "E-REQ-001", error.to_string())
    })
}

fn read_scope(right: Right, draft: &Draft) -> Result<Scope, Fault> {
    Scope::parse(right, &draft.scope)
        .map_err(|error| Fault::new("scope", "E-REQ-002", error.to_string()))
}

fn read_text(field: &str, text: Option<&str>) -> Result<Option<String>, Fault> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    if text.chars().count() > LONGEST_TEXT {
        let message = format!("is longer than {LONGEST_TEXT} characters");
        return Err(Fault::new(field, "E-REQ-004", message));
    }
    if text.chars().any(char::is_control) {
        return Err(Fault::new(field, "E-REQ-004", "holds a control character"));
    }
    Ok(Some(text.to_owned()))
}

/// The brand, which has to be one for which the request may be entered.
fn read_brand(draft: &Draft, rules: &Rules) -> Result<Option<String>, Fault> {
    let brand = read_text("brand", draft.brand.as_deref())?;
    if rules.reach.covers(brand.as_deref()) {
        return Ok(brand);
    }
    let message = match brand {
        Some(_) => "is none of the brands that you may enter requests for",
        None => "is missing, and you may enter requests for certain brands only",
    };
    Err(Fault::new("brand", "E-REQ-044", message))
}

fn read_identifiers(
    draft: &Draft,
    channel: Channel,
    rules: &Rules,
    faults: &mut Vec<Fault>,
) -> Vec<(IdentifierKind, String, String)> {
    let mut identifiers: Vec<(IdentifierKind, String, String)> = Vec::new();
    let before = faults.len();
    for (index, Given { kind, value: given }) in draft.identifiers.iter().enumerate() {
        let field = channel.identifier(index, kind);
        match read_identifier(kind, given, rules) {
            Err((code, message)) if faults.iter().all(|fault| fault.field != field) => {
                faults.push(Fault::new(field, code, message));
            }
            Err(_) => {}
            Ok(value) if identifiers.iter().any(|(k, _, known)| k == kind && *known == value) => {}
            Ok(value) => identifiers.push((kind.clone(), given.trim().to_owned(), value)),
        }
    }
    if draft.identifiers.is_empty() {
        let message = "there is no identifier, so nobody can be found";
        faults.push(Fault::new(channel.identifiers(), "E-REQ-003", message));
    } else if faults.len() == before && identifiers.len() > MOST_IDENTIFIERS {
        let message = format!("there are more than {MOST_IDENTIFIERS} identifiers");
        faults.push(Fault::new(channel.identifiers(), "E-REQ-005", message));
    }
    identifiers
}

/// The normalised value of an identifier, or a code and what is wrong.
pub(super) fn read_identifier(
    kind: &IdentifierKind,
    given: &str,
    rules: &Rules,
) -> Result<String, (&'static str, String)> {
    let placeholder = || {
        let message = "is a placeholder, which names everybody and nobody; it is never acted on";
        ("E-REQ-016", message.to_owned())
    };
    let value = match normalise(kind, given, rules.region.as_ref()) {
        Ok(value) => value,
        // `null` is no address either, but that it names nobody is what has to be known. Compared
        // as a user id, since every value that is no address counts as a placeholder for one.
        Err(error)
            if error != NormaliseError::Empty
                && rules.common.placeholders.matches(&IdentifierKind::UserId, given) =>
        {
            return Err(placeholder());
        }
        Err(error) => return Err((code_of(error), error.to_string())),
    };
    if rules.common.placeholders.matches(kind, &value) {
        return Err(placeholder());
    }
    if !rules.takes(kind) {
        let message =
            "no connection takes identifiers of this type, so nobody would be found by it";
        return Err(("E-REQ-017", message.to_owned()));
    }
    Ok(value)
}

fn code_of(error: NormaliseError) -> &'static str {
    match error {
        NormaliseError::Empty => "E-REQ-010",
        NormaliseError::TooLong | NormaliseError::ControlCharacter => "E-REQ-011",
        NormaliseError::Invisible | NormaliseError::LookAlike => "E-REQ-012",
        NormaliseError::NotAnEmail => "E-REQ-013",
        NormaliseError::NotAPhone => "E-REQ-014",
        NormaliseError::PhoneWithoutCountry | NormaliseError::UnknownRegion => "E-REQ-015",
    }
}

fn read_verified(draft: &Draft, rules: &Rules, faults: &mut Vec<Fault>) -> Option<Verified> {
    let by = keep(read_text("verified_by", draft.verified_by.as_deref()), faults)?;
    let at = keep(dates::verified(draft.verified_at.as_deref(), rules.now), faults)?;
    match (by, at) {
        (Some(by), at) => Some(Verified { by, at: at.unwrap_or(rules.now) }),
        (None, None) => Some(Verified { by: rules.entered_by.clone(), at: rules.now }),
        (None, Some(_)) => {
            let message = "there is a time of verification, but not who verified (verified_by)";
            faults.push(Fault::new("verified_at", "E-REQ-024", message));
            None
        }
    }
}
