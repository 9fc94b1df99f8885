//! The tests of all crates, by nextest where it is installed, else by `cargo test`.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};

use super::End;
use crate::{screen, workspace};

/// The step. Its line in the closing list is the runner's own summary.
pub(super) fn run() -> Result<End> {
    if workspace::is_installed("cargo-nextest") { nextest() } else { cargo_test() }
}

fn nextest() -> Result<End> {
    let mut cargo = workspace::command("cargo");
    cargo.args(["nextest", "run", "--workspace", "--locked", "--no-fail-fast", "--color", "never"]);
    // nextest reports on standard error; its summary comes again in our closing list.
    let mut child = cargo.stderr(Stdio::piped()).spawn().context("start nextest")?;
    let stderr = child.stderr.take().context("read from nextest")?;
    let mut summary = None;
    for line in BufReader::new(stderr).lines() {
        let line = line.context("read from nextest")?;
        screen::complain(&line);
        summary = nextest_summary(&line).or(summary);
    }
    let status = child.wait().context("wait for nextest")?;
    Ok(end(status.success(), summary.unwrap_or_else(|| "nextest told no summary".to_owned())))
}

fn cargo_test() -> Result<End> {
    let mut cargo = workspace::command("cargo");
    cargo.args(["test", "--workspace", "--locked", "--no-fail-fast"]);
    let mut child = cargo.stdout(Stdio::piped()).spawn().context("start cargo test")?;
    let stdout = child.stdout.take().context("read from cargo test")?;
    let mut n_tests = [0; 2];
    for line in BufReader::new(stdout).lines() {
        let line = line.context("read from cargo test")?;
        screen::say(&line);
        if let Some([passed, failed]) = cargo_summary(&line) {
            n_tests = [n_tests[0] + passed, n_tests[1] + failed];
        }
    }
    let [passed, failed] = n_tests;
    let status = child.wait().context("wait for cargo test")?;
    ensure!(!status.success() || passed > 0, "cargo test ran no test");
    Ok(end(status.success(), format!("{passed} tests passed, {failed} failed")))
}

fn end(is_good: bool, summary: String) -> End {
    if is_good { End::Passed(summary) } else { End::Failed(summary) }
}

/// What follows the time in `Summary [   1.234s] 120 tests run: 120 passed, 0 skipped`.
pub(super) fn nextest_summary(line: &str) -> Option<String> {
    let summary = line.trim_start().strip_prefix("Summary [")?;
    let (_, counts) = summary.split_once(']')?;
    Some(counts.trim().to_owned())
}

/// The counts in `test result: ok. 12 passed; 0 failed; …`.
pub(super) fn cargo_summary(line: &str) -> Option<[usize; 2]> {
    let counts = line.strip_prefix("test result: ")?.split_once(". ")?.1;
    let mut counts = counts.split("; ");
    let passed = counts.next()?.strip_suffix(" passed")?.parse().ok()?;
    let failed = counts.next()?.strip_suffix(" failed")?.parse().ok()?;
    Some([passed, failed])
}
