//! The vendors' own SDKs, unmodified but for the base URL, against the running twins.
//!
//! The scripts lie in `crates/twins/tests/sdk/`. Each gets the one line that `habeas twins --json`
//! printed as its only argument, and ends with 0 if the SDK was content. The SDKs are installed
//! into the target folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::{End, judge};
use crate::process::Process;
use crate::workspace::{self, Profile};

/// The packages of the registry of Node.
const NODE_PACKAGES: &[&str] =
    &["@segment/public-api-sdk-typescript@47.0.0-b8398", "@segment/analytics-node@3.1.0"];

/// The oldest Node that the packages run on, and the package that brings it where there is an
/// older one, as in Debian 12.
const OLDEST_NODE: u32 = 20;
const NODE_ITSELF: &str = "node@20";

/// The packages of the registry of Python.
const PYTHON_PACKAGES: &[&str] = &["segment-analytics-python==2.4.0"];

/// How long the twins may take until all of them listen.
const START: Duration = Duration::from_secs(60);

/// The step with Node.
pub(super) fn node() -> Result<End> {
    if !workspace::is_installed("node") || !workspace::is_installed("npm") {
        return Ok(End::Skipped("node or npm is missing".to_owned()));
    }
    let folder = folder("node")?;
    let mut npm = workspace::command("npm");
    npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"]).arg(&folder);
    let mut node = PathBuf::from("node");
    if major(&version_of_node()?).is_none_or(|major| major < OLDEST_NODE) {
        npm.arg(NODE_ITSELF);
        node = folder.join("node_modules/.bin/node");
    }
    if !npm.args(NODE_PACKAGES).status().context("start npm")?.success() {
        return Ok(End::Skipped("npm can't install the packages".to_owned()));
    }
    // Node looks for packages beside the script, so the script goes to the packages.
    let script = folder.join("sdk.mjs");
    fs::copy(scripts().join("sdk.mjs"), &script).context("copy sdk.mjs")?;
    against_twins(workspace::command(node).arg(script))
}

/// The step with Python.
pub(super) fn python() -> Result<End> {
    match python_with("python", PYTHON_PACKAGES)? {
        Ok(python) => against_twins(workspace::command(python).arg(scripts().join("sdk.py"))),
        Err(why) => Ok(End::Skipped(why)),
    }
}

/// A Python of its own with these packages, in a folder of this name; or why there is none.
pub(super) fn python_with(name: &str, packages: &[&str]) -> Result<Result<PathBuf, String>> {
    if !workspace::is_installed("python3") {
        return Ok(Err("python3 is missing".to_owned()));
    }
    let folder = folder(name)?;
    let python = folder.join("bin/python");
    if !workspace::is_installed(&python) {
        let mut venv = workspace::command("python3");
        venv.args(["-m", "venv"]).arg(&folder);
        if !venv.status().context("start python3")?.success() {
            return Ok(Err("python3 can't make a virtual environment".to_owned()));
        }
    }
    let mut pip = workspace::command(&python);
    pip.args(["-m", "pip", "install", "--quiet"]).args(packages);
    if !pip.status().context("start pip")?.success() {
        return Ok(Err("pip can't install the packages".to_owned()));
    }
    Ok(Ok(python))
}

/// Starts the twins, runs the script with their line, and stops them.
fn against_twins(script: &mut Command) -> Result<End> {
    let habeas = workspace::build_habeas(Profile::Dev)?;
    let mut command = workspace::command(habeas);
    let twins = Process::start("habeas twins", command.args(["twins", "--json"]))?;
    let line = twins.line(START, |line| line.starts_with('{'))?;
    judge(script.arg(line))
}

fn version_of_node() -> Result<String> {
    let output = workspace::command("node").arg("--version").output().context("start node")?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The first number of `v20.11.1`.
pub(super) fn major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

fn scripts() -> PathBuf {
    workspace::root().join("crates/twins/tests/sdk")
}

fn folder(language: &str) -> Result<PathBuf> {
    let folder = workspace::target().join("sdk").join(language);
    make(&folder)?;
    Ok(folder)
}

fn make(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))
}
