//! Who runs the engine: one process at a time, reading beside it, and taking over.

use std::time::{Duration, Instant};

use crate::world::World;

fn n_leases(world: &World) -> usize {
    world.run(&["journal", "--event", "lease.taken", "--json"]).out.lines().count()
}

/// Asks again and again until it is so; each asking is a process, so this does not spin.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
    }
}

#[test]
fn a_second_serve_says_who_holds_the_engine_and_takes_over_when_it_ends() {
    let world = World::connected();
    let before = n_leases(&world);
    let mut first = world.start(&["serve"]);
    assert!(first.line().contains("serves"));
    until("the first takes the lease", || n_leases(&world) == before + 1);
    let mut second = world.start(&["serve"]);
    let told = second.complaint();
    assert!(told.contains("the engine is run by pid") && told.contains("takes over"), "{told}");
    assert_eq!(first.end().code, 0);
    until("the second takes over", || n_leases(&world) == before + 2);
    let ended = second.end();
    assert_eq!(ended.code, 0);
    assert!(ended.err.contains("this one takes over now"), "{}", ended.err);
}

#[test]
fn a_killed_holder_is_known_to_be_gone_at_once() {
    let world = World::connected();
    let before = n_leases(&world);
    let mut first = world.start(&["serve"]);
    first.line();
    until("the first takes the lease", || n_leases(&world) == before + 1);
    // Killed, not asked: it gives nothing back.
    drop(first);
    let began = Instant::now();
    let second = world.start(&["serve"]);
    until("the second takes the lease", || n_leases(&world) == before + 2);
    assert!(began.elapsed() < Duration::from_secs(15), "it did not wait for the lease to run out");
    assert_eq!(second.end().code, 0);
}

#[test]
fn reading_beside_a_holder_works_and_writing_leaves_the_acting_to_it() {
    let world = World::connected();
    let before = n_leases(&world);
    let mut serve = world.start(&["serve"]);
    serve.line();
    until("it takes the lease", || n_leases(&world) == before + 1);
    for args in [&["request", "list"][..], &["connections", "list"], &["settings", "list"]] {
        let read = world.run(args);
        assert_eq!((read.code, read.err.as_str()), (0, ""), "{args:?}");
    }
    let email = world.people("regular")[0]["email"].as_str().unwrap().to_owned();
    let new = world.run(&["request", "new", "--right", "access", "--email", &email, "--json"]);
    assert_eq!((new.code, new.err.as_str()), (0, ""), "no engine runs here");
    until("the holder acts on it", || {
        world.json(&["request", "list"])["requests"][0]["tasks"][0]["state"] == "approving"
    });
    assert_eq!(n_leases(&world), before + 1, "nobody else ran an engine");
    assert_eq!(serve.end().code, 0);
}

#[test]
fn a_worker_without_a_database_is_told_what_it_needs() {
    let world = World::new();
    let refused = world.run(&["worker"]);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("HABEAS_DATABASE_URL"), "{}", refused.err);
    assert!(!std::path::Path::new(&world.path("data")).exists());
}

#[test]
fn who_runs_the_engine_is_listed() {
    let world = World::connected();
    assert!(world.run(&["workers"]).out.contains("Nobody runs the engine"));
    let mut serve = world.start(&["serve"]);
    serve.line();
    until("it runs", || world.run(&["workers"]).out.contains("runs it alone"));
    assert_eq!(world.json(&["workers"])["workers"].as_array().unwrap().len(), 0);
    assert_eq!(serve.end().code, 0);
}

#[test]
fn reading_where_nothing_is_makes_nothing() {
    let world = World::new();
    let read = world.run(&["request", "list"]);
    assert_eq!(read.code, 2);
    assert!(read.err.contains("habeas connect segment"), "{}", read.err);
    assert!(!std::path::Path::new(&world.path("data")).exists());
}

#[test]
fn a_folder_whose_twins_are_gone_still_takes_decisions_and_finds_back_to_real_time() {
    let twins = World::new();
    let world = World::connected();
    let mut serve = world.start(&["serve", "--clock", &twins.control()]);
    serve.line();
    assert_eq!(serve.end().code, 0);
    drop(twins);
    let paused = world.run(&["pause", "--all"]);
    assert_eq!(paused.code, 0, "{}", paused.err);
    let resumed = world.run(&["resume", "--all"]);
    assert_eq!(resumed.code, 0, "{}", resumed.err);
    assert!(resumed.err.contains("--clock real"), "{}", resumed.err);
    assert_eq!(world.run(&["serve"]).code, 5);
    let mut serve = world.start(&["serve", "--clock", "real"]);
    serve.line();
    assert!(serve.line().contains("the real one"));
    assert_eq!(serve.end().code, 0);
}

#[test]
fn a_serve_that_waits_leaves_the_clock_as_it_is_until_it_runs() {
    let world = World::connected();
    let n_changes =
        || world.run(&["journal", "--event", "setting.changed", "--json"]).out.lines().count();
    let before = n_leases(&world);
    let first = world.start(&["serve"]);
    until("the first takes the lease", || n_leases(&world) == before + 1);
    let mut second = world.start(&["serve", "--clock", &world.control()]);
    assert!(second.complaint().contains("takes over when it ends"));
    assert_eq!(n_changes(), 0, "nothing is changed by one that waits");
    assert_eq!(first.end().code, 0);
    until("the second takes over", || n_leases(&world) == before + 2);
    assert_eq!(n_changes(), 1);
    let ended = second.end();
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(ended.out.contains(&format!("the twins at {}", world.control())), "{}", ended.out);
}

#[test]
fn a_serve_whose_clock_dies_says_so_and_ends() {
    let twins = World::new();
    let world = World::connected();
    let mut serve = world.start(&["serve", "--clock", &twins.control()]);
    while serve.line() != "Ctrl-C stops." {}
    drop(twins);
    let ended = serve.wait();
    assert_eq!(ended.code, 5, "{}", ended.err);
    assert!(ended.err.contains("the clock to follow does not answer"), "{}", ended.err);
    assert!(ended.err.contains("--clock real"), "{}", ended.err);
}

#[test]
fn serve_says_what_it_holds_and_how_it_ended() {
    let world = World::connected();
    let email = world.people("regular")[0]["email"].as_str().unwrap().to_owned();
    world.json(&["request", "new", "--right", "deletion", "--email", &email]);
    let mut serve = world.start(&["serve"]);
    let mut said = String::new();
    while !said.ends_with("Ctrl-C stops.") {
        said = format!("{said}\n{}", serve.line());
    }
    assert!(said.contains("connection segment-twin: act"), "{said}");
    assert!(said.contains("open requests: 1; nothing is due until"), "{said}");
    let ended = serve.end();
    assert!(ended.out.contains("Stopped, as asked; nothing is due until"), "{}", ended.out);
}
