//! Connections are spread over the workers, again and again as they come and go.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::setup::{connect, database, psql};
use crate::world::{Running, World};

/// The longest that a lease lasts, and a moment.
const LEASE: Duration = Duration::from_secs(25);

/// A world over a database of its own, with so many connections.
pub fn world(name: &str, n_connections: usize) -> World {
    let mut world = World::new();
    world.database = Some(database(name));
    connect(&world, n_connections);
    world
}

fn worker(world: &World) -> Running {
    let mut worker = world.start(&["worker"]);
    assert!(worker.line().contains("works on"));
    worker
}

fn workers(world: &World) -> Vec<Value> {
    world.json(&["workers"])["workers"].as_array().unwrap().clone()
}

/// Waits until each has as many connections as is said, in order, and one of them leads.
pub fn until_spread(world: &World, n_each: &[u64]) {
    let deadline = Instant::now() + LEASE;
    loop {
        let workers = workers(world);
        let counts = workers.iter().map(|one| one["n_connections"].as_u64().unwrap());
        let mut counts: Vec<_> = counts.collect();
        counts.sort_unstable();
        let n_leading = workers.iter().filter(|one| one["leads"] == true).count();
        if counts == n_each && n_leading == 1 {
            return;
        }
        assert!(Instant::now() < deadline, "{counts:?}, {n_leading} lead, and not {n_each:?}");
    }
}

#[test]
fn three_workers_have_two_of_six_connections_each_also_after_one_joins_or_dies() {
    let world = world("spread", 6);
    let first = worker(&world);
    until_spread(&world, &[6]);
    let second = worker(&world);
    until_spread(&world, &[3, 3]);
    let third = worker(&world);
    until_spread(&world, &[2, 2, 2]);
    // Killed, not asked: it gives nothing back.
    drop(first);
    until_spread(&world, &[3, 3]);
    assert_eq!(third.end().code, 0);
    until_spread(&world, &[6]);
    drop(second);
    assert_eq!(workers(&world).len(), 0, "whose process is gone is not listed");
}

#[test]
fn a_worker_that_stands_still_is_followed_and_takes_its_share_again() {
    let world = world("stopped", 2);
    let first = worker(&world);
    until_spread(&world, &[2]);
    let second = worker(&world);
    until_spread(&world, &[1, 1]);
    first.signal("STOP");
    until_spread(&world, &[2]);
    first.signal("CONT");
    until_spread(&world, &[1, 1]);
    drop(second);
}

#[test]
fn requests_are_worked_on_by_workers_whose_server_leaves_the_work_to_them() {
    let world = world("shared", 3);
    let _workers = [worker(&world), worker(&world)];
    let mut serve = world.start(&["serve"]);
    assert!(serve.line().contains("serves"));
    until_spread(&world, &[1, 1, 1]);
    ask_for(&world, 0);
    until_collected(&world, 3);
    assert_eq!(serve.end().code, 0);
}

#[test]
fn a_worker_whose_connections_are_cut_does_all_again_that_it_did() {
    let world = world("cut", 1);
    let _worker = worker(&world);
    until_spread(&world, &[1]);
    ask_for(&world, 0);
    until_collected(&world, 1);
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    psql(world.database.as_deref().unwrap(), cut);
    // Whoever leads routes this one, and whoever has the connection works on it.
    ask_for(&world, 1);
    until_collected(&world, 2);
}

/// Somebody asks for their data.
fn ask_for(world: &World, person: usize) {
    ask_with(world, person, &[]);
}

/// The same by a command with variables.
pub fn ask_with(world: &World, person: usize, variables: &[(&str, &str)]) {
    let email = world.people("regular")[person]["email"].as_str().unwrap().to_owned();
    let args = ["request", "new", "--right", "access", "--email", &email, "--json"];
    let new = world.start_with(&args, variables).wait();
    assert_eq!((new.code, new.err.as_str()), (0, ""), "no engine runs here");
}

/// Waits until so many tasks have collected all they were to.
pub fn until_collected(world: &World, n_tasks: usize) {
    let deadline = Instant::now() + LEASE;
    loop {
        let list = world.json(&["request", "list"]);
        let requests = list["requests"].as_array().unwrap();
        let tasks = requests.iter().flat_map(|one| one["tasks"].as_array().into_iter().flatten());
        let states: Vec<_> = tasks.map(|task| task["state"].to_string()).collect();
        if states.len() == n_tasks && states.iter().all(|state| state == "\"approving\"") {
            return;
        }
        assert!(Instant::now() < deadline, "{states:?}");
    }
}
