//! `habeas connections …`: see, test, set and remove connections.

pub mod list;
pub mod remove;
pub mod set;
pub mod test;

use clap::Subcommand;

use crate::args::Common;
use crate::exit::Exit;
use crate::screen::Screen;

/// The commands on connections.
#[derive(Debug, Subcommand)]
pub enum Connections {
    /// List connections, what they can do and what they lack.
    List,
    /// Check credentials and permissions again.
    Test(test::Args),
    /// Change switches: mode, gates, guard, batches, what it serves.
    Set(set::Args),
    /// Remove a connection; its open tasks are listed and settled.
    Remove(remove::Args),
}

/// Runs one of them.
pub async fn run(command: Connections, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    match command {
        Connections::List => list::run(common, screen).await,
        Connections::Test(args) => test::run(args, common, screen).await,
        Connections::Set(args) => set::run(args, common, screen).await,
        Connections::Remove(args) => remove::run(args, common, screen).await,
    }
}
