//! `habeas request add-identifier`.

use domain::IdentifierKind;
use domain::identifier::Region;
use engine::operator::{decide, find};
use serde_json::json;

use crate::args::Common;
use crate::exit::{Exit, Stop};
use crate::open::Session;
use crate::screen::Screen;
use crate::show;

/// Arguments of `request add-identifier`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  habeas request add-identifier req_01 user_id=VALUE")]
pub struct Args {
    /// The request.
    id: String,
    /// Its type (email, phone, user_id, …, or id.NAME) and its value; several are fine.
    #[arg(value_name = "TYPE=VALUE", required = true)]
    identifiers: Vec<String>,
    /// The country of phone numbers that don't say theirs.
    #[arg(long, value_name = "COUNTRY")]
    phone_region: Option<Region>,
}

/// Adds them; systems that can use one look again.
pub async fn run(args: Args, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let given = args.identifiers.iter().map(|text| read(text)).collect::<Result<Vec<_>, _>>()?;
    let session = Session::to_write(common, screen).await?;
    let id = find::request(&session.store, &args.id).await?;
    let added = decide::add_identifiers(&session.desk(), id, &given, args.phone_region).await?;
    if screen.json {
        screen.json(&json!({"request": id, "added": added}))?;
    } else if added.n_new == 0 {
        screen.line("The request had that already.");
    } else {
        let tasks = show::n_of(added.tasks.len() as u64, "system");
        screen.line(format!("Added; {tasks} will look again. Watch it: habeas request watch {id}"));
    }
    session.act().await?;
    Ok(Exit::Done)
}

/// Reads `TYPE=VALUE`.
pub fn read(text: &str) -> Result<(IdentifierKind, String), Stop> {
    let (kind, value) = text.split_once('=').ok_or_else(|| {
        Stop::usage("an identifier is written TYPE=VALUE").to_do("such as user_id=…")
    })?;
    let kind = kind.parse().map_err(|error| Stop::usage(format!("TYPE=VALUE: {error}")))?;
    Ok((kind, value.to_owned()))
}
