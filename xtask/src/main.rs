//! `cargo xtask NAME`: reads the name of the task, runs it, and turns its end into an exit code.

use std::env;
use std::process::ExitCode;

use anyhow::Result;
use xtask::args::{Args, Misuse};
use xtask::{bench, docs, fuzz, screen, simulate, test, tidy, torture};

const USAGE: &str = "\
usage: cargo xtask TASK

  tidy                                   the rules of the house
  test [--no-skip] [--quick]             all that decides whether a change lands
  docs                                   the pages that are made from the program
  bench [NAME] [--json] [--release | --binary FILE] [--people N]   the promised figures, measured
  simulate [--seeds N | --seed S] [--release]   the engine against the twin, dying at every call
  simulate --mutants [NAME] [--seeds N]  mistakes made on purpose, which it has to find
  torture [NAME] [--rounds N] [--seed N] [--quick]   kill -9 under load
  fuzz [TARGET] [--seconds N] [--jobs N]   inputs that nobody thought of, 600 seconds in all
  fuzz TARGET --input FILE               one of them again";

fn main() -> ExitCode {
    match run(Args::new(env::args().skip(1))) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) if error.is::<Misuse>() => {
            let targets = fuzz::TARGETS.join(", ");
            screen::complain(&format!("{error:#}\n\n{USAGE}\n\ntargets of fuzz: {targets}"));
            ExitCode::from(2)
        }
        Err(error) => {
            screen::complain(&format!("{error:#}"));
            ExitCode::from(1)
        }
    }
}

/// Says whether the task found everything in order; an error means that it couldn't find out.
fn run(mut args: Args) -> Result<bool> {
    match args.word().as_deref() {
        Some("tidy") => tidy::run(args),
        Some("test") => test::run(args),
        Some("docs") => docs::run(args),
        Some("bench") => bench::run(args),
        Some("simulate") => simulate::run(args),
        Some("torture") => torture::run(args),
        Some("fuzz") => fuzz::run(args),
        Some(other) => Err(Misuse(format!("no task is called `{other}`")).into()),
        None => Err(Misuse("which task?".to_owned()).into()),
    }
}
