//! Access and deletion of one person, in either order: the deletion waits for the copy, and an
//! access that comes while a deletion is already under way ends too.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use super::books::{self, Asked};
use super::{Chance, Plan, Report, Scenario};
use crate::process::Process;
use crate::world::{Person, Spaces, World};

/// The scenario.
pub const SCENARIO: Scenario = Scenario {
    name: "both-rights",
    twins: &["--regular-only", "--limits", "off", "--people", "60", "--idle"],
    needs_postgres: false,
    play,
};

const LIMIT: Duration = Duration::from_secs(120);

fn play(_plan: &Plan, world: &mut World, _chance: &mut Chance) -> Result<Report> {
    world.connect(Spaces::First, &[])?;
    let engine = world.serve_ready()?;
    let mut asked = Asked::default();
    let together = world.people(0, 40)?;
    let rows = together.iter().flat_map(|person| match person.n % 2 {
        0 => [("access", person.clone()), ("deletion", person.clone())],
        _ => [("deletion", person.clone()), ("access", person.clone())],
    });
    import(world, &mut asked, rows.collect())?;
    let apart = world.people(40, 20)?;
    import(world, &mut asked, under("deletion", &apart))?;
    let n_before = world.n_calls("POST /regulations")?;
    while world.n_calls("POST /regulations")? == n_before {
        look(&engine)?;
    }
    import(world, &mut asked, under("access", &apart))?;
    books::finish(world, &asked, &engine, LIMIT)?;
    let mut report = books::compare(world, &asked)?;
    the_copy_comes_first(world, &mut report)?;
    Ok(report)
}

fn under(right: &'static str, people: &[Person]) -> Vec<(&'static str, Person)> {
    people.iter().map(|person| (right, person.clone())).collect()
}

fn import(world: &World, asked: &mut Asked, rows: Vec<(&'static str, Person)>) -> Result<()> {
    let csv = asked.write(world, rows)?;
    world.run(&["import", &csv.to_string_lossy()]).map(drop)
}

fn look(engine: &Process) -> Result<()> {
    engine.run_for(Duration::from_millis(100)).map(drop)
}

/// Of the first forty, no deletion is sent before its person's access has been collected.
fn the_copy_comes_first(world: &World, report: &mut Report) -> Result<()> {
    let requests = world.requests(&["--limit", "1000"])?;
    let moved = world.journal_of("task.moved")?;
    let when = |request: &Value, to: &str| {
        let is_it =
            |entry: &&Value| entry["request"] == request["id"] && entry["facts"]["to"] == to;
        moved.iter().find(is_it).and_then(|entry| entry["seq"].as_i64())
    };
    // The list is in the order of receipt, which is the order of the rows.
    let mut pairs: BTreeMap<usize, [Option<i64>; 2]> = BTreeMap::new();
    for (row, request) in requests.iter().take(80).enumerate() {
        let pair = pairs.entry(row / 2).or_default();
        if request["right"] == "access" {
            pair[0] = when(request, "ended");
        } else {
            pair[1] = when(request, "waiting on vendor");
        }
    }
    let early = pairs.values().filter(|pair| match pair {
        [Some(collected), Some(sent)] => sent < collected,
        _ => true,
    });
    let n_early = early.count();
    if n_early > 0 {
        report.broken.push(format!("{n_early} deletions were sent before the copy was made"));
    }
    report.lines.push(format!("{} people asked for both, in either order", pairs.len()));
    Ok(())
}
