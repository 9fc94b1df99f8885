//! `habeas request add-identifier`.

use domain::IdentifierKind;
use domain::identifier::Region;
use engine::operator::Given;
use engine::operator::decide::Added;
use serde_json::json;

use crate::args::Common;
use crate::client::Client;
use crate::exit::Exit;
use crate::screen::Screen;
use crate::show;

/// Arguments of `request add-identifier`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  habeas request add-identifier req_01 user_id VALUE")]
pub struct Args {
    /// The request.
    id: String,
    /// Its type: email, phone, user_id, …, or id.NAME.
    #[arg(value_name = "TYPE")]
    kind: IdentifierKind,
    /// The value.
    value: String,
    /// The country of a phone number that doesn't say its own.
    #[arg(long, value_name = "COUNTRY")]
    phone_region: Option<Region>,
}

/// Adds it; systems that can use it look again.
pub async fn run(args: Args, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let client = Client::to_write(common, screen).await?;
    let id = client.request(&args.id).await?;
    let given = [Given::new(args.kind, args.value)];
    let new = json!({
        "identifiers": given,
        "phone_region": args.phone_region,
    });
    let added = client.post(&format!("/requests/{id}/identifiers"), &new).await;
    let added: Added = added.map_err(|error| super::by_type(error, &given))?;
    if screen.json {
        screen.json(&json!({"request": id, "added": added}))?;
    } else if added.n_new == 0 {
        screen.line("The request had that already.");
    } else {
        let tasks = show::n_of(added.tasks.len() as u64, "system");
        screen.line(format!("Added; {tasks} will look again. Watch it: habeas request watch {id}"));
    }
    client.act().await?;
    Ok(Exit::Done)
}
