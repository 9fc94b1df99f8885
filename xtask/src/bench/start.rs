//! How long the program takes to start: loading, arguments, no store.
//!
//! It doesn't say how soon an engine is ready; that takes a data folder.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{Bound, Figure};
use crate::workspace::{self, Profile};

const N_RUNS: usize = 20;

/// Times `habeas --version`.
pub(super) fn measure() -> Result<Vec<Figure>> {
    let habeas = workspace::build_habeas(Profile::Release)?;
    let value = median_start(&habeas, N_RUNS)?.as_secs_f64();
    let setup = format!(
        "median of {N_RUNS} runs of `habeas --version` of the release build, \
         from the start of the process to its end"
    );
    Ok(vec![Figure::new("start", value, "s", Bound::AtMost(0.3), &setup)])
}

/// The time from start to end in the middle of `n_runs`.
pub(super) fn median_start(program: &Path, n_runs: usize) -> Result<Duration> {
    let mut times = Vec::new();
    for _ in 0..n_runs {
        let before = Instant::now();
        let mut command = workspace::command(program);
        let status = command.arg("--version").stdout(Stdio::null()).status();
        let status = status.with_context(|| format!("start {}", program.display()))?;
        times.push(before.elapsed());
        ensure!(status.success(), "{} --version ended with {status}", program.display());
    }
    times.sort();
    times.get(n_runs / 2).copied().context("no run, no median")
}
