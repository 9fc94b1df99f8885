//! `habeas connections remove`.

use engine::operator::connections::{Ending, Removal};

use crate::args::Common;
use crate::client::{Client, segment};
use crate::exit::Exit;
use crate::screen::Screen;
use crate::show;

/// Arguments of `connections remove`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  habeas connections remove segment-eu")]
pub struct Args {
    /// The connection.
    name: String,
    /// Don't ask.
    #[arg(long)]
    yes: bool,
}

/// Lists what removal ends, asks, and removes.
pub async fn run(args: Args, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let client = Client::to_write(common, screen).await?;
    let path = format!("/connections/{}", segment(&args.name));
    let ends: Removal = client.get(&format!("{path}/removal")).await?;
    if !screen.json {
        tell(&ends, screen);
    }
    let question = format!("Remove {} and destroy its secrets?", args.name);
    if !args.yes && !screen.confirm(&question, "--yes")? {
        screen.note("nothing was removed");
        return Ok(Exit::Done);
    }
    let removal: Removal = client.delete(&path).await?;
    if screen.json {
        screen.json(&removal)?;
    } else {
        screen.line(format!("{} is removed. Its history stays.", args.name));
    }
    Ok(Exit::left(removal.n_at_vendor > 0))
}

fn tell(ends: &Removal, screen: Screen) {
    if ends.n_tasks == 0 {
        screen.line(format!("{} has no open task.", ends.connection));
    } else {
        screen.line(format!(
            "{} would be settled as skipped, and {} no longer asked about{}",
            show::n_of(ends.n_tasks as u64, "open task"),
            show::n_of(ends.n_jobs as u64, "vendor job"),
            if ends.tasks.is_empty() { "." } else { ":" },
        ));
        let rows = ends.tasks.iter();
        let rows = rows.map(|Ending { task, request, state }| {
            vec![task.to_string(), request.to_string(), state.to_string()]
        });
        if !ends.tasks.is_empty() {
            screen.table(&["task", "request", "state"], rows.collect());
        }
    }
    if ends.n_at_vendor > 0 {
        screen.line(format!(
            "The vendor is, or may be, at work on {} of them; that goes on there, and nobody will look again.",
            ends.n_at_vendor
        ));
    }
}
