//! `habeas pause`: no changing call is made any more, everywhere or on one connection.

use engine::operator::connections::ConnectionView;
use engine::operator::controls::PausedAll;
use serde_json::json;

use crate::args::Common;
use crate::client::{Client, segment};
use crate::exit::Exit;
use crate::screen::Screen;
use crate::show;

/// Arguments of `pause`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  habeas pause --all\n  habeas pause segment-eu")]
#[group(required = true, multiple = false)]
pub struct Args {
    /// Everywhere.
    #[arg(long)]
    all: bool,
    /// On this connection.
    name: Option<String>,
}

/// Pauses.
pub async fn run(args: Args, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let client = Client::to_write(common, screen).await?;
    let Some(name) = &args.name else {
        let paused: PausedAll = client.post_to("/engine/pause").await?;
        if screen.json {
            screen.json(&json!({"paused": "all", "by": paused.by, "since": paused.since}))?;
        } else {
            screen.line(format!(
                "No changing call is made any more, since {} by {}. What vendors are at work on goes on there.",
                show::time(paused.since),
                paused.by
            ));
            screen.line("On again: habeas resume --all");
        }
        return Ok(Exit::Done);
    };
    let path = format!("/connections/{}/pause", segment(name));
    client.post_to::<ConnectionView>(&path).await?;
    if screen.json {
        screen.json(&json!({"paused": name}))?;
    } else {
        screen.line(format!("{name} is paused. On again: habeas resume {name}"));
    }
    Ok(Exit::Done)
}
