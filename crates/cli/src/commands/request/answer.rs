//! `habeas request answer`.

use engine::operator::decide::Answered;
use serde_json::json;

use crate::args::Common;
use crate::client::Client;
use crate::exit::Exit;
use crate::screen::Screen;

/// Arguments of `request answer`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  habeas request answer req_01 --note 'told by letter'\n\n\
    The respond clock ends here: when the answer has left for the person.")]
pub struct Args {
    /// The request.
    id: String,
    /// How the person was told; names no person.
    #[arg(long, value_name = "TEXT")]
    note: String,
}

/// Records that the person was told, and closes the request.
pub async fn run(args: Args, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let client = Client::to_write(common, screen).await?;
    let id = client.request(&args.id).await?;
    let note = json!({"note": args.note});
    let answered: Answered = client.post(&format!("/requests/{id}/answer"), &note).await?;
    if screen.json {
        screen.json(&answered)?;
    } else {
        screen.line(format!("{id} is closed: {}.", answered.closed_as));
    }
    Ok(Exit::Done)
}
