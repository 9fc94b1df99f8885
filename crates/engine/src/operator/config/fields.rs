//! Things as flat fields, called as a file calls them: `consent_categories.sale`, `serves.rights`,
//! `roles`. What is wanted and what stands are compared field by field in this form. Pure.

use std::collections::BTreeMap;

use domain::{Connection, Role};
use serde_json::Value;
use store::Secret;

use super::diff::Key;
use super::{Config, ConnectionConfig, Given, Part, PrincipalConfig};
use crate::operator::connections::switches;
use crate::operator::controls;
use crate::operator::fault::Fault;
use crate::operator::principals::PrincipalView;

/// Fields by name. One that is nothing is absent or `null`.
pub(super) type Fields = BTreeMap<String, Value>;

/// The one field of a setting.
pub(super) const VALUE: &str = "value";

/// The field `brands` of a principal that is bound to none.
pub(super) const ALL_BRANDS: &str = "all";

/// A thing as it is wanted.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) fields: Fields,
    pub(super) secrets: BTreeMap<String, Given>,
}

/// A thing as it stands. A secret is opened only where it is compared.
#[derive(Debug, Default)]
pub(super) struct Standing {
    pub(super) fields: Fields,
    pub(super) secrets: BTreeMap<String, Option<Secret>>,
}

/// Everything that is wanted, or every fault in it.
pub(super) fn wanted(config: &Config) -> Result<BTreeMap<Key, Wanted>, Vec<Fault>> {
    let mut faults = twice(config);
    let mut things = BTreeMap::new();
    for (key, text) in config.settings.iter().flatten() {
        match controls::normal(key, text) {
            Ok(text) => {
                let wanted = Wanted { fields: of_setting(&text), ..Wanted::default() };
                things.insert((Part::Settings, key.clone()), wanted);
            }
            Err(fault) => faults.push(Fault { field: format!("settings.{key}"), ..fault }),
        }
    }
    for (name, one) in config.principals.iter().flatten() {
        let wanted = Wanted { fields: of_principal(one), ..Wanted::default() };
        things.insert((Part::Principals, name.clone()), wanted);
    }
    for (name, one) in config.connections.iter().flatten() {
        let mut fields = of_connection(&one.connector, &one.settings, &one.base_urls);
        put(&mut fields, "allow_loopback", one.allow_loopback.into());
        match switches::named(&pairs(one)) {
            Ok(named) => {
                fields.extend(named.into_iter().map(|(key, value)| (key, normal(value))));
                let wanted = Wanted { fields, secrets: one.secrets.clone() };
                things.insert((Part::Connections, name.clone()), wanted);
            }
            Err(fault) => faults.push(within(&(Part::Connections, name.clone()), fault)),
        }
    }
    if faults.is_empty() { Ok(things) } else { Err(faults) }
}

/// Names that differ in capitals alone: one of them is a slip.
fn twice(config: &Config) -> Vec<Fault> {
    let mut seen = BTreeMap::new();
    let connections =
        config.connections.iter().flatten().map(|(name, _)| (Part::Connections, name));
    let principals = config.principals.iter().flatten().map(|(name, _)| (Part::Principals, name));
    let mut faults = Vec::new();
    for (part, name) in connections.chain(principals) {
        if let Some(other) = seen.insert((part, name.to_lowercase()), name) {
            let message =
                format!("differs from `{other}` in capitals alone; leave one of them out");
            faults.push(Fault::new(format!("{part}.{name}"), "E-CFG-003", message));
        }
    }
    faults
}

/// The switches that a connection names.
pub(super) fn pairs(one: &ConnectionConfig) -> Vec<(String, String)> {
    one.switches.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// A connection as it stands, without its secrets.
pub(super) fn standing(connection: &Connection) -> Fields {
    let Connection { connector, settings, base_urls, .. } = connection;
    let mut fields = of_connection(connector, settings, base_urls);
    put(&mut fields, "allow_loopback", connection.allow_loopback.into());
    for (key, value) in switches::fields(&connection.switches) {
        put(&mut fields, &key, value);
    }
    fields
}

fn of_connection(
    connector: &str,
    settings: &BTreeMap<String, Value>,
    base_urls: &BTreeMap<String, String>,
) -> Fields {
    let mut fields = Fields::new();
    put(&mut fields, "connector", connector.into());
    for (key, value) in settings {
        match value {
            Value::Object(inner) => {
                for (name, value) in inner {
                    put(&mut fields, &format!("{key}.{name}"), value.clone());
                }
            }
            value => put(&mut fields, key, value.clone()),
        }
    }
    for (name, url) in base_urls {
        put(&mut fields, &format!("base_urls.{name}"), url.as_str().into());
    }
    fields
}

/// A setting's one field.
pub(super) fn of_setting(value: &str) -> Fields {
    Fields::from([(VALUE.to_owned(), normal(value.into()))])
}

/// A principal's fields.
pub(super) fn of_principal(one: &PrincipalConfig) -> Fields {
    let mut fields = Fields::new();
    put(&mut fields, "kind", one.kind.word().into());
    put(&mut fields, "roles", one.roles.iter().map(|role| role.word()).collect());
    // Nothing would read as no brand at all, so all of them is a word.
    let brands = one.reach.brands().map(|brands| brands.iter().cloned().collect());
    put(&mut fields, "brands", brands.unwrap_or_else(|| ALL_BRANDS.into()));
    put(&mut fields, "disabled", one.disabled.into());
    fields
}

/// Whether a principal with these fields may do everything, everywhere.
pub(super) fn rules_all(fields: &Fields) -> bool {
    let roles = get(fields, "roles").as_array();
    let is_admin =
        roles.is_some_and(|roles| roles.iter().any(|role| role == Role::SuperAdmin.word()));
    is_admin && get(fields, "brands") == ALL_BRANDS && *get(fields, "disabled") != true
}

/// What a principal that stands would be in a configuration.
pub(super) fn as_wanted(view: &PrincipalView) -> PrincipalConfig {
    let PrincipalView { kind, roles, reach, disabled_at, .. } = view.clone();
    PrincipalConfig { kind, roles, reach, disabled: disabled_at.is_some() }
}

/// A field; `null` where it is nothing.
pub(super) fn get<'a>(fields: &'a Fields, field: &str) -> &'a Value {
    fields.get(field).unwrap_or(&Value::Null)
}

/// What a field goes back to that is not named: nothing, as the table holds all of them, unless it is a
/// switch, which stays as it is until somebody says otherwise.
pub(super) fn usual_switch(part: Part, field: &str) -> Option<Value> {
    match part {
        Part::Connections => switches::usual(field).map(normal),
        Part::Settings | Part::Principals => None,
    }
}

/// What a setting is until somebody sets it.
pub(super) fn usual_setting(key: &str) -> Value {
    normal(controls::usual(key).into())
}

/// A fault in a field of a thing.
pub(super) fn within(key: &Key, fault: Fault) -> Fault {
    let place = format!("{}.{}", key.0, key.1);
    let field = match fault.field.as_str() {
        "" | "name" => place,
        field => format!("{place}.{field}"),
    };
    Fault { field, ..fault }
}

fn put(fields: &mut Fields, key: &str, value: Value) {
    fields.insert(key.to_owned(), normal(value));
}

/// What is empty, or not so, is nothing.
fn normal(value: Value) -> Value {
    match value {
        Value::Array(list) if list.is_empty() => Value::Null,
        Value::String(text) if text.is_empty() => Value::Null,
        Value::Bool(false) => Value::Null,
        value => value,
    }
}
