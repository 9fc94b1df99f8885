//! `habeas request deny`.

use engine::operator::{decide, find};

use crate::args::Common;
use crate::commands::request::cancel::tell;
use crate::exit::Exit;
use crate::open::Session;
use crate::screen::Screen;

/// Arguments of `request deny`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  habeas request deny req_01 --note 'not our customer'")]
pub struct Args {
    /// The request.
    id: String,
    /// Why; names no person.
    #[arg(long, value_name = "TEXT")]
    note: String,
}

/// Refuses the request.
pub async fn run(args: Args, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let session = Session::to_write(common, screen).await?;
    let id = find::request(&session.desk(), &args.id).await?;
    let stopped = decide::deny(&session.desk(), id, &args.note).await?;
    tell(&stopped, screen)
}
