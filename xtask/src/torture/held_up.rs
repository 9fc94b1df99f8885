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
    twins: &["--regular-only", "--limits", "off", "--people", "4000"],
    needs_postgres: false,
    play,
};

/// How many people each round brings.
const PEOPLE: usize = 200;
/// Waiting for a lease to run out takes long: one hold for so many of the plan's rounds.
const ROUNDS: u32 = 10;
/// How often a moment is tried before the load is used up.
const TRIES: u32 = 200;
const MOMENTS: std::ops::Range<Duration> = Duration::from_micros(500)..Duration::from_millis(30);
const LIMIT: Duration = Duration::from_secs(200);
/// How long the first one is watched after it has woken.
const AFTERMATH: Duration = Duration::from_secs(5);

fn play(plan: &Plan, world: &mut World, chance: &mut Chance) -> Result<Report> {
    let switches = ["batch=1", "limits.regulations=1000000", "limits.profile_api=1000000"];
    world.connect(Spaces::First, &switches)?;
    let mut asked = Asked::default();
    let mut engine = world.serve_ready()?;
    let mut told = Vec::new();
    for hold in 0..plan.rounds.div_ceil(ROUNDS) as usize {
        world.set_clock(&json!({"mode": "paced", "pace": 1}))?;
        let settled = Sent::look(world)?.n_unsent();
        let people = world.people(hold * PEOPLE, PEOPLE)?;
        let rows = people.into_iter().map(|person| ("deletion", person)).collect();
        world.run(&["import", &asked.write(world, rows)?.to_string_lossy()])?;
        let caught = catch(world, &engine, settled, chance)?;
        let began = Instant::now();
        let mut second = world.serve_ready()?;
        books::finish(world, &asked, &second, LIMIT)?;
        let time = began.elapsed();
        engine.resume()?;
        engine.run_for(AFTERMATH)?;
        std::mem::swap(&mut engine, &mut second);
        told.push(caught.map(|sent| (sent.n_open(), sent.n_unsent() - settled, time)));
    }
    let mut report = books::compare(world, &asked)?;
    for caught in told {
        match caught {
            Some((n_open, n_unsent, time)) => report.lines.push(format!(
                "stopped with {n_open} intents open, {n_unsent} of them not yet at the twin; \
                 another had everything done {:.0} s later, then the first woke up",
                time.as_secs_f64()
            )),
            None => {
                let what = "the moment between intent and call was never hit";
                report.broken.push(what.to_owned());
            }
        }
    }
    Ok(report)
}

/// How many changing calls have got how far.
#[derive(Clone, Copy, Debug)]
struct Sent {
    n_written: usize,
    n_ended: usize,
    n_at_twin: usize,
}

impl Sent {
    fn look(world: &World) -> Result<Sent> {
        let (written, ended) = books::intents(world)?;
        let audit = world.ask("/audit/segment")?;
        let regulations = audit["regulations"].as_array().context("no regulations")?;
        let (n_written, n_ended) = (written.len(), ended.len());
        Ok(Sent { n_written, n_ended, n_at_twin: regulations.len() })
    }

    fn n_open(self) -> usize {
        self.n_written.saturating_sub(self.n_ended)
    }

    /// Of all intents ever written, those that the twin has not seen.
    fn n_unsent(self) -> usize {
        self.n_written.saturating_sub(self.n_at_twin)
    }
}

/// Stops the engine again and again until an intent is written whose call the twin hasn't seen,
/// beyond those of earlier rounds, which are `settled`.
fn catch(
    world: &World,
    engine: &Process,
    settled: usize,
    chance: &mut Chance,
) -> Result<Option<Sent>> {
    for _ in 0..TRIES {
        engine.run_for(chance.moment(&MOMENTS))?;
        engine.suspend()?;
        let sent = Sent::look(world)?;
        // One that stands still inside a transaction holds the database too; nobody can take over
        // from it before it is gone.
        if sent.n_unsent() > settled && can_write(world) {
            return Ok(Some(sent));
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
