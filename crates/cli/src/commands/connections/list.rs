//! `habeas connections list`.

use domain::connection::{Pause, Verdict};
use domain::{Connection, Right};
use engine::operator::controls::{self, PausedAll};
use serde_json::{Value, json};

use crate::args::Common;
use crate::exit::Exit;
use crate::open::Session;
use crate::screen::Screen;
use crate::show;

/// Lists the living connections.
pub async fn run(common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let session = Session::to_read(common, screen).await?;
    let connections = session.store.connections().await?;
    let paused_all = controls::paused(&session.store).await?;
    if screen.json {
        let all: Vec<Value> = connections.iter().map(as_json).collect();
        screen.json(&json!({"connections": all, "paused_all": paused_all}))?;
        return Ok(Exit::Done);
    }
    if connections.is_empty() {
        screen.line("No system is connected. `habeas connect segment` connects one.");
        return Ok(Exit::Done);
    }
    let rows = connections.iter().map(|one| row(one, paused_all.as_ref())).collect();
    screen.table(&["connection", "account", "mode", "gates", "serves", "state"], rows);
    if let Some(all) = &paused_all {
        screen.line(format!(
            "Everything is paused since {} by {}: no changing call is made. On again: habeas resume --all",
            show::time(all.since),
            all.by
        ));
    }
    for connection in &connections {
        if let Some(pause) = &connection.paused {
            screen.line(paused(&connection.name, pause));
        }
        for line in lacking(connection) {
            screen.line(format!("{}: {line}", connection.name));
        }
    }
    Ok(Exit::Done)
}

fn row(connection: &Connection, paused_all: Option<&PausedAll>) -> Vec<String> {
    let switches = &connection.switches;
    let account = connection.account();
    let served = Right::ALL.iter().filter(|right| connection.lacks(**right).is_none());
    let state = match (&connection.paused, paused_all) {
        (Some(pause), _) => format!("paused since {}", show::time(pause.since)),
        (None, Some(_)) => "paused (all)".to_owned(),
        (None, None) => "works".to_owned(),
    };
    vec![
        connection.name.clone(),
        account.map_or_else(|| "-".to_owned(), |account| account.name.clone()),
        switches.mode.to_string(),
        format!("review {}\napproval {}", switches.review, switches.approval),
        show::list(served),
        state,
    ]
}

/// Why a connection stands still, and what makes it go on.
pub fn paused(name: &str, pause: &Pause) -> String {
    let is = if pause.by_person { "is" } else { "is paused:" };
    format!("{name} {is} {}; {}", pause.why, pause.remedy)
}

/// What it can't work without and the last check missed, one line each. What is optional was told
/// when it was connected, and `connections test` tells it again.
fn lacking(connection: &Connection) -> Vec<String> {
    let permissions = connection.check.iter().flat_map(|check| &check.permissions);
    permissions
        .filter(|result| result.required && result.verdict == Verdict::Missing)
        .map(|result| format!("without “{}”: {}", result.permission, result.lost))
        .collect()
}

/// A connection as programs see it. Secrets are named, never shown.
pub fn as_json(connection: &Connection) -> Value {
    json!({
        "id": connection.id,
        "name": connection.name,
        "connector": connection.connector,
        "settings": connection.settings,
        "secrets": connection.secrets,
        "base_urls": connection.base_urls,
        "allow_loopback": connection.allow_loopback,
        "switches": connection.switches,
        "paused": connection.paused,
        "check": connection.check,
    })
}
