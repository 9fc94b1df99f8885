//! Configuration: a whole file ([`file`]) with its connections, flags (`--set key=value`), or the
//! description that `habeas twins --json` prints. Of all three a connection becomes a [`Wanted`].
//!
//! Which keys exist follows from the connector's manifest. A key that does not exist is refused by
//! name, and so is a secret written out: a file of configuration names where a secret lies, never
//! the secret. No message repeats a value.

pub mod file;
pub mod secrets;
#[cfg(test)]
mod tests;
pub mod twin;

use std::collections::BTreeMap;
use std::path::Path;

use connector_api::Manifest;
use connector_api::manifest::{Field, FieldKind};
use serde_json::{Value as Json, json};
use toml::{Table, Value};

use crate::exit::Stop;
use secrets::Source;

/// The switches that a table may set beside the connector's own fields.
pub const SWITCHES: &[&str] =
    &["mode", "review", "approval", "guard", "until", "completion", "batch", "limits", "serves"];

/// A connection as somebody wants it; not yet checked, not yet saved.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// The connector.
    pub manifest: &'static Manifest,
    /// Settings that are no secret, by the manifest's keys.
    pub settings: BTreeMap<String, Json>,
    /// Where each secret lies.
    pub secrets: BTreeMap<String, Source>,
    /// Base URLs that replace the region's.
    pub base_urls: BTreeMap<String, String>,
    /// Whether those may be on loopback.
    pub allow_loopback: bool,
    /// Switches, as `connections set` takes them.
    pub switches: Vec<(String, String)>,
}

impl Wanted {
    /// The connection as the API takes it, with its secrets read from where they lie.
    pub fn to_json(&self) -> anyhow::Result<Json> {
        let secret = |(name, source): (&String, &Source)| {
            Ok((name.clone(), Json::from(source.resolve(name)?)))
        };
        let secrets = self.secrets.iter().map(secret).collect::<anyhow::Result<_>>()?;
        let mut body = self.body(&secrets);
        body["name"] = self.name.as_str().into();
        Ok(body)
    }

    /// The connection with these secrets, but for its name.
    fn body(&self, secrets: &serde_json::Map<String, Json>) -> Json {
        let switches: BTreeMap<_, _> = self.switches.iter().cloned().collect();
        json!({
            "connector": self.manifest.name,
            "settings": self.settings,
            "secrets": secrets,
            "base_urls": self.base_urls,
            "allow_loopback": self.allow_loopback,
            "switches": switches,
        })
    }
}

/// Finds a connector's manifest by name.
pub type Registry<'a> = &'a dyn Fn(&str) -> Option<&'static Manifest>;

impl Wanted {
    /// A connection with nothing but a name and a connector.
    pub fn new(name: String, manifest: &'static Manifest) -> Self {
        Self {
            name,
            manifest,
            settings: BTreeMap::new(),
            secrets: BTreeMap::new(),
            base_urls: BTreeMap::new(),
            allow_loopback: false,
            switches: Vec::new(),
        }
    }

    /// Takes `key=value` from the command line. Lists are parted by commas, nested keys by dots;
    /// a secret is written `secrets.KEY=env:NAME` or `secrets.KEY=file:PATH`.
    pub fn set(&mut self, assignment: &str) -> Result<(), Stop> {
        let Some((path, text)) = assignment.split_once('=') else {
            return Err(Stop::usage("--set takes key=value"));
        };
        if let Some(secret) = path.strip_prefix("secrets.") {
            let source = Source::from_flag(secret, text)?;
            return self.put_secret("", secret, source);
        }
        let (key, inner) =
            path.split_once('.').map_or((path, None), |(key, rest)| (key, Some(rest)));
        let is_list = |field: &Field| field.kind == FieldKind::List;
        let value = match text {
            "true" | "false" if key == "allow_loopback" => Value::Boolean(text == "true"),
            _ if self.manifest.field(key).is_some_and(is_list) => Value::Array(
                text.split(',').map(|one| Value::String(one.trim().to_owned())).collect(),
            ),
            _ => Value::String(text.to_owned()),
        };
        let value = match inner {
            Some(inner) => Value::Table(Table::from_iter([(inner.to_owned(), value)])),
            None => value,
        };
        self.put("", key, value, Path::new(""))
    }

