//! Traces of the running program, read by OpenTelemetry's own schema.
//!
//! The collector is a script in `crates/cli/tests/otlp/`, with the schema as it is published for Python.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;

use super::{End, sdk};
use crate::http;
use crate::process::Process;
use crate::workspace::{self, Profile};
use crate::world::{READY, SOON, START, Spaces, World};

const PACKAGES: &[&str] = &["opentelemetry-proto==1.45.2"];
/// What at least has to come: requests, steps of the engine, calls to vendors.
const KINDS: &[&str] = &["SPAN_KIND_SERVER", "SPAN_KIND_INTERNAL", "SPAN_KIND_CLIENT"];

/// The step.
pub(super) fn run() -> Result<End> {
    let python = match sdk::python_with("otlp", PACKAGES)? {
        Ok(python) => python,
        Err(why) => return Ok(End::Skipped(why)),
    };
    let mut script = workspace::command(python);
    script.arg(workspace::root().join("crates/cli/tests/otlp/collector.py"));
    let collector = Process::start("the collector", &mut script)?;
    let told: Value = collector.json_line(START)?;
    let url = told["url"].as_str().context("the collector told no address")?;
    let habeas = workspace::build_habeas(Profile::Dev)?;
    let world = World::start(&habeas, &workspace::target().join("traces"), &["--regular-only"])?;
    world.connect(Spaces::First, &[])?;
    let serve = ["serve", "--listen", "127.0.0.1:0", "--otlp-endpoint", url];
    let mut serve = Process::start("habeas serve", &mut world.habeas(serve)?)?;
    serve.line(SOON, |line| line == READY)?;
    let person = &world.addresses["segment"]["subjects"][0];
    let email = person["email"].as_str().context("the twins told no address of a person")?;
    world.run(&["request", "new", "--right", "access", "--email", email])?;
    let deadline = Instant::now() + START;
    while !is_whole(&came(url)?) && Instant::now() < deadline {
        serve.run_for(Duration::from_secs(1))?;
    }
    serve.terminate()?;
    serve.wait(SOON)?;
    // The last are sent at the end.
    let came = came(url)?;
    Ok(match is_whole(&came) && came["faults"].as_array().is_some_and(Vec::is_empty) {
        true => End::Passed(came["kinds"].to_string()),
        false => End::Failed(format!("the schema refuses it, or something is missing: {came}")),
    })
}

fn came(url: &str) -> Result<Value> {
    let answer = http::call("GET", url, &[], "")?;
    serde_json::from_str(&answer.body).context("read what came")
}

fn is_whole(came: &Value) -> bool {
    KINDS.iter().all(|kind| came["kinds"][*kind].as_u64().is_some_and(|n| n > 0))
}
