//! Plays seeds of the simulation: `simulate FIRST N`. `cargo xtask simulate` builds and runs it.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context as _;
use testkit::simulation::{Coverage, Scenario, play};
use xtask::screen::{complain, say};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    let mut numbers = std::env::args().skip(1).map(|word| word.parse::<u64>());
    let first = numbers.next().context("the first seed comes first")??;
    let n_seeds = numbers.next().context("how many seeds comes second")??;
    let (began, mut coverage) = (Instant::now(), Coverage::default());
    let (mut n_requests, mut n_changes, mut n_broken) = (0, 0, 0);
    for seed in first..first + n_seeds {
        let played = match play(seed).await {
            Ok(played) => played,
            Err(error) => {
                n_broken += 1;
                say(&format!("seed {seed} BROKE OFF: {error:#}"));
                continue;
            }
        };
        complain(&format!(
            "seed {seed}: {} requests, {} changes at the twin, died {} times, {:.0} s in all",
            played.n_requests,
            played.n_changes,
            played.coverage.n_deaths(),
            began.elapsed().as_secs_f64(),
        ));
        for broken in &played.broken {
            say(&format!("seed {seed} BROKEN: {broken}"));
        }
        if !played.broken.is_empty() {
            n_broken += 1;
            say(&format!("seed {seed} was {:?}", Scenario::of(seed)));
            say(&format!("alone: cargo xtask simulate --seed {seed}"));
        }
        if let Ok(file) = std::env::var("SIM_JOURNAL") {
            std::fs::write(file, &played.journal)?;
        }
        n_requests += played.n_requests;
        n_changes += played.n_changes;
        coverage.add(played.coverage);
    }
    for line in coverage.lines() {
        say(&line);
    }
    for missed in coverage.missed() {
        say(&format!("never died {missed}"));
    }
    say(&format!(
        "{n_seeds} seeds, {n_requests} requests, {n_changes} changes, {} deaths, {n_broken} seeds broken",
        coverage.n_deaths(),
    ));
    Ok(if n_broken == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
