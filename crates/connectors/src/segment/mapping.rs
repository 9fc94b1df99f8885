//! Segment's external ids and our identifiers, one into the other. Pure.
//!
//! The Profile API finds a value only in lower case and percent-encoded. [`ProfileKey`] is the
//! only way to name a profile in a call, and there is no way to make one in another form: a
//! look-up in the wrong case would find nothing and pass for a proof of absence.

use domain::{Identifier, IdentifierKind};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

/// Everything but RFC 3986's unreserved characters. An unescaped one may be answered with 500.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The external-id type that names a whole account: a company, not a person.
const GROUP: &str = "group_id";

/// The two names under which phone numbers are found.
pub(super) const PHONE: &str = "phone";
pub(super) const PHONE_NUMBER: &str = "phone_number";

/// External-id types of Segment's own that name a browser or a device.
const OF_DEVICES: &[&str] = &[
    "android.id",
    "android.push_token",
    "cross_domain_id",
    "ga_client_id",
    "ios.id",
    "ios.push_token",
];

/// How a profile is named in a path: `type:value`, lower-cased and percent-encoded.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct ProfileKey(String);

impl ProfileKey {
    /// The key of an external id.
    pub(super) fn new(id_type: &str, value: &str) -> Self {
        Self(format!("{}:{}", encode(id_type), encode(&value.to_lowercase())))
    }

    /// The key of a profile that nobody has, to try a token with.
    pub(super) fn probe() -> Self {
        Self::new("user_id", "__probe__")
    }

    /// The path segment.
    pub(super) fn as_segment(&self) -> &str {
        &self.0
    }
}

/// A path segment with every byte encoded that is not unreserved.
pub(super) fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// The external-id types under which a value of this kind can be known. None for kinds that
/// Segment does not have.
pub(super) fn id_types(kind: &IdentifierKind) -> Vec<&str> {
    match kind {
        IdentifierKind::Email => vec!["email"],
        IdentifierKind::Phone => vec![PHONE],
        IdentifierKind::UserId => vec!["user_id"],
        IdentifierKind::AnonymousId => vec!["anonymous_id"],
        IdentifierKind::AdvertisingId => vec!["ios.idfa", "android.idfa"],
        IdentifierKind::Custom(name) if name == GROUP => Vec::new(),
        IdentifierKind::Custom(name) => vec![name],
        IdentifierKind::Mpid | IdentifierKind::Cookie | IdentifierKind::ContactId => Vec::new(),
    }
}

/// The types under which a value that was given is looked up. Segment's documents also show phone
/// numbers as `phone_number`: where a space has that type, it lists it as one of the customer's own.
pub(super) fn asked_types(kind: &IdentifierKind) -> Vec<&str> {
    let mut types = id_types(kind);
    if *kind == IdentifierKind::Phone {
        types.push(PHONE_NUMBER);
    }
    types
}

/// Our kind for an external-id type. None for an account's id, which many people share, and for
/// a name that is none.
pub(super) fn kind_of(id_type: &str) -> Option<IdentifierKind> {
    match id_type {
        "email" => Some(IdentifierKind::Email),
        PHONE => Some(IdentifierKind::Phone),
        "user_id" => Some(IdentifierKind::UserId),
        "anonymous_id" => Some(IdentifierKind::AnonymousId),
        "ios.idfa" | "android.idfa" => Some(IdentifierKind::AdvertisingId),
        GROUP => None,
        custom => format!("id.{custom}").parse().ok(),
    }
}

/// Whether people may share a value of this kind, so that it leads on only where somebody vouches
/// for it.
pub(super) fn is_shared_by_people(kind: &IdentifierKind) -> bool {
    let is_of_device = |name: &String| OF_DEVICES.contains(&name.as_str());
    kind.is_shared_by_people() || matches!(kind, IdentifierKind::Custom(name) if is_of_device(name))
}

/// Whether two values of this kind that differ in case only may be two people.
pub(super) fn case_matters(kind: &IdentifierKind) -> bool {
    !matches!(kind, IdentifierKind::Email | IdentifierKind::Phone | IdentifierKind::AdvertisingId)
}

/// The order in which identifiers are tried: what names one person for sure comes first, what
/// people share last. Segment advises against e-mail addresses in URLs, so they come late.
pub(super) fn reluctance(kind: &IdentifierKind) -> u8 {
    match kind {
        IdentifierKind::UserId => 0,
        IdentifierKind::Email | IdentifierKind::Phone => 2,
        shared if is_shared_by_people(shared) => 3,
        _ => 1,
    }
}

/// The keys by which an identifier is looked up.
pub(super) fn keys(identifier: &Identifier) -> Vec<ProfileKey> {
    let value = exact(identifier);
    id_types(&identifier.kind).into_iter().map(|id_type| ProfileKey::new(id_type, value)).collect()
}

/// The value as the system has it: exactly as listed, or as the requester meant it. Case is
/// kept: regulations are case-sensitive.
pub(super) fn exact(identifier: &Identifier) -> &str {
    if identifier.origin.is_vouched_for() { &identifier.normalised } else { &identifier.given }
}
