//! `habeas backup`: a copy of the data folder that is whole, made while it is in use.

use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use store::backup::{self, Existing, Progress};

use crate::args::Common;
use crate::clock::real_now;
use crate::exit::Exit;
use crate::open::options;
use crate::screen::Screen;
use crate::show;

/// Arguments of `backup`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  \
    habeas backup /backup/habeas-2026-11-22\n\n\
    Keys are not in it, and it is of no use without them: copy the key folder too, elsewhere.")]
pub struct Args {
    /// The folder to make.
    folder: PathBuf,
    /// Replace a backup of that name, once the new one is whole.
    #[arg(long)]
    force: bool,
}

/// Makes a backup.
pub async fn run(args: Args, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let existing = if args.force { Existing::Replace } else { Existing::Refuse };
    let made = (real_now(), env!("CARGO_PKG_VERSION"));
    let (bar, tell) = progress("copying and comparing");
    let written = backup::write(&options(common), &args.folder, existing, made, tell).await;
    bar.finish_and_clear();
    let manifest = written?;
    if screen.json {
        screen.json(&json!({
            "backup": args.folder,
            "made_at": manifest.head.made_at,
            "n_files": manifest.n_files,
            "size_bytes": manifest.n_bytes,
            "bodies": manifest.head.bodies,
        }))?;
        return Ok(Exit::Done);
    }
    screen.line(format!(
        "{}: {} in {}, read back and compared.",
        args.folder.display(),
        show::size(manifest.n_bytes),
        show::n_of(manifest.n_files, "file"),
    ));
    if let Some(bucket) = &manifest.head.bodies {
        screen.line(format!(
            "The large bodies in {bucket} are not in it: keep old versions there as long as this backup."
        ));
    }
    screen.line(format!(
        "The keys in {} are not in it. Without them nobody can use it: keep a copy of them apart from it.",
        common.keys.display()
    ));
    Ok(Exit::Done)
}

/// A bar of bytes, and what moves it.
pub fn progress(what: &str) -> (ProgressBar, impl FnMut(Progress) + use<>) {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    // The template is a constant of ours; should it not fit, the plain one does.
    if let Ok(style) = ProgressStyle::with_template("{msg} {bar:30} {bytes}/{total_bytes} {eta}") {
        bar.set_style(style);
    }
    bar.set_message(what.to_owned());
    let shown = bar.clone();
    let tell = move |progress: Progress| {
        shown.set_length(progress.n_bytes_total.max(progress.n_bytes));
        shown.set_position(progress.n_bytes);
    };
    (bar, tell)
}
