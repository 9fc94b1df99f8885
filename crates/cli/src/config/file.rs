//! A file of configuration: tables `[connections.NAME]`, `[principals.NAME]` and `[settings]`. What does
//! not fit is told with its line and its field, and with what was most likely meant.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context;
use domain::principal::PrincipalKind;
use domain::{Reach, Role};
use engine::operator::config::PrincipalConfig;
use engine::operator::controls::SETTINGS;
use serde_json::{Value as Json, json};
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::{Registry, Wanted, hint, join, list_of, one_of, table_of, text_of, wrong_kind};
use crate::exit::{self, Stop};

/// The tables that a file may hold.
const TABLES: &[&str] = &["connections", "principals", "settings"];
/// What a table of a principal may hold.
const PRINCIPAL: &[&str] = &["roles", "kind", "brands", "disabled"];

/// What a file says. A part that it does not have at all is absent.
#[derive(Debug, Default)]
pub struct File {
    /// Settings of the installation, each as text.
    pub settings: Option<BTreeMap<String, String>>,
    /// People and programs by name.
    pub principals: Option<BTreeMap<String, PrincipalConfig>>,
    /// Connections.
    pub connections: Option<Vec<Wanted>>,
}

/// A secret that is not where the file says.
#[derive(Debug)]
pub struct Lacking {
    /// Its place in the file.
    pub place: String,
    /// What is wrong.
    pub why: String,
}

/// Reads a file.
pub fn read(path: &Path, registry: Registry<'_>) -> anyhow::Result<File> {
    let text = std::fs::read_to_string(path).map_err(|error| exit::unreadable(path, error))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    parse(&text, folder, registry)
        .with_context(|| format!("the configuration {} does not fit", path.display()))
}

/// Reads a text; files named in it lie relative to `folder`.
pub fn parse(text: &str, folder: &Path, registry: Registry<'_>) -> Result<File, Stop> {
    let table: Table = toml::from_str(text).map_err(|error| {
        // The parser's own display quotes the line, which may hold a secret.
        let line = error.span().map_or(1, |span| line_of(text, span.start));
        Stop::usage(format!("line {line}: {}", error.message())).code("E-CFG-001")
    })?;
    file(table, folder, registry).map_err(|stop| {
        // What does not fit is named by its field, in backticks.
        let field = stop.to_string().split('`').nth(1).map(str::to_owned);
        let line = field.and_then(|field| Lines::of(text).find(&field));
        let stop = stop.code("E-CFG-001");
        match line {
            Some(line) => stop.at(&format!("line {line}")),
            None => stop,
        }
    })
}

fn file(table: Table, folder: &Path, registry: Registry<'_>) -> Result<File, Stop> {
    let mut file = File::default();
    for (key, value) in table {
        match key.as_str() {
            "settings" => file.settings = Some(settings(table_of(&key, value)?)?),
            "principals" => {
                let all = table_of(&key, value)?.into_iter().map(|(name, value)| {
                    let place = join("principals", &name);
                    Ok((name, principal(&place, table_of(&place, value)?)?))
                });
                file.principals = Some(all.collect::<Result<_, Stop>>()?);
            }
            "connections" => {
                let all = table_of(&key, value)?.into_iter().map(|(name, value)| {
                    let table = table_of(&join("connections", &name), value)?;
                    connection(name, table, folder, registry)
                });
                file.connections = Some(all.collect::<Result<_, _>>()?);
            }
            _ => {
                return Err(Stop::usage(format!("unknown field `{key}`")).advise(format!(
                    "{}a configuration holds tables [connections.NAME], [principals.NAME] and [settings]",
                    hint(&key, TABLES.iter().copied())
                )));
            }
        }
    }
    Ok(file)
}

fn settings(table: Table) -> Result<BTreeMap<String, String>, Stop> {
    let one = |(key, value): (String, Value)| {
        let path = join("settings", &key);
        if !SETTINGS.contains(&key.as_str()) {
            return Err(unknown(&path, &key, SETTINGS));
        }
        let text = match value {
            Value::String(text) => text,
            Value::Integer(number) => number.to_string(),
            Value::Array(_) => list_of(&path, value)?.join("|"),
            _ => return Err(wrong_kind(&path, "a text, a number or a list of texts")),
        };
        Ok((key, text))
    };
    table.into_iter().map(one).collect()
}

