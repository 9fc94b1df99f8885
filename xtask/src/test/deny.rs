//! Licences, banned crates, duplicates and sources, by cargo-deny and `deny.toml`.
//!
//! Advisories are left out: their database is fetched from the network at every run, so that the
//! same change would pass on one day and fail on the next. `cargo deny check advisories` by hand.

use std::path::PathBuf;

use anyhow::Result;

use super::{End, judge};
use crate::{screen, workspace};

/// The version that `deny.toml` is written for.
const VERSION: &str = "0.20.2";

/// The step.
pub(super) fn run() -> Result<End> {
    let Some(program) = installed()? else {
        return Ok(End::Skipped("cargo-deny is missing and can't be installed".to_owned()));
    };
    let mut deny = workspace::command(program);
    deny.args(["--workspace", "--locked", "check", "--hide-inclusion-graph"]);
    judge(deny.args(["bans", "licenses", "sources"]))
}

/// The program; built once into the target folder (a minute and a half of processor time).
fn installed() -> Result<Option<PathBuf>> {
    if workspace::is_installed("cargo-deny") {
        return Ok(Some("cargo-deny".into()));
    }
    let folder = workspace::target().join("tools");
    let program = folder.join("bin/cargo-deny");
    if workspace::is_installed(&program) {
        return Ok(Some(program));
    }
    screen::complain(&format!("installing cargo-deny {VERSION} into target/tools"));
    let mut cargo = workspace::command("cargo");
    cargo.args(["install", "cargo-deny", "--version", VERSION, "--locked", "--debug", "--quiet"]);
    let built = cargo.arg("--root").arg(&folder).status()?.success();
    Ok(built.then_some(program))
}
