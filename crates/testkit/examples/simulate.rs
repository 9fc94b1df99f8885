//! Plays seeds of the simulation, on as many threads as there are processors, and the first of several once
//! more, to see that it plays alike: `simulate FIRST N`, or `simulate FIRST N until-broken` to begin no
//! seed after the first that breaks a promise.
//! `cargo xtask simulate` builds and runs it.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::num::NonZero;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Instant;

use anyhow::Context as _;
use testkit::simulation::{Coverage, Played, Scenario, play};
use xtask::screen::{complain, say};

type Result = (u64, anyhow::Result<Played>);

fn main() -> anyhow::Result<ExitCode> {
    let mut numbers = std::env::args().skip(1).map(|word| word.parse::<u64>());
    let first = numbers.next().context("the first seed comes first")??;
    let n_seeds = numbers.next().context("how many seeds comes second")??;
    let until_broken = std::env::args().nth(3).is_some_and(|word| word == "until-broken");
    let again = (n_seeds > 1 && !until_broken).then_some(first);
    let seeds: &Vec<u64> = &(first..first + n_seeds).chain(again).collect();
    let next = &AtomicUsize::new(0);
    let (to, results) = channel();
    let n_threads = thread::available_parallelism().map_or(1, NonZero::get);
    let n_broken = thread::scope(|scope| {
        for _ in 0..n_threads {
            let to = to.clone();
            scope.spawn(move || play_all(next, seeds, &to));
        }
        drop(to);
        let enough = || {
            if until_broken {
                next.store(seeds.len(), Ordering::SeqCst);
            }
        };
        tell(seeds.len(), results, enough)
    });
    Ok(if n_broken == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Plays whatever seed is next, each on one thread.
fn play_all(next: &AtomicUsize, seeds: &[u64], to: &Sender<Result>) {
    while let Some(&seed) = seeds.get(next.fetch_add(1, Ordering::SeqCst)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let played = runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(play(seed)));
        // Whoever listens does so until all threads are done.
        to.send((seed, played)).ok();
    }
}

/// By which two runs of a seed are seen to be the same.
fn digest(journal: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    journal.hash(&mut hasher);
    hasher.finish()
}

/// Tells of each seed as it comes, and of all in the end; how many broke a promise. Says when one did.
fn tell(n_seeds: usize, results: impl IntoIterator<Item = Result>, enough: impl Fn()) -> usize {
    let (began, mut coverage) = (Instant::now(), Coverage::default());
    let mut journals = BTreeMap::new();
    let (mut n_played, mut n_requests, mut n_changes, mut n_broken) = (0, 0, 0, 0);
    for (seed, played) in results {
        n_played += 1;
        let mut broken = Vec::new();
        match played {
            Ok(played) => {
                let journal = digest(&played.journal);
                complain(&format!(
                    "{n_played} of {n_seeds}: seed {seed}, {} requests, {} changes at the twin, \
                     died {} times, journal {:016x}, {:.0} s since the beginning",
                    played.n_requests,
                    played.n_changes,
                    played.coverage.n_deaths(),
                    journal,
                    began.elapsed().as_secs_f64(),
                ));
                n_requests += played.n_requests;
                n_changes += played.n_changes;
                coverage.add(played.coverage);
                broken = played.broken;
                if journals.insert(seed, journal).is_some_and(|other| other != journal) {
                    broken.push("played twice, it wrote two journals".to_owned());
                }
            }
            Err(error) => broken.push(format!("it could not be played: {error:#}")),
        }
        for broken in &broken {
            say(&format!("BROKEN by seed {seed}: {broken}"));
        }
        if !broken.is_empty() {
            n_broken += 1;
            enough();
            say(&format!("  it was {:?}", Scenario::of(seed)));
            say(&format!("  alone: cargo xtask simulate --seed {seed}"));
        }
    }
    for line in coverage.lines() {
        say(&line);
    }
    for missed in coverage.missed() {
        say(&format!("never died {missed}"));
    }
    say(&format!(
        "{n_played} seeds, {n_requests} requests, {n_changes} changes, died {} times, {n_broken} seeds broken",
        coverage.n_deaths(),
    ));
    n_broken
}
