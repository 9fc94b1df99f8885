//! The example of a configuration: what is required as it would be written, the rest commented.

use connector_api::Manifest;
use connector_api::manifest::{Field, FieldKind};

/// The name that examples give to a connection: the vendor and its first region.
pub(super) fn connection(manifest: &Manifest) -> String {
    match manifest.regions.first() {
        Some(region) => format!("{}-{}", manifest.name, region.name),
        None => manifest.name.to_owned(),
    }
}

/// The whole file.
pub(super) fn configuration(manifest: &Manifest) -> String {
    let (required, optional): (Vec<&Field>, Vec<&Field>) =
        manifest.fields.iter().partition(|field| field.required);
    let required = required.iter().flat_map(|field| lines(manifest, field));
    let required: String = required.map(|line| line + "\n").collect();
    let optional = optional.iter().flat_map(|field| lines(manifest, field));
    let optional: String = optional.map(|line| format!("# {line}\n")).collect();
    let aside = if optional.is_empty() { "" } else { "\n# What you don't need stays out.\n" };
    let (name, connection) = (manifest.name, connection(manifest));
    format!("[connections.{connection}]\nconnector = \"{name}\"\n{required}{aside}{optional}")
}

fn lines(manifest: &Manifest, field: &Field) -> Vec<String> {
    let key = field.key;
    match field.kind {
        FieldKind::Text => vec![format!("{key} = \"…\"")],
        FieldKind::List => vec![format!("{key} = [\"…\"]")],
        FieldKind::Secret => {
            let variable = format!("{}_{key}", manifest.name).to_uppercase();
            vec![format!("secrets.{key} = {{ env = \"{variable}\" }}")]
        }
        FieldKind::SecretPer(_) => {
            vec![format!("secrets.\"{key}.…\" = {{ file = \"{key}\" }}")]
        }
        FieldKind::Choice(words) => {
            let others = words.iter().skip(1).map(|word| format!("\"{word}\"")).collect::<Vec<_>>();
            let first = words.first().unwrap_or(&"…");
            vec![format!("{key} = \"{first}\"  # or {}", others.join(", "))]
        }
        FieldKind::Table(names) => {
            names.iter().map(|name| format!("{key}.{name} = \"…\"")).collect()
        }
    }
}
