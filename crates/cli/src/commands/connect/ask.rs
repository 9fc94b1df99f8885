//! Asks at the terminal for what a manifest lists. Secrets are typed unseen. What was given by
//! flags is not asked again, and what is optional may be left empty.

use anyhow::Context;
use connector_api::manifest::{Field, FieldKind};
use dialoguer::{Input, Password, Select};
use serde_json::Value as Json;

use crate::config::Wanted;
use crate::config::secrets::Source;
use crate::screen::Screen;

/// Asks for every field, in the manifest's order, and for the name.
pub fn everything(mut wanted: Wanted, screen: Screen) -> anyhow::Result<Wanted> {
    let manifest = wanted.manifest;
    screen.note(format!("{}: {}", manifest.title, manifest.summary));
    wanted.name = Input::new()
        .with_prompt("A name for this connection")
        .default(wanted.name.clone())
        .interact_text()
        .context("could not ask")?
        .trim()
        .to_owned();
    for field in manifest.fields {
        if wanted.settings.contains_key(field.key) || wanted.secrets.contains_key(field.key) {
            continue;
        }
        if let FieldKind::SecretPer(list) = field.kind
            && entries(&wanted, list).is_empty()
        {
            continue;
        }
        let optional = if field.required { "" } else { " (optional: Enter leaves it out)" };
        screen.note(format!("\n{}{optional}", field.title));
        if let Some(found) = &field.found {
            screen.note(format!("  {}", found.text));
        }
        screen.note(format!("  {}", field.help));
        ask(&mut wanted, field, screen)?;
    }
    Ok(wanted)
}

fn ask(wanted: &mut Wanted, field: &Field, screen: Screen) -> anyhow::Result<()> {
    let setting = match field.kind {
        FieldKind::Secret => {
            if let Some(secret) = secret(field.title, field.required, screen)? {
                wanted.secrets.insert(field.key.to_owned(), Source::Here(secret));
            }
            None
        }
        FieldKind::SecretPer(list) => {
            for entry in entries(wanted, list) {
                let prompt = format!("{} of {entry}", field.title);
                if let Some(secret) = secret(&prompt, false, screen)? {
                    wanted.secrets.insert(format!("{}.{entry}", field.key), Source::Here(secret));
                }
            }
            None
        }
        FieldKind::Choice(words) => choice(field, words)?.map(Json::from),
        FieldKind::Text => text(field.title, field.required)?.map(Json::from),
        FieldKind::List => {
            let list = text(&format!("{}, parted by commas", field.title), field.required)?;
            let words = |list: String| list.split(',').map(str::trim).map(Json::from).collect();
            list.map(words)
        }
        FieldKind::Table(names) => table(names)?,
    };
    if let Some(setting) = setting {
        wanted.settings.insert(field.key.to_owned(), setting);
    }
    Ok(())
}

fn entries(wanted: &Wanted, list: &str) -> Vec<String> {
    let entries = wanted.settings.get(list).and_then(Json::as_array).into_iter().flatten();
    entries.filter_map(|entry| entry.as_str().map(str::to_owned)).collect()
}

fn text(prompt: &str, required: bool) -> anyhow::Result<Option<String>> {
    let answer: String = Input::new()
        .with_prompt(prompt)
        .allow_empty(true)
        .validate_with(|answer: &String| match required && answer.trim().is_empty() {
            true => Err("this one is needed; Ctrl-C stops without saving anything"),
            false => Ok(()),
        })
        .interact_text()
        .context("could not ask")?;
    let answer = answer.trim();
    Ok((!answer.is_empty()).then(|| answer.to_owned()))
}

fn secret(prompt: &str, required: bool, screen: Screen) -> anyhow::Result<Option<String>> {
    let answer = Password::new()
        .with_prompt(format!("{prompt} (not shown)"))
        .allow_empty_password(!required)
        // It would say "hidden" of an empty one too.
        .report(false)
        .interact()
        .context("could not ask")?;
    let answer = answer.trim();
    let told = if answer.is_empty() { "left out" } else { "entered, not shown" };
    screen.note(format!("{prompt}: {told}"));
    Ok((!answer.is_empty()).then(|| answer.to_owned()))
}

fn choice(field: &Field, words: &[&'static str]) -> anyhow::Result<Option<&'static str>> {
    // What Enter chooses comes first.
    let mut items = Vec::from_iter((!field.required).then_some("(leave it out)"));
    items.extend(words);
    let chosen = Select::new()
        .with_prompt(format!("{} (arrow keys choose, Enter takes)", field.title))
        .items(&items)
        .default(0)
        .interact()
        .context("could not ask")?;
    Ok(items.get(chosen).copied().filter(|chosen| words.contains(chosen)))
}

fn table(names: &[&'static str]) -> anyhow::Result<Option<Json>> {
    let mut texts = serde_json::Map::new();
    for name in names {
        if let Some(value) = text(name, false)? {
            texts.insert((*name).to_owned(), value.into());
        }
    }
    Ok((!texts.is_empty()).then_some(Json::Object(texts)))
}
