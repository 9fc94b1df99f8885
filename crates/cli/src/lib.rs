//! `habeas`, the one binary: it wires the other crates together and is the only one that reads
//! the environment, files of configuration and the real clock. It is a library so that what reads those
//! files can be fuzzed; nobody else uses it.
//!
//! Start at [`args`] for the commands and at [`commands`] for what each does. It holds no rule:
//! what a person can do is `engine::operator`'s, what follows is the engine's.

mod args;
mod client;
mod clock;
mod commands;
pub mod config;
mod environment;
pub mod exit;
mod lease;
mod logging;
mod open;
mod screen;
mod show;
mod terminal;
mod tls;
mod traces;

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;

use args::{Cli, Command};
use exit::{Exit, Stop};
use screen::Screen;
use traces::Outgoing;

/// The program.
pub fn main() -> ExitCode {
    quiet_panics();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            if error.use_stderr() && args::asks_for_json() {
                tell_misfit(&error);
            } else {
                // Help and version go to standard output and are no failure.
                let _ = error.print();
            }
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    let screen = Screen { json: cli.common.json };
    match run(cli) {
        Ok(exit) => exit.into(),
        Err(error) => {
            screen.fail(&error);
            exit::of(&error).into()
        }
    }
}

/// A command line that does not fit, told to a program. What follows an empty line is the usage.
fn tell_misfit(error: &clap::Error) {
    let text = error.to_string();
    let lines = text.lines().take_while(|line| !line.is_empty()).map(str::trim);
    let what = lines.collect::<Vec<_>>().join(" ");
    let stop = Stop::usage(what.trim_start_matches("error: ")).advise("see `habeas --help`");
    Screen { json: true }.fail(&stop.into());
}

fn run(cli: Cli) -> anyhow::Result<Exit> {
    let (gatherer, outgoing) = match &cli.command {
        Command::Serve(args) => args.collector.traces()?.unzip(),
        Command::Worker(args) => args.collector.traces()?.unzip(),
        _ => (None, None),
    };
    logging::start(cli.common.verbose, cli.common.log_format, gatherer)?;
    tls::install();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("could not start the runtime")?;
    let ended = runtime.block_on(async {
        let sending = outgoing.map(Outgoing::begin);
        let ended = commands::run(cli).await;
        if let Some(sending) = sending {
            sending.end().await;
        }
        ended
    });
    // A terminal prompt or a long file read must not keep an ended program alive.
    runtime.shutdown_background();
    ended
}

/// A panic is a bug; its message may hold a value, so only its place is printed.
fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, |at| format!(" at {at}"));
        let bug = Stop::failed(format!("a bug{place}; please report it"));
        Screen { json: args::asks_for_json() }.fail(&bug.into());
    }));
}
