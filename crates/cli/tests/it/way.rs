//! A request's whole way, from connecting to the journal, and that nothing on it shows a value.

use serde_json::Value;

use crate::world::{Ended, World};

/// Watches a world's outputs for personal values.
struct Watcher<'a> {
    world: &'a World,
    marks: Vec<String>,
}

impl Watcher<'_> {
    fn run(&self, args: &[&str], code: i32) -> Ended {
        let ended = self.world.run(args);
        assert_eq!(ended.code, code, "{args:?}: {} {}", ended.out, ended.err);
        self.check(&format!("{args:?}"), ended.out.as_bytes());
        self.check(&format!("{args:?} (errors)"), ended.err.as_bytes());
        ended
    }

    fn check(&self, place: &str, bytes: &[u8]) {
        for mark in &self.marks {
            let is_there = bytes.windows(mark.len()).any(|window| window == mark.as_bytes());
            assert!(!is_there, "a personal value stands in {place}");
        }
    }
}

fn marks(people: &[Value]) -> Vec<String> {
    let fields = ["email", "user_id", "anonymous_id", "phone"];
    let values = people.iter().flat_map(|one| fields.map(|field| one[field].as_str()));
    values.flatten().map(str::to_owned).collect()
}

fn request_of<'a>(list: &'a Value, right: &str) -> &'a str {
    let all = list["requests"].as_array().unwrap();
    let one = all.iter().find(|one| one["right"] == right).unwrap();
    one["id"].as_str().unwrap()
}

#[test]
fn a_request_goes_all_the_way_and_shows_no_value() {
    let world = World::connected();
    let people = &world.people("regular")[..2];
    let watch = Watcher { world: &world, marks: marks(people) };
    let email = |n: usize| people[n]["email"].as_str().unwrap();
    let csv = format!("right,email\naccess,{}\ndeletion,{}\n", email(0), email(1));
    let file = world.file("requests.csv", &csv);

    watch.run(&["import", &file, "--dry-run"], 0);
    let result = world.path("result.csv");
    watch.run(&["import", &file, "--result", &result], 0);
    watch.check("the result file", &std::fs::read(&result).unwrap());
    watch.run(&["import", &file], 0);
    watch.run(&["request", "list"], 0);
    let list = world.json(&["request", "list"]);
    assert_eq!(list["requests"].as_array().unwrap().len(), 2, "importing twice changes nothing");
    let (access, deletion) = (request_of(&list, "access"), request_of(&list, "deletion"));

    let wrong = ["request", "approve", "--all", "--gate", "review", "--right", "deletion"];
    let wrong = watch.run(&wrong, 0);
    let right = "habeas request approve --all --gate approval --right deletion";
    assert!(wrong.out.contains("1 task waits at the gate approval"), "{}", wrong.out);
    assert!(wrong.out.contains(right), "{}", wrong.out);
    let approved = watch.run(&["request", "approve", "--all", "--gate", "approval", "--yes"], 0);
    assert!(approved.out.contains("SUPPRESS_WITH_DELETE"), "it prints what it approves");
    world.set_clock(r#"{"mode":"idle"}"#);
    let serve = world.start(&["serve", "--clock", &world.control()]);
    watch.run(&["request", "watch", deletion, "--json"], 3);
    world.set_clock(r#"{"mode":"paced","pace":1}"#);
    let served = serve.end();
    assert_eq!(served.code, 0, "{}", served.err);
    watch.check("the engine's output", served.err.as_bytes());

    let shown = watch.run(&["request", "show", deletion], 0);
    for heading in
        ["answer by", "Known, per system", "Waits", "Next, by itself", "What you can do now"]
    {
        assert!(shown.out.contains(heading), "{heading}");
    }
    assert!(shown.out.contains("confirmed: none of 5"), "{}", shown.out);
    assert!(shown.out.contains(&format!("habeas request answer {deletion}")), "{}", shown.out);
    watch.run(&["request", "show", deletion, "--json"], 0);
    let taken_back = watch.run(&["request", "cancel", deletion], 4);
    assert!(taken_back.err.contains(&format!("habeas request answer {deletion}")));
    let task = list["requests"].as_array().unwrap().iter().find(|one| one["id"] == deletion);
    let task = task.unwrap()["tasks"][0]["id"].as_str().unwrap();
    let settled = watch.run(&["task", "settle", task, "skip", "--note", "why"], 4);
    assert!(settled.err.contains(&format!("habeas task retry {task}")), "{}", settled.err);
    watch.run(&["request", "answer", deletion, "--note", "told by letter"], 0);

    let package = world.path("answer.zip");
    watch.run(&["package", access, "--out", &package], 0);
    assert!(std::fs::read(&package).unwrap().starts_with(b"PK"));
    let again = watch.run(&["package", access, "--out", &package], 4);
    assert!(again.err.contains("is there already") && again.err.contains("--force"));
    watch.run(&["package", access, "--out", &package, "--force"], 0);
    watch.run(&["package", deletion], 2);

    let revealed = world.run(&["request", "show", access, "--reveal"]);
    assert!(revealed.out.contains(email(0)), "only --reveal shows values");
    let journal = watch.run(&["journal", "--json"], 0);
    assert!(journal.out.contains("\"revealed\"") && journal.out.contains("package.written"));
    watch.run(&["journal", "--request", deletion], 0);
    watch.run(&["connections", "list", "--json"], 0);
    for (path, bytes) in world.data() {
        watch.check(&path.display().to_string(), &bytes);
    }
}

#[test]
fn a_typed_request_can_be_cancelled_denied_and_opened_again() {
    let world = World::connected();
    let email = world.people("regular")[3]["email"].as_str().unwrap().to_owned();
    let new = world.json(&["request", "new", "--right", "deletion", "--email", &email]);
    let id = new["request"].as_str().unwrap();
    assert_eq!(world.json(&["request", "cancel", id])["cancelled"].as_array().unwrap().len(), 1);
    let closed = world.json(&["request", "show", id]);
    assert_eq!(closed["asked"]["closing"]["how"], "withdrawn");
    world.json(&["request", "reopen", id, "--note", "asked again"]);
    world.json(&["request", "deny", id, "--note", "not our customer"]);
    assert_eq!(world.json(&["request", "show", id])["asked"]["closing"]["how"], "denied");
}

#[test]
fn pausing_everything_is_shown_and_undone() {
    let world = World::connected();
    assert_eq!(world.run(&["pause", "--all"]).code, 0);
    assert_eq!(world.json(&["pause", "--all"])["by"], "tester");
    let list = world.run(&["connections", "list"]).out;
    assert!(list.contains("paused (all)") && !list.contains("works"), "{list}");
    assert!(list.contains("habeas resume --all"), "{list}");
    assert_eq!(world.json(&["connections", "list"])["paused_all"]["by"], "tester");
    assert_eq!(world.json(&["resume", "--all"])["was_paused"], true);
    assert!(world.json(&["connections", "list"])["paused_all"].is_null());
    assert_eq!(world.run(&["pause", "segment-twin"]).code, 0);
    let list = world.json(&["connections", "list"]);
    assert_eq!(list["connections"][0]["paused"]["by_person"], true);
    assert_eq!(world.run(&["resume", "segment-twin"]).code, 0);
}
