//! How soon an engine is ready: the process, the store, the connections, its last line.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::deletions::Setup;
use super::throughput::stop;
use super::{Bound, Figure, Options};

const N_RUNS: usize = 20;

/// Starts `habeas serve` again and again on a folder with a connection.
pub(super) fn measure(options: &Options) -> Result<Vec<Figure>> {
    let stage = Setup::fast("start", 10).stage(options)?;
    let mut times = Vec::new();
    for _ in 0..N_RUNS {
        let before = Instant::now();
        let engine = stage.world.serve_ready()?;
        times.push(before.elapsed());
        stop(engine)?;
    }
    let value = median(times)?.as_secs_f64();
    let setup = format!(
        "median of {N_RUNS} starts of `habeas serve` on a folder with one connection, from the \
         start of the process to the line that says it is ready"
    );
    Ok(vec![Figure::new("start", value, "s", Bound::AtMost(0.3), &setup)])
}

/// The time in the middle.
pub(super) fn median(mut times: Vec<Duration>) -> Result<Duration> {
    times.sort();
    times.get(times.len() / 2).copied().context("no run, no median")
}
