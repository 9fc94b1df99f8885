//! The store's promises and the program's workers on a real server of PostgreSQL, started for them in a folder
//! of its own.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};

use super::{End, suite};
use crate::postgres::{self, FLEETING, Pooler, Server};
use crate::{screen, torture, workspace};

/// The step.
pub(super) fn run() -> Result<End> {
    if let Some(why) = postgres::missing() {
        return Ok(End::Skipped(why));
    }
    let server = Server::start(FLEETING)?;
    let pooler = Pooler::start(&server)?;
    let ended = suites(&server, &pooler);
    pooler.end()?;
    server.end()?;
    Ok(match (ended?, torture::short_of("workers")?) {
        (ended, true) => ended,
        (End::Failed(told), false) => End::Failed(format!("{told}; workers broke promises")),
        (_, false) => End::Failed("workers broke promises".to_owned()),
    })
}

/// The promises of the store.
const PROMISES: &[&str] = &["--lib", "promises::"];
/// The program with its workers.
const WORKERS: &[&str] = &["--test", "postgres"];

fn suites(server: &Server, pooler: &Pooler) -> Result<End> {
    let [mut n_passed, mut n_failed] = [0, 0];
    let (direct, pooled) = (server.url(), pooler.url(server));
    for (suite, url) in [(PROMISES, &direct), (WORKERS, &direct), (PROMISES, &pooled)] {
        let [passed, failed] = counts_of(suite, url)?;
        n_passed += passed;
        n_failed += failed;
    }
    let told = format!("{n_passed} tests passed, {n_failed} failed");
    Ok(if n_failed == 0 { End::Passed(told) } else { End::Failed(told) })
}

fn counts_of(suite: &[&str], url: &str) -> Result<[usize; 2]> {
    let mut cargo = workspace::command("cargo");
    // Of the whole workspace, whose crates the tests before have built: alone each has other features.
    cargo.args(["test", "--workspace", "--locked"]).args(suite);
    cargo.env("HABEAS_TEST_POSTGRES", url).stdout(Stdio::piped());
    let mut child = cargo.spawn().context("start cargo test")?;
    let stdout = child.stdout.take().context("read from cargo test")?;
    let [mut passed, mut failed] = [0, 0];
    for line in BufReader::new(stdout).lines() {
        let line = line.context("read from cargo test")?;
        let [more_passed, more_failed] = suite::cargo_summary(&line).unwrap_or_default();
        passed += more_passed;
        failed += more_failed;
        screen::say(&line);
    }
    let is_good = child.wait().context("wait for cargo test")?.success();
    ensure!(passed + failed > 0, "cargo test ran no test");
    ensure!(is_good || failed > 0, "cargo test failed, and no test of it");
    Ok([passed, failed])
}
