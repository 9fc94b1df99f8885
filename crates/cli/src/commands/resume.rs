//! `habeas resume`: changing calls are made again.

use engine::operator::connections::ConnectionView;
use engine::operator::controls::Resumed;
use serde_json::json;

use crate::args::Common;
use crate::client::{Client, segment};
use crate::exit::Exit;
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
    let client = Client::to_write(common, screen).await?;
    match &args.name {
        None => {
            let Resumed { was_paused } = client.post_to("/engine/resume").await?;
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
            let path = format!("/connections/{}/resume", segment(name));
            client.post_to::<ConnectionView>(&path).await?;
            if screen.json {
                screen.json(&json!({"resumed": name}))?;
            } else {
                screen.line(format!("{name} works again."));
            }
        }
    }
    client.act().await?;
    Ok(Exit::Done)
}
