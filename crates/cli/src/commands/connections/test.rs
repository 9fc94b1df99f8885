//! `habeas connections test`.

use anyhow::Context;
use connector_api::check::missing_required;
use engine::operator::connections::ConnectionView;
use serde_json::json;

use super::list::paused;
use crate::args::Common;
use crate::client::{Client, segment};
use crate::commands::connect::report;
use crate::exit::Exit;
use crate::screen::Screen;

/// Arguments of `connections test`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  habeas connections test segment-eu")]
pub struct Args {
    /// The connection.
    name: String,
}

/// Tries every permission again, and keeps what it found.
pub async fn run(args: Args, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let client = Client::to_check(common, screen).await?;
    let path = format!("/connections/{}/test", segment(&args.name));
    let connection: ConnectionView = client.post_to(&path).await?;
    let found = connection.check.context("the server told nothing of the check")?;
    if screen.json {
        screen.json(&json!({"check": found}))?;
    } else {
        report::show(&found, screen);
    }
    let is_lacking = !missing_required(&found).is_empty();
    if let Some(pause) = &connection.paused {
        screen.note(paused(&connection.name, pause));
    }
    client.act().await?;
    Ok(if is_lacking || connection.paused.is_some() { Exit::Refused } else { Exit::Done })
}
