//! `habeas import` as somebody new uses it: before anything is connected, with files that hold
//! little, and with requests that are late.

use std::path::Path;

use crate::world::World;

const LATE: &str = "right,email,received_at,due_at\n\
    deletion,ada@shop.example,2024-01-01,2024-02-01\n\
    access,bob@shop.example,,\n";

#[test]
fn a_dry_run_before_anything_is_there_tells_and_writes_nothing() {
    let world = World::new();
    let file = world.file("a.csv", LATE);
    let ended = world.run(&["import", &file, "--dry-run"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    for says in ["2 rows: 2 new", "1 of the new is late already", "`habeas connect --help`"] {
        assert!(ended.out.contains(says), "{}", ended.out);
    }
    for folder in ["data", "keys"] {
        assert!(!Path::new(&world.path(folder)).exists(), "{folder} was made");
    }
    let told = world.json(&["import", &file, "--dry-run"]);
    assert_eq!((&told["n_late"], &told["n_left_to_person"]), (&1.into(), &2.into()));
}

#[test]
fn a_dry_run_beside_data_changes_nothing_of_it() {
    let world = World::connected();
    let written = || world.run(&["journal", "--last", "1000", "--json"]).out;
    let before = written();
    let ended = world.run(&["import", &world.file("a.csv", LATE), "--dry-run"]);
    assert!(ended.out.contains("1 of the new is late already"), "{}", ended.out);
    assert!(!ended.out.contains("left to a person"), "{}", ended.out);
    assert_eq!(world.json(&["request", "list"])["requests"].as_array().unwrap().len(), 0);
    assert_eq!(before, written(), "the same journal");
}

#[test]
fn what_no_system_is_connected_for_is_said_to_be_left_to_a_person() {
    let world = World::new();
    let ended = world.run(&["import", &world.file("a.csv", LATE)]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let says = "2 of the new are left to a person, since no connection serves what is asked";
    assert!(ended.out.contains(says) && ended.out.contains("`habeas connect`"), "{}", ended.out);
}

#[test]
fn a_header_alone_is_said_to_hold_no_rows() {
    let world = World::connected();
    let ended = world.run(&["import", &world.file("a.csv", "right,email\n")]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(ended.out.contains("a header and no rows"), "{}", ended.out);
}
