//! `habeas settings …`: what holds for the whole installation.

use clap::Subcommand;
use engine::operator::controls::{self, SETTINGS};
use serde_json::{Map, Value};

use crate::args::Common;
use crate::exit::Exit;
use crate::open::Session;
use crate::screen::Screen;

/// The commands on settings.
#[derive(Debug, Subcommand)]
pub enum Settings {
    /// List the settings as they hold now.
    List,
    /// Change one; journalled.
    #[command(after_help = "Examples:\n  \
        habeas settings set respond_within 45\n  \
        habeas settings set placeholders 'n.n.|no@company.example'")]
    Set {
        /// Which.
        #[arg(value_parser = clap::builder::PossibleValuesParser::new(SETTINGS.iter().copied()))]
        key: String,
        /// To what.
        value: String,
    },
}

/// Runs one of them.
pub async fn run(command: Settings, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    match command {
        Settings::List => list(common, screen).await?,
        Settings::Set { key, value } => {
            let session = Session::to_write(common, screen).await?;
            controls::set(&session.desk(), &key, &value).await?;
            if !screen.json {
                screen.line(format!("{key} is set. Requests that come in from now on follow it."));
            }
        }
    }
    Ok(Exit::Done)
}

async fn list(common: &Common, screen: Screen) -> anyhow::Result<()> {
    let session = Session::to_read(common, screen).await?;
    let settings = controls::list(&session.store).await?;
    if screen.json {
        let values = settings.into_iter().map(|one| (one.key, Value::from(one.value)));
        return screen.json(&values.collect::<Map<_, _>>());
    }
    let rows = settings.into_iter().map(|one| vec![one.key, one.value, one.about]);
    screen.table(&["setting", "value", ""], rows.collect());
    Ok(())
}
