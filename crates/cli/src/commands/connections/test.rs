//! `habeas connections test`.

use connector_api::check::missing_required;
use engine::operator::{connections, find};
use serde_json::json;

use super::list::paused;
use crate::args::Common;
use crate::commands::connect::report;
use crate::exit::Exit;
use crate::open::Session;
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
    let session = Session::to_write(common, screen).await?;
    let connection = find::connection(&session.store, &args.name).await?;
    let secrets = session.store.secrets(connection.id).await?;
    let clock = session.clock().await?;
    let found = report::check(&session, clock.shared(), &connection, &secrets).await;
    clock.leave().await;
    let found = found?;
    if screen.json {
        screen.json(&json!({"check": found}))?;
    } else {
        report::show(&found, screen);
    }
    let is_lacking = !missing_required(&found).is_empty();
    let connection = connections::checked(&session.desk(), &args.name, found).await?;
    if let Some(pause) = &connection.paused {
        screen.note(paused(&connection.name, pause));
    }
    session.act().await?;
    Ok(if is_lacking || connection.paused.is_some() { Exit::Refused } else { Exit::Done })
}
