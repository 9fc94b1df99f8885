//! The document of the API, tried out on the running program by schemathesis: requests that fit it and
//! requests that don't, a thousand and more, by a seed that stays the same.
//!
//! What fits the schema may still be refused, since no schema knows which connections exist; every
//! other check of the tester counts. Left out are the stream of events, for it does not end, what would
//! shut the tester out, and what calls the hosts that it made up; stories of their own try those.

use anyhow::{Context, Result};
use serde_json::Value;

use super::{End, judge, sdk};
use crate::process::Process;
use crate::workspace::{self, Profile};
use crate::world::{START, Spaces, World};

const PACKAGES: &[&str] = &["schemathesis==4.32.5"];
/// What is left out.
const EXCLUDED: &[&str] =
    &["stream_events", "revoke_token", "disable_principal", "set_principal", "test_notices"];
/// A principal with every role, so that no request ends at the door.
const PROBE: &str = "probe";

/// The step.
pub(super) fn run() -> Result<End> {
    let python = match sdk::python_with("schemathesis", PACKAGES)? {
        Ok(python) => python,
        Err(why) => return Ok(End::Skipped(why)),
    };
    let habeas = workspace::build_habeas(Profile::Dev)?;
    let world = World::start(&habeas, &workspace::target().join("api"), &["--regular-only"])?;
    world.connect(Spaces::First, &[])?;
    world.run(&["principals", "add", PROBE, "--role", "super_admin"])?;
    let token = world.run(&["tokens", "add", PROBE, "--label", "schemathesis"])?;
    let mut serve = world.habeas(["serve", "--listen", "127.0.0.1:0", "--json"])?;
    // It tries wrong tokens on every operation, as fast as it can.
    serve.args(["--wrong-tokens", "1000000", "--rate", "1000000"]);
    let serve = Process::start("habeas serve", &mut serve)?;
    let told: Value = serve.json_line(START)?;
    let urls = told["listening"].as_array().context("serve did not say where it listens")?;
    let url = urls.iter().filter_map(Value::as_str).find(|url| url.starts_with("http:"));
    let url = url.context("serve listens at no address")?;
    let mut tester = workspace::command(python.with_file_name("schemathesis"));
    tester.current_dir(world.folder()).args(["run", &format!("{url}/api/v1/openapi.json")]);
    tester.args(["--header", &format!("Authorization: Bearer {}", token.trim())]);
    tester.args(["--max-examples", "50", "--seed", "1", "--workers", "1", "--no-color"]);
    tester.args(["--exclude-checks", "positive_data_acceptance"]);
    tester.args(EXCLUDED.iter().flat_map(|operation| ["--exclude-operation-id", operation]));
    judge(&mut tester)
}
