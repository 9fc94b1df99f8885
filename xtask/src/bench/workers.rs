//! Three workers over PostgreSQL beside one: how soon six connections are spread evenly over them, how long the same
//! deletions take where limits set the pace, and what they cost of processor time.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::deletions::{PROFILE_CALLS, Setup, Stage};
use super::limits::{confirming, sending};
use super::throughput::per_second;
use super::{Bound, Figure, Options};
use crate::postgres::{DURABLE, Server};
use crate::process::Process;
use crate::world::{Spaces, World};

const CONNECTIONS: usize = 6;
const WORKERS: usize = 3;
const N_PEOPLE: usize = 1000;
/// A tenth of what the vendor documents, for each connection: so that the limits are what everybody waits for.
const LIMITS: &[&str] = &["limits.profile_api=10"];
/// Virtual seconds a second, while the twin is called, and while nobody calls it.
const PACES: (u32, u32) = (20, 400);
/// For how long nobody calls before time goes faster.
const QUIET: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(100);
const LIMIT: Duration = Duration::from_secs(600);
/// How long a lease lasts.
const LEASE: f64 = 20.0;

/// Runs with one worker and with three.
pub(super) fn measure(options: &Options) -> Result<Vec<Figure>> {
    let server = Server::start(DURABLE)?;
    let (one, _) = run(options, &server, 1)?;
    let (three, spreads) = run(options, &server, WORKERS)?;
    server.end()?;
    let spread = spreads.iter().map(Duration::as_secs_f64).fold(0.0, f64::max);
    let n_people = options.n_people.unwrap_or(N_PEOPLE);
    let setup = format!(
        "{n_people} deletions on {CONNECTIONS} connections, each with limits.profile_api=10, {} virtual seconds a \
         second; the server of PostgreSQL on the same machine",
        PACES.0
    );
    let makespan = |run: &Ran| run.sending + run.confirming;
    let told =
        |run: &Ran| format!("{:.0} s to send and {:.0} s to confirm", run.sending, run.confirming);
    let makespans = format!("{} by one, {} by {WORKERS}; {setup}", told(&one), told(&three));
    let per_request = |run: &Ran| 1000.0 / per_second(n_people, run.cpu);
    let cpus = format!(
        "{:.1} and {:.1} ms a request, of all workers from their start on; {setup}",
        per_request(&one),
        per_request(&three)
    );
    let joins = "the longest until all have the same number of connections: after a second and a third worker \
                 begin, one is killed, and another begins";
    Ok(vec![
        Figure::new("workers, spread", spread, "s", Bound::AtMost(LEASE), joins),
        Figure::new(
            "workers, makespan",
            makespan(&three) / makespan(&one),
            "",
            Bound::AtMost(1.05),
            &makespans,
        ),
        Figure::new(
            "workers, processor time",
            per_request(&three) / per_request(&one),
            "",
            Bound::AtMost(1.15),
            &cpus,
        ),
    ])
}

struct Ran {
    /// In seconds of virtual time: until all is sent, and from the first job's end to the last confirmation.
    sending: f64,
    confirming: f64,
    cpu: Duration,
}

/// Deletes everybody with so many workers; and how long it took each time until they shared evenly.
fn run(options: &Options, server: &Server, n_workers: usize) -> Result<(Ran, Vec<Duration>)> {
    let name = format!("workers_{n_workers}");
    server.run(&format!("CREATE DATABASE {name}"))?;
    let n_people = options.n_people.unwrap_or(N_PEOPLE);
    let setup = Setup { switches: LIMITS, job_takes: "PT10M", ..Setup::fast("workers", n_people) };
    let stage = setup.stage_over(options, Some(server.url_of(&name)))?;
    let world = &stage.world;
    for n in 1..CONNECTIONS {
        world.connect_as(&format!("segment-{n}"), Spaces::First, LIMITS)?;
    }
    world.follow_clock()?;
    let (mut workers, mut spreads) = (vec![world.worker()?], Vec::new());
    until_even(world, &workers)?;
    while workers.len() < n_workers {
        workers.push(world.worker()?);
        spreads.push(until_even(world, &workers)?);
    }
    if n_workers > 1 {
        workers.remove(0).kill()?;
        spreads.push(until_even(world, &workers)?);
        workers.push(world.worker()?);
        spreads.push(until_even(world, &workers)?);
    }
    stage.import()?.wait(LIMIT)?;
    until_done(&stage, &workers)?;
    let used = workers.iter().map(Process::usage).collect::<Result<Vec<_>>>()?;
    let cpu = used.iter().map(|one| one.cpu).sum();
    for worker in &mut workers {
        worker.terminate()?;
        worker.wait(LIMIT)?;
    }
    Ok((Ran { sending: sending(world)?, confirming: confirming(world)?, cpu }, spreads))
}

/// How long it takes until every worker has as many connections as the others.
fn until_even(world: &World, workers: &[Process]) -> Result<Duration> {
    let began = Instant::now();
    let even = vec![(CONNECTIONS / workers.len()) as u64; workers.len()];
    loop {
        let told = world.run(&["workers", "--json"])?;
        let told: Value = serde_json::from_str(&told).context("read who does what")?;
        let all = told["workers"].as_array().context("no workers are told")?;
        if all.iter().filter_map(|one| one["n_connections"].as_u64()).eq(even.iter().copied()) {
            return Ok(began.elapsed());
        }
        ensure!(began.elapsed() < LIMIT, "the connections are not spread: {told}");
    }
}

/// Lets time go faster while nobody calls, until all requests are ready for their answer.
fn until_done(stage: &Stage, workers: &[Process]) -> Result<()> {
    let world = &stage.world;
    let (began, mut last_call, mut n_before, mut pace) = (Instant::now(), Instant::now(), 0, 0);
    loop {
        let n_calls = world.n_calls(PROFILE_CALLS)?;
        if n_calls > n_before {
            (n_before, last_call) = (n_calls, Instant::now());
        }
        let wanted = if last_call.elapsed() < QUIET { PACES.0 } else { PACES.1 };
        if wanted != pace {
            pace = wanted;
            world.set_clock(&json!({"mode": "paced", "pace": pace}))?;
        }
        if pace == PACES.1 && stage.n_open()? == 0 {
            return Ok(());
        }
        workers[0].run_for(LOOK)?;
        ensure!(began.elapsed() < LIMIT, "it isn't over after {LIMIT:?}");
    }
}
