//! `habeas request deny`.

use serde_json::json;

use crate::args::Common;
use crate::client::Client;
use crate::commands::request::cancel::tell;
use crate::exit::Exit;
use crate::screen::Screen;

/// Arguments of `request deny`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  habeas request deny req_01 --note 'not our customer'")]
pub struct Args {
    /// The request.
    id: String,
    /// Why; names no person.
    #[arg(long, value_name = "TEXT")]
    note: String,
}

/// Refuses the request.
pub async fn run(args: Args, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let client = Client::to_write(common, screen).await?;
    let id = client.request(&args.id).await?;
    let note = json!({"note": args.note});
    let stopped = client.post(&format!("/requests/{id}/deny"), &note).await?;
    tell(&stopped, screen)
}
