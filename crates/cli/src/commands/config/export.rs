//! `habeas config export`: the installation as it stands, as a file. Secrets are named, by variables
//! that are to hold them.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::Context;
use domain::principal::PrincipalKind;
use engine::operator::config::{Config, ConnectionConfig, PrincipalConfig};
use serde_json::Value as Json;
use toml::Value;

use crate::args::Common;
use crate::client::Client;
use crate::exit::{Exit, Stop};
use crate::screen::Screen;

/// Arguments of `config export`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file; standard output without it.
    file: Option<PathBuf>,
    /// Replace a file of that name.
    #[arg(long)]
    force: bool,
}

/// Writes the file.
pub async fn run(args: &Args, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    if let Some(path) = args.file.as_ref().filter(|path| path.exists() && !args.force) {
        return Err(Stop::refused(format!("{} is there already", path.display()))
            .advise("choose another name, or replace it with --force")
            .into());
    }
    let client = Client::to_read(common, screen).await?;
    let config: Config = client.get("/config").await?;
    let text = text(&config);
    match &args.file {
        Some(path) => {
            std::fs::write(path, &text)
                .with_context(|| format!("could not write {}", path.display()))?;
            screen.note(format!(
                "{} is written. Its secrets are named after variables: set those, or point them at files.",
                path.display()
            ));
        }
        None if !screen.json => screen.line(text.trim_end()),
        None => {}
    }
    if screen.json {
        screen.json(&config)?;
    }
    Ok(Exit::Done)
}

/// A configuration as TOML.
pub fn text(config: &Config) -> String {
    let mut lines =
        vec!["# What stood here when this was written; see `habeas config --help`.".to_owned()];
    if let Some(settings) = &config.settings {
        lines.push("\n[settings]".to_owned());
        lines.extend(settings.iter().map(|(key, value)| {
            let is_list = key == "placeholders";
            let value = if is_list { list(value.split('|')) } else { scalar(value) };
            assignment(key, &value)
        }));
    }
    for (name, one) in config.principals.iter().flatten() {
        lines.push(format!("\n[principals.{}]", key(name)));
        lines.extend(principal(one));
    }
    let mut taken = BTreeSet::new();
    for (name, one) in config.connections.iter().flatten() {
        lines.push(format!("\n[connections.{}]", key(name)));
        lines.extend(connection(name, one, &mut taken));
    }
    lines.join("\n") + "\n"
}

fn principal(one: &PrincipalConfig) -> Vec<String> {
    let roles = list(one.roles.iter().map(|role| role.word()));
    let mut lines = vec![assignment("roles", &roles)];
    if one.kind == PrincipalKind::Program {
        lines.insert(0, assignment("kind", &one.kind.word().into()));
    }
    if let Some(brands) = one.reach.brands() {
        lines.push(assignment("brands", &list(brands.iter().map(String::as_str))));
    }
    if one.disabled {
        lines.push(assignment("disabled", &true.into()));
    }
    lines
}

fn connection(name: &str, one: &ConnectionConfig, taken: &mut BTreeSet<String>) -> Vec<String> {
    let mut lines = vec![assignment("connector", &one.connector.as_str().into())];
    for (field, value) in &one.settings {
        match value {
            Json::Object(inner) => lines.extend(inner.iter().map(|(name, value)| {
                assignment(&format!("{}.{}", key(field), key(name)), &plain(value))
            })),
            value => lines.push(assignment(&key(field), &plain(value))),
        }
    }
    let url = |(name, url): (&String, &String)| {
        assignment(&format!("base_urls.{}", key(name)), &url.as_str().into())
    };
    lines.extend(one.base_urls.iter().map(url));
    if one.allow_loopback {
        lines.push(assignment("allow_loopback", &true.into()));
    }
    lines.extend(one.secrets.keys().map(|secret| {
        let variable = variable(name, secret, taken);
        format!("secrets.{} = {{ env = \"{variable}\" }}", key(secret))
    }));
    lines.extend(one.switches.iter().map(|(switch, text)| match switch.split_once('.') {
        Some(("serves", _)) => assignment(switch, &list(text.split(','))),
        // A day, or a time, as TOML writes them.
        None if switch == "until" && text != "none" => format!("{switch} = {text}"),
        _ => assignment(switch, &scalar(text)),
    }));
    lines
}

/// A name for the variable of a secret that no other has.
fn variable(connection: &str, secret: &str, taken: &mut BTreeSet<String>) -> String {
    let upper = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    let mut name: String = format!("{connection}_{secret}").chars().map(upper).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert_str(0, "HABEAS_");
    }
    while !taken.insert(name.clone()) {
        name.push_str("_2");
    }
    name
}

fn assignment(key: &str, value: &Value) -> String {
    format!("{key} = {value}")
}

/// A key, in quotation marks where it needs them.
fn key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    match !name.is_empty() && name.chars().all(is_bare) {
        true => name.to_owned(),
        false => Value::from(name).to_string(),
    }
}

/// A number where it is one, else a text.
fn scalar(text: &str) -> Value {
    text.parse::<u32>().map_or_else(|_| text.into(), |number| i64::from(number).into())
}

fn list<'a>(all: impl Iterator<Item = &'a str>) -> Value {
    all.filter(|one| !one.is_empty()).map(Value::from).collect::<Vec<_>>().into()
}

fn plain(value: &Json) -> Value {
    match value {
        Json::Array(all) => list(all.iter().filter_map(Json::as_str)),
        Json::String(text) => text.as_str().into(),
        other => other.to_string().into(),
    }
}
