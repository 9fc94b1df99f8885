//! The pace under the vendor's documented limits, in virtual time: how long the engine itself
//! takes before the last create call, and after the vendor's end has been seen.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use serde_json::Value;

use super::deletions::{PROFILE_CALLS, Setup};
use super::throughput::stop;
use super::{Bound, Figure, Options};
use crate::world::{Spaces, World, at};

const N_PEOPLE: usize = 20_000;
const CALLS_PER_PERSON: usize = 6;
const LIMIT: Duration = Duration::from_secs(600);

/// Runs the throughput's deletions with all limits on, and reads the times off the journal.
pub(super) fn measure(options: &Options) -> Result<Vec<Figure>> {
    let setup = Setup {
        limits: true,
        latency_ms: 0,
        spaces: Spaces::First,
        switches: &[],
        ..Setup::fast("limits", N_PEOPLE)
    };
    let stage = setup.stage(options)?;
    let mut run = stage.begin()?;
    stage.wait(&mut run, (PROFILE_CALLS, CALLS_PER_PERSON * N_PEOPLE), LIMIT)?;
    stop(run.engine)?;
    let n_confirmed = stage.n_proven("confirmed")?;
    ensure!(n_confirmed == N_PEOPLE, "only {n_confirmed} deletions are confirmed");
    let times = Times::read(&stage.world)?;
    let n_refused = stage.world.n_answered("429")?;
    let setup = format!(
        "{N_PEOPLE} deletions by e-mail with the documented limits on, in virtual time; \
         {n_confirmed} confirmed; the twin answered 429 {n_refused} times"
    );
    let figure = |name, value, bound, what: &str| {
        Figure::new(name, value, "s", bound, &format!("{what}; {setup}"))
    };
    Ok(vec![
        figure(
            "limits, sending",
            times.sending,
            Bound::AtMost(220.0),
            "from the first request's receipt to the last create call",
        ),
        figure(
            "limits, confirming",
            times.confirming,
            Bound::AtMost(1_100.0),
            "from the first poll that sees a job's end to the last confirmation",
        ),
        figure(
            "limits, seeing",
            times.seeing,
            Bound::AtMost(CADENCE.as_secs_f64()),
            "from the vendor's end of a job, two days after it began, to the poll that sees it; \
             the longest; at that age it is asked about every six hours",
        ),
    ])
}

/// How often a job is asked about that is two days old.
const CADENCE: Duration = Duration::from_secs(6 * 3600);

/// In seconds of virtual time.
struct Times {
    sending: f64,
    confirming: f64,
    seeing: f64,
}

impl Times {
    fn read(world: &World) -> Result<Times> {
        let seen = world.journal_of("job.ended")?;
        let regulations = world.ask("/audit/segment")?["regulations"].take();
        let ends = ends(&regulations, &world.journal_of("job.started")?, &seen)?;
        Ok(Times {
            sending: sending(world)?,
            confirming: confirming(world)?,
            seeing: ends.into_iter().fold(0.0, f64::max),
        })
    }
}

/// From the first request's receipt to the last create call.
pub(super) fn sending(world: &World) -> Result<f64> {
    let received = first(&world.journal_of("request.received")?)?;
    Ok(seconds(received, last(&world.journal_of("intent.written")?)?))
}

/// From the first poll that sees a job's end to the last confirmation.
pub(super) fn confirming(world: &World) -> Result<f64> {
    let seen = first(&world.journal_of("job.ended")?)?;
    let mut moved = world.journal_of("task.moved")?;
    moved.retain(|entry| entry["facts"]["to"] == "ended");
    Ok(seconds(seen, last(&moved)?))
}

/// From the vendor's end of each job to the poll that saw it.
fn ends(regulations: &Value, started: &[Value], ended: &[Value]) -> Result<Vec<f64>> {
    let regulations = regulations.as_array().context("the twin shows no regulations")?;
    ensure!(regulations.len() == ended.len(), "not every regulation was seen to end");
    let ends = regulations.iter().map(|regulation| {
        let job = started.iter().find(|entry| entry["facts"]["vendor_ref"] == regulation["id"]);
        let job = &job.context("a regulation belongs to no job")?["job"];
        let seen = ended.iter().find(|entry| entry["job"] == *job).context("a job didn't end")?;
        let finished = at(&regulation["finished_at"])?;
        Ok(seconds(finished, at(&seen["at"])?))
    });
    ends.collect()
}

fn first(entries: &[Value]) -> Result<Timestamp> {
    at(&entries.first().context("the journal lacks an entry")?["at"])
}

fn last(entries: &[Value]) -> Result<Timestamp> {
    at(&entries.last().context("the journal lacks an entry")?["at"])
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}
