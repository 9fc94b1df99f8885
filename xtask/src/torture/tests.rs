//! Tests of the harness, with a shell script in the place of the program.

use std::fs;
use std::time::Duration;

use super::{Chance, Report, World, show};
use crate::workspace;

const LONG: Duration = Duration::from_secs(20);

fn world(folder: &tempfile::TempDir) -> World {
    let habeas = workspace::root().join("xtask/fixtures/habeas");
    World::start(&habeas, &folder.path().join("world")).unwrap()
}

#[test]
fn an_engine_follows_the_clock_of_the_twins() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder);
    world.serve().unwrap().line(LONG, |line| line == "ready").unwrap();
    let served = fs::read_to_string(world.folder().join("served")).unwrap();
    assert_eq!(served, "serve --clock http://127.0.0.1:1\n");
}

#[test]
fn an_engine_is_killed_within_the_range() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder);
    let engine = world.serve().unwrap();
    let process = format!("/proc/{}", engine.id());
    let range = Duration::from_millis(5)..Duration::from_millis(50);
    let moment = world.kill_within(engine, &range, &mut Chance::new(1)).unwrap();
    assert!(range.contains(&moment));
    assert!(!std::path::Path::new(&process).exists());
}

#[test]
fn the_journal_is_read_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let entries = world(&folder).journal().unwrap();
    assert_eq!(entries, [serde_json::json!({"entry": 1}), serde_json::json!({"entry": 2})]);
}

#[test]
fn a_new_world_knows_nothing_of_the_last_one() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("world/data")).unwrap();
    assert!(!world(&folder).folder().join("data").exists());
}

#[test]
fn the_same_seed_makes_the_same_choices() {
    let choices = |seed| -> Vec<Duration> {
        let mut chance = Chance::new(seed);
        (0..20).map(|_| chance.moment(&(Duration::ZERO..LONG))).collect()
    };
    assert_eq!(choices(7), choices(7));
    assert_ne!(choices(7), choices(8));
}

#[test]
fn there_is_no_choice_among_nothing() {
    let mut chance = Chance::new(1);
    assert_eq!(chance.one_of::<u8>(&[]), None);
    assert_eq!(chance.one_of(&[3]), Some(&3));
}

#[test]
fn a_report_with_a_broken_promise_is_not_good() {
    let good = Report { lines: vec!["5 kills".to_owned()], broken: Vec::new() };
    assert!(show("kill", &good));
    assert!(!show("kill", &Report { broken: vec!["one was lost".to_owned()], ..good }));
}
