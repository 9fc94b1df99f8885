//! `habeas keys …`: which keys there are, and new ones in place of old ones.

use clap::Subcommand;
use engine::operator::keys::{KeyList, KeyPurpose, KeyView, KeysMade};
use serde_json::json;

use crate::args::Common;
use crate::client::Client;
use crate::exit::Exit;
use crate::screen::Screen;
use crate::show;

/// The commands on keys.
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// List the keys by name, and what still names the old ones.
    List,
    /// Make new keys; what names the old ones moves by itself, while everything goes on.
    #[command(after_help = "Examples:\n  \
        habeas keys rotate\n  \
        habeas keys rotate credentials\n\n\
        Copy the key folder afterwards.")]
    Rotate {
        /// Of this purpose only: epoch, credentials, evidence or index.
        #[arg(value_parser = clap::builder::PossibleValuesParser::new(
            KeyPurpose::ALL.iter().map(|purpose| purpose.word())))]
        purpose: Option<String>,
    },
}

/// Runs one of them.
pub async fn run(command: Keys, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    match command {
        Keys::List => {
            let client = Client::to_read(common, screen).await?;
            let list: KeyList = client.get("/keys").await?;
            if screen.json {
                screen.json(&list)?;
            } else {
                let rows = list.keys.iter().map(row).collect();
                screen.table(&["key", "", "names it"], rows);
            }
        }
        Keys::Rotate { purpose } => {
            let client = Client::to_write(common, screen).await?;
            let made: KeysMade = client.post("/keys/rotate", &json!({"purpose": purpose})).await?;
            if screen.json {
                screen.json(&made)?;
            } else {
                screen.line(format!("In use from now on: {}.", made.made.join(", ")));
                screen.line("What names the old ones moves by itself; `habeas keys list` shows what is left. Copy the key folder now.");
            }
            client.act().await?;
        }
    }
    Ok(Exit::Done)
}

fn row(key: &KeyView) -> Vec<String> {
    let is = match (key.is_in_use, key.destroyed_at) {
        (true, _) => "in use".to_owned(),
        (false, Some(at)) => format!("kept for backups, destroyed on {}", show::day(at)),
        (false, None) => "old".to_owned(),
    };
    let to_move =
        key.n_to_move.filter(|n| *n > 0).map(|n| format!("{} to move", show::n_of(n, "row")));
    let known = key.n_known_by.map(|n| format!("{} recognised by it", show::n_of(n, "request")));
    let named: Vec<_> = to_move.into_iter().chain(known).collect();
    let named = if key.is_in_use { "what is new".to_owned() } else { show::list(named) };
    vec![key.key.clone(), is, named]
}
