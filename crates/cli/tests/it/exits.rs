//! Exit codes and messages for what does not work: named, with what to do, and nothing half-written.

use std::net::TcpListener;
use std::thread;

use serde_json::Value;

use crate::world::{Ended, World};

/// Connects with a file made from the twin's full credentials, with some lines replaced.
fn connect(world: &World, replace: &[(&str, &str)]) -> Ended {
    let segment = &world.twins["segment"];
    let full = &segment["credentials"]["full"];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut lines = vec![
        ("region", "\"us\"".to_owned()),
        ("workspace_id", format!("\"{}\"", text(&full["workspace_id"]))),
        ("allow_loopback", "true".to_owned()),
        ("secrets.token", "{ env = \"TOKEN\" }".to_owned()),
    ];
    let urls = segment["base_urls"].as_object().unwrap();
    let urls: Vec<(String, String)> =
        urls.iter().map(|(name, url)| (format!("base_urls.{name}"), url.to_string())).collect();
    lines.extend(urls.iter().map(|(name, url)| (name.as_str(), url.clone())));
    let mut file = "[connections.shop]\nconnector = \"segment\"\n".to_owned();
    for (key, value) in &lines {
        let replaced = replace.iter().find(|(replaced, _)| replaced == key);
        let value = replaced.map_or(value.as_str(), |(_, value)| value);
        file.push_str(&format!("{key} = {value}\n"));
    }
    for (key, value) in
        replace.iter().filter(|(key, _)| lines.iter().all(|(known, _)| known != key))
    {
        file.push_str(&format!("{key} = {value}\n"));
    }
    let file = world.file("habeas.toml", &file);
    let args = ["connect", "segment", "--file", &file, "--yes"];
    world.run_with(&args, ("TOKEN", &text(&full["token"])))
}

fn check(replace: &[(&str, &str)], code: i32, says: &str) {
    let world = World::new();
    let ended = connect(&world, replace);
    let said = format!("{}{}", ended.out, ended.err);
    assert_eq!(ended.code, code, "{replace:?}: {said}");
    assert!(said.contains(says), "{replace:?}: {said}");
    if code != 0 {
        let list = world.run(&["connections", "list", "--json"]);
        let is_empty = list.code == 2 || list.out.contains("\"connections\":[]");
        assert!(is_empty, "{replace:?}: something was saved");
    }
}

#[test]
fn a_file_connects() {
    check(&[], 0, "shop is connected, in observe mode");
}

