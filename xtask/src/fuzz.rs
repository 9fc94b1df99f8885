//! `cargo xtask fuzz`: inputs that nobody thought of, for every parser of bytes from outside.
//!
//! The targets are those of `crates/fuzz`, in one program; each run of it plays one. It is built as
//! cargo-fuzz builds, but by the compiler that builds everything else: without a sanitizer, which there
//! is no unsafe code for, coverage needs no nightly. What was found worth keeping stays below
//! `target/fuzz`, so that the next run goes on from there.

mod run;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::args::{Args, Misuse};
use crate::{screen, workspace};
use run::{End, Run};

/// What can be played, by name. A test of `crates/fuzz` holds it to what there is.
pub const TARGETS: &[&str] = &[
    "api",
    "backup",
    "callers",
    "config",
    "csv",
    "deliveries",
    "identifiers",
    "keys",
    "package",
    "segment",
];

/// How long a run takes unless somebody says otherwise.
const SECONDS: u64 = 600;
/// How long the run takes that `cargo xtask test` includes.
const SHORT: u64 = 60;

/// Runs the task and says whether every promise was kept.
pub fn run(mut args: Args) -> Result<bool> {
    let target = args.word();
    let seconds: Option<u64> = args.value("--seconds")?;
    let jobs: Option<usize> = args.value("--jobs")?;
    let input: Option<PathBuf> = args.value("--input")?;
    args.end()?;
    let target = target.as_deref().map(known).transpose()?;
    if let Some(input) = input {
        let Some(target) = target else {
            return Err(Misuse("whose input is it? Name the target".to_owned()).into());
        };
        let input =
            fs::canonicalize(&input).with_context(|| format!("find {}", input.display()))?;
        return run::again(&build()?, target, &input);
    }
    let targets = target.map_or_else(|| TARGETS.to_vec(), |target| vec![target]);
    let seconds = seconds.unwrap_or(SECONDS);
    fuzz(&targets, seconds, jobs.unwrap_or(1), &folder().join("corpus"), None)
}

/// The run that `cargo xtask test` includes: from the beginning and with the same chance each time, so
/// that the same change fares alike.
pub fn short() -> Result<bool> {
    let corpus = folder().join("short");
    if corpus.exists() {
        fs::remove_dir_all(&corpus).context("empty the folder of the short run")?;
    }
    fuzz(TARGETS, SHORT, 1, &corpus, Some(1))
}

fn known(name: &str) -> Result<&'static str> {
    let found = TARGETS.iter().find(|target| **target == name);
    let none = || Misuse(format!("no target is called `{name}`; there are {}", TARGETS.join(", ")));
    found.copied().ok_or_else(|| none().into())
}

/// Plays targets for so many seconds in all, on so many processors.
fn fuzz(
    targets: &[&'static str],
    seconds: u64,
    n_jobs: usize,
    corpus: &Path,
    seed: Option<u32>,
) -> Result<bool> {
    ensure!(n_jobs > 0, Misuse("--jobs takes at least one".to_owned()));
    let program = build()?;
    let each = (seconds * n_jobs as u64 / targets.len() as u64).max(1).min(seconds);
    // One target is played by all jobs at once, over one folder.
    let n_beside = if targets.len() == 1 { n_jobs } else { 1 };
    let runs = targets.iter().flat_map(|target| std::iter::repeat_n(*target, n_beside));
    let runs: Vec<Run> = runs
        .map(|target| Run { target, seconds: each, corpus: corpus.join(target), seed })
        .collect();
    let mut is_good = true;
    for (run, end) in run::side_by_side(&program, runs, n_jobs)? {
        screen::say(&format!("{:<12} {end}", run.target));
        if let End::Found { input, .. } = &end {
            is_good = false;
            let (target, input) = (run.target, input.display());
            screen::say(&format!("  played again: cargo xtask fuzz {target} --input {input}"));
        }
    }
    Ok(is_good)
}

/// Everything of fuzzing's that is no program.
fn folder() -> PathBuf {
    workspace::target().join("fuzz")
}

/// Builds the program: the crates of the workspace with counters, all others as every build has them.
fn build() -> Result<PathBuf> {
    let mut cargo = workspace::command("cargo");
    cargo.args([
        "build",
        "--workspace",
        "--bin",
        "fuzz",
        "--features",
        "fuzz/libfuzzer",
        "--locked",
    ]);
    cargo.env("RUSTC_WORKSPACE_WRAPPER", workspace::root().join("crates/fuzz/instrument.sh"));
    workspace::built(cargo).context("the targets don't build")
}
