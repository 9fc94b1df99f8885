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
    let mut settings = Map::new();
    for key in SETTINGS {
        settings.insert((*key).to_owned(), controls::get(&session.store, key).await?.into());
    }
    if screen.json {
        return screen.json(&settings);
    }
    let about = |key: &str| match key {
        "respond_within" => "days to answer where no date was given; a house rule, not the law's",
        "placeholders" => "values that name nobody, beside those shipped, parted by |",
        _ => "",
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rows =
        settings.iter().map(|(key, value)| vec![key.clone(), text(value), about(key).to_owned()]);
    screen.table(&["setting", "value", ""], rows.collect());
    Ok(())
}
