//! `habeas journal`: what happened, when, by whom, and why.

use domain::{Entry, Event};
use engine::operator::find;
use serde_json::{Value, json};
use store::{From, JournalFilter};

use crate::args::Common;
use crate::exit::Exit;
use crate::open::Session;
use crate::screen::Screen;
use crate::show;

/// Entries read at a time.
const PAGE: u32 = 500;

/// Arguments of `journal`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    habeas journal --last 50\n  \
    habeas journal --request req_01 --json")]
pub struct Args {
    /// Of this request.
    #[arg(long, value_name = "ID")]
    request: Option<String>,
    /// Of this connection.
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// Of this kind, such as request.received.
    #[arg(long, value_name = "EVENT")]
    event: Option<Event>,
    /// Only the last so many; all of them without it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    last: Option<u32>,
}

/// Shows the journal, the oldest first.
pub async fn run(args: Args, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let session = Session::to_read(common, screen).await?;
    let is_filtered = args.request.is_some() || args.connection.is_some() || args.event.is_some();
    let mut filter = JournalFilter { event: args.event, ..JournalFilter::default() };
    if let Some(text) = &args.request {
        filter.request = Some(find::request(&session.desk(), text).await?);
    }
    if let Some(name) = &args.connection {
        filter.connection = Some(find::connection(&session.store, name).await?.id);
    }
    let mut n_shown: u64 = 0;
    match args.last {
        Some(last) => {
            let mut entries = session.store.journal(From::Before(i64::MAX), &filter, last).await?;
            entries.reverse();
            n_shown += show_all(&entries, screen)?;
        }
        None => {
            let mut after = 0;
            loop {
                let entries = session.store.journal(From::After(after), &filter, PAGE).await?;
                let Some((seq, _)) = entries.last() else { break };
                after = *seq;
                n_shown += show_all(&entries, screen)?;
            }
        }
    }
    if n_shown == 0 && !screen.json {
        screen.line(match is_filtered {
            true => "No entry fits. All of them: habeas journal",
            false => "Nothing has happened yet. `habeas import` or `habeas request new` begins it.",
        });
    }
    Ok(Exit::Done)
}

fn show_all(entries: &[(i64, Entry)], screen: Screen) -> anyhow::Result<u64> {
    for (seq, entry) in entries {
        if screen.json {
            let mut value = json!(entry);
            value["seq"] = json!(seq);
            screen.json(&value)?;
        } else {
            screen.line(line(*seq, entry));
        }
    }
    Ok(entries.len() as u64)
}

/// A fact that says nothing to a person.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(all) => all.is_empty(),
        Value::Object(all) => all.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// One entry on one line: number, time, who, what, about what, and its facts.
fn line(seq: i64, entry: &Entry) -> String {
    let mut line = format!(
        "{seq:>6}  {}  {:<12} {:<20}",
        show::time(entry.at),
        entry.actor.to_string(),
        entry.event.word()
    );
    let ids = [
        entry.request.map(|id| id.to_string()),
        entry.task.map(|id| id.to_string()),
        entry.job.map(|id| id.to_string()),
        entry.intent.map(|id| id.to_string()),
    ];
    for id in ids.into_iter().flatten() {
        line.push(' ');
        line.push_str(&id);
    }
    for (name, value) in entry.facts.iter().filter(|(_, value)| !is_empty(value)) {
        let value = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        line.push_str(&format!(" {name}={value}"));
    }
    line
}
