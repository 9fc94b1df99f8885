//! The demo, played once without a terminal.

use serde_json::Value;

use crate::world::World;

#[test]
fn the_demo_tells_each_of_its_stories() {
    let world = World::new();
    let folder = world.path("demo");
    let ended = world.run(&["demo", "--once", "--json", "--folder", &folder]);
    assert_eq!(ended.code, 3, "{}", ended.err);
    assert!(!ended.out.contains('@'), "no address is printed");
    let told: Value = serde_json::from_str(&ended.out).unwrap();
    let outcome = |name: &str| {
        let all = told["requests"].as_array().unwrap();
        let one = all.iter().find(|one| one["name"] == name).unwrap();
        let systems = one["systems"].as_array().unwrap();
        let task = systems.iter().find(|system| system["state"] != "by hand").unwrap();
        let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        (word(&task["state"]), word(&task["outcome"]["outcome"]), word(&task["proof"]["proof"]))
    };
    let check = |name: &str, state: &str, what: &str, proof: &str| {
        assert_eq!(outcome(name), (state.to_owned(), what.to_owned(), proof.to_owned()), "{name}");
    };
    check("access", "ended", "done", "-");
    check("deletion", "ended", "done", "confirmed");
    check("odd-id", "ended", "done", "confirmed");
    check("opt-out", "ended", "done", "unproven");
    check("stranger", "ended", "nothing_found", "-");
    check("missing-id", "needs identifier", "-", "-");
    check("liar", "deciding", "refuted", "-");
    check("residue", "ended", "done_with_residue", "confirmed");
    assert_eq!(told["refused_rows"][0]["name"], "placeholder");
    let package = told["packages"][0].as_str().unwrap();
    assert!(std::path::Path::new(package).exists());

    let again = world.run(&["demo", "--once", "--folder", &folder]);
    assert_eq!(again.code, 2, "{}", again.err);
    assert!(again.err.contains("holds the data of a demo already"), "{}", again.err);
    assert!(again.err.contains("name another folder"), "{}", again.err);
}

#[test]
fn a_demo_that_ends_leaves_nothing_behind_and_names_no_command_that_would_not_work() {
    let world = World::new();
    std::fs::create_dir(world.path("tmp")).unwrap();
    let ended = world.run_with(&["demo", "--once"], ("TMPDIR", &world.path("tmp")));
    assert_eq!(ended.code, 3, "{}", ended.err);
    assert!(!ended.out.contains("habeas "), "{}", ended.out);
    assert_eq!(std::fs::read_dir(world.path("tmp")).unwrap().count(), 0);
}
