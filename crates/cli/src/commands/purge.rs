//! `habeas purge`: the values of a closed request are destroyed for good.

use engine::operator::purge::PurgeView;

use crate::args::Common;
use crate::client::Client;
use crate::exit::{Exit, Stop};
use crate::screen::Screen;
use crate::show;

/// Arguments of `purge`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  \
    habeas purge req_01\n\n\
    What was asked and done stays on record; who asked does not. It can't be undone.")]
pub struct Args {
    /// The request; it has to be closed.
    id: String,
    /// Go on without a question.
    #[arg(long)]
    yes: bool,
}

/// Purges.
pub async fn run(args: Args, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let client = Client::to_write(common, screen).await?;
    let id = client.request(&args.id).await?;
    let question = format!(
        "Destroy identifiers, evidence and collected data of {id} for good? They can't be brought back, and what comes back at a vendor is not noticed any more"
    );
    if !args.yes && !screen.confirm(&question, "--yes")? {
        return Err(Stop::refused("nothing was purged").into());
    }
    let purged: PurgeView = client.post_to(&format!("/requests/{id}/purge")).await?;
    if screen.json {
        screen.json(&purged)?;
        return Ok(Exit::Done);
    }
    if purged.was_purged {
        screen.line(format!("{id} was purged before, on {}.", show::day(purged.at)));
        return Ok(Exit::Done);
    }
    screen.line(format!("{id} is purged: its values are gone from here. Its record stays."));
    screen.line(
        "Whoever has an older backup and the key folder can read them until the key of its month is destroyed, 35 days after nothing needs it any more; see docs/keys.md. Packages that you wrote to files are yours to delete.",
    );
    Ok(Exit::Done)
}
