//! A candidate: what the stage and the conformance suite must know of a connector and its twin,
//! as data. What is entered to connect it follows from the manifest and the twin's description.

use std::collections::BTreeMap;

use anyhow::Context as _;
use connector_api::Connector;
use connector_api::manifest::{Field, FieldKind, Manifest};
use engine::operator::connections::NewConnection;
use serde_json::Value;
use store::Secret;

/// The twin's credentials that may do everything, as a path below `credentials`.
pub const FULL: &str = "/full";

/// The twin's credentials that the vendor takes no longer, as a path below `credentials`.
pub const REVOKED: &str = "/revoked";

/// A connector that joins the suite.
#[derive(Clone, Copy)]
pub struct Candidate {
    /// The connector. Its twin goes by the name in its manifest.
    pub connector: &'static dyn Connector,
    /// The kind of people in the twin's description who are known and can be deleted whole.
    pub known: &'static str,
    /// The kind of people of whom the vendor leaves something behind.
    pub left_in_part: &'static str,
    /// The identifier that people are looked up by.
    pub known_by: &'static str,
    /// A value of that identifier that nobody in the twin has.
    pub unknown: &'static str,
    /// The calls that look a person up.
    pub look_up: Calls,
    /// The changing calls that delete.
    pub deletion: Calls,
    /// Where the twin's audit lists the changing calls it has taken, each with its `id`.
    pub changes: &'static str,
    /// What becomes of the deletion of a known person when all goes well.
    pub carried_out: &'static str,
    /// Switches, as JSON, by which a 429 does not say when to come back.
    pub without_hint: &'static str,
    /// Switches by which the credentials lead to another account.
    pub other_account: &'static str,
    /// Switches by which no job ends.
    pub never_ends: &'static str,
}

/// Calls of a twin, as its faults match them.
#[derive(Clone, Copy)]
pub struct Calls {
    /// The method.
    pub method: &'static str,
    /// The path: a beginning, or a pattern with `*`.
    pub path: &'static str,
}

impl Candidate {
    /// What it is, needs and can.
    pub fn manifest(&self) -> &'static Manifest {
        self.connector.manifest()
    }

    /// Its name, its twin's, and that of its connection on a stage.
    pub fn name(&self) -> &'static str {
        self.manifest().name
    }

    /// What an operator would enter to connect the twin with these of its credentials, acting
    /// without asking: nothing but the fields of the manifest.
    pub fn entered(&self, twins: &Value, credentials: &str) -> anyhow::Result<NewConnection> {
        let twin = &twins[self.name()];
        let given = twin["credentials"].pointer(credentials);
        let given = given.with_context(|| format!("the twin has no credentials {credentials}"))?;
        let urls = twin["base_urls"].as_object().context("the twin has no base_urls")?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut new = NewConnection {
            name: self.name().to_owned(),
            connector: self.name().to_owned(),
            settings: BTreeMap::new(),
            secrets: BTreeMap::new(),
            base_urls: urls.iter().map(|(name, url)| (name.clone(), text(url))).collect(),
            allow_loopback: true,
            switches: [("mode", "act"), ("review", "auto"), ("approval", "auto")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
        };
        if let Some(region) = self.manifest().regions.first() {
            new.settings.insert("region".to_owned(), region.name.into());
        }
        for field in self.manifest().fields {
            enter(&mut new, field, given);
        }
        Ok(new)
    }
}

/// Enters a field, where the credentials hold it. A list of places is a list of objects there, each
/// with the place's id and its secret.
fn enter(new: &mut NewConnection, field: &Field, given: &Value) {
    let value = &given[field.key];
    match (field.kind, value) {
        (FieldKind::SecretPer(list), _) => {
            for place in given[list].as_array().into_iter().flatten() {
                if let (Some(id), Some(secret)) = (id_of(place), place[field.key].as_str()) {
                    let name = format!("{}.{id}", field.key);
                    new.secrets.insert(name, Secret::new(secret.to_owned()));
                }
            }
        }
        (FieldKind::Secret, Value::String(secret)) => {
            new.secrets.insert(field.key.to_owned(), Secret::new(secret.clone()));
        }
        (FieldKind::List, Value::Array(places)) => {
            let ids: Vec<_> = places.iter().filter_map(id_of).collect();
            new.settings.insert(field.key.to_owned(), ids.into());
        }
        (_, Value::Null) => {}
        (_, value) => {
            new.settings.insert(field.key.to_owned(), value.clone());
        }
    }
}

fn id_of(place: &Value) -> Option<&str> {
    let named = |fields: &'_ serde_json::Map<String, Value>| {
        fields.keys().find(|name| name.ends_with("_id")).cloned()
    };
    match place.as_object().and_then(named) {
        Some(name) => place[&name].as_str(),
        None => place.as_str(),
    }
}
