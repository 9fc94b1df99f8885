//! A connection to a twin, from the one line that `habeas twins --json` prints: base URLs on
//! loopback and the twin's own credentials. Those are secrets of nobody, so they may stand there.

use std::path::Path;

use serde_json::Value as Json;

use super::secrets::Source;
use super::{Registry, Wanted, is_secret};
use crate::exit::{self, Stop};
use connector_api::manifest::{Field, FieldKind};

/// The connection to a vendor's twin, named `VENDOR-twin`.
pub fn read(path: &Path, vendor: &str, registry: Registry<'_>) -> anyhow::Result<Wanted> {
    let text = std::fs::read_to_string(path).map_err(|error| exit::unreadable(path, error))?;
    let twins: Json = serde_json::from_str(&text)
        .map_err(|_| Stop::usage("that is not what `habeas twins --json` prints"))?;
    Ok(parse(&twins, vendor, registry)?)
}

/// The connection to a vendor's twin, from the parsed description.
pub fn parse(twins: &Json, vendor: &str, registry: Registry<'_>) -> Result<Wanted, Stop> {
    let manifest = registry(vendor).ok_or_else(|| Stop::usage("no connector of that name"))?;
    let twin = &twins[vendor];
    let (Some(urls), Some(full)) =
        (twin["base_urls"].as_object(), twin["credentials"]["full"].as_object())
    else {
        return Err(Stop::usage(format!("the description holds no {vendor} twin"))
            .advise("write it anew: habeas twins --json > twins.json"));
    };
    let mut wanted = Wanted::new(format!("{vendor}-twin"), manifest);
    wanted.allow_loopback = true;
    for (name, url) in urls {
        wanted.base_urls.insert(name.clone(), url.as_str().unwrap_or_default().to_owned());
    }
    if let Some(region) = manifest.regions.first() {
        wanted.settings.insert("region".to_owned(), region.name.into());
    }
    for field in manifest.fields {
        take(&mut wanted, field, full);
    }
    Ok(wanted)
}

/// Takes what the credentials hold for a field. A list of places is a list of objects there, with
/// the place's id and its secret side by side.
fn take(wanted: &mut Wanted, field: &Field, full: &serde_json::Map<String, Json>) {
    let texts = |value: &Json| value.as_str().map(str::to_owned);
    match field.kind {
        FieldKind::SecretPer(list) => {
            for place in full.get(list).and_then(Json::as_array).into_iter().flatten() {
                if let (Some(id), Some(secret)) = (id_of(place), texts(&place[field.key])) {
                    wanted.secrets.insert(format!("{}.{id}", field.key), Source::Here(secret));
                }
            }
        }
        FieldKind::List => {
            let places = full.get(field.key).and_then(Json::as_array).into_iter().flatten();
            let ids: Vec<String> =
                places.filter_map(|one| texts(one).or_else(|| id_of(one))).collect();
            wanted.settings.insert(field.key.to_owned(), ids.into());
        }
        _ if is_secret(field) => {
            if let Some(secret) = full.get(field.key).and_then(texts) {
                wanted.secrets.insert(field.key.to_owned(), Source::Here(secret));
            }
        }
        _ => {
            if let Some(value) = full.get(field.key) {
                wanted.settings.insert(field.key.to_owned(), value.clone());
            }
        }
    }
}

fn id_of(place: &Json) -> Option<String> {
    let fields = place.as_object()?;
    let (_, id) = fields.iter().find(|(name, _)| name.ends_with("_id"))?;
    id.as_str().map(str::to_owned)
}
