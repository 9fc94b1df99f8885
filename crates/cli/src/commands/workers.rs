//! `habeas workers`: who does the engine's work, and how much of it.

use engine::operator::engine::EngineView;

use crate::args::Common;
use crate::client::Client;
use crate::exit::Exit;
use crate::screen::Screen;
use crate::show;

/// Arguments of `workers`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  habeas workers")]
pub struct Args {}

/// Lists them.
pub async fn run(_args: Args, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let client = Client::to_read(common, screen).await?;
    let engine: EngineView = client.get("/engine").await?;
    if screen.json {
        screen.json(&engine)?;
        return Ok(Exit::Done);
    }
    match (&engine.runs, engine.workers.as_slice()) {
        (None, []) => screen.line("Nobody runs the engine: start `habeas serve`."),
        (Some(runs), []) => {
            screen.line(format!("{} runs it alone, since {}.", runs.who, show::time(runs.since)));
        }
        (_, workers) => {
            let row = |leads: bool, who: &str, since, n: usize| {
                let lead = if leads { "yes" } else { "-" };
                vec![who.to_owned(), show::time(since), n.to_string(), lead.to_owned()]
            };
            let rows = workers
                .iter()
                .map(|one| row(one.leads, &one.who, one.since, one.n_connections))
                .collect();
            screen.table(&["worker", "since", "connections", "leads"], rows);
        }
    }
    Ok(Exit::Done)
}
