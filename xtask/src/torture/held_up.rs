//! A holder that stands still between intent and call (a machine that hangs), while another takes
//! over, reconciles and goes on; then the first one wakes up.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;

use super::books::{self, Asked};
use super::{Chance, Plan, Report, Scenario};
use crate::process::Process;
use crate::world::{Spaces, World};

/// The scenario.
pub const SCENARIO: Scenario = Scenario {
    name: "held-up",
    twins: &["--regular-only", "--limits", "off", "--people", "400"],
    play,
};

const PEOPLE: usize = 400;
/// How often a moment is tried before the load is used up.
const TRIES: u32 = 200;
const MOMENTS: std::ops::Range<Duration> = Duration::from_micros(500)..Duration::from_millis(30);
const LIMIT: Duration = Duration::from_secs(200);
/// How long the first one is watched after it has woken.
const AFTERMATH: Duration = Duration::from_secs(5);

fn play(_plan: &Plan, world: &mut World, chance: &mut Chance) -> Result<Report> {
    let switches = ["batch=1", "limits.regulations=1000000", "limits.profile_api=1000000"];
    world.connect(Spaces::First, &switches)?;
    let mut asked = Asked::default();
    let rows = world.people(0, PEOPLE)?.into_iter().map(|person| ("deletion", person));
    let csv = asked.write(world, rows.collect())?;
    let first = world.serve_ready()?;
    world.run(&["import", &csv.to_string_lossy()])?;
    let caught = catch(world, &first, chance)?;
    let began = Instant::now();
    let second = world.serve_ready()?;
    world.set_clock(&json!({"mode": "idle"}))?;
    books::finish(world, &asked, &second, LIMIT)?;
    let time = began.elapsed();
    first.resume()?;
    first.run_for(AFTERMATH)?;
    let mut report = books::compare(world, &asked)?;
    match caught {
        Some((n_open, n_unsent)) => report.lines.push(format!(
            "stopped with {n_open} intents open, {n_unsent} of them not yet at the twin; \
             another had everything done {:.0} s later, then the first woke up",
            time.as_secs_f64()
        )),
        None => report.broken.push("the moment between intent and call was never hit".to_owned()),
    }
    Ok(report)
}

/// Stops the engine again and again until an intent is written whose call the twin hasn't seen.
fn catch(world: &World, engine: &Process, chance: &mut Chance) -> Result<Option<(usize, usize)>> {
    for _ in 0..TRIES {
        engine.run_for(chance.moment(&MOMENTS))?;
        engine.suspend()?;
        let (written, ended) = books::intents(world)?;
        let audit = world.ask("/audit/segment")?;
        let n_there = audit["regulations"].as_array().context("no regulations")?.len();
        let n_open = written.len() - ended.len();
        let n_unsent = written.len().saturating_sub(n_there);
        // One that stands still inside a transaction holds the database too; nobody can take over
        // from it before it is gone.
        if n_unsent > 0 && can_write(world) {
            return Ok(Some((n_open, n_unsent)));
        }
        engine.resume()?;
    }
    engine.suspend()?;
    Ok(None)
}

/// Whether another process can write to the store now.
fn can_write(world: &World) -> bool {
    world.run(&["settings", "set", "respond_within", "30"]).is_ok()
}
