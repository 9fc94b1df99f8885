//! What `serve` says when it begins and when it ends.

use domain::Instant;
use engine::operator::controls;
use serde_json::json;
use server::api;
use store::Secret;

use super::listen::Door;
use crate::args::Common;
use crate::open::Session;
use crate::screen::Screen;
use crate::show;

/// More open requests than this are not counted: the start must not take long.
const MOST_COUNTED: u32 = 1_000;

/// Says what is served: the connections, how much is open, and when something is due.
pub async fn begin(
    session: &Session,
    common: &Common,
    door: &Door,
    screen: Screen,
) -> anyhow::Result<()> {
    let connections = session.store.connections().await?;
    let n_open = session.store.n_open_requests(MOST_COUNTED).await?;
    let next_due = next_due(session).await?;
    if screen.json {
        let names: Vec<&str> = connections.iter().map(|one| one.name.as_str()).collect();
        return screen.json(&json!({
            "serving": common.data,
            "clock": session.clock_url,
            "now": session.now,
            "listening": door.urls().collect::<Vec<_>>(),
            "public": door.public_url(),
            "setup_token": door.setup.as_ref().map(Secret::expose),
            "connections": names,
            "n_open_requests": n_open,
            "next_due": next_due,
        }));
    }
    let clock = match &session.clock_url {
        None => "the real one".to_owned(),
        Some(url) => format!("that of the twins at {url}, now {}", show::time(session.now)),
    };
    screen.line(format!("habeas {} serves {}", env!("CARGO_PKG_VERSION"), common.data.display()));
    screen.line(format!("  clock: {clock}"));
    for url in door.urls() {
        screen
            .line(format!("  API: {url}{}", if url.starts_with("unix:") { "" } else { api::BASE }));
    }
    if let Some(url) = door.public_url() {
        screen.line(format!("  for the public: {url}"));
    }
    if let Some(token) = &door.setup {
        let token = token.expose();
        screen.line(format!(
            "  nobody is known to the API yet: POST {}/setup {{\"token\": …, \"name\": …}} with this \
             token, good for a day: {token}",
            api::BASE
        ));
    }
    for connection in &connections {
        let mode = connection.switches.mode;
        let state = if connection.paused.is_some() { ", paused" } else { "" };
        screen.line(format!("  connection {}: {mode}{state}", connection.name));
    }
    if let Some(paused) = controls::paused(&session.store).await? {
        let why = paused.why.map_or_else(String::new, |why| format!(", since it was {why}"));
        screen.line(format!(
            "  EVERY CHANGING CALL IS STOPPED by {} on {}{why}; on again: habeas resume --all",
            paused.by,
            show::time(paused.since)
        ));
    }
    if connections.is_empty() {
        screen.line("  no connection yet: `habeas connect segment` makes one");
    }
    let more = if n_open < MOST_COUNTED { "" } else { " or more" };
    screen.line(format!("  open requests: {n_open}{more}; {}", due(next_due, session.now)));
    screen.line("Ctrl-C stops.");
    Ok(())
}

/// Says how it ended.
pub async fn end(session: &Session, screen: Screen) -> anyhow::Result<()> {
    if !screen.json {
        let due = due(next_due(session).await?, session.now);
        screen.line(format!("Stopped, as asked; {due}. `habeas serve` goes on from here."));
    }
    Ok(())
}

fn due(at: Option<Instant>, now: Instant) -> String {
    match at {
        None => "nothing is due".to_owned(),
        Some(at) if at <= now => "something is due now".to_owned(),
        Some(at) => format!("nothing is due until {}", show::ahead(at, now)),
    }
}

async fn next_due(session: &Session) -> anyhow::Result<Option<Instant>> {
    if !session.store.unrouted(1).await?.is_empty() {
        return Ok(Some(session.now));
    }
    let mut soonest: Option<Instant> = None;
    for connection in session.store.connections().await? {
        let due = session.store.next_due(connection.id).await?;
        soonest = soonest.into_iter().chain(due).chain([connection.check_due_at]).min();
    }
    Ok(soonest)
}
