//! `cargo xtask torture [NAME]`: the real program, killed in the middle of its work, again and again.
//!
//! A scenario is a file in `torture/` with a function that plays it and a line in [`SCENARIOS`].
//! It gets a [`World`], in which twins and engine are real processes, and a [`Chance`], whose seed
//! is printed so that a run can be repeated: the order of the random choices is the same, the
//! moment at which the machine executes them is not.

use std::time::Instant;

use anyhow::{Context, Result};

use crate::args::{Args, Misuse};
use crate::screen;
use crate::workspace::{self, Profile};
use crate::world::World;

mod api_load;
mod books;
mod both_rights;
mod chance;
mod clock_jump;
mod held_up;
mod kills;
mod workers;

#[cfg(test)]
mod tests;

pub use chance::Chance;

/// How long and how a run goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How many times the program is killed; a scenario whose rounds take long plays fewer.
    pub rounds: u32,
    /// What all random choices come from.
    pub seed: u64,
    /// Whether less work is put in, for the short run of `cargo xtask test`.
    pub is_short: bool,
}

/// What a scenario has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// To be printed: where the kills landed, what was counted.
    pub lines: Vec<String>,
    /// Each promise that was broken; empty is good.
    pub broken: Vec<String>,
}

/// A name to show, and the function that plays it.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// What it is about.
    pub name: &'static str,
    /// The arguments of its twins.
    pub twins: &'static [&'static str],
    /// Whether it plays on a server of PostgreSQL, which has to be installed.
    pub needs_postgres: bool,
    /// Plays it in a fresh world.
    pub play: fn(&Plan, &mut World, &mut Chance) -> Result<Report>,
}

/// All scenarios.
pub const SCENARIOS: &[Scenario] = &[
    kills::SCENARIO,
    clock_jump::SCENARIO,
    both_rights::SCENARIO,
    held_up::SCENARIO,
    api_load::SCENARIO,
    workers::SCENARIO,
];

/// Runs the task and says whether every promise was kept.
pub fn run(mut args: Args) -> Result<bool> {
    let plan = Plan {
        rounds: args.value("--rounds")?.unwrap_or(100),
        seed: args.value("--seed")?.unwrap_or_else(chance::fresh_seed),
        is_short: args.flag("--quick"),
    };
    let name = args.word();
    args.end()?;
    torture(&plan, &chosen(name.as_deref())?)
}

/// The scenario of that name, or all.
fn chosen(name: Option<&str>) -> Result<Vec<Scenario>> {
    let wanted = |scenario: &&Scenario| name.is_none_or(|name| name == scenario.name);
    let chosen: Vec<Scenario> = SCENARIOS.iter().filter(wanted).copied().collect();
    if chosen.is_empty() {
        let names: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        return Err(Misuse(format!("no such scenario; there are {}", names.join(", "))).into());
    }
    Ok(chosen)
}

/// The run that the step `torture` of `cargo xtask test` includes.
pub fn short() -> Result<bool> {
    let plain = SCENARIOS.iter().filter(|scenario| !scenario.needs_postgres);
    torture(&short_plan(), &plain.copied().collect::<Vec<_>>())
}

/// The short run of one scenario, for the step that has what it needs.
pub fn short_of(name: &str) -> Result<bool> {
    torture(&short_plan(), &chosen(Some(name))?)
}

fn short_plan() -> Plan {
    Plan { rounds: 6, seed: chance::fresh_seed(), is_short: true }
}

fn torture(plan: &Plan, scenarios: &[Scenario]) -> Result<bool> {
    let profile = if plan.is_short { Profile::Dev } else { Profile::Release };
    let habeas = workspace::build_habeas(profile)?;
    screen::say(&format!("torture: {} rounds, --seed {}", plan.rounds, plan.seed));
    let mut is_good = true;
    for scenario in scenarios {
        let folder = workspace::target().join("torture").join(scenario.name);
        let mut world = World::start(&habeas, &folder, scenario.twins).context(scenario.name)?;
        let mut chance = Chance::new(plan.seed);
        let began = Instant::now();
        let mut report = (scenario.play)(plan, &mut world, &mut chance).context(scenario.name)?;
        report.lines.push(format!("took {:.0} s", began.elapsed().as_secs_f64()));
        is_good &= show(scenario.name, &report);
    }
    Ok(is_good)
}

/// Prints a report and says whether it is good.
fn show(name: &str, report: &Report) -> bool {
    screen::say(&format!("{name}:"));
    for line in &report.lines {
        screen::say(&format!("  {line}"));
    }
    for broken in &report.broken {
        screen::say(&format!("  BROKEN: {broken}"));
    }
    report.broken.is_empty()
}
