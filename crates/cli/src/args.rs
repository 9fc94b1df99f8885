//! The command line. Each command's own arguments stand in its file under `commands`.

pub mod reference;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::path::PathBuf;

use ::store::Secret;
use clap::{Args, Parser, Subcommand};

use crate::commands::{
    backup, config, connect, connections, demo, doctor, explain, import, journal, keys, mail,
    notices, package, pause, principals, purge, request, restore, resume, serve, settings, store,
    task, tokens, twins, webhooks, worker, workers,
};
use crate::logging::LogFormat;

/// The program.
#[derive(Debug, Parser)]
#[command(
    name = "habeas",
    version,
    about = "Carries out privacy requests: finds a person in every connected system, exports, deletes or opts out, looks again, and can prove it.",
    after_help = "Exit codes: 0 done, 1 failed, 2 usage, 3 done with something left for a person,\n\
                  4 refused by check or permission, 5 unreachable.\n\n\
                  Begin with `habeas demo`. With a system of your own: `habeas connect segment`.",
    disable_help_subcommand = true
)]
pub struct Cli {
    /// For every command.
    #[command(flatten)]
    pub common: Common,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Whether `--json` was given, also where the rest of the command line does not fit.
pub fn asks_for_json() -> bool {
    std::env::args_os().skip(1).take_while(|arg| arg != "--").any(|arg| arg == "--json")
}

/// Arguments of every command.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// Results as JSON on standard output, an error as JSON in the last line of standard error.
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub json: bool,
    /// More about what is going on, on standard error; twice for much more.
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Everywhere")]
    pub verbose: u8,
    /// How log lines look.
    #[arg(long, global = true, value_enum, default_value = "text", help_heading = "Everywhere")]
    pub log_format: LogFormat,
    /// A server to ask, with the token in HABEAS_TOKEN; without it whoever serves the data folder.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "HABEAS_URL",
        help_heading = "Everywhere"
    )]
    pub url: Option<String>,
    /// Certificates in PEM form that vouch for that server, beside those the machine trusts.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "HABEAS_CA",
        help_heading = "Everywhere"
    )]
    pub ca: Option<PathBuf>,
    /// The folder of the data.
    #[arg(
        long,
        global = true,
        value_name = "FOLDER",
        env = "HABEAS_DATA",
        default_value = "./habeas-data",
        help_heading = "Everywhere"
    )]
    pub data: PathBuf,
    /// The folder of the keys; never inside the folder of the data.
    #[arg(
        long,
        global = true,
        value_name = "FOLDER",
        env = "HABEAS_KEYS",
        default_value = "./habeas-keys",
        help_heading = "Everywhere"
    )]
    pub keys: PathBuf,
    /// A PostgreSQL database that takes the place of the file in the data folder: 15 or later.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "HABEAS_DATABASE_URL",
        hide_env_values = true,
        value_parser = secret,
        help_heading = "Everywhere"
    )]
    pub database_url: Option<Secret>,
    /// An S3-compatible bucket that takes the place of the data folder for large bodies:
    /// s3://bucket/prefix. Its key comes from the AWS environment variables.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "HABEAS_BODIES",
        hide_env_values = true,
        value_parser = secret,
        help_heading = "Everywhere"
    )]
    pub bodies: Option<Secret>,
}

/// What must not show in any error, so it can't be wrong here.
#[expect(clippy::unnecessary_wraps, reason = "a parser of arguments may fail")]
fn secret(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(text.to_owned()))
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what Habeas is: a whole story against simulated vendors, within a minute.
    Demo(demo::Args),
    /// Serve the simulated vendors on this machine.
    Twins(twins::Args),
    /// Connect a system.
    Connect(connect::Args),
    /// See, test, set and remove connections.
    #[command(subcommand)]
    Connections(connections::Connections),
    /// Take in privacy requests, see what they wait for, decide.
    #[command(subcommand)]
    Request(request::Requests),
    /// Settle or retry one task of a request.
    #[command(subcommand)]
    Task(task::Task),
    /// Take in a CSV file of requests.
    Import(import::Args),
    /// Write the files for the person of an access request.
    Package(package::Args),
    /// Show the journal of everything that happened.
    Journal(journal::Args),
    /// Destroy the values of a closed request for good.
    Purge(purge::Args),
    /// See which keys there are, and make new ones.
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Look for what is wrong, and say what mends it.
    Doctor(doctor::Args),
    /// Copy the data folder into a backup, while it is in use.
    Backup(backup::Args),
    /// Put a backup back into an empty data folder.
    Restore(restore::Args),
    /// Move the database from the data folder to PostgreSQL.
    #[command(subcommand)]
    Store(store::StoreCommand),
    /// Stop changing calls, everywhere or on one connection.
    Pause(pause::Args),
    /// Allow changing calls again.
    Resume(resume::Args),
    /// Run the engine until stopped.
    Serve(serve::Args),
    /// Run the engine beside others, over a PostgreSQL database.
    Worker(worker::Args),
    /// List who does the engine's work, and how much of it.
    Workers(workers::Args),
    /// Keep connections, people and settings as a file: compare, apply, export.
    #[command(subcommand)]
    Config(config::Config),
    /// See and change settings.
    #[command(subcommand)]
    Settings(settings::Settings),
    /// Say who may do what: people and programs with roles.
    #[command(subcommand)]
    Principals(principals::Principals),
    /// Make, list and end the tokens they come with.
    #[command(subcommand)]
    Tokens(tokens::Tokens),
    /// See what an operator has to know of.
    #[command(subcommand)]
    Notices(notices::Notices),
    /// Send notices by mail: the mail server, and whose addresses get which.
    #[command(subcommand)]
    Mail(mail::Mail),
    /// Tell URLs what happens.
    #[command(subcommand)]
    Webhooks(webhooks::Webhooks),
    /// Say what an error code means, and what to do.
    Explain(explain::Args),
    /// Print the version.
    Version,
    /// Print the page of the documentation that lists every command.
    #[command(hide = true)]
    Reference,
}
