//! The clock of the twins, followed: what becomes of a command where it stands still, and of time
//! where nothing is to be done.

use crate::world::World;

#[test]
fn a_command_that_writes_does_not_wait_for_a_clock_that_stands_still() {
    let world = World::connected();
    world.follow_clock();
    world.set_clock(r#"{"mode":"paced","pace":0}"#);
    let email = world.people("regular")[0]["email"].as_str().unwrap().to_owned();
    let asked = world.run(&["request", "new", "--right", "deletion", "--email", &email]);
    assert_eq!(asked.code, 0, "{}", asked.err);
    assert!(asked.err.contains("stands still (pace 0)"), "{}", asked.err);
    assert!(asked.err.contains("Set a pace"), "{}", asked.err);

    world.set_clock(r#"{"mode":"paced","pace":60}"#);
    world.run(&["resume", "--all"]);
    let list = world.json(&["request", "list"]);
    assert_eq!(list["requests"][0]["tasks"][0]["state"], "approving", "{list}");
}

#[test]
fn in_idle_mode_time_comes_to_rest_when_only_daily_checks_are_left() {
    let world = World::connected();
    let time = || world.ask("/clock")["now"].as_str().unwrap().parse::<domain::Instant>().unwrap();
    let began = time();
    world.set_clock(r#"{"mode":"idle"}"#);
    let mut serve = world.start(&["serve", "--clock", &world.control()]);
    serve.line();
    let nobody = ["request", "new", "--right", "deletion", "--email", "nobody@stranger.example"];
    let id = world.json(&nobody)["request"].as_str().unwrap().to_owned();
    let state = || world.json(&["request", "show", &id])["asked"]["state"].clone();
    while state() != "answering" {}
    // Enough for years to pass if anything let them.
    for _ in 0..10 {
        assert_eq!(state(), "answering");
    }
    let passed = time().duration_since(began).as_hours();
    assert!(passed < 48, "{passed} hours passed");
    assert_eq!(serve.end().code, 0);
}