    /// Takes one key of a connection's table.
    fn put(&mut self, place: &str, key: &str, value: Value, folder: &Path) -> Result<(), Stop> {
        let path = join(place, key);
        match key {
            "allow_loopback" => match value {
                Value::Boolean(on) => self.allow_loopback = on,
                _ => return Err(wrong_kind(&path, "true or false")),
            },
            "base_urls" => self.put_base_urls(&path, value)?,
            "secrets" => {
                for (name, source) in table_of(&path, value)? {
                    let at = join(&path, &name);
                    self.put_secret(&path, &name, Source::from_toml(&at, source, folder)?)?;
                }
            }
            _ if SWITCHES.contains(&key) => self.put_switch(&path, key, value)?,
            _ => self.put_field(&path, key, value)?,
        }
        Ok(())
    }

    fn put_field(&mut self, path: &str, key: &str, value: Value) -> Result<(), Stop> {
        let Some(field) = self.manifest.field(key) else {
            let known = self.known_keys();
            return Err(Stop::usage(format!("unknown field `{path}`")).advise(format!(
                "{}{} knows: {}",
                hint(key, known.iter().copied()),
                self.manifest.title,
                known.join(", ")
            )));
        };
        let setting = match field.kind {
            FieldKind::Secret | FieldKind::SecretPer(_) => {
                return Err(secrets::written_out(&join(parent(path), &format!("secrets.{key}"))));
            }
            // What is copied from a vendor's page often brings a space along.
            FieldKind::Text => Json::from(text_of(path, value)?.trim()),
            FieldKind::Choice(words) => {
                let word = text_of(path, value)?.trim().to_owned();
                one_of(path, &word, words)?;
                Json::from(word)
            }
            FieldKind::List => Json::from(list_of(path, value)?),
            FieldKind::Table(names) => {
                let mut texts = match self.settings.remove(key) {
                    Some(Json::Object(texts)) => texts,
                    _ => serde_json::Map::new(),
                };
                for (name, value) in table_of(path, value)? {
                    let at = join(path, &name);
                    if !names.contains(&name.as_str()) {
                        return Err(Stop::usage(format!("unknown field `{at}`"))
                            .advise(format!("it is one of: {}", names.join(", "))));
                    }
                    texts.insert(name, text_of(&at, value)?.into());
                }
                Json::Object(texts)
            }
        };
        self.settings.insert(key.to_owned(), setting);
        Ok(())
    }

    fn put_secret(&mut self, place: &str, name: &str, source: Source) -> Result<(), Stop> {
        if self.knows_secret(name) {
            self.secrets.insert(name.to_owned(), source);
            return Ok(());
        }
        let secrets = self.manifest.fields.iter().filter(|field| is_secret(field));
        Err(Stop::usage(format!("unknown secret `{}`", join(place, name))).advise(format!(
            "{}{} knows: {}",
            hint(name, secrets.map(|field| field.key)),
            self.manifest.title,
            self.known_secrets()
        )))
    }

    /// Whether a field of the manifest asks for this secret.
    pub fn knows_secret(&self, name: &str) -> bool {
        self.manifest.fields.iter().any(|field| match field.kind {
            FieldKind::Secret => field.key == name,
            FieldKind::SecretPer(_) => name
                .strip_prefix(field.key)
                .is_some_and(|rest| rest.len() > 1 && rest.starts_with('.')),
            _ => false,
        })
    }

