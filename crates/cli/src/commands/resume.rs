//! `habeas resume`: changing calls are made again.

use engine::operator::{connections, controls};
use serde_json::json;

use crate::args::Common;
use crate::exit::Exit;
use crate::open::Session;
use crate::screen::Screen;

/// Arguments of `resume`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  habeas resume --all\n  habeas resume segment-eu")]
#[group(required = true, multiple = false)]
pub struct Args {
    /// Everywhere; connections that are paused by themselves stay so.
    #[arg(long)]
    all: bool,
    /// On this connection.
    name: Option<String>,
}

/// Resumes.
pub async fn run(args: Args, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let session = Session::to_write(common, screen).await?;
    let desk = session.desk();
    match &args.name {
        None => {
            let was_paused = controls::resume_all(&desk).await?;
            if screen.json {
                screen.json(&json!({"resumed": "all", "was_paused": was_paused}))?;
            } else if was_paused {
                screen.line("Changing calls are made again.");
            } else {
                screen
                    .line("Nothing was paused everywhere. A single connection: habeas resume NAME");
            }
        }
        Some(name) => {
            connections::resume(&desk, name).await?;
            if screen.json {
                screen.json(&json!({"resumed": name}))?;
            } else {
                screen.line(format!("{name} works again."));
            }
        }
    }
    session.act().await?;
    Ok(Exit::Done)
}
