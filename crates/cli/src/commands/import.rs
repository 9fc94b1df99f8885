//! `habeas import`: a CSV file of requests.
//!
//! A fault of the file imports nothing; a fault of a row leaves that row out and imports the rest.
//! Importing the same file again is harmless, which is also how an import goes on after a crash.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use domain::identifier::Region;
use engine::operator::import::Summary;
use http::Method;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use server::api::ImportLine;

use crate::args::Common;
use crate::client::{Answer, Client, Payload, query, stop};
use crate::exit::{self, Exit, Stop};
use crate::screen::Screen;
use crate::show;

/// Arguments of `import`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    habeas import requests.csv --dry-run\n  \
    habeas import requests.csv --phone-region DE --result result.csv\n\n\
    The header names the columns: right, scope, email, phone, user_id, anonymous_id, mpid,\n\
    advertising_id, cookie, contact_id, id.NAME for types of your own, jurisdiction, brand,\n\
    subject_kind, external_id, received_at, due_at, verified_by, verified_at. Several values in\n\
    a cell are parted by |. A row whose external_id is known is the same request.")]
pub struct Args {
    /// The file: CSV in UTF-8, parted by commas or semicolons.
    file: PathBuf,
    /// Only say what would happen.
    #[arg(long)]
    dry_run: bool,
    /// The country of phone numbers that don't say theirs.
    #[arg(long, value_name = "COUNTRY")]
    phone_region: Option<Region>,
    /// Write a line per row here: its number, the request's id, codes of errors; no values.
    #[arg(long, value_name = "FILE")]
    result: Option<PathBuf>,
}

/// Imports a file.
pub async fn run(args: Args, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let file = File::open(&args.file).map_err(|error| exit::unreadable(&args.file, error))?;
    if file.metadata().is_ok_and(|file| file.is_dir()) {
        return Err(exit::unreadable(&args.file, ErrorKind::IsADirectory.into()));
    }
    let mut results = results(args.result.as_deref())?;
    let client = match args.dry_run {
        true => Client::to_try(common, screen).await?,
        false => Client::to_write(common, screen).await?,
    };
    let query = query([
        ("dry_run", args.dry_run.then(|| true.to_string())),
        ("rows", args.result.is_some().then(|| true.to_string())),
        ("phone_region", args.phone_region.as_ref().map(ToString::to_string)),
    ]);
    let payload = Payload::Csv(file.into());
    let answer = client.call(Method::POST, &format!("/imports{query}"), payload).await?;
    let bar = bar();
    let summary = follow(answer, &bar, &mut results).await;
    bar.finish_and_clear();
    let summary = summary?;
    if screen.json {
        screen.json(&summary)?;
    } else {
        tell_summary(&summary, &args.result, args.dry_run, screen);
    }
    if !args.dry_run {
        client.act().await?;
    }
    Ok(Exit::left(summary.n_left_out > 0))
}

/// Reads what becomes of the file, line by line, to the end.
async fn follow(
    mut answer: Answer,
    bar: &ProgressBar,
    results: &mut dyn Write,
) -> anyhow::Result<Summary> {
    let failed = |error| anyhow::Error::new(error).context("could not write the result file");
    results.write_all(b"row,request_id,error_code\n").map_err(failed)?;
    while let Some(line) = answer.line().await? {
        match serde_json::from_slice(&line).context("the answer is not as this version knows it")? {
            ImportLine::Progress(progress) => {
                bar.set_length(progress.n_rows_total);
                bar.set_position(progress.n_rows);
            }
            ImportLine::Row(row) => {
                let request = row.request.map(|id| id.to_string()).unwrap_or_default();
                let codes = row.errors.join("|");
                writeln!(results, "{},{request},{codes}", row.row).map_err(failed)?;
            }
            ImportLine::Failed(problem) => return Err(stop(problem).into()),
            ImportLine::Done(summary) => {
                results.flush().map_err(failed)?;
                return Ok(summary);
            }
        }
    }
    Err(Stop::failed(
        "the answer ended too early; what is in stays, and importing the file again completes it",
    )
    .into())
}

/// A bar with a rate, where standard error is a terminal.
fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len} rows, {per_sec}, {eta} left");
    // The template is a constant of ours; should it not fit, the plain bar does.
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}

fn results(path: Option<&Path>) -> anyhow::Result<Box<dyn Write>> {
    Ok(match path {
        None => Box::new(io::sink()),
        Some(path) => {
            let file = File::create(path).map_err(|error| match error.kind() {
                ErrorKind::NotFound => {
                    Stop::usage(format!("there is no folder for {}", path.display())).into()
                }
                ErrorKind::IsADirectory => exit::unreadable(path, error),
                _ => {
                    anyhow::Error::new(error).context(format!("could not write {}", path.display()))
                }
            })?;
            Box::new(BufWriter::new(file))
        }
    })
}

fn tell_summary(summary: &Summary, results: &Option<PathBuf>, dry_run: bool, screen: Screen) {
    if summary.n_rows == 0 {
        screen.line("The file has a header and no rows: there is nothing to import.");
        return;
    }
    if dry_run {
        screen.line("Nothing was written: this was a dry run. It would have been:");
    }
    screen.line(format!(
        "{}: {} new, {} known, {} left out",
        show::n_of(summary.n_rows, "row"),
        summary.n_new,
        summary.n_known,
        summary.n_left_out
    ));
    tell_new(summary, dry_run, screen);
    for bad in &summary.bad_rows {
        let faults: Vec<String> = bad.faults.iter().map(ToString::to_string).collect();
        screen.line(format!("  row {}: {}", bad.row, faults.join("; ")));
    }
    let n_unshown = summary.n_left_out.saturating_sub(summary.bad_rows.len() as u64);
    if n_unshown > 0 {
        screen.line(format!("  and {n_unshown} more; --result FILE lists every row"));
    }
    if summary.n_left_out > 0 {
        screen.line("What a code means, and what to do: habeas explain CODE");
    }
    if let Some(path) = results {
        screen.line(format!("Every row: {}", path.display()));
    }
    if summary.n_new > 0 && !dry_run {
        screen.line("Next: habeas request list --needs-me");
    }
}

/// What to know about the new ones.
fn tell_new(summary: &Summary, dry_run: bool, screen: Screen) {
    let are = |n: u64| if n == 1 { "is" } else { "are" };
    if summary.n_late > 0 {
        let n = summary.n_late;
        screen.line(format!("{n} of the new {} late already: the deadline has passed.", are(n)));
    }
    if summary.n_left_to_person > 0 {
        let n = summary.n_left_to_person;
        let to_do = match dry_run {
            true => "connect a system before you import: `habeas connect --help`",
            false => "what comes in after `habeas connect` goes to the system connected",
        };
        screen.line(format!(
            "{n} of the new {} left to a person, since no connection serves what is asked; {to_do}.",
            are(n)
        ));
    }
}
