//! `habeas settings …`: what holds for the whole installation.

use clap::Subcommand;
use engine::operator::controls::{SETTINGS, SettingList, SettingView};
use http::Method;
use serde_json::{Map, Value, json};

use crate::args::Common;
use crate::client::{Client, segment};
use crate::exit::Exit;
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
            let client = Client::to_write(common, screen).await?;
            let path = format!("/settings/{}", segment(&key));
            let value = json!({"value": value});
            let SettingList { mut settings } = client.send(Method::PUT, &path, &value).await?;
            if screen.json {
                settings.retain(|one| one.key == key);
                screen.json(&values(settings))?;
            } else {
                screen.line(format!("{key} is set. What happens from now on follows it."));
            }
        }
    }
    Ok(Exit::Done)
}

async fn list(common: &Common, screen: Screen) -> anyhow::Result<()> {
    let client = Client::to_read(common, screen).await?;
    let SettingList { settings } = client.get("/settings").await?;
    if screen.json {
        return screen.json(&values(settings));
    }
    let rows = settings.into_iter().map(|one| vec![one.key, one.value, one.about]);
    screen.table(&["setting", "value", ""], rows.collect());
    Ok(())
}

/// Settings by their key, as they hold now.
fn values(settings: Vec<SettingView>) -> Map<String, Value> {
    settings.into_iter().map(|one| (one.key, one.value.into())).collect()
}
