//! Runs of the program that plays a target, and what they came to.

use std::fmt;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;

use anyhow::{Context, Result};

use super::folder;
use crate::{screen, workspace};

/// The longest inputs that are tried, in bytes.
const LONGEST: &str = "2048";
/// An input that takes longer than so many seconds is a finding.
const SLOWEST: &str = "10";
/// So are so many megabytes.
const MOST_MB: &str = "1024";
/// A run of so many seconds is a long one.
const LONG: u64 = 60;
/// How many seconds are spent on making an input smaller.
const SHRINKING: &str = "15";

/// One target, played for a while.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) target: &'static str,
    pub(super) seconds: u64,
    /// Where its inputs are kept.
    pub(super) corpus: PathBuf,
    /// By which it tries; any if none is given.
    pub(super) seed: Option<u32>,
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Every promise was kept.
    Kept {
        /// How many inputs were played.
        n_played: u64,
        /// How many places of the code were reached, as the compiler counts them.
        n_reached: u64,
    },
    /// One was broken.
    Found {
        /// By this input.
        input: PathBuf,
    },
}

impl fmt::Display for End {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept { n_played, n_reached } => {
                write!(out, "kept its promises ({n_played} inputs, {n_reached} places reached)")
            }
            Self::Found { input } => write!(out, "BROKE A PROMISE by {}", input.display()),
        }
    }
}

/// Makes runs, so many at a time.
pub(super) fn side_by_side(program: &Path, runs: Vec<Run>, n: usize) -> Result<Vec<(Run, End)>> {
    let ended = Mutex::new(Vec::new());
    let left = Mutex::new(runs.into_iter());
    let next = || left.lock().ok()?.next();
    let work = || -> Result<()> {
        while let Some(run) = next() {
            let end = play(program, &run).with_context(|| format!("play {}", run.target))?;
            if let Ok(mut ended) = ended.lock() {
                ended.push((run, end));
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..n).map(|_| scope.spawn(work)).collect();
        let ends = workers.into_iter().map(|worker| worker.join().unwrap_or(Ok(())));
        ends.collect::<Result<()>>()
    })?;
    Ok(ended.into_inner().unwrap_or_default())
}

fn play(program: &Path, run: &Run) -> Result<End> {
    let found = folder().join("found").join(run.target);
    for folder in [&run.corpus, &found] {
        fs::create_dir_all(folder).context("make a folder of inputs")?;
    }
    let mut fuzzer = of(program, run.target);
    fuzzer.env("FUZZ_CORPUS", &run.corpus).arg(&run.corpus);
    fuzzer.arg(format!("-dict={}.words", run.corpus.display()));
    fuzzer.arg(format!("-artifact_prefix={}/", found.display()));
    fuzzer.arg(format!("-max_total_time={}", run.seconds));
    fuzzer.args([format!("-max_len={LONGEST}"), format!("-timeout={SLOWEST}")]);
    fuzzer.args([format!("-rss_limit_mb={MOST_MB}"), format!("-seed={}", run.seed.unwrap_or(0))]);
    // What only compares differently takes its time to pay.
    fuzzer.arg(format!("-use_value_profile={}", u8::from(run.seconds >= LONG)));
    let mut child = fuzzer.stderr(Stdio::piped()).spawn().context("start the fuzzer")?;
    let stderr = child.stderr.take().context("read from the fuzzer")?;
    let mut said = Vec::new();
    for line in BufReader::new(stderr).split(b'\n') {
        said.push(String::from_utf8_lossy(&line.context("read from the fuzzer")?).into_owned());
    }
    if child.wait().context("wait for the fuzzer")?.success() {
        let [n_played, n_reached] = counts(&said);
        return Ok(End::Kept { n_played, n_reached });
    }
    for line in broken(&said) {
        screen::complain(line);
    }
    let input = artifact(&said).context("the fuzzer ended without an input to blame")?;
    Ok(End::Found { input: smaller(program, run.target, &input)? })
}

/// Plays an input in full view, and says whether every promise was kept.
pub(super) fn again(program: &Path, target: &str, input: &Path) -> Result<bool> {
    let mut fuzzer = of(program, target);
    fuzzer.arg(format!("-timeout={SLOWEST}")).arg(input);
    Ok(fuzzer.status().context("start the fuzzer")?.success())
}

/// The smallest input that breaks the same promise, as far as it is found in time.
fn smaller(program: &Path, target: &str, input: &Path) -> Result<PathBuf> {
    let smallest = input.with_extension("smallest");
    let mut fuzzer = of(program, target);
    fuzzer.args(["-minimize_crash=1", &format!("-max_total_time={SHRINKING}")]);
    fuzzer.arg(format!("-exact_artifact_path={}", smallest.display())).arg(input);
    fuzzer.stdout(Stdio::null()).stderr(Stdio::null());
    fuzzer.status().context("make the input smaller")?;
    Ok(if smallest.exists() { smallest } else { input.to_owned() })
}

fn of(program: &Path, target: &str) -> Command {
    let mut fuzzer = workspace::command(program);
    fuzzer.env("FUZZ_TARGET", target).env("RUST_BACKTRACE", "0");
    fuzzer
}

/// How many inputs were played and how many places reached, by the fuzzer's last words:
/// `#4711 DONE cov: 321 ft: …`.
pub(super) fn counts(said: &[String]) -> [u64; 2] {
    let after = |line: &str, word: &str| -> Option<u64> {
        line.split(word).nth(1)?.split_whitespace().next()?.parse().ok()
    };
    let last = said.iter().rev().find(|line| line.starts_with('#') && line.contains(" cov: "));
    let last = last.map_or("", String::as_str);
    [after(last, "#").unwrap_or(0), after(last, " cov: ").unwrap_or(0)]
}

/// The input that broke a promise: `Test unit written to FILE`.
pub(super) fn artifact(said: &[String]) -> Option<PathBuf> {
    let written = said.iter().find_map(|line| line.split_once("Test unit written to "));
    written.map(|(_, path)| PathBuf::from(path.trim()))
}

/// What was broken: the words of the panic, and of the fuzzer where it was something else.
pub(super) fn broken(said: &[String]) -> Vec<&str> {
    let lines = said.iter().map(String::as_str);
    let panic = lines.clone().skip_while(|line| !line.starts_with("thread '"));
    let panic = panic.take_while(|line| !line.starts_with("note: "));
    panic.chain(lines.filter(|line| line.contains("ERROR: libFuzzer"))).collect()
}
