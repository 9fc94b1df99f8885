//! `habeas connections set`.

use std::collections::BTreeMap;

use engine::operator::connections::ConnectionView;
use http::Method;
use serde_json::json;

use crate::args::Common;
use crate::client::{Client, segment};
use crate::exit::{Exit, Stop};
use crate::screen::Screen;

/// Arguments of `connections set`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    habeas connections set segment-eu mode=act\n  \
    habeas connections set segment-eu guard=5000 until=2026-12-31\n  \
    habeas connections set segment-eu approval=auto serves.rights=access,opt_out\n\n\
    Switches: mode=observe|act, review=ask|auto, approval=ask|auto, guard=N, until=DATE,\n\
    completion=on_completion|on_submission, batch=N, limits.NAME=N, serves.rights, serves.brands,\n\
    serves.jurisdictions, serves.subject_kinds. Every change is journalled.")]
pub struct Args {
    /// The connection.
    name: String,
    /// The switches and what they are set to.
    #[arg(value_name = "KEY=VALUE", required = true)]
    switches: Vec<String>,
}

/// Sets switches: all of them, or none if one does not fit.
pub async fn run(args: Args, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let pair =
        |text: &String| text.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
    let switches: Option<BTreeMap<_, _>> = args.switches.iter().map(pair).collect();
    let switches = switches
        .ok_or_else(|| Stop::usage("a switch is written KEY=VALUE").advise("such as mode=act"))?;
    let client = Client::to_write(common, screen).await?;
    let path = format!("/connections/{}/switches", segment(&args.name));
    let connection: ConnectionView = client.send(Method::PATCH, &path, &switches).await?;
    if screen.json {
        screen.json(&json!({"connection": connection}))?;
    } else {
        screen.line(format!("{}: {}", connection.name, args.switches.join(" ")));
    }
    client.act().await?;
    Ok(Exit::Done)
}
