//! `habeas package`: the files for the person of an access request, as one ZIP.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context;
use domain::RequestId;
use http::Method;
use packaging::Draft;
use serde_json::json;
use server::api::PACKAGE_ABOUT;

use crate::args::Common;
use crate::client::{Client, Payload};
use crate::exit::{Exit, Stop};
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
    let client = Client::to_write(common, screen).await?;
    let request = client.request(&args.id).await?;
    let path = args.out.unwrap_or_else(|| PathBuf::from(format!("{request}.zip")));
    if !args.force && path.exists() {
        return Err(Stop::refused(format!("{} is there already", path.display()))
            .advise("add --force to replace it, or name another file with --out")
            .into());
    }
    let failed =
        |error| anyhow::Error::new(error).context(format!("could not write {}", path.display()));
    let mut draft = Draft::beside(&path).map_err(failed)?;
    let bar = screen.wait_for("putting the package together");
    let fetched = fetch(&client, request, &mut draft).await;
    bar.finish_and_clear();
    let summary = fetched?;
    draft.finish().map_err(failed)?;
    let left = Exit::left(!summary.reservations.is_empty());
    if screen.json {
        screen.json(&json!({
            "package": path,
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
        path.display(),
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

/// Fetches the package into a draft; one that breaks off is an error.
async fn fetch(
    client: &Client,
    request: RequestId,
    draft: &mut Draft,
) -> anyhow::Result<packaging::Summary> {
    let path = format!("/requests/{request}/package");
    let mut answer = client.call(Method::POST, &path, Payload::Nothing).await?;
    let about = answer.headers.get(PACKAGE_ABOUT).context("the server sent no package")?;
    let summary: packaging::Summary =
        serde_json::from_slice(about.as_bytes()).context("the server sent no package")?;
    let mut n_bytes = 0;
    while let Some(piece) = answer.piece().await? {
        n_bytes += piece.len() as u64;
        draft.write_all(&piece).context("could not write the package")?;
    }
    anyhow::ensure!(n_bytes == summary.size_bytes, "the package broke off");
    Ok(summary)
}