#[test]
fn connecting_prints_one_json_value() {
    let world = World::new();
    let twin = world.path("twins.json");
    let ended = world.run(&["connect", "segment", "--twin", &twin, "--json"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let told: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(told["connection"]["name"], "segment-twin");
}

#[test]
fn what_is_optional_is_told_when_connecting_and_not_for_ever() {
    let world = World::connected();
    let list = world.run(&["connections", "list"]);
    assert!(!list.out.contains("write_key"), "{}", list.out);
    assert!(world.run(&["connections", "test", "segment-twin"]).out.contains("write_key"));
    assert_eq!(world.run(&["pause", "segment-twin"]).code, 0);
    let list = world.run(&["connections", "list"]);
    let says = "segment-twin is paused by tester; when it may go on: habeas resume segment-twin";
    assert!(list.out.contains(says), "{}", list.out);
}

#[test]
fn a_file_that_is_not_there_is_a_usage_error() {
    let world = World::connected();
    let file = world.file("a.csv", "right,email\n");
    for args in [
        &["import", "nowhere"][..],
        &["import", "nowhere", "--dry-run"],
        &["import", &file, "--result", "nowhere/result.csv"],
        &["connect", "segment", "--file", "nowhere"],
        &["connect", "segment", "--twin", "nowhere"],
    ] {
        let ended = world.run(args);
        assert_eq!(ended.code, 2, "{args:?}: {}", ended.err);
        let says = ["there is no file nowhere", "there is no folder for nowhere/result.csv"];
        assert!(says.iter().any(|says| ended.err.contains(says)), "{args:?}: {}", ended.err);
    }
    let folder = world.path("data");
    for args in [
        &["import", &folder][..],
        &["import", &file, "--result", &folder],
        &["connect", "segment", "--file", &folder],
    ] {
        assert_eq!(world.run(args).code, 2, "{args:?}");
    }
    let missing = "{ file = \"nowhere\" }";
    check(&[("secrets.token", missing)], 2, "the secret `token` can't be had: there is no file");
}

#[test]
fn a_folder_that_is_not_there_or_none_is_a_usage_error_and_the_true_cause_is_told() {
    let world = World::new();
    let file = world.file("a.csv", "right,email\n");
    std::fs::create_dir_all(world.path("strange")).unwrap();
    let strange = world.path("strange");
    world.file("strange/habeas.db", "something else");
    let (missing, out) = (world.path("missing"), world.path("out"));
    let new = ["request", "new", "--right", "access", "--email", "ann@shop.example"];
    for (args, data, code, says) in [
        (&["request", "list"][..], &missing, 2, "there is no data in"),
        (&["backup", &out], &missing, 2, "no store exists at"),
        (&["restore", &missing], &out, 2, "missing is not a whole backup"),
        (&["request", "list"], &file, 2, "a.csv is a file, and no data folder"),
        (&new, &file, 2, "a.csv is a file, and no data folder"),
        (&["backup", &out], &file, 2, "a.csv is a file, and no data folder"),
        (&["doctor"], &file, 1, "a.csv is a file, not a folder"),
        (&new, &strange, 1, "is no database, or a damaged one: "),
    ] {
        let ended = world.run(&[args, &["--data", data]].concat());
        let said = format!("{}{}", ended.out, ended.err);
        assert_eq!(ended.code, code, "{args:?}: {said}");
        assert!(said.contains(says), "{args:?}: {said}");
    }
}

#[test]
fn a_code_is_explained_without_the_documentation_at_hand() {
    let world = World::new();
    let told = world.run(&["explain", "e-req-016"]);
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(told.out.starts_with("# E-REQ-016: ") && told.out.contains("## What to do"));
    assert_eq!(world.run(&["explain", "E-REQ-999"]).code, 2);
    assert_eq!(world.run(&["explain", "../../README"]).code, 2);
}

#[test]
fn a_program_is_told_an_error_as_json() {
    let world = World::connected();
    let file = world.file("a.csv", "right,e-mail\n");
    let told = |args: &[&str]| -> Value {
        let ended = world.run(args);
        assert_eq!((ended.code, &*ended.out), (2, ""), "{args:?}");
        serde_json::from_str(&ended.err).unwrap()
    };
    let of_file = told(&["import", &file, "--json"]);
    assert_eq!(of_file["code"], "E-CSV-002");
    assert_eq!(of_file["help"], "docs/errors/E-CSV-002.md");
    assert!(of_file["message"].as_str().unwrap().contains("did you mean “email”?"), "{of_file}");
    let of_request = told(&["--json", "request", "show", "T-1"]);
    assert_eq!(of_request["message"], "there is no such request");
    assert_eq!(of_request["advice"], "see `habeas request list`");
    let of_draft = told(&["request", "new", "--right", "access", "--email", "null", "--json"]);
    assert_eq!(of_draft["code"], "E-REQ-016");
    let of_line = told(&["import", "--frobnicate", "--json"]);
    assert!(of_line["message"].as_str().unwrap().contains("--frobnicate"), "{of_line}");
    let of_line = told(&["import", "--json"]);
    assert!(of_line["message"].as_str().unwrap().ends_with("not provided: <FILE>"), "{of_line}");
}

#[test]
fn a_wrong_workspace_is_refused() {
    check(&[("workspace_id", "\"another\"")], 4, "more: habeas explain E-SET-004");
}

#[test]
fn a_wrong_token_is_refused() {
    check(&[("secrets.token", "{ env = \"PATH\" }")], 4, "token");
}

/// An address at which every caller is hung up on.
fn address_that_hangs_up() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // Ends with the test.
    thread::spawn(move || listener.incoming().for_each(drop));
    url
}

#[test]
fn a_vendor_that_does_not_answer_is_unreachable() {
    for url in ["http://127.0.0.1:1".to_owned(), address_that_hangs_up()] {
        let world = World::new();
        // What is asked again after seconds is so after milliseconds.
        world.follow_clock();
        world.set_clock(r#"{"mode":"paced","pace":1000}"#);
        let ended = connect(&world, &[("base_urls.public_api", &format!("\"{url}\""))]);
        assert_eq!(ended.code, 5, "{url}: {}", ended.err);
        assert!(ended.err.contains("habeas: the vendor could not be asked"), "{}", ended.err);
        let list = world.json(&["connections", "list"]);
        assert_eq!(list["connections"].as_array().unwrap().len(), 0, "something was saved");
    }
}

#[test]
fn loopback_needs_leave() {
    check(&[("allow_loopback", "false")], 2, "allow_loopback");
}

#[test]
fn an_unknown_key_is_named() {
    check(&[("colour", "\"red\"")], 2, "connections.shop.colour");
}

#[test]
fn a_missing_secret_is_named_and_not_printed() {
    check(&[("secrets.token", "{ env = \"HABEAS_TEST_NOT_SET\" }")], 2, "HABEAS_TEST_NOT_SET");
}

#[test]
fn a_required_permission_that_is_missing_is_named_with_the_click_path() {
    let world = World::new();
    let token = &world.twins["segment"]["credentials"]["without"]["privacy"]["token"];
    let path = world.file("token", token.as_str().unwrap());
    let ended = connect(&world, &[("secrets.token", &format!("{{ file = \"{path}\" }}"))]);
    assert_eq!(ended.code, 4, "{}", ended.err);
    assert!(
        ended.err.contains("privacy") && ended.err.contains("Access management"),
        "{}",
        ended.err
    );
    assert!(ended.out.contains("deletion"), "the lost capability is told: {}", ended.out);
}

#[test]
fn a_fault_of_the_file_imports_nothing() {
    let world = World::connected();
    let file = world.file("a.csv", "right,e-mail\ndeletion,a@b.example\n");
    let ended = world.run(&["import", &file]);
    assert_eq!(ended.code, 2, "{}", ended.err);
    assert!(
        ended.err.contains("column 2, “e-mail”, has a heading that is not known"),
        "{}",
        ended.err
    );
    assert!(ended.err.contains("(E-CSV-002)"), "{}", ended.err);
    assert!(ended.err.contains("more: habeas explain E-CSV-002"), "{}", ended.err);
    assert_eq!(world.json(&["request", "list"])["requests"].as_array().unwrap().len(), 0);
}

#[test]
fn a_fault_of_a_row_leaves_that_row_out() {
    let world = World::connected();
    let file =
        world.file("a.csv", "right,email\ndeletion,test@test.com\naccess,someone@shop.example\n");
    let ended = world.run(&["import", &file]);
    assert_eq!(ended.code, 3, "{}", ended.err);
    assert!(ended.out.contains("row 2: email"), "{}", ended.out);
    assert!(!ended.out.contains("test@test.com"));
    assert_eq!(world.json(&["request", "list"])["requests"].as_array().unwrap().len(), 1);
}

#[test]
fn what_does_not_exist_is_a_usage_error() {
    let world = World::connected();
    for args in [
        &["request", "show", "req_ffff"][..],
        &["task", "retry", "tsk_ffff"],
        &["connections", "set", "nobody", "mode=act"],
        &["connections", "set", "segment-twin", "mode=sleep"],
        &["settings", "set", "respond_within", "soon"],
        &["frobnicate"],
    ] {
        let ended = world.run(args);
        assert_eq!(ended.code, 2, "{args:?}: {}", ended.err);
    }
}

#[test]
fn a_clock_that_is_not_on_loopback_is_refused() {
    let world = World::connected();
    let ended = world.run(&["serve", "--clock", "http://time.example.com"]);
    assert_eq!(ended.code, 4, "{}", ended.err);
    let ended = world.run(&["serve", "--clock", "http://127.0.0.1:1"]);
    assert_eq!(ended.code, 5, "{}", ended.err);
}
