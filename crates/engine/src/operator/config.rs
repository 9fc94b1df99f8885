//! Configuration as code: an installation as it is wanted, compared with the one that stands, and
//! carried out.
//!
//! A [`Config`] is what a file of configuration says, with the secrets themselves in the place of where
//! they lie: whoever holds them reads the file. [`plan`] says what would change and changes nothing;
//! [`prepare`] and [`apply`] carry out exactly the plan that was shown, by the functions that the other
//! commands call, so that each change is checked, journalled and refused as it is there.
//!
//! A part that a file does not have at all is not looked at. Within a part, a table of a connection or
//! of a principal holds all of it, but for the switches of a connection: a switch that is not named, and
//! everything else that stands here and is not in the file, is left alone and listed, or taken away
//! if somebody says so.

mod applied;
mod apply;
mod comparing;
mod diff;
mod fields;
mod present;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use domain::principal::PrincipalKind;
use domain::{Permission, Reach, Role};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use store::Secret;
use utoipa::ToSchema;

pub use apply::{Carried, Prepared, apply, plan, prepare};
pub use comparing::note_comparison;
pub use diff::{Change, FieldChange, How, LeftAlone, Plan, SecretChange};
pub use present::present;

domain::words! {
    /// A part of what can be configured.
    Part: "part of a configuration" {
        /// What holds for the whole installation.
        Settings = "settings",
        /// Who may do what.
        Principals = "principals",
        /// The connected systems.
        Connections = "connections",
    }
}

/// An installation as it is wanted, or as it stands. A part that is absent is not looked at.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Settings by their key, each as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<BTreeMap<String, String>>,
    /// Principals by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principals: Option<BTreeMap<String, PrincipalConfig>>,
    /// Connections by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<BTreeMap<String, ConnectionConfig>>,
}

/// A principal as it is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PrincipalConfig {
    /// What it is.
    pub kind: PrincipalKind,
    /// What it is trusted with.
    pub roles: BTreeSet<Role>,
    /// In which requests.
    pub reach: Reach,
    /// Whether it may do nothing any more.
    #[serde(default)]
    pub disabled: bool,
}

/// A connection as it is wanted.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionConfig {
    /// The connector's name.
    pub connector: String,
    /// Settings that are no secret, by the connector's keys: all of them.
    #[serde(default)]
    pub settings: BTreeMap<String, Value>,
    /// Secrets by name: all of them. One whose value is not at hand is `null`: it is not compared, and
    /// nothing that needs it can be carried out. None is ever shown.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, Option<String>>)]
    pub secrets: BTreeMap<String, Given>,
    /// Base URLs that replace the region's: all of them.
    #[serde(default)]
    pub base_urls: BTreeMap<String, String>,
    /// Whether base URLs may be on loopback.
    #[serde(default)]
    pub allow_loopback: bool,
    /// Switches by name, each as text. One that is absent stays as it is.
    #[serde(default)]
    pub switches: BTreeMap<String, String>,
}

/// A secret that came in, if its value did. Written out it is always `null`.
#[derive(Debug, Clone, Default)]
pub struct Given(pub Option<Secret>);

impl Serialize for Given {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_none()
    }
}

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        Ok(Self(text.map(Secret::new)))
    }
}

impl Part {
    /// What somebody needs to see this part.
    pub fn reading(self) -> Permission {
        match self {
            Self::Settings => Permission::SettingsRead,
            Self::Principals => Permission::PrincipalsRead,
            Self::Connections => Permission::ConnectionsRead,
        }
    }

    /// What somebody needs to plan or change this part: a plan says whether a secret differs.
    pub fn writing(self) -> Permission {
        match self {
            Self::Settings => Permission::SettingsWrite,
            Self::Principals => Permission::PrincipalsWrite,
            Self::Connections => Permission::ConnectionsWrite,
        }
    }
}

impl Config {
    /// The parts that it has.
    pub fn parts(&self) -> Vec<Part> {
        let has = |part: &Part| match part {
            Part::Settings => self.settings.is_some(),
            Part::Principals => self.principals.is_some(),
            Part::Connections => self.connections.is_some(),
        };
        Part::ALL.iter().copied().filter(has).collect()
    }
}
