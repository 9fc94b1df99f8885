//! Tests of the world, with a shell script in the place of the program.

use std::fs;
use std::time::Duration;

use super::World;
use crate::workspace;

const LONG: Duration = Duration::from_secs(20);

fn world(folder: &tempfile::TempDir) -> World {
    let habeas = workspace::root().join("xtask/fixtures/habeas");
    World::start(&habeas, &folder.path().join("world"), &[]).unwrap()
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
fn a_command_that_fails_is_an_error_and_names_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let error = world(&folder).run(&["pause"]).unwrap_err().to_string();
    assert!(error.starts_with("habeas pause ended with exit status: 2"), "{error}");
    assert!(error.ends_with("habeas.log"), "{error}");
}
