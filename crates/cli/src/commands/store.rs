//! `habeas store …`: the database moves from the data folder to PostgreSQL.

use clap::Subcommand;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use store::Secret;
use store::copy::{self, Copied, Progress, Step};

use crate::args::Common;
use crate::exit::{Exit, Stop};
use crate::lease;
use crate::open::options;
use crate::screen::Screen;
use crate::show::n_of;

/// The commands on where the database lies.
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Copy the database of the data folder into an empty one of PostgreSQL, and compare every row.
    #[command(after_help = "Example:\n  \
        HABEAS_DATABASE_URL=postgres://habeas@db.example.com/habeas habeas store copy\n\n\
        End every other program of this installation first. Where it is broken off, run it again: it\n\
        goes on after the last row that arrived. From its beginning on the file in the data folder is\n\
        not used any more; `habeas store reopen` gives the copy up. Keys and bodies stay where they are.")]
    Copy,
    /// Use the file in the data folder again, as if it had not been copied.
    #[command(after_help = "Example:\n  \
        HABEAS_DATABASE_URL=postgres://habeas@db.example.com/habeas habeas store reopen\n\n\
        The database is named where the copy was finished. It is not used any more then, and is refused\n\
        where it was used since. Copy into an empty one the next time.")]
    Reopen,
}

/// Runs one of them.
pub async fn run(command: StoreCommand, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    match command {
        StoreCommand::Copy => {
            let Some(into) = &common.database_url else {
                let advice = "set HABEAS_DATABASE_URL, or --database-url, to an empty database";
                let what = "it takes a PostgreSQL database to copy into";
                return Err(Stop::usage(what).advise(advice).into());
            };
            copy(into, common, screen).await
        }
        StoreCommand::Reopen => {
            copy::reopen(&options(common), common.database_url.as_ref()).await?;
            if screen.json {
                screen.json(&json!({ "reopened": common.data }))?;
            } else {
                screen.line(format!(
                    "{} is used again: run every command without HABEAS_DATABASE_URL.",
                    common.data.display()
                ));
            }
            Ok(Exit::Done)
        }
    }
}

async fn copy(into: &Secret, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let me = lease::holder()?;
    let time = me.time();
    let is_held = |row: &store::LeaseRow| row.is_held(&time) && !(me.is_gone)(&row.holder);
    let (bar, tell) = progress();
    let copied = copy::copy(&options(common), into, is_held, tell).await;
    bar.finish_and_clear();
    let copied = copied?;
    if screen.json {
        screen.json(&told(&copied))?;
        return Ok(Exit::Done);
    }
    let n_tables = n_of(copied.tables.len() as u64, "table");
    let n_rows = n_of(copied.n_rows(), "row");
    screen.line(format!("{n_rows} of {n_tables} copied, read back from both sides and compared."));
    if copied.n_rows_before > 0 {
        let n_before = n_of(copied.n_rows_before, "row");
        screen.line(format!("  of them from a copy that was broken off: {n_before}"));
    }
    for line in [
        "From now on set HABEAS_DATABASE_URL, as for this command, for every program of this installation.".to_owned(),
        format!("Keys stay in {}, bodies in {}: workers elsewhere need both.", common.keys.display(), common.data.display()),
        "The file habeas.db there is refused from now on. Keep it until the database has a backup of its own that you have put back once.".to_owned(),
    ] {
        screen.line(line);
    }
    Ok(Exit::Done)
}

fn told(copied: &Copied) -> Value {
    let tables = copied.tables.iter();
    let tables: Vec<_> =
        tables.map(|(table, n_rows)| json!({ "table": table, "n_rows": n_rows })).collect();
    json!({
        "n_rows": copied.n_rows(),
        "n_rows_from_before": copied.n_rows_before,
        "tables": tables,
    })
}

/// A bar of rows, and what moves it.
fn progress() -> (ProgressBar, impl FnMut(Progress) + use<>) {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    // The template is a constant of ours; should it not fit, the plain one does.
    if let Ok(style) = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len} rows {eta}") {
        bar.set_style(style);
    }
    let shown = bar.clone();
    let tell = move |progress: Progress| {
        shown.set_message(match progress.step {
            Step::Copying => "copying",
            Step::Comparing => "comparing",
        });
        shown.set_length(progress.n_rows_total);
        shown.set_position(progress.n_rows);
    };
    (bar, tell)
}
