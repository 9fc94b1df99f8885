//! Identifiers: typed values that name a person in some system, kept as given *and* normalised.
//!
//! Normalising never folds what a mail provider might fold (dots, plus tags), and a phone number
//! without a country needs a stated region. A value that imitates another (look-alike letters,
//! invisible characters) is refused: acting on it could delete a stranger.

mod normalise;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::schema::{PartialSchema, Shape, ToSchema, text};
use crate::{ConnectionId, IdentifierId, TaskId};
pub use normalise::{NormaliseError, Region, normalise};

/// The type of an identifier.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdentifierKind {
    /// An e-mail address.
    Email,
    /// A phone number, normalised to E.164.
    Phone,
    /// The company's own id of a user.
    UserId,
    /// An id given to a visitor before signing in.
    AnonymousId,
    /// mParticle's id of a profile.
    Mpid,
    /// A device's advertising id.
    AdvertisingId,
    /// A cookie's value.
    Cookie,
    /// A contact's id in a survey or mailing tool.
    ContactId,
    /// Any other type, by the name it has in the systems that use it.
    Custom(String),
}

impl IdentifierKind {
    /// The built-in kinds, as they head columns of a CSV.
    pub const BUILT_IN: &'static [Self] = &[
        Self::Email,
        Self::Phone,
        Self::UserId,
        Self::AnonymousId,
        Self::Mpid,
        Self::AdvertisingId,
        Self::Cookie,
        Self::ContactId,
    ];

    /// The kind's name; a custom kind is written `id.NAME`.
    pub fn name(&self) -> &str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::UserId => "user_id",
            Self::AnonymousId => "anonymous_id",
            Self::Mpid => "mpid",
            Self::AdvertisingId => "advertising_id",
            Self::Cookie => "cookie",
            Self::ContactId => "contact_id",
            Self::Custom(name) => name,
        }
    }

    /// Whether several people may share a value of this kind (it names a browser or a device: a
    /// family's tablet, a till), so that it must not lead on to other identifiers by itself.
    pub fn is_shared_by_people(&self) -> bool {
        matches!(self, Self::AnonymousId | Self::AdvertisingId | Self::Cookie)
    }
}

impl fmt::Display for IdentifierKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Custom(name) => f.pad(&format!("id.{name}")),
            built_in => f.pad(built_in.name()),
        }
    }
}

/// A kind that is neither built in nor `id.NAME`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown identifier type; expected email, phone, user_id, anonymous_id, mpid, advertising_id, cookie, contact_id, or id.NAME for a type of your own"
)]
pub struct UnknownKind;

impl FromStr for IdentifierKind {
    type Err = UnknownKind;
    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        if let Some(built_in) = Self::BUILT_IN.iter().find(|kind| kind.name() == text) {
            return Ok(built_in.clone());
        }
        let name = text.strip_prefix("id.").ok_or(UnknownKind)?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if name.is_empty() || name.len() > 64 || !name.chars().all(is_plain) {
            return Err(UnknownKind);
        }
        Ok(Self::Custom(name.to_owned()))
    }
}

impl Serialize for IdentifierKind {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for IdentifierKind {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl PartialSchema for IdentifierKind {
    fn schema() -> Shape {
        let names: Vec<_> = Self::BUILT_IN.iter().map(Self::name).collect();
        let pattern = format!(r"^({}|id\.[A-Za-z0-9_.-]{{1,64}})$", names.join("|"));
        let about = format!(
            "The type of an identifier: {}, or `id.NAME` for one of your own.",
            names.join(", ")
        );
        text(&about, &pattern, "email")
    }
}

impl ToSchema for IdentifierKind {}

/// A place within a connection where a person can be known: a Segment space, a Qualtrics
/// directory. The connector names it; it says nothing about a person.
pub type Place = String;

/// Where an identifier came from, and so how far it can be trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Origin {
    /// The request named it.
    Given,
    /// An operator added it later.
    Added,
    /// A system's answer listed it.
    Found {
        /// The connection that answered.
        connection: ConnectionId,
        /// The task on whose behalf it was asked.
        task: TaskId,
        /// The round in which it was found.
        round: u32,
    },
}

impl Origin {
    /// Whether the requester or the operator vouches for it.
    pub fn is_vouched_for(&self) -> bool {
        matches!(self, Self::Given | Self::Added)
    }
}

/// One identifier of a request. Its values are personal: they are sealed in the store and never
/// printed by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Identifier {
    /// Its row.
    pub id: IdentifierId,
    /// Its type.
    pub kind: IdentifierKind,
    /// Exactly as given or found.
    pub given: String,
    /// As compared and looked up.
    pub normalised: String,
    /// Where it came from.
    pub origin: Origin,
    /// Where it was seen, as `connection/place`; grows as systems answer.
    pub seen_in: Vec<Sighting>,
}

/// That a place of a connection knows an identifier.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Sighting {
    /// The connection.
    pub connection: ConnectionId,
    /// The place within it.
    pub place: Place,
}

impl Identifier {
    /// Whether this connection's place knew the identifier.
    pub fn was_seen_in(&self, connection: ConnectionId, place: &str) -> bool {
        self.seen_in.iter().any(|seen| seen.connection == connection && seen.place == place)
    }
}

impl fmt::Debug for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identifier")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// A value shown so that a person who knows it recognises it and nobody else learns it: the
/// first character, the number hidden, and for an e-mail address the end of its domain.
pub fn mask(kind: &IdentifierKind, value: &str) -> String {
    let mut chars = value.chars();
    let first = chars.next().map(String::from).unwrap_or_default();
    match (kind, value.rsplit_once('.')) {
        (IdentifierKind::Email, Some((_, end))) => format!("{first}***@***.{end}"),
        (IdentifierKind::Phone, _) => {
            let tail: String =
                value.chars().rev().take(2).collect::<Vec<_>>().into_iter().rev().collect();
            format!("+***{tail}")
        }
        _ => format!("{first}*** ({} characters)", value.chars().count()),
    }
}
