//! The eight situations that an operator meets, prepared with the real program against the twin:
//! whoever reads `request show` and nothing else finds the right next step named, as a command.

use serde_json::Value;

use crate::world::World;

/// A request in a world whose clock only this test moves.
struct Situation {
    world: World,
    id: String,
}

/// What the screen says.
struct Shown {
    text: String,
    view: Value,
}

impl Situation {
    /// A person of this kind asks for something, after the twin was set up.
    fn of(right: &str, kind: &str, switches: &str) -> Self {
        Self::in_world(World::connected(), right, kind, switches, &[])
    }

    fn in_world(world: World, right: &str, kind: &str, switches: &str, more: &[&str]) -> Self {
        world.set_clock(r#"{"mode":"paced","pace":60}"#);
        let mut serve = world.start(&["serve", "--clock", &world.control()]);
        serve.line();
        assert_eq!(serve.end().code, 0, "from now on every command follows the clock");
        world.control_call("PUT", "/switches/segment", switches);
        let email = world.people(kind)[0]["email"].as_str().unwrap().to_owned();
        let mut args = vec!["request", "new", "--right", right, "--email", &email];
        args.extend(more);
        let id = world.json(&args)["request"].as_str().unwrap().to_owned();
        Self { world, id }
    }

    fn approve(&self) {
        let approved = self.world.run(&["request", "approve", &self.id, "--yes"]);
        assert_eq!(approved.code, 0, "{}", approved.err);
    }

    fn show(&self) -> Shown {
        let text = self.world.run(&["request", "show", &self.id]).out;
        Shown { text, view: self.world.json(&["request", "show", &self.id]) }
    }

    /// Lets days pass, with a look of the engine on each, until it is so.
    fn days_until(&self, what: &str, is_so: impl Fn(&Shown) -> bool) -> Shown {
        for _ in 0..40 {
            let shown = self.show();
            if is_so(&shown) {
                return shown;
            }
            self.world.set_clock(r#"{"advance":"P1D"}"#);
            // Any command that writes lets the engine do what is due.
            self.world.run(&["resume", "--all"]);
        }
        panic!("{what}: {}", self.show().text)
    }
}

impl Shown {
    fn commands(&self) -> Vec<&str> {
        let advice = self.view["advice"].as_array().unwrap();
        advice.iter().filter_map(|one| one["command"].as_str()).collect()
    }

    fn task_in(&self, state: &str) -> Option<&str> {
        let systems = self.view["systems"].as_array().unwrap();
        systems.iter().find(|one| one["state"] == state)?["task"].as_str()
    }

    fn is_answering(&self) -> bool {
        self.view["asked"]["state"] == "answering"
    }

    /// The first command is this one, it stands on the screen, and the screen says this.
    fn check(&self, first: &str, says: &[&str]) {
        assert_eq!(self.commands()[0], first, "{}", self.text);
        assert!(self.text.contains(first), "{}", self.text);
        for words in says {
            assert!(self.text.contains(words), "“{words}” is missing: {}", self.text);
        }
    }
}

/// Whether the list of what needs a person has it.
fn needs_me(situation: &Situation) -> bool {
    let list = situation.world.json(&["request", "list", "--needs-me"]);
    list["requests"].as_array().unwrap().iter().any(|one| one["id"] == situation.id.as_str())
}

/// The list on the screen, its cells in one line.
fn listed(situation: &Situation, args: &[&str]) -> String {
    let list = situation.world.run(&[&["request", "list"], args].concat()).out;
    list.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn residue_names_the_work_that_is_left() {
    let situation = Situation::of("deletion", "residue", r#"{"deletion_takes":"P1D"}"#);
    situation.approve();
    let shown = situation.days_until("work by hand", |shown| shown.task_in("by hand").is_some());
    let task = shown.task_in("by hand").unwrap();
    let first = format!("habeas task settle {task} done --note \"what was done\"");
    shown.check(
        &first,
        &[
            "done with residue",
            "Left to you in",
            "none of 5 identifiers is found any more",
            "before: 1 profile found",
            "says FAILED, its one word for the whole job",
        ],
    );
    assert!(needs_me(&situation));
    let denied = situation.world.run(&["request", "deny", &situation.id, "--note", "no"]);
    assert_eq!(denied.code, 4, "what was carried out is not denied: {}", denied.out);
    assert!(
        denied.err.contains(&format!("habeas request answer {}", situation.id)),
        "{}",
        denied.err
    );
    let cancelled = situation.world.run(&["request", "cancel", &situation.id]);
    assert_eq!(cancelled.code, 3, "something was done: {}", cancelled.err);
    assert!(cancelled.out.contains("closed as withdrawn"), "{}", cancelled.out);
    assert!(cancelled.out.contains("Carried out before"), "{}", cancelled.out);
}

#[test]
fn a_lie_names_another_round() {
    let situation = Situation::of("deletion", "regular", r#"{"deletion_takes":"P1D"}"#);
    let user = situation.world.people("regular")[0]["user_id"].as_str().unwrap().to_owned();
    let lies = format!(r#"{{"lies_about":["{user}"]}}"#);
    situation.world.control_call("PUT", "/switches/segment", &lies);
    situation.approve();
    let shown = situation.days_until("a decision", |shown| shown.task_in("deciding").is_some());
    let task = shown.task_in("deciding").unwrap();
    shown.check(&format!("habeas task retry {task}"), &["but the person is still there"]);
    assert!(needs_me(&situation));
}

#[test]
fn a_missing_identifier_is_asked_for() {
    let world = World::connected_blind();
    let situation = Situation::in_world(world, "deletion", "regular", "{}", &[]);
    let shown = situation.show();
    let first = "habeas connect segment --name segment-twin";
    let add = format!("habeas request add-identifier {} user_id VALUE", situation.id);
    let says = ["no working profile token", "no look-up was possible", "needs a user_id", &add];
    shown.check(first, &says);
    assert!(needs_me(&situation));
    let task = shown.task_in("needs identifier").unwrap();
    let settled = situation.world.run(&["task", "settle", task, "skip", "--note", "again"]);
    assert_eq!(settled.code, 0, "{}", settled.err);
    let again = situation.world.run(&["task", "retry", task]);
    assert_eq!(again.code, 0, "the person can be looked for again: {}", again.err);
}

#[test]
fn a_parked_quota_says_until_when_and_that_nobody_need_act() {
    let quota = r#"{"quota_left":{"segment_and_destination":0}}"#;
    let situation = Situation::of("deletion", "regular", quota);
    situation.approve();
    let says = ["Nothing has to be decided by you", "monthly quota", "Nobody runs it now"];
    situation.show().check("habeas serve", &says);
    let mut serve = situation.world.start(&["serve"]);
    while serve.line() != "Ctrl-C stops." {}
    let first = format!("habeas request watch {}", situation.id);
    let says = ["Nothing has to be done by you", "monthly quota", "by itself"];
    situation.show().check(&first, &says);
    assert!(!needs_me(&situation));
}

#[test]
fn a_lost_permission_names_the_remedy_and_the_test() {
    let situation = Situation::of("deletion", "regular", "{}");
    let faults = r#"[{"match":{"path":"/regulations"},"fault":"401"}]"#;
    situation.world.control_call("PUT", "/faults/segment", faults);
    situation.approve();
    let says =
        ["segment-twin is paused", "First ", "lacks “privacy”, or it expired or was revoked"];
    situation.show().check("habeas connections test segment-twin", &says);
    assert!(needs_me(&situation));
    let list = listed(&situation, &["--needs-me"]);
    assert!(list.contains("the connection is paused"), "{list}");
    assert!(list.contains("habeas connections test segment-twin"), "{list}");
}

#[test]
fn a_profile_that_cant_be_addressed_is_left_to_a_person_and_nothing_called_done() {
    let situation = Situation::of("deletion", "no_user_id", "{}");
    let shown = situation.show();
    let task = shown.task_in("by hand").unwrap();
    let first = format!("habeas task settle {task} done --note \"what was done\"");
    shown.check(&first, &["left to you", "Nothing was done in segment-twin"]);
    assert!(!shown.text.contains("residue"), "{}", shown.text);
    assert!(needs_me(&situation));
    assert_eq!(situation.world.ask("/audit/segment")["regulations"], serde_json::json!([]));
    let ended = shown.task_in("ended").unwrap();
    assert_eq!(shown.commands()[1], format!("habeas task retry {ended}"), "{}", shown.text);
    let again = situation.world.run(&["task", "retry", ended]);
    assert_eq!(again.code, 0, "another round can begin: {}", again.err);
}

#[test]
fn a_late_request_says_so_and_names_what_waits() {
    let world = World::connected();
    let dates = ["--received-at", "2020-01-01"];
    let situation = Situation::in_world(world, "deletion", "regular", "{}", &dates);
    let first = format!("habeas request approve {} --gate approval", situation.id);
    situation.show().check(&first, &["LATE", "It is late", "Tell the person"]);
    assert!(needs_me(&situation));
}

#[test]
fn what_reappeared_says_when_and_that_something_writes_it_back() {
    let switches = r#"{"deletion_takes":"P1D","reappear_after":"P5D"}"#;
    let situation = Situation::of("deletion", "regular", switches);
    situation.approve();
    situation.days_until("done", Shown::is_answering);
    let shown = situation.days_until("it is back", |shown| shown.task_in("approving").is_some());
    let first = format!("habeas request approve {} --gate approval", situation.id);
    shown.check(
        &first,
        &[
            "was found again on",
            "waits for your approval",
            "Find out what writes it back",
            "round 2",
        ],
    );
    assert!(needs_me(&situation));
}

#[test]
fn what_cant_be_proven_is_told_before_the_person_is() {
    let situation = Situation::of("opt_out", "regular", "{}");
    situation.approve();
    let shown = situation.days_until("done", Shown::is_answering);
    let first =
        format!("habeas request answer {} --note \"how the person was told\"", situation.id);
    shown.check(
        &first,
        &["your engineers must", "that can't be proven", "Say so when you answer the person"],
    );
    assert!(!shown.text.contains("task retry"), "no retry proves it: {}", shown.text);
    assert!(!shown.text.contains("not named yet"), "{}", shown.text);
    assert_eq!(shown.view["next"], serde_json::json!([]), "{}", shown.text);
    assert!(needs_me(&situation), "the person has to be told");
}

#[test]
fn a_lost_answer_is_told_with_when_it_is_found_out() {
    let situation = Situation::of("deletion", "regular", "{}");
    let call = r#"{"method":"POST","path":"/regulations"}"#;
    let faults = format!(r#"[{{"match":{call},"fault":"close_after_effect","count":1}}]"#);
    situation.world.control_call("PUT", "/faults/segment", &faults);
    situation.approve();
    let says = ["reply to what we sent never arrived", "asked whether what we sent arrived"];
    situation.show().check("habeas serve", &says);
    let list = listed(&situation, &[]);
    assert!(list.contains("the answer was lost"), "{list}");
    assert!(!list.contains("it is being sent"), "{list}");
}
