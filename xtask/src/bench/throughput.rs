//! How many deletions a second the engine carries out, where the vendor is not what it waits for;
//! and how many a bare loop would, which makes the same calls and writes the same bytes, but keeps
//! no state, no journal and no promise.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::binary_size::megabytes;
use super::deletions::{CREATE_CALLS, PROFILE_CALLS, Setup, Stage, StoreSize};
use super::intake::MOST_MEMORY;
use super::{Bound, Figure, Options};
use crate::world::World;
use crate::{screen, workspace};

pub(super) const N_PEOPLE: usize = 20_000;
/// One look-up, and five identifiers to confirm.
pub(super) const CALLS_PER_PERSON: usize = 6;
/// Far beyond what the bound allows.
const LIMIT: Duration = Duration::from_secs(300);

/// The machine is shared: one pair of runs says little.
const PAIRS: usize = 3;

/// Runs the engine, and then the bare loop against twins of its own; several times over. The middle
/// ones count.
pub(super) fn measure(options: &Options) -> Result<Vec<Figure>> {
    let (mut engine, mut bare, mut shares) = (Vec::new(), Vec::new(), Vec::new());
    let mut held = 0;
    for _ in 0..PAIRS {
        let (habeas, size, memory) = run_habeas(options)?;
        held = held.max(memory);
        screen::complain(&habeas.to_string());
        let (rate, setup) = run_bare_loop(&size, options)?;
        let bare_rate = Figure::new("bare loop", rate, "deletions/s", Bound::None, &setup);
        screen::complain(&bare_rate.to_string());
        let pair = format!("{:.0} to {rate:.0} a second", habeas.value);
        let share = habeas.value / rate;
        let bound = Bound::AtLeast(0.5);
        shares.push(Figure::new("throughput to bare loop", share, "", bound, &pair));
        engine.push(habeas);
        bare.push(bare_rate);
    }
    let told = shares.iter().map(|share| format!("{:.3} ({})", share.value, share.setup));
    let told = format!("the middle one of {}, pair by pair", told.collect::<Vec<_>>().join(", "));
    let mut share = middle(shares)?;
    share.setup = told;
    let about = "VmHWM of `habeas serve` under that load, the most of the runs";
    let memory = Figure::new("throughput memory", megabytes(held), "MB", MOST_MEMORY, about);
    Ok(vec![middle(engine)?, middle(bare)?, share, memory])
}

pub(super) fn middle(mut figures: Vec<Figure>) -> Result<Figure> {
    figures.sort_by(|one, other| one.value.total_cmp(&other.value));
    let middle = figures.len() / 2;
    figures.into_iter().nth(middle).context("there were no runs")
}

fn run_habeas(options: &Options) -> Result<(Figure, StoreSize, u64)> {
    let stage = Setup::fast("throughput", N_PEOPLE).stage(options)?;
    let mut run = stage.begin()?;
    let least = (PROFILE_CALLS, CALLS_PER_PERSON * N_PEOPLE);
    let time = stage.wait(&mut run, least, LIMIT)?;
    let n_profile_calls = stage.n_profile_calls()?;
    let n_creates = stage.world.n_calls(CREATE_CALLS)?;
    let used = run.engine.usage()?;
    stop(run.engine)?;
    let n_confirmed = stage.n_proven("confirmed")?;
    ensure!(n_confirmed == N_PEOPLE, "only {n_confirmed} deletions are confirmed");
    let size = stage.store()?;
    let setup = format!(
        "{N_PEOPLE} deletions by e-mail, imported while `habeas serve` runs; SQLite; one space; \
         2 ms a call, no limits, twins in a process of their own, each job's two days jumped over; from the \
         start of the import to the last confirmation, seen within 0.2 s; {n_confirmed} confirmed; \
         the twin counted {n_profile_calls} profile calls ({:.2} a person) and {n_creates} create \
         calls; {}; the engine used {:.1} s of processor time and {} MB at most",
        ratio(n_profile_calls, N_PEOPLE),
        size.told(),
        used.cpu.as_secs_f64(),
        used.peak_memory_bytes / 1_000_000,
    );
    let rate = per_second(N_PEOPLE, time);
    let bound = Bound::AtLeast(1000.0);
    let figure = Figure::new("throughput", rate, "deletions/s", bound, &setup);
    Ok((figure, size, used.peak_memory_bytes))
}

/// Ends an engine as an operator would.
pub(super) fn stop(mut engine: crate::process::Process) -> Result<()> {
    engine.interrupt()?;
    let status = engine.wait(Duration::from_secs(30))?;
    ensure!(status.success(), "the engine ended with {status}");
    Ok(())
}

fn run_bare_loop(size: &StoreSize, options: &Options) -> Result<(f64, String)> {
    let program = workspace::build_example("bare_loop", options.profile)?;
    let stage = Setup::fast("bare-loop", N_PEOPLE).stage(options)?;
    let Stage { world, .. } = &stage;
    let told = play(&program, world, size)?;
    let rate = told["per_second"].as_f64().context("the bare loop told no rate")?;
    let n_profile_calls = stage.n_profile_calls()?;
    let setup = format!(
        "crates/testkit/examples/bare_loop.rs: {N_PEOPLE} people, the same client, the same calls \
         ({n_profile_calls} of the Profile API), 512 people and 96 calls side by side; {} bytes a person into \
         SQLite in {} durable transactions, those that are ready together",
        told["bytes_per_person"], told["n_transactions"]
    );
    Ok((rate, setup))
}

fn play(program: &Path, world: &World, size: &StoreSize) -> Result<Value> {
    let mut command = workspace::command(program);
    command.arg(world.folder()).arg(world.addresses.to_string());
    command.args([N_PEOPLE.to_string(), (size.bytes / N_PEOPLE as u64).to_string()]);
    let output = command.stderr(std::process::Stdio::inherit()).output();
    let output = output.context("start the bare loop")?;
    ensure!(output.status.success(), "the bare loop ended with {}", output.status);
    serde_json::from_slice(&output.stdout).context("read what the bare loop told")
}

/// Exact enough: the counts are far below 2^52.
#[expect(clippy::cast_precision_loss, reason = "counts of people are small")]
pub(super) fn per_second(n_people: usize, time: Duration) -> f64 {
    n_people as f64 / time.as_secs_f64()
}

#[expect(clippy::cast_precision_loss, reason = "counts of calls are small")]
fn ratio(n_calls: u64, n_people: usize) -> f64 {
    n_calls as f64 / n_people as f64
}
