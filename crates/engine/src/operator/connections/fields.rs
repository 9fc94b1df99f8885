//! What was entered for a connection, held against the manifest of its connector.

use connector_api::Manifest;
use connector_api::manifest::{Field, FieldKind};
use domain::Connection;
use serde_json::Value;

use crate::operator::desk::OperatorError;
use crate::operator::fault::Fault;
use crate::operator::meant::known;

/// Refuses settings and secrets that the connector does not know or can't take, and those that are
/// lacking. What is wrong is told all at once.
pub(super) fn refuse_misfits(
    manifest: &Manifest,
    connection: &Connection,
) -> Result<(), OperatorError> {
    let mut faults = Vec::new();
    for (key, value) in &connection.settings {
        faults.extend(setting(manifest, key, value));
    }
    let secrets = connection.secrets.iter().filter(|name| !is_secret(manifest, name));
    faults.extend(secrets.map(|name| {
        let names: Vec<_> = fields(manifest, true).collect();
        let message = format!("there is no such secret; {}", known(name, &names));
        Fault::new(format!("secrets.{name}"), "E-SET-008", message)
    }));
    let is_lacking = |field: &&Field| {
        let is_given = match field.kind {
            FieldKind::Secret => connection.secrets.contains(field.key),
            _ => connection.settings.contains_key(field.key),
        };
        field.required && !is_given
    };
    faults.extend(manifest.fields.iter().filter(is_lacking).map(|field| {
        let key =
            if is_hidden(field) { format!("secrets.{}", field.key) } else { field.key.into() };
        Fault::new(key, "E-SET-010", "is missing, and the connection can't be made without it")
    }));
    match faults.len() {
        0 => Ok(()),
        1 => Err(OperatorError::Fault(faults.remove(0))),
        _ => Err(OperatorError::Faults(faults)),
    }
}

fn setting(manifest: &Manifest, key: &str, value: &Value) -> Option<Fault> {
    let Some(field) = manifest.field(key) else {
        let names: Vec<_> = fields(manifest, false).collect();
        let message = format!("there is no such setting; {}", known(key, &names));
        return Some(Fault::new(key, "E-SET-008", message));
    };
    let takes = match field.kind {
        FieldKind::Secret | FieldKind::SecretPer(_) => "belongs among the secrets".to_owned(),
        FieldKind::Text if value.is_string() => return None,
        FieldKind::Text => "takes a text".to_owned(),
        FieldKind::Choice(words) if value.as_str().is_some_and(|word| words.contains(&word)) => {
            return None;
        }
        FieldKind::Choice(words) => format!("is one of: {}", words.join(", ")),
        FieldKind::List
            if value.as_array().is_some_and(|list| list.iter().all(Value::is_string)) =>
        {
            return None;
        }
        FieldKind::List => "takes a list of texts".to_owned(),
        FieldKind::Table(names) if is_table_of(value, names) => return None,
        FieldKind::Table(names) => format!("takes texts by these names: {}", names.join(", ")),
    };
    Some(Fault::new(key, "E-SET-009", takes))
}

fn is_table_of(value: &Value, names: &[&str]) -> bool {
    let table = value.as_object();
    table.is_some_and(|table| {
        table.iter().all(|(name, value)| names.contains(&&**name) && value.is_string())
    })
}

fn is_secret(manifest: &Manifest, name: &str) -> bool {
    manifest.fields.iter().any(|field| match field.kind {
        FieldKind::Secret => field.key == name,
        FieldKind::SecretPer(_) => {
            name.strip_prefix(field.key).is_some_and(|rest| rest.len() > 1 && rest.starts_with('.'))
        }
        _ => false,
    })
}

fn is_hidden(field: &Field) -> bool {
    matches!(field.kind, FieldKind::Secret | FieldKind::SecretPer(_))
}

fn fields(manifest: &Manifest, hidden: bool) -> impl Iterator<Item = &'static str> {
    manifest.fields.iter().filter(move |field| is_hidden(field) == hidden).map(|field| field.key)
}
