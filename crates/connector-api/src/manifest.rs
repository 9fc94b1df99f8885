//! A connector's manifest: everything about it that is data. Set-up forms, help texts, checks,
//! limits and documentation pages are made from it.

use std::time::Duration;

use domain::{IdentifierKind, Right};

use crate::guide::{Fact, Guide};

/// What a connector is, needs and can.
#[derive(Debug)]
pub struct Manifest {
    /// Its name in configuration (`segment`).
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// What kind of system it is.
    pub category: &'static str,
    /// One sentence on it.
    pub summary: &'static str,
    /// The vendor's API documentation.
    pub docs_url: &'static str,
    /// What an operator enters.
    pub fields: &'static [Field],
    /// The regions, each with its base URLs.
    pub regions: &'static [Region],
    /// What it can do.
    pub capabilities: &'static [Capability],
    /// What its credentials must be allowed.
    pub permissions: &'static [Permission],
    /// The limits its calls count against.
    pub limits: &'static [LimitRule],
    /// Identifiers it can look people up by.
    pub takes: &'static [IdentifierKind],
    /// When a job is asked about: from this age on, every so often.
    pub cadence: &'static [Cadence],
    /// From which age on a job takes so long that its vendor is best asked about it.
    pub alarm: Duration,
    /// How long a job takes at most before it counts as expired.
    pub longest: Duration,
    /// When to look again after a job is done, counted from its end. While data is still there
    /// after the last of these, the vendor is refuted.
    pub looks: &'static [Duration],
    /// Variants of plans that one reading confirms for everybody, such as a list of all who were
    /// suppressed: the engine hands over the people who are due together. Others are looked up one
    /// by one, so that a fault concerns one person.
    pub confirmed_together: &'static [&'static str],
    /// When to look for a reappearance after a confirmed end.
    pub rechecks: &'static [Duration],
    /// The most members and bytes of one batch.
    pub batch: Batch,
    /// How long after a lost answer the vendor may not show yet what happened.
    pub reconcile_lag: Duration,
    /// What a person should know that no code needs.
    pub guide: &'static Guide,
}

/// One value an operator enters.
#[derive(Debug)]
pub struct Field {
    /// Its key in the configuration.
    pub key: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// Where it is found at the vendor, if it is found there.
    pub found: Option<Fact>,
    /// What it is good for.
    pub help: &'static str,
    /// What kind of value it is.
    pub kind: FieldKind,
    /// Whether the connection can't be made without it.
    pub required: bool,
}

/// What kind of value a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// Plain text.
    Text,
    /// A secret; sealed, never shown again.
    Secret,
    /// One of these words; the first is the default.
    Choice(&'static [&'static str]),
    /// A list of texts.
    List,
    /// A secret per entry of a list field, named `KEY.ENTRY`.
    SecretPer(&'static str),
    /// Texts by name (`consent_categories.sale = "…"`), with these names.
    Table(&'static [&'static str]),
}

/// A region of a vendor.
#[derive(Debug)]
pub struct Region {
    /// Its word in the configuration.
    pub name: &'static str,
    /// Its base URLs, by name.
    pub base_urls: &'static [(&'static str, &'static str)],
}

/// Something a connector can do.
#[derive(Debug)]
pub struct Capability {
    /// The right it serves.
    pub right: Right,
    /// Whether the vendor works on it after answering.
    pub is_asynchronous: bool,
    /// What it does, for people.
    pub summary: &'static str,
}

/// Something the credentials must be allowed.
#[derive(Debug)]
pub struct Permission {
    /// Its name.
    pub name: &'static str,
    /// Whether the connection is of no use without it.
    pub required: bool,
    /// What is lost without it.
    pub lost: &'static str,
    /// Where it is granted, as a click path at the vendor.
    pub grant: &'static str,
}

/// A documented limit: so many calls in so much time, per instance.
#[derive(Debug)]
pub struct LimitRule {
    /// Its name, as endpoints give it.
    pub name: &'static str,
    /// How many calls.
    pub calls: u32,
    /// In how much time.
    pub per: Duration,
}

/// How often a job of some age is asked about.
#[derive(Debug)]
pub struct Cadence {
    /// From this age on.
    pub from_age: Duration,
    /// Every so often.
    pub every: Duration,
}

/// The most that goes into one changing call.
#[derive(Debug)]
pub struct Batch {
    /// Members.
    pub items: u32,
    /// Bytes of the body.
    pub bytes: u32,
}

impl Manifest {
    /// How long to wait before asking about a job of this age.
    pub fn poll_after(&self, age: Duration) -> Duration {
        self.cadence
            .iter()
            .rev()
            .find(|rule| age >= rule.from_age)
            .or(self.cadence.first())
            .map_or(Duration::from_secs(3600), |rule| rule.every)
    }

    /// The field of this key.
    pub fn field(&self, key: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.key == key)
    }

    /// The permission of this name.
    pub fn permission(&self, name: &str) -> Option<&Permission> {
        self.permissions.iter().find(|permission| permission.name == name)
    }
}
