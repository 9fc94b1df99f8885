//! `habeas package`: the files for the person of an access request, as one ZIP.

use std::path::PathBuf;

use engine::operator::find;
use indicatif::{ProgressBar, ProgressDrawTarget};
use packaging::{PackageError, Progress};
use serde_json::json;

use crate::args::Common;
use crate::exit::{Exit, Stop};
use crate::open::Session;
use crate::screen::Screen;
use crate::show;

/// Arguments of `package`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  \
    habeas package req_01 --out answer.zip\n\n\
    The file holds personal data in plain. Nobody but you can read it; hand it over safely.")]
pub struct Args {
    /// The request.
    id: String,
    /// The file to write; ID.zip without it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace a file of that name.
    #[arg(long)]
    force: bool,
}

/// Writes the package.
pub async fn run(args: Args, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let session = Session::to_write(common, screen).await?;
    let request = find::request(&session.desk(), &args.id).await?;
    let path = args.out.unwrap_or_else(|| PathBuf::from(format!("{request}.zip")));
    if !args.force && path.exists() {
        return Err(Stop::refused(format!("{} is there already", path.display()))
            .advise("add --force to replace it, or name another file with --out")
            .into());
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let shown = bar.clone();
    let tell = move |progress: Progress| {
        shown.set_length(progress.n_files_total as u64);
        shown.set_position(progress.n_files as u64);
    };
    let written =
        packaging::write(&session.store, request, &session.actor, session.now, &path, tell).await;
    bar.finish_and_clear();
    let summary = written.map_err(|error| match error {
        PackageError::NothingToPackage { .. } => {
            anyhow::Error::from(Stop::usage(error.to_string()))
        }
        other => other.into(),
    })?;
    let left = Exit::left(!summary.reservations.is_empty());
    if screen.json {
        screen.json(&json!({
            "package": summary.path,
            "n_systems": summary.n_systems,
            "n_files": summary.n_files,
            "n_records": summary.n_records,
            "size_bytes": summary.size_bytes,
            "reservations": summary.reservations,
        }))?;
        return Ok(left);
    }
    screen.line(format!(
        "{}: {} from {}, {}",
        summary.path.display(),
        show::n_of(summary.n_records, "record"),
        show::n_of(summary.n_systems as u64, "system"),
        show::size(summary.size_bytes),
    ));
    for reservation in &summary.reservations {
        screen.line(format!("Before you hand it over: {reservation}."));
    }
    if summary.reservations.is_empty() {
        screen.line(format!("When the person has it: habeas request answer {request} --note TEXT"));
    }
    Ok(left)
}
