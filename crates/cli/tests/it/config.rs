//! Configuration as code at the shell: planned, applied once, drift shown, written out and read back.

use std::process::Command;

use serde_json::{Value, json};

use crate::world::{Ended, World};

/// The token of the twin, in the variable that the file names.
fn with_token<'a>(world: &World, command: &'a mut Command) -> &'a mut Command {
    let token = world.twins["segment"]["credentials"]["full"]["token"].as_str().unwrap();
    command.env("SHOP_TOKEN", token)
}

fn run(world: &World, args: &[&str]) -> Ended {
    with_token(world, &mut world.command(args)).output().unwrap().into()
}

fn plan(world: &World, file: &str) -> Value {
    let ended = run(world, &["config", "plan", file, "--json"]);
    let plan: Value = serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{}", ended.err));
    let is_empty = plan["changes"] == json!([]);
    assert_eq!(ended.code, if is_empty { 0 } else { 3 }, "{plan}");
    plan
}

/// A file with the twin as `shop`.
fn toml(world: &World) -> String {
    let segment = &world.twins["segment"];
    let urls = segment["base_urls"].as_object().unwrap();
    let urls: String =
        urls.iter().map(|(name, url)| format!("base_urls.{name} = {url}\n")).collect();
    format!(
        "[settings]\nrespond_within = 45\n\n[principals.ann]\nroles = [\"super_admin\"]\n\n\
         [connections.shop]\nconnector = \"segment\"\nregion = \"us\"\nworkspace_id = {}\n{urls}\
         allow_loopback = true\nsecrets.token = {{ env = \"SHOP_TOKEN\" }}\nmode = \"act\"\n\
         guard = 500\nuntil = 2099-12-31\n",
        segment["credentials"]["full"]["workspace_id"]
    )
}

#[test]
fn a_file_is_planned_applied_once_and_what_is_changed_by_hand_is_seen() {
    let world = World::new();
    let file = world.file("habeas.toml", &toml(&world));
    assert_eq!(plan(&world, &file)["changes"].as_array().unwrap().len(), 3);
    let asked = run(&world, &["config", "apply", &file]);
    assert_eq!((asked.code, asked.err.contains("--yes")), (2, true), "{}", asked.err);
    let applied = run(&world, &["config", "apply", &file, "--yes"]);
    assert_eq!(applied.code, 0, "{}", applied.err);
    assert!(applied.out.contains("done: create connections.shop"), "{}", applied.out);
    let again = run(&world, &["config", "apply", &file]);
    assert_eq!(again.code, 0, "{}", again.err);
    assert!(again.out.contains("Nothing to do"), "{}", again.out);
    world.json(&["connections", "set", "shop", "mode=observe", "approval=auto"]);
    let drift = run(&world, &["config", "plan", &file]);
    assert_eq!(drift.code, 3);
    assert!(drift.out.contains("changed by hand since"), "{}", drift.out);
    assert!(drift.out.contains("connections.shop.approval = auto"), "{}", drift.out);
    let back = run(&world, &["config", "apply", &file, "--prune", "--yes"]);
    assert_eq!(back.code, 0, "{}", back.err);
    let shop = &world.json(&["connections", "list"])["connections"][0];
    assert_eq!(
        (&shop["switches"]["mode"], &shop["switches"]["approval"]),
        (&json!("act"), &json!("ask"))
    );
    let told = world.run(&["journal"]).out;
    assert!(told.contains("from=30 setting=respond_within to=45"), "{told}");
    assert!(
        told.lines().any(|line| line.contains("connection.added") && line.contains(" shop ")),
        "{told}"
    );
    let journal = world.run(&["journal", "--json"]);
    let applied = journal.out.lines().filter(|line| line.contains("config.applied"));
    assert_eq!(applied.count(), 2, "{}", journal.out);
    let token = world.twins["segment"]["credentials"]["full"]["token"].as_str().unwrap();
    assert!(!format!("{}{}{}", drift.out, back.out, journal.out).contains(token));
}

#[test]
fn what_is_written_out_changes_nothing_when_it_is_read_back() {
    let world = World::new();
    let file = world.file("habeas.toml", &toml(&world));
    assert_eq!(run(&world, &["config", "apply", &file, "--yes"]).code, 0);
    world.json(&[
        "connections",
        "set",
        "shop",
        "serves.brands=shop,outlet",
        "limits.public_api=50",
    ]);
    world.json(&[
        "principals",
        "add",
        "crm.sync",
        "--program",
        "--role",
        "auditor",
        "--brand",
        "a b",
    ]);
    let set = world.json(&["settings", "set", "placeholders", "N.N. | x"]);
    assert_eq!(set, json!({"placeholders": "n.n.|x"}), "as it holds now");
    let written = world.path("written.toml");
    assert_eq!(world.run(&["config", "export", &written]).code, 0);
    let refused = world.run(&["config", "export", &written]);
    assert_eq!((refused.code, refused.err.contains("--force")), (4, true), "{}", refused.err);
    let text = std::fs::read_to_string(&written).unwrap();
    assert!(text.contains("secrets.token = { env = \"SHOP_TOKEN\" }"), "{text}");
    let same = plan(&world, &written);
    assert_eq!((&same["changes"], &same["left_alone"]), (&json!([]), &json!([])), "{text}");
    assert_eq!(same["not_compared"], json!([]));
    let without = world.run(&["config", "plan", &written]);
    assert_eq!(without.code, 0, "{}", without.out);
    assert!(
        without.err.contains("not compared: connections.shop.secrets.token"),
        "{}",
        without.err
    );
    assert!(without.out.contains("shop.token"), "{}", without.out);
    let other = world.run_with(&["config", "plan", &written], ("SHOP_TOKEN", "hush"));
    assert_eq!(other.code, 3);
    assert!(other.out.contains("another value") && !other.out.contains("hush"), "{}", other.out);
}

#[test]
fn what_does_not_fit_or_is_not_there_changes_nothing() {
    let world = World::new();
    let good = toml(&world);
    let file = world.file("habeas.toml", &good);
    let bad = |text: String| world.run(&["config", "plan", &world.file("bad.toml", &text)]);
    let misspelt = bad(good.replace("respond_within", "respond_witin"));
    assert_eq!(misspelt.code, 2);
    for says in
        ["line 2: ", "`settings.respond_witin`", "did you mean `respond_within`", "E-CFG-001"]
    {
        assert!(misspelt.err.contains(says), "{says}: {}", misspelt.err);
    }
    let plain = bad(good.replace("{ env = \"SHOP_TOKEN\" }", "\"hush\""));
    assert!(plain.err.contains("is a secret") && !plain.err.contains("hush"), "{}", plain.err);
    let twice = bad(format!("{good}\n[connections.Shop]\nconnector = \"segment\"\n"));
    assert_eq!((twice.code, twice.err.contains("E-CFG-003")), (2, true), "{}", twice.err);
    let without = world.run(&["config", "apply", &file, "--yes"]);
    assert_eq!(without.code, 2, "{}", without.err);
    assert!(
        without.err.contains("SHOP_TOKEN") && without.err.contains("E-CFG-002"),
        "{}",
        without.err
    );
    let wrong = world.run_with(&["config", "apply", &file, "--yes"], ("SHOP_TOKEN", "hush"));
    assert_eq!(wrong.code, 4, "{}", wrong.err);
    assert!(wrong.err.contains("E-SET-004") && !wrong.err.contains("hush"), "{}", wrong.err);
    assert_eq!(plan(&world, &file)["changes"].as_array().unwrap().len(), 3, "nothing was changed");
}
