//! `kill -9` under load: requests come in while the engine works, it dies at a random moment, and
//! another starts. Calls are slow, and some lose their answers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::books::{self, Asked};
use super::{Chance, Plan, Report, Scenario};
use crate::process::Process;
use crate::world::{Person, Spaces, World};

/// The scenario.
pub const SCENARIO: Scenario = Scenario {
    name: "kills",
    twins: &["--regular-only", "--limits", "off", "--latency-ms", "2", "--people", "4000"],
    play,
};

/// How many people each round brings.
const PEOPLE: usize = 30;
/// When the engine dies, counted from when it is ready.
const MOMENTS: std::ops::Range<Duration> = Duration::from_millis(20)..Duration::from_millis(2_500);
/// Virtual seconds a second: a job of half a day is over in about two.
const PACE: u32 = 20_000;
const LIMIT: Duration = Duration::from_secs(300);

/// Where a kill landed: the first of these that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Landing {
    /// An intent of this engine had no outcome yet.
    IntentOpen,
    /// One of an engine that was killed before, waiting to be reconciled.
    OldIntentOpen,
    Locating,
    Confirming,
    Waiting,
    NoWork,
}

impl Landing {
    const ALL: [Landing; 6] = [
        Landing::IntentOpen,
        Landing::OldIntentOpen,
        Landing::Locating,
        Landing::Confirming,
        Landing::Waiting,
        Landing::NoWork,
    ];

    fn told(self) -> &'static str {
        match self {
            Landing::IntentOpen => "an intent open",
            Landing::OldIntentOpen => "an intent of an earlier kill open",
            Landing::Locating => "locating",
            Landing::Confirming => "confirming",
            Landing::Waiting => "waiting on the vendor",
            Landing::NoWork => "no work",
        }
    }
}

fn play(plan: &Plan, world: &mut World, chance: &mut Chance) -> Result<Report> {
    world.connect(Spaces::First, &["batch=5"])?;
    world.switch(&json!({"deletion_takes": "PT12H"}))?;
    world.plan_faults(&faults())?;
    world.set_clock(&json!({"mode": "paced", "pace": PACE}))?;
    let mut asked = Asked::default();
    let mut histogram: BTreeMap<Landing, u32> = BTreeMap::new();
    let mut open = BTreeSet::new();
    for round in 0..plan.rounds {
        let people = world.people(round as usize * PEOPLE, PEOPLE)?;
        let csv = asked.write(world, requests(people, chance))?;
        let engine = world.serve_ready()?;
        let csv = csv.to_str().context("the folder's name is no text")?.to_owned();
        let mut import = Process::start("habeas import", &mut world.habeas(["import", &csv])?)?;
        kill_within(engine, chance)?;
        // It would else take the engine's place.
        import.kill()?;
        let landing = landing(world, &mut open)?;
        *histogram.entry(landing).or_default() += 1;
    }
    world.plan_faults(&json!([]))?;
    let engine = world.serve_ready()?;
    books::finish(world, &asked, &engine, LIMIT)?;
    let mut report = books::compare(world, &asked)?;
    tell(plan, &histogram, &mut report);
    Ok(report)
}

/// Lets an engine run until a random moment, and kills it.
fn kill_within(mut engine: Process, chance: &mut Chance) -> Result<()> {
    engine.run_for(chance.moment(&MOMENTS))?;
    engine.kill()?;
    Ok(())
}

/// A deletion each; some ask for access too, before or after.
fn requests(people: Vec<Person>, chance: &mut Chance) -> Vec<(&'static str, Person)> {
    let orders: [&[&str]; 4] =
        [&["deletion"], &["deletion"], &["access", "deletion"], &["deletion", "access"]];
    let mut rows = Vec::new();
    for person in people {
        let rights = chance.one_of(&orders).copied().unwrap_or(&["deletion"]);
        rows.extend(rights.iter().map(|right| (*right, person.clone())));
    }
    rows
}

/// Half of the create calls take two seconds; of the rest some lose their answer, some fail.
fn faults() -> Value {
    let create = json!({"method": "POST", "path": "/regulations"});
    json!([
        {"match": create, "fault": "slow", "rate": 0.5},
        {"match": create, "fault": "close_after_effect", "rate": 0.2},
        {"match": create, "fault": "close", "rate": 0.1},
        {"match": create, "fault": "500", "rate": 0.1},
    ])
}

/// Looks at what the dead engine left; `open` holds the intents that were open before.
fn landing(world: &World, open: &mut BTreeSet<String>) -> Result<Landing> {
    let (written, ended) = books::intents(world)?;
    let now_open: BTreeSet<String> =
        written.into_iter().filter(|intent| !ended.contains_key(intent)).collect();
    let is_new = now_open.iter().any(|intent| !open.contains(intent));
    *open = now_open;
    if is_new {
        return Ok(Landing::IntentOpen);
    }
    if !open.is_empty() {
        return Ok(Landing::OldIntentOpen);
    }
    let requests = world.requests(&["--state", "in progress", "--limit", "1000000"])?;
    let tasks = requests.iter().flat_map(|one| one["tasks"].as_array().into_iter().flatten());
    let states: BTreeSet<&str> = tasks.filter_map(|task| task["state"].as_str()).collect();
    Ok(if states.contains("locating") {
        Landing::Locating
    } else if states.contains("confirming") {
        Landing::Confirming
    } else if states.contains("waiting on vendor") {
        Landing::Waiting
    } else {
        Landing::NoWork
    })
}

/// Adds where the kills landed; a third of them must have found an intent open.
fn tell(plan: &Plan, histogram: &BTreeMap<Landing, u32>, report: &mut Report) {
    let count = |landing: Landing| histogram.get(&landing).copied().unwrap_or(0);
    report.lines.push(format!("{} kills landed:", plan.rounds));
    for landing in Landing::ALL {
        let n = count(landing);
        let bar = "#".repeat(n as usize);
        report.lines.push(format!("  {:<34} {n:>4} {bar}", landing.told()));
    }
    let n_open = count(Landing::IntentOpen);
    if n_open * 3 < plan.rounds {
        report.broken.push(format!("only {n_open} of {} kills found an intent open", plan.rounds));
    }
}
