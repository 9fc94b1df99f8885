//! `habeas connections list`.

use domain::connection::Pause;
use engine::operator::connections::{ConnectionList, ConnectionView};
use engine::operator::controls::PausedAll;

use crate::args::Common;
use crate::client::Client;
use crate::exit::Exit;
use crate::screen::Screen;
use crate::show;

/// Lists the living connections.
pub async fn run(common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let client = Client::to_read(common, screen).await?;
    let list: ConnectionList = client.get("/connections").await?;
    if screen.json {
        screen.json(&list)?;
        return Ok(Exit::Done);
    }
    let ConnectionList { connections, paused_all } = list;
    if connections.is_empty() {
        screen.line("No system is connected. `habeas connect segment` connects one.");
        return Ok(Exit::Done);
    }
    let rows = connections.iter().map(|one| row(one, paused_all.as_ref())).collect();
    screen.table(&["connection", "account", "mode", "gates", "serves", "state"], rows);
    if let Some(all) = &paused_all {
        screen.line(format!(
            "Everything is paused since {} by {}{}: no changing call is made. On again: habeas resume --all",
            show::time(all.since),
            all.by,
            all.why.as_ref().map_or_else(String::new, |why| format!(", since it was {why}"))
        ));
    }
    for connection in &connections {
        if let Some(pause) = &connection.paused {
            screen.line(paused(&connection.name, pause));
        }
        // What is optional was told when it was connected, and `connections test` tells it again.
        for one in &connection.lacking {
            screen.line(format!("{}: without “{}”: {}", connection.name, one.permission, one.lost));
        }
    }
    Ok(Exit::Done)
}

fn row(connection: &ConnectionView, paused_all: Option<&PausedAll>) -> Vec<String> {
    let switches = &connection.switches;
    let state = match (&connection.paused, paused_all) {
        (Some(pause), _) => format!("paused since {}", show::time(pause.since)),
        (None, Some(_)) => "paused (all)".to_owned(),
        (None, None) => "works".to_owned(),
    };
    vec![
        connection.name.clone(),
        connection.account.as_ref().map_or_else(|| "-".to_owned(), |account| account.name.clone()),
        switches.mode.to_string(),
        format!("review {}\napproval {}", switches.review, switches.approval),
        show::list(&connection.can_serve),
        state,
    ]
}

/// Why a connection stands still, and what makes it go on.
pub fn paused(name: &str, pause: &Pause) -> String {
    let is = if pause.by_person { "is" } else { "is paused:" };
    format!("{name} {is} {}; {}", pause.why, pause.remedy)
}