    fn put_base_urls(&mut self, path: &str, value: Value) -> Result<(), Stop> {
        let names: Vec<_> = self
            .manifest
            .regions
            .iter()
            .flat_map(|region| region.base_urls.iter().map(|(name, _)| *name))
            .collect();
        for (name, url) in table_of(path, value)? {
            let at = join(path, &name);
            one_of(&at, &name, &names)?;
            self.base_urls.insert(name, text_of(&at, url)?);
        }
        Ok(())
    }

    fn put_switch(&mut self, path: &str, key: &str, value: Value) -> Result<(), Stop> {
        if let Value::Table(table) = value {
            for (inner, value) in table {
                self.switches.push((format!("{key}.{inner}"), switch_text(path, value)?));
            }
            return Ok(());
        }
        self.switches.push((key.to_owned(), switch_text(path, value)?));
        Ok(())
    }

    /// The required fields that nothing was given for.
    pub fn missing(&self) -> Vec<&'static Field> {
        let is_missing = |field: &&Field| {
            let is_given = match field.kind {
                FieldKind::Secret => self.secrets.contains_key(field.key),
                _ => self.settings.contains_key(field.key),
            };
            field.required && !is_given
        };
        self.manifest.fields.iter().filter(is_missing).collect()
    }

    fn known_keys(&self) -> Vec<&'static str> {
        let own = self.manifest.fields.iter().filter(|field| !is_secret(field));
        let mut keys: Vec<&str> = own.map(|field| field.key).collect();
        keys.extend(["base_urls", "allow_loopback", "secrets"]);
        keys.extend(SWITCHES);
        keys
    }

    fn known_secrets(&self) -> String {
        let name = |field: &Field| match field.kind {
            FieldKind::SecretPer(list) => format!("\"{}.<one of {list}>\"", field.key),
            _ => field.key.to_owned(),
        };
        let secrets = self.manifest.fields.iter().filter(|field| is_secret(field));
        secrets.map(name).collect::<Vec<_>>().join(", ")
    }
}

/// Whether a field holds a secret.
pub fn is_secret(field: &Field) -> bool {
    matches!(field.kind, FieldKind::Secret | FieldKind::SecretPer(_))
}

/// What was most likely meant, as the beginning of a sentence; nothing where nobody can tell.
fn hint<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let meant = engine::operator::meant::meant(given, known);
    meant.map(|meant| format!("did you mean `{meant}`? ")).unwrap_or_default()
}

fn join(place: &str, key: &str) -> String {
    if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(parent, _)| parent)
}

fn text_of(path: &str, value: Value) -> Result<String, Stop> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(wrong_kind(path, "a text in quotes")),
    }
}

/// A switch's value as `connections set` takes it.
fn switch_text(path: &str, value: Value) -> Result<String, Stop> {
    match value {
        Value::String(text) => Ok(text),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Datetime(date) => Ok(date.to_string()),
        Value::Array(_) => Ok(list_of(path, value)?.join(",")),
        _ => Err(wrong_kind(path, "a text, a number, a date or a list")),
    }
}

fn list_of(path: &str, value: Value) -> Result<Vec<String>, Stop> {
    match value {
        Value::Array(list) => {
            list.into_iter().map(|one| Ok(text_of(path, one)?.trim().to_owned())).collect()
        }
        _ => Err(wrong_kind(path, "a list of texts, [\"…\", \"…\"]")),
    }
}

fn table_of(path: &str, value: Value) -> Result<Table, Stop> {
    match value {
        Value::Table(table) => Ok(table),
        _ => Err(wrong_kind(path, "a table")),
    }
}

fn one_of(path: &str, word: &str, words: &[&str]) -> Result<(), Stop> {
    if words.contains(&word) {
        return Ok(());
    }
    let mut words = words.to_vec();
    words.sort_unstable();
    words.dedup();
    let hint = hint(word, words.iter().copied());
    Err(Stop::usage(format!("`{path}` does not fit"))
        .advise(format!("{hint}it is one of: {}", words.join(", "))))
}

fn wrong_kind(path: &str, kind: &str) -> Stop {
    Stop::usage(format!("`{path}` does not fit")).advise(format!("it takes {kind}"))
}
