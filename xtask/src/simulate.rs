//! `cargo xtask simulate`: the real engine against the twin in this process, killed at generated points.
//!
//! The simulation is the testkit's, since it needs the crates of the product; this builds and runs it.
//! With `--mutants` it is tried itself: see [`mutants`].

use anyhow::{Context, Result};

use crate::args::{Args, Misuse};
use crate::workspace::{self, Profile};

mod mutants;

/// As many as take about two minutes on two processors.
const SHORT: u64 = 8;

/// As many as are played unless somebody says otherwise.
const MANY: u64 = 100;

/// Runs the task and says whether every promise was kept.
pub fn run(mut args: Args) -> Result<bool> {
    let tries_mutants = args.flag("--mutants");
    let name = args.word();
    let profile = if args.flag("--release") { Profile::Release } else { Profile::Dev };
    let alone: Option<u64> = args.value("--seed")?;
    let n_seeds: Option<u64> = args.value("--seeds")?;
    args.end()?;
    if tries_mutants {
        return mutants::run(name.as_deref(), n_seeds.unwrap_or(MANY));
    }
    if let Some(name) = name {
        return Err(Misuse(format!("`{name}` is for --mutants")).into());
    }
    match (alone, n_seeds) {
        (Some(_), Some(_)) => {
            Err(Misuse("--seed plays one, --seeds the first so many".to_owned()).into())
        }
        (Some(seed), None) => simulate(seed, 1, profile),
        (None, n_seeds) => simulate(1, n_seeds.unwrap_or(MANY), profile),
    }
}

/// The run that `cargo xtask test` includes.
pub fn short() -> Result<bool> {
    simulate(1, SHORT, Profile::Dev)
}

fn simulate(first: u64, n_seeds: u64, profile: Profile) -> Result<bool> {
    let program = workspace::build_example("simulate", profile)?;
    let mut simulation = workspace::command(program);
    simulation.args([first.to_string(), n_seeds.to_string()]);
    Ok(simulation.status().context("start the simulation")?.success())
}
