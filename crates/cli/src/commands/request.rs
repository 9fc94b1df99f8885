//! `habeas request …`: everything a person can do with privacy requests.

pub mod add_identifier;
pub mod answer;
pub mod approve;
pub mod cancel;
pub mod deny;
pub mod list;
pub mod new;
pub mod reopen;
pub mod show;
pub mod watch;

use clap::Subcommand;
use engine::operator::Given;

use crate::args::Common;
use crate::exit::{Exit, Stop};
use crate::screen::Screen;

/// The commands on requests.
#[derive(Debug, Subcommand)]
pub enum Requests {
    /// Take in one request.
    New(Box<new::Args>),
    /// List requests, those that need you first.
    List(list::Args),
    /// Show one request: what was asked, what is known, what waits, what you can do.
    Show(show::Args),
    /// Let tasks pass a gate, after showing what would be done.
    Approve(approve::Args),
    /// Refuse a request, with a reason.
    Deny(deny::Args),
    /// Stop what has not been sent, because the person took the request back.
    Cancel(cancel::Args),
    /// Add an identifier; a further round begins where it helps.
    AddIdentifier(add_identifier::Args),
    /// Record that the person was told, and close the request.
    Answer(answer::Args),
    /// Open a closed request again.
    Reopen(reopen::Args),
    /// Show a request live until it waits for a person or is settled.
    Watch(watch::Args),
}

/// Runs one of them.
pub async fn run(command: Requests, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    match command {
        Requests::New(args) => new::run(*args, common, screen).await,
        Requests::List(args) => list::run(args, common, screen).await,
        Requests::Show(args) => show::run(args, common, screen).await,
        Requests::Approve(args) => approve::run(args, common, screen).await,
        Requests::Deny(args) => deny::run(args, common, screen).await,
        Requests::Cancel(args) => cancel::run(args, common, screen).await,
        Requests::AddIdentifier(args) => add_identifier::run(args, common, screen).await,
        Requests::Answer(args) => answer::run(args, common, screen).await,
        Requests::Reopen(args) => reopen::run(args, common, screen).await,
        Requests::Watch(args) => watch::run(args, common, screen).await,
    }
}

/// An error that calls identifiers by their type, as they were typed, and not by their place in what was sent.
fn by_type(error: anyhow::Error, given: &[Given]) -> anyhow::Error {
    let reword = |what: String| {
        let given = given.iter().enumerate();
        given.fold(what, |what, (index, one)| {
            what.replace(&Given::field(index), &one.kind.to_string())
        })
    };
    match error.downcast::<Stop>() {
        Ok(stop) => stop.reworded(reword).into(),
        Err(error) => error,
    }
}
