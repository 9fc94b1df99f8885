//! `kill -9` under load: requests come in while the engine works, it dies at a random moment, and
//! another starts. A round is about one part of the work, so that no part is left out: where the
//! calls of that part are slow, it is what most moments land in.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::books::{self, Asked};
use super::{Chance, Plan, Report, Scenario};
use crate::process::Process;
use crate::world::{Person, Spaces, World};

mod landing;

use landing::Landing;

/// The scenario.
pub const SCENARIO: Scenario = Scenario {
    name: "kills",
    twins: &["--regular-only", "--limits", "off", "--latency-ms", "2", "--people", "5000"],
    needs_postgres: false,
    play,
};

/// How many people a round brings.
const PEOPLE: usize = 30;
/// How many one brings that is about the import, which must not be over too soon.
const MANY: usize = 120;
/// Virtual seconds a second: a job of half a day is over in about two.
pub(super) const PACE: u32 = 20_000;
/// The longest wait for what a round is about, and until no intent is open.
const BEGIN: Duration = Duration::from_secs(30);
/// How often is looked whether it has begun.
const LOOK: Duration = Duration::from_millis(10);
const LIMIT: Duration = Duration::from_secs(300);

/// What a round is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aim {
    /// People are looked up, before and after, and their data is read.
    Reading,
    /// Nothing goes wrong, and the vendor is at work.
    Waiting,
    /// The file comes in.
    Importing,
    /// Deletions are sent: many answers come late, some never.
    Sending,
    /// What earlier kills and lost answers left open is found out, ten seconds and more later.
    Reconciling,
}

/// The aims, over and over; no changing call of an earlier round is open at the first three.
const AIMS: [Aim; 7] = [
    Aim::Reading,
    Aim::Waiting,
    Aim::Importing,
    Aim::Sending,
    Aim::Sending,
    Aim::Sending,
    Aim::Reconciling,
];

fn play(plan: &Plan, world: &mut World, chance: &mut Chance) -> Result<Report> {
    world.connect(Spaces::First, &["batch=5"])?;
    world.switch(&json!({"deletion_takes": "PT12H"}))?;
    world.set_clock(&json!({"mode": "paced", "pace": PACE}))?;
    let mut asked = Asked::default();
    let mut n_people = 0;
    let mut open = BTreeSet::new();
    let mut landings = Vec::new();
    for (_, aim) in (0..plan.rounds).zip(AIMS.iter().cycle()) {
        let people = world.people(n_people, aim.n_people())?;
        n_people += people.len();
        let csv = asked.write(world, requests(people, chance))?;
        if *aim == AIMS[0] {
            settle(world)?;
        }
        world.plan_faults(&aim.faults())?;
        let was_importing = kill_once(world, *aim, &csv, chance)?;
        landings.push(Landing::look(world, &mut open, was_importing)?);
    }
    world.plan_faults(&json!([]))?;
    let engine = world.serve_ready()?;
    books::finish(world, &asked, &engine, LIMIT)?;
    let mut report = books::compare(world, &asked)?;
    landing::tell(&landings, &mut report);
    Ok(report)
}

/// Lets an engine run until every changing call is accounted for.
fn settle(world: &World) -> Result<()> {
    world.plan_faults(&json!([]))?;
    let engine = world.serve_ready()?;
    let deadline = Instant::now() + BEGIN;
    while !books::open_intents(world)?.is_empty() && Instant::now() < deadline {
        engine.run_for(LOOK)?;
    }
    Ok(())
}

/// Starts an engine, brings it a file, and kills it at a random moment after what the round is
/// about has begun; says whether the file was still coming in.
fn kill_once(world: &World, aim: Aim, csv: &Path, chance: &mut Chance) -> Result<bool> {
    let moment = chance.moment(&aim.moments());
    let mut engine = world.serve_ready()?;
    let before = aim.progress(world)?;
    let csv = csv.to_str().context("the folder's name is no text")?;
    let mut import = Process::start("habeas import", &mut world.habeas(["import", csv])?)?;
    let deadline = Instant::now() + BEGIN;
    while before.is_some() && aim.progress(world)? == before && Instant::now() < deadline {
        engine.run_for(LOOK)?;
    }
    engine.run_for(moment)?;
    engine.kill()?;
    // It would else take the engine's place. One that had come to its end says so by its code; one that
    // hadn't was killed, or lost the engine that it was talking to.
    Ok(!matches!(import.kill()?.code(), Some(0 | 3)))
}

impl Aim {
    fn n_people(self) -> usize {
        if self == Aim::Importing { MANY } else { PEOPLE }
    }

    /// When the engine dies, counted from when this has begun.
    fn moments(self) -> Range<Duration> {
        Duration::ZERO..match self {
            Aim::Sending | Aim::Reconciling => Duration::from_millis(1_500),
            Aim::Reading | Aim::Waiting => Duration::from_millis(2_500),
            Aim::Importing => Duration::from_millis(150),
        }
    }

    /// What changes when it begins; nothing where it begins with the round.
    fn progress(self, world: &World) -> Result<Option<u64>> {
        Ok(match self {
            Aim::Sending | Aim::Waiting => Some(world.n_calls("POST /regulations")?),
            Aim::Reading => Some(world.n_calls("/collections/users/profiles")?),
            Aim::Reconciling => Some(world.journal_of("intent.reconciled")?.len() as u64),
            Aim::Importing => None,
        })
    }

    /// What the twin does wrong meanwhile; a slow answer takes two seconds.
    fn faults(self) -> Value {
        match self {
            Aim::Sending => lost_answers(),
            Aim::Reading => {
                let read = json!({"method": "GET", "path": "/v1/spaces/*/profiles/*"});
                json!([{"match": read, "fault": "slow", "rate": 0.5}])
            }
            Aim::Reconciling => {
                let list = json!({"method": "GET", "path": "/regulations"});
                json!([{"match": list, "fault": "slow", "rate": 0.5}])
            }
            Aim::Waiting | Aim::Importing => json!([]),
        }
    }
}

/// Many answers to a deletion come late, some never.
pub(super) fn lost_answers() -> Value {
    let create = json!({"method": "POST", "path": "/regulations"});
    json!([
        {"match": create, "fault": "slow", "rate": 0.5},
        {"match": create, "fault": "close_after_effect", "rate": 0.2},
        {"match": create, "fault": "close", "rate": 0.1},
        {"match": create, "fault": "500", "rate": 0.1},
    ])
}

/// A deletion each; some ask for access too, before or after.
pub(super) fn requests(people: Vec<Person>, chance: &mut Chance) -> Vec<(&'static str, Person)> {
    let orders: [&[&str]; 4] =
        [&["deletion"], &["deletion"], &["access", "deletion"], &["deletion", "access"]];
    let mut rows = Vec::new();
    for person in people {
        let rights = chance.one_of(&orders).copied().unwrap_or(&["deletion"]);
        rows.extend(rights.iter().map(|right| (*right, person.clone())));
    }
    rows
}
