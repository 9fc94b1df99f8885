//! `cargo xtask test`: everything that decides whether a change lands, step by step.
//!
//! A failed step doesn't stop the later ones. A step that can't run here (no network, no Node) is
//! skipped loudly and counted; with `--no-skip` that fails too. `--quick` leaves out the steps that
//! fetch tools or run the built program. A name runs that step alone. To add a step, add a line in
//! [`STEPS`].

use std::process::Command;

use anyhow::{Context, Result};

use crate::args::{Args, Misuse};
use crate::{fuzz, screen, simulate, tidy, torture, workspace};

mod api;
mod deny;
mod mail;
mod postgres;
mod sdk;
mod suite;
mod traces;

#[cfg(test)]
mod tests;

/// How a step ended, and a line about it where there is something to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// All is well.
    Passed(String),
    /// Something is wrong with the change.
    Failed(String),
    /// It couldn't run on this machine.
    Skipped(String),
}

/// Whether `--quick` runs a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    Quick,
    Slow,
}

/// A name to show, and the function that does it. An error counts as a failure.
struct Step {
    name: &'static str,
    pace: Pace,
    run: fn() -> Result<End>,
}

const STEPS: &[Step] = &[
    Step { name: "tidy", pace: Pace::Quick, run: tidy_step },
    Step { name: "format", pace: Pace::Quick, run: format },
    Step { name: "clippy", pace: Pace::Quick, run: clippy },
    Step { name: "deny", pace: Pace::Slow, run: deny::run },
    Step { name: "tests", pace: Pace::Quick, run: suite::run },
    Step { name: "postgres", pace: Pace::Slow, run: postgres::run },
    Step { name: "node sdk", pace: Pace::Slow, run: sdk::node },
    Step { name: "python sdk", pace: Pace::Slow, run: sdk::python },
    Step { name: "api", pace: Pace::Slow, run: api::run },
    Step { name: "traces", pace: Pace::Slow, run: traces::run },
    Step { name: "mail", pace: Pace::Slow, run: mail::run },
    Step { name: "simulate", pace: Pace::Slow, run: simulate_step },
    Step { name: "torture", pace: Pace::Slow, run: torture_step },
    Step { name: "fuzz", pace: Pace::Slow, run: fuzz_step },
];

/// How many steps ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Tally {
    fn of<'a>(ends: impl IntoIterator<Item = &'a End>) -> Tally {
        let mut tally = Tally::default();
        for end in ends {
            match end {
                End::Passed(_) => tally.passed += 1,
                End::Failed(_) => tally.failed += 1,
                End::Skipped(_) => tally.skipped += 1,
            }
        }
        tally
    }

    fn is_good(self, no_skip: bool) -> bool {
        self.failed == 0 && !(no_skip && self.skipped > 0)
    }

    fn line(self) -> String {
        format!("{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// Runs the task and says whether the change may land.
pub fn run(mut args: Args) -> Result<bool> {
    let no_skip = args.flag("--no-skip");
    let quick = args.flag("--quick");
    let only = args.word();
    args.end()?;
    if no_skip && quick {
        return Err(Misuse("--quick leaves steps out, which --no-skip forbids".to_owned()).into());
    }
    let mut ends = Vec::new();
    for step in chosen(only.as_deref())?.filter(|step| !quick || step.pace == Pace::Quick) {
        screen::complain(&format!("── {}", step.name));
        let end = (step.run)().unwrap_or_else(|error| End::Failed(format!("{error:#}")));
        ends.push((step.name, end));
    }
    screen::complain("");
    for (name, end) in &ends {
        screen::say(&line(name, end));
    }
    let tally = Tally::of(ends.iter().map(|(_, end)| end));
    if no_skip && tally.skipped > 0 {
        screen::say("with --no-skip a skipped step is a failure");
    }
    screen::say(&tally.line());
    Ok(tally.is_good(no_skip))
}

/// The step of this name, or all.
fn chosen(only: Option<&str>) -> Result<impl Iterator<Item = &'static Step>> {
    let is_chosen = move |step: &Step| only.is_none_or(|name| name == step.name);
    if !STEPS.iter().any(is_chosen) {
        let names: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
        return Err(Misuse(format!("no such step; there are {}", names.join(", "))).into());
    }
    let chosen: Vec<_> = STEPS.iter().filter(|step| is_chosen(step)).collect();
    Ok(chosen.into_iter())
}

/// One line of the closing list.
fn line(name: &str, end: &End) -> String {
    let (word, detail) = match end {
        End::Passed(detail) => ("passed", detail),
        End::Failed(detail) => ("FAILED", detail),
        End::Skipped(detail) => ("SKIPPED", detail),
    };
    format!("{word:>8}  {name:<11} {detail}").trim_end().to_owned()
}

fn tidy_step() -> Result<End> {
    let tree = tidy::Tree::read(&workspace::root())?;
    Ok(match tidy::check(&tree)? {
        true => End::Passed(String::new()),
        false => End::Failed("see the findings above".to_owned()),
    })
}

fn format() -> Result<End> {
    judge(workspace::command("cargo").args(["fmt", "--all", "--check"]))
}

fn clippy() -> Result<End> {
    let mut cargo = workspace::command("cargo");
    cargo.args(["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]);
    judge(&mut cargo)
}

fn simulate_step() -> Result<End> {
    Ok(reported(simulate::short()?))
}

fn torture_step() -> Result<End> {
    Ok(reported(torture::short()?))
}

fn fuzz_step() -> Result<End> {
    if !workspace::is_installed("c++") {
        return Ok(End::Skipped("libFuzzer needs a C++ compiler".to_owned()));
    }
    Ok(reported(fuzz::short()?))
}

/// How a step ended that has printed a report.
fn reported(is_good: bool) -> End {
    match is_good {
        true => End::Passed(String::new()),
        false => End::Failed("see the report above".to_owned()),
    }
}

/// Runs a command in full view; it passes if it ends with 0.
fn judge(command: &mut Command) -> Result<End> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| format!("start {program}"))?;
    Ok(match status.success() {
        true => End::Passed(String::new()),
        false => End::Failed(format!("{program} ended with {status}")),
    })
}
