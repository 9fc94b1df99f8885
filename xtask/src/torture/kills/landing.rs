//! Where a kill landed: what the dead engine left in the middle.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde_json::Value;

use super::super::{Report, books};
use crate::world::World;

#[cfg(test)]
mod tests;

/// From how many kills on each phase must have been hit.
const LONG: usize = 20;

/// What was going on for somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    Importing,
    Locating,
    Collecting,
    Waiting,
    Confirming,
}

/// The changing calls without an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Open {
    /// This engine had written an intent and no outcome.
    Own,
    /// Only ones of engines that were killed before, to be reconciled.
    Older,
    /// None.
    None,
}

/// Where one kill landed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Landing {
    /// Which changing calls had no outcome.
    pub open: Open,
    /// Everything that was going on.
    pub phases: BTreeSet<Phase>,
}

impl Phase {
    const ALL: [Phase; 5] =
        [Phase::Importing, Phase::Locating, Phase::Collecting, Phase::Waiting, Phase::Confirming];

    /// The phase of a task, if it is one in which the engine or the vendor works.
    fn of(right: &Value, task: &Value) -> Option<Phase> {
        match task["state"].as_str()? {
            "locating" => Some(Phase::Locating),
            "acting" if right == "access" => Some(Phase::Collecting),
            "waiting on vendor" => Some(Phase::Waiting),
            "confirming" => Some(Phase::Confirming),
            _ => None,
        }
    }

    fn told(self) -> &'static str {
        match self {
            Phase::Importing => "importing",
            Phase::Locating => "locating",
            Phase::Collecting => "collecting",
            Phase::Waiting => "waiting on the vendor",
            Phase::Confirming => "confirming",
        }
    }
}

impl Landing {
    /// Looks at what a dead engine left; `open` holds the intents that were open before.
    pub fn look(
        world: &World,
        open: &mut BTreeSet<String>,
        was_importing: bool,
    ) -> Result<Landing> {
        let now_open = books::open_intents(world)?;
        let is_own = now_open.iter().any(|intent| !open.contains(intent));
        *open = now_open;
        let mut phases = BTreeSet::new();
        if was_importing {
            phases.insert(Phase::Importing);
        }
        for request in world.requests(&["--state", "in progress", "--limit", "1000000"])? {
            let tasks = request["tasks"].as_array().into_iter().flatten();
            phases.extend(tasks.filter_map(|task| Phase::of(&request["right"], task)));
        }
        let open = match is_own {
            true => Open::Own,
            false if open.is_empty() => Open::None,
            false => Open::Older,
        };
        Ok(Landing { open, phases })
    }
}

/// Adds where the kills landed. A third of them must have found an intent of their engine open,
/// and in a long run each phase must have been hit with no intent open at all.
pub fn tell(landings: &[Landing], report: &mut Report) {
    let n = landings.len();
    report.lines.push(format!("{n} kills landed, most in several phases of different people:"));
    report
        .lines
        .push(format!("  {:<26} {:>5} {:>10} {:>5}", "intents open:", "own", "only older", "none"));
    report.lines.push(row("all kills", &count(landings, |_| true)));
    for phase in Phase::ALL {
        let counts = count(landings, |phases| phases.contains(&phase));
        report.lines.push(row(phase.told(), &counts));
        if n >= LONG && counts[&Open::None] == 0 {
            let what = format!("no kill landed while {} with no intent open", phase.told());
            report.broken.push(what);
        }
    }
    report.lines.push(row("nothing under way", &count(landings, BTreeSet::is_empty)));
    let all = count(landings, |_| true);
    if n >= LONG && all[&Open::Older] == 0 {
        report.broken.push("no kill landed while an older intent was to be reconciled".to_owned());
    }
    let n_open = all[&Open::Own];
    if n_open * 3 < n {
        report.broken.push(format!("only {n_open} of {n} kills found an intent open"));
    }
}

/// How many kills landed where this holds, by the intents that were open.
fn count(landings: &[Landing], is_so: impl Fn(&BTreeSet<Phase>) -> bool) -> BTreeMap<Open, usize> {
    let mut counts = BTreeMap::from([(Open::Own, 0), (Open::Older, 0), (Open::None, 0)]);
    for landing in landings.iter().filter(|landing| is_so(&landing.phases)) {
        *counts.entry(landing.open).or_default() += 1;
    }
    counts
}

fn row(name: &str, counts: &BTreeMap<Open, usize>) -> String {
    let [own, older, none] = [Open::Own, Open::Older, Open::None].map(|open| counts[&open]);
    format!("  {name:<26} {own:>5} {older:>10} {none:>5}")
}
