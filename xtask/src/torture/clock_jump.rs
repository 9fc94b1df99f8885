//! A clock that jumps 40 days while the vendor works: longer than a job may take.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;

use super::books::{self, Asked};
use super::{Chance, Plan, Report, Scenario};
use crate::world::{Spaces, World};

/// The scenario.
pub const SCENARIO: Scenario = Scenario {
    name: "clock-jump",
    twins: &["--regular-only", "--limits", "off", "--people", "100"],
    needs_postgres: false,
    play,
};

const PEOPLE: usize = 100;
const BATCHES: u64 = 4;
const LIMIT: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(100);

fn play(_plan: &Plan, world: &mut World, _chance: &mut Chance) -> Result<Report> {
    world.connect(Spaces::First, &["batch=25"])?;
    let engine = world.serve_ready()?;
    let mut asked = Asked::default();
    let rows = world.people(0, PEOPLE)?.into_iter().map(|person| ("deletion", person));
    let csv = asked.write(world, rows.collect())?;
    world.run(&["import", &csv.to_string_lossy()])?;
    let began = Instant::now();
    while world.journal_of("job.started")?.len() < BATCHES as usize {
        engine.run_for(LOOK)?;
        ensure!(began.elapsed() < LIMIT, "the batches didn't go out");
    }
    world.set_clock(&json!({"advance": "P40D"}))?;
    books::finish(world, &asked, &engine, LIMIT)?;
    let mut report = books::compare(world, &asked)?;
    let done = world.requests(&["--limit", "1000"])?;
    let confirmed = done.iter().filter(|one| one["tasks"][0]["proof"]["proof"] == "confirmed");
    let n = confirmed.count();
    if n != PEOPLE {
        report.broken.push(format!("only {n} of {PEOPLE} are confirmed after the jump"));
    }
    Ok(report)
}
