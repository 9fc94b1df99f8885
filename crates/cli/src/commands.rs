//! The commands, one file each. A command reads its arguments, calls what does the work, and shows
//! what came of it.

pub mod backup;
pub mod config;
pub mod connect;
pub mod connections;
pub mod deliveries;
pub mod demo;
pub mod doctor;
pub mod explain;
pub mod import;
pub mod journal;
pub mod keys;
pub mod mail;
pub mod notices;
pub mod package;
pub mod pause;
pub mod principals;
pub mod purge;
pub mod request;
pub mod restore;
pub mod resume;
pub mod serve;
pub mod settings;
pub mod store;
pub mod task;
pub mod tokens;
pub mod twins;
pub mod webhooks;
pub mod worker;
pub mod workers;

use serde_json::json;

use crate::args::{Cli, Command, Common, reference};
use crate::exit::{Exit, Stop};
use crate::screen::Screen;

/// Runs a command.
pub async fn run(cli: Cli) -> anyhow::Result<Exit> {
    let common = cli.common;
    refuse_elsewhere(&cli.command, &common)?;
    let screen = Screen { json: common.json };
    match cli.command {
        Command::Demo(args) => demo::run(args, &common, screen).await,
        Command::Twins(args) => twins::run(args, screen).await,
        Command::Connect(args) => connect::run(args, &common, screen).await,
        Command::Connections(command) => connections::run(command, &common, screen).await,
        Command::Request(command) => request::run(command, &common, screen).await,
        Command::Task(command) => task::run(command, &common, screen).await,
        Command::Import(args) => import::run(args, &common, screen).await,
        Command::Package(args) => package::run(args, &common, screen).await,
        Command::Journal(args) => journal::run(args, &common, screen).await,
        Command::Pause(args) => pause::run(args, &common, screen).await,
        Command::Backup(args) => backup::run(args, &common, screen).await,
        Command::Restore(args) => restore::run(args, &common, screen).await,
        Command::Store(command) => store::run(command, &common, screen).await,
        Command::Keys(command) => keys::run(command, &common, screen).await,
        Command::Doctor(args) => doctor::run(args, &common, screen).await,
        Command::Purge(args) => purge::run(args, &common, screen).await,
        Command::Resume(args) => resume::run(args, &common, screen).await,
        Command::Serve(args) => serve::run(args, &common, screen).await,
        Command::Worker(args) => worker::run(args, &common, screen).await,
        Command::Workers(args) => workers::run(args, &common, screen).await,
        Command::Config(command) => config::run(command, &common, screen).await,
        Command::Settings(command) => settings::run(command, &common, screen).await,
        Command::Principals(command) => principals::run(command, &common, screen).await,
        Command::Notices(command) => notices::run(command, &common, screen).await,
        Command::Mail(command) => mail::run(command, &common, screen).await,
        Command::Webhooks(command) => webhooks::run(command, &common, screen).await,
        Command::Tokens(command) => tokens::run(command, &common, screen).await,
        Command::Explain(args) => explain::run(&args, screen),
        Command::Version => version(screen),
        Command::Reference => {
            screen.line(reference::page().trim_end());
            Ok(Exit::Done)
        }
    }
}

/// Refuses to look at the folders of this machine where another one was named.
fn refuse_elsewhere(command: &Command, common: &Common) -> anyhow::Result<()> {
    let is_of_folders = matches!(
        command,
        Command::Backup(_) | Command::Restore(_) | Command::Store(_) | Command::Doctor(_)
    );
    if is_of_folders && common.url.is_some() {
        return Err(Stop::usage(
            "this works on the folders of its own machine, and never over a URL",
        )
        .advise("run it where the data is, without --url and HABEAS_URL")
        .into());
    }
    Ok(())
}

fn version(screen: Screen) -> anyhow::Result<Exit> {
    let version = env!("CARGO_PKG_VERSION");
    if screen.json {
        screen.json(&json!({"name": "habeas", "version": version}))?;
    } else {
        screen.line(format!("habeas {version}"));
    }
    Ok(Exit::Done)
}