fn principal(place: &str, table: Table) -> Result<PrincipalConfig, Stop> {
    let (mut kind, mut roles, mut reach) = (PrincipalKind::Person, None, Reach::All);
    let mut disabled = false;
    for (key, value) in table {
        let path = join(place, &key);
        match key.as_str() {
            "kind" => kind = word(&path, &text_of(&path, value)?, PrincipalKind::ALL)?,
            "roles" => {
                let words = list_of(&path, value)?;
                let role = |text: &String| word(&path, text, Role::ALL);
                roles = Some(words.iter().map(role).collect::<Result<BTreeSet<_>, _>>()?);
            }
            "brands" => reach = Reach::Brands(list_of(&path, value)?.into_iter().collect()),
            "disabled" => match value {
                Value::Boolean(is_disabled) => disabled = is_disabled,
                _ => return Err(wrong_kind(&path, "true or false")),
            },
            _ => return Err(unknown(&path, &key, PRINCIPAL)),
        }
    }
    let roles = roles.ok_or_else(|| {
        Stop::usage(format!("`{place}.roles` is missing"))
            .advise("name what it is trusted with, such as roles = [\"auditor\"]")
    })?;
    Ok(PrincipalConfig { kind, roles, reach, disabled })
}

fn word<T: Copy + std::fmt::Display>(path: &str, text: &str, all: &[T]) -> Result<T, Stop> {
    let words: Vec<String> = all.iter().map(ToString::to_string).collect();
    one_of(path, text, &words.iter().map(String::as_str).collect::<Vec<_>>())?;
    let found = all.iter().zip(&words).find(|(_, word)| *word == text);
    found.map(|(one, _)| *one).ok_or_else(|| wrong_kind(path, "one of the words that exist"))
}

fn connection(
    name: String,
    mut table: Table,
    folder: &Path,
    registry: Registry<'_>,
) -> Result<Wanted, Stop> {
    let place = format!("connections.{name}");
    let Some(connector) = table.remove("connector") else {
        return Err(Stop::usage(format!("`{place}.connector` is missing"))
            .advise("name the kind of system, such as connector = \"segment\""));
    };
    let connector = text_of(&format!("{place}.connector"), connector)?;
    let manifest = registry(&connector)
        .ok_or_else(|| Stop::usage(format!("`{place}.connector` names no connector")))?;
    let mut wanted = Wanted::new(name, manifest);
    for (key, value) in table {
        wanted.put(&place, &key, value, folder)?;
    }
    Ok(wanted)
}

fn unknown(path: &str, key: &str, known: &[&str]) -> Stop {
    let hint = hint(key, known.iter().copied());
    Stop::usage(format!("unknown field `{path}`"))
        .advise(format!("{hint}there are: {}", known.join(", ")))
}

impl File {
    /// The file as the API takes it, with its secrets read from where they lie. One that is not there
    /// is `null`, and told.
    pub fn to_json(&self) -> (Json, Vec<Lacking>) {
        let mut lacking = Vec::new();
        let mut whole = serde_json::Map::new();
        if let Some(settings) = &self.settings {
            whole.insert("settings".to_owned(), json!(settings));
        }
        if let Some(principals) = &self.principals {
            whole.insert("principals".to_owned(), json!(principals));
        }
        if let Some(connections) = &self.connections {
            let mut all = serde_json::Map::new();
            for wanted in connections {
                let secret = |(name, source): (&String, &super::secrets::Source)| {
                    let value = source.resolve(name).unwrap_or_else(|error| {
                        let place = format!("connections.{}.secrets.{name}", wanted.name);
                        lacking.push(Lacking { place, why: why(&error) });
                        String::new()
                    });
                    let value = if value.is_empty() { Json::Null } else { value.into() };
                    (name.clone(), value)
                };
                let secrets = wanted.secrets.iter().map(secret).collect();
                all.insert(wanted.name.clone(), wanted.body(&secrets));
            }
            whole.insert("connections".to_owned(), all.into());
        }
        (whole.into(), lacking)
    }
}

/// An error with its advice, in one line.
fn why(error: &anyhow::Error) -> String {
    exit::said(error).lines().map(str::trim).collect::<Vec<_>>().join("; ")
}

/// The line on which each field of a text stands.
struct Lines(BTreeMap<String, usize>);

impl Lines {
    fn of(text: &str) -> Self {
        let mut lines = Self(BTreeMap::new());
        if let Ok(table) = DeTable::parse(text) {
            lines.add(text, "", table.get_ref());
        }
        lines
    }

    fn add(&mut self, text: &str, place: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let path = join(place, key.get_ref());
            self.0.insert(path.clone(), line_of(text, key.span().start));
            if let DeValue::Table(inner) = value.get_ref() {
                self.add(text, &path, inner);
            }
        }
    }

    /// The line of a field; of the table that lacks it, where it is not there.
    fn find(&self, field: &str) -> Option<usize> {
        let mut field = field;
        loop {
            if let Some(line) = self.0.get(field) {
                return Some(*line);
            }
            (field, _) = field.rsplit_once('.')?;
        }
    }
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.get(..at).unwrap_or_default().matches('\n').count()
}
