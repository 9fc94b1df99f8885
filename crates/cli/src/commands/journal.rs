//! `habeas journal`: what happened, when, by whom, and why.

use std::collections::BTreeMap;

use domain::{ConnectionId, Event};
use engine::operator::connections::ConnectionList;
use engine::operator::find::Found;
use engine::operator::journal::{JournalEntry, JournalPage};
use serde_json::Value;

use crate::args::Common;
use crate::client::{Client, query};
use crate::exit::Exit;
use crate::screen::Screen;
use crate::show;

/// What connections are called.
type Names = BTreeMap<ConnectionId, String>;

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
    let client = Client::to_read(common, screen).await?;
    let is_filtered = args.request.is_some() || args.connection.is_some() || args.event.is_some();
    let filter = Filter::of(&args, &client).await?;
    let names = if screen.json { Names::new() } else { names(&client).await };
    let n_shown = match args.last {
        Some(last) => show_all(filter.last(&client, last).await?.iter().rev(), &names, screen)?,
        None => {
            let (mut n_shown, mut after) = (0, Some(0));
            while let Some(from) = after {
                let page = filter.page(&client, ("after", from), PAGE).await?;
                n_shown += show_all(page.entries.iter(), &names, screen)?;
                after = page.next;
            }
            n_shown
        }
    };
    if n_shown == 0 && !screen.json {
        screen.line(match is_filtered {
            true => "No entry fits. All of them: habeas journal",
            false => "Nothing has happened yet. `habeas import` or `habeas request new` begins it.",
        });
    }
    Ok(Exit::Done)
}

/// Which entries are asked for.
struct Filter(Vec<(&'static str, Option<String>)>);

impl Filter {
    async fn of(args: &Args, client: &Client) -> anyhow::Result<Self> {
        let request = match &args.request {
            Some(text) => {
                let Found { request, .. } = client.find(text).await?;
                Some(request.to_string())
            }
            None => None,
        };
        let event = args.event.map(|event| event.to_string());
        let connection = args.connection.clone();
        Ok(Self(vec![("request", request), ("connection", connection), ("event", event)]))
    }

    async fn page(
        &self,
        client: &Client,
        (direction, from): (&'static str, i64),
        limit: u32,
    ) -> anyhow::Result<JournalPage> {
        let place = [(direction, Some(from.to_string())), ("limit", Some(limit.to_string()))];
        let query = query(self.0.iter().cloned().chain(place));
        client.get(&format!("/journal{query}")).await
    }

    /// The last so many, the newest first.
    async fn last(&self, client: &Client, n: u32) -> anyhow::Result<Vec<JournalEntry>> {
        let (mut all, mut before) = (Vec::new(), Some(i64::MAX));
        while let (Some(from), left @ 1..) = (before, n.saturating_sub(all.len() as u32)) {
            let page = self.page(client, ("before", from), left.min(PAGE)).await?;
            before = page.next;
            all.extend(page.entries);
        }
        Ok(all)
    }
}

fn show_all<'a>(
    entries: impl Iterator<Item = &'a JournalEntry>,
    names: &Names,
    screen: Screen,
) -> anyhow::Result<u64> {
    let mut n_shown = 0;
    for entry in entries {
        n_shown += 1;
        if screen.json {
            screen.json(entry)?;
        } else {
            screen.line(line(entry, names));
        }
    }
    Ok(n_shown)
}

/// The connections by name, as far as they are there and may be seen. One that was removed keeps its id.
async fn names(client: &Client) -> Names {
    let list: anyhow::Result<ConnectionList> = client.get("/connections").await;
    let all = list.into_iter().flat_map(|list| list.connections);
    all.map(|one| (one.id, one.name)).collect()
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
fn line(JournalEntry { seq, entry }: &JournalEntry, names: &Names) -> String {
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
    if let Some(id) = entry.connection {
        line.push_str(&format!(" {}", names.get(&id).cloned().unwrap_or_else(|| id.to_string())));
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
