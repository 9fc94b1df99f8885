//! Machines whose clocks are a day apart: all of them go by the database's.

use std::process::Command;

use jiff::Timestamp;

use crate::setup::psql;
use crate::workers::{ask_with, until_collected, until_spread, world};
use crate::world::World;

/// Builds what sets a program's clock off, and gives its path.
fn shim(world: &World) -> String {
    let shim = world.path("skew.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/postgres/skew.c");
    let built =
        Command::new("cc").args(["-shared", "-fPIC", "-o", &shim, source]).status().unwrap();
    assert!(built.success(), "cc builds the shim");
    shim
}

#[test]
fn what_machines_write_whose_clocks_are_a_day_off_has_the_time_of_the_database() {
    let world = world("clocks", 2);
    let database = world.database.as_deref().unwrap();
    let now = || -> i64 {
        let now = psql(database, "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT");
        now.parse().unwrap()
    };
    let began = now();
    let before = psql(database, "SELECT MAX(seq) FROM journal");
    let shim = shim(&world);
    let machines =
        ["86400", "-86400"].map(|off| [("LD_PRELOAD", &*shim), ("HABEAS_TEST_SKEW", off)]);
    let mut workers = machines.map(|machine| world.start_with(&["worker"], &machine));
    for worker in &mut workers {
        assert!(worker.line().contains("works on"));
    }
    until_spread(&world, &[1, 1]);
    for (person, machine) in machines.iter().enumerate() {
        ask_with(&world, person, machine);
    }
    until_collected(&world, 4);
    let ended = now();

    let written = format!(
        "SELECT MIN(at) || ' ' || MAX(at) FROM (
            SELECT at FROM journal WHERE seq > {before}
            UNION ALL SELECT written_at FROM intent
            UNION ALL SELECT answered_at FROM intent) t"
    );
    let written = psql(database, &written);
    let (first, last) = written.split_once(' ').unwrap();
    let (first, last): (i64, i64) = (first.parse().unwrap(), last.parse().unwrap());
    assert!(began <= first && last <= ended, "{began} {first} {last} {ended}");

    let list = world.json(&["request", "list"]);
    for request in list["requests"].as_array().unwrap() {
        let received: Timestamp = request["received_at"].as_str().unwrap().parse().unwrap();
        assert!((began..=ended).contains(&received.as_millisecond()), "{request}");
    }
}
