//! `habeas request reopen`.

use serde_json::json;

use crate::args::Common;
use crate::client::Client;
use crate::exit::Exit;
use crate::screen::Screen;

/// Arguments of `request reopen`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  habeas request reopen req_01 --note 'the person wrote again'")]
pub struct Args {
    /// The request.
    id: String,
    /// Why; names no person.
    #[arg(long, value_name = "TEXT")]
    note: String,
}

/// Opens it again; its history stays.
pub async fn run(args: Args, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let client = Client::to_write(common, screen).await?;
    let id = client.request(&args.id).await?;
    let note = json!({"note": args.note});
    client.post::<()>(&format!("/requests/{id}/reopen"), &note).await?;
    if screen.json {
        screen.json(&json!({"request": id, "reopened": true}))?;
    } else {
        screen.line(format!("{id} is open again. See it: habeas request show {id}"));
    }
    client.act().await?;
    Ok(Exit::Done)
}
