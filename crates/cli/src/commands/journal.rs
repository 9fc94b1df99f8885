//! `habeas journal`: what happened, when, by whom, and why.

use domain::Event;
use engine::operator::journal::{self, Filter, JournalEntry};
use serde_json::Value;
use store::From;

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
    let desk = session.desk();
    let Args { request, connection, event, last } = args;
    let filter = Filter { request, connection, event, ..Filter::default() };
    let mut n_shown = 0;
    if let Some(last) = last {
        let page = journal::page(&desk, &filter, From::Before(i64::MAX), last).await?;
        n_shown += show_all(page.entries.iter().rev(), screen)?;
    } else {
        let mut after = Some(0);
        while let Some(from) = after {
            let page = journal::page(&desk, &filter, From::After(from), PAGE).await?;
            n_shown += show_all(page.entries.iter(), screen)?;
            after = page.next;
        }
    }
    if n_shown == 0 && !screen.json {
        screen.line(match filter == Filter::default() {
            false => "No entry fits. All of them: habeas journal",
            true => "Nothing has happened yet. `habeas import` or `habeas request new` begins it.",
        });
    }
    Ok(Exit::Done)
}

fn show_all<'a>(
    entries: impl Iterator<Item = &'a JournalEntry>,
    screen: Screen,
) -> anyhow::Result<u64> {
    let mut n_shown = 0;
    for entry in entries {
        n_shown += 1;
        if screen.json {
            screen.json(entry)?;
        } else {
            screen.line(line(entry));
        }
    }
    Ok(n_shown)
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
fn line(JournalEntry { seq, entry }: &JournalEntry) -> String {
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
