//! The command line as a client: the same commands over the socket, over a URL, and alone.

use std::process::Command;

use serde_json::{Value, json};

use crate::world::{Ended, Running, World};

/// A program that serves the world's folder: its URL.
fn served(world: &World) -> (Running, String) {
    let mut serve = world.start(&["serve", "--listen", "127.0.0.1:0", "--json"]);
    let told: Value = serde_json::from_str(&serve.line()).unwrap();
    let mut urls = told["listening"].as_array().unwrap().iter().filter_map(Value::as_str);
    let url = urls.find(|url| url.starts_with("http://")).unwrap().to_owned();
    (serve, url)
}

/// A token of somebody with these roles.
fn token(world: &World, name: &str, roles: &[&str]) -> String {
    let mut args = vec!["principals", "add", name];
    args.extend(roles.iter().flat_map(|role| ["--role", role]));
    assert_eq!(world.run(&args).code, 0);
    let made = world.run(&["tokens", "add", name, "--label", "test"]);
    assert_eq!(made.code, 0, "{}", made.err);
    made.out.trim().to_owned()
}

/// Runs a command far from the folder, as whoever has this token.
fn from_afar(world: &World, url: &str, token: &str, args: &[&str]) -> Ended {
    let afar = tempfile::tempdir().unwrap();
    let mut command: Command = world.command(args);
    command.current_dir(afar.path()).env("HABEAS_URL", url).env("HABEAS_TOKEN", token);
    command.env("HABEAS_DATA", "nowhere").env("HABEAS_KEYS", "nowhere-keys");
    let ended = command.output().unwrap().into();
    assert_eq!(std::fs::read_dir(afar.path()).unwrap().count(), 0, "a client makes no folder");
    ended
}

fn parsed(ended: &Ended) -> Value {
    assert!(matches!(ended.code, 0 | 3), "{} {}", ended.code, ended.err);
    serde_json::from_str(ended.out.lines().last().unwrap_or_default()).unwrap()
}

fn addresses(world: &World, n: usize) -> Vec<String> {
    let people = world.people("regular").into_iter().take(n);
    people.map(|person| person["email"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_file_goes_in_and_a_package_comes_out_over_a_url() {
    let world = World::connected();
    let emails = addresses(&world, 3);
    let ada = token(&world, "ada", &["super_admin"]);
    let (serve, url) = served(&world);
    let rows: String = emails.iter().map(|email| format!("access,{email}\n")).collect();
    let file = world.file("r.csv", &format!("right,email\n{rows}erase,x@y.example\n"));
    let result = world.path("result.csv");
    let ended = from_afar(&world, &url, &ada, &["import", &file, "--result", &result, "--json"]);
    assert_eq!(ended.code, 3, "a row was left out: {}", ended.err);
    let summary = parsed(&ended);
    assert_eq!((summary["n_new"].as_u64(), summary["n_left_out"].as_u64()), (Some(3), Some(1)));
    let lines = std::fs::read_to_string(&result).unwrap();
    let lines: Vec<_> = lines.lines().collect();
    assert_eq!((lines.len(), lines[4]), (5, "5,,E-REQ-001"));
    let id = lines[1].split(',').nth(1).unwrap();
    let watched = from_afar(&world, &url, &ada, &["request", "watch", id]);
    assert_eq!(watched.code, 3, "it waits for its release: {}", watched.err);
    let approved = from_afar(&world, &url, &ada, &["request", "approve", "--all", "--yes"]);
    assert_eq!(approved.code, 0, "{}", approved.err);
    let zip = world.path("answer.zip");
    let package = from_afar(&world, &url, &ada, &["package", id, "--out", &zip, "--json"]);
    assert_eq!(parsed(&package)["reservations"], json!([]));
    let bytes = std::fs::read(&zip).unwrap();
    assert_eq!(parsed(&package)["size_bytes"].as_u64(), Some(bytes.len() as u64));
    assert!(bytes.starts_with(b"PK"));
    let again = from_afar(&world, &url, &ada, &["package", id, "--out", &zip]);
    assert_eq!(again.code, 4, "it replaces nothing unasked");
    assert_eq!(serve.end().code, 0);
}

#[test]
fn over_a_url_a_command_may_do_what_its_token_may() {
    let world = World::connected();
    let auditor = token(&world, "eve", &["auditor"]);
    let (_serve, url) = served(&world);
    assert_eq!(from_afar(&world, &url, &auditor, &["request", "list"]).code, 0);
    let refused = from_afar(&world, &url, &auditor, &["pause", "--all", "--json"]);
    assert_eq!(refused.code, 4);
    let told: Value = serde_json::from_str(refused.err.lines().last().unwrap()).unwrap();
    assert_eq!(told["code"], "E-API-002");
    let nobody = from_afar(&world, &url, "habeas_nobody", &["request", "list"]);
    assert_eq!(nobody.code, 4);
    assert!(nobody.err.contains("E-AUTH-001"), "{}", nobody.err);
}

/// The certificates in `fixtures` are the tests' own; everybody knows the key.
#[test]
fn over_tls_whoever_trusts_the_server_is_served_and_nobody_else_sends_a_token() {
    let world = World::new();
    let [ca, key, stranger] = [
        ("ca.pem", include_str!("fixtures/localhost.pem")),
        ("key.pem", include_str!("fixtures/localhost.key")),
        ("stranger.pem", include_str!("fixtures/stranger.pem")),
    ]
    .map(|(name, text)| world.file(name, text));
    let ann = token(&world, "ann", &["auditor"]);
    let args = ["serve", "--listen", "127.0.0.1:0", "--tls-cert", &ca, "--tls-key", &key, "--json"];
    let mut serve = world.start(&args);
    let told: Value = serde_json::from_str(&serve.line()).unwrap();
    let mut urls = told["listening"].as_array().unwrap().iter().filter_map(Value::as_str);
    let url = urls.find(|url| url.starts_with("https://")).unwrap();
    let address = url.trim_start_matches("https://").split('/').next().unwrap();
    // They say nothing, and hold up nobody.
    let _silent: Vec<_> = (0..8).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
    assert_eq!(from_afar(&world, url, &ann, &["request", "list", "--ca", &ca]).code, 0);
    for args in [&["request", "list"][..], &["request", "list", "--ca", &stranger]] {
        let refused = from_afar(&world, url, &ann, args);
        assert_eq!(refused.code, 5, "{}", refused.err);
        assert!(refused.err.contains("--ca") && !refused.err.contains(&ann), "{}", refused.err);
    }
    let plain = from_afar(&world, &url.replace("https", "http"), &ann, &["request", "list"]);
    assert!(matches!(plain.code, 1 | 5), "{} {}", plain.code, plain.err);
    assert_eq!(serve.end().code, 0);
}

#[test]
fn a_server_that_cant_be_asked_is_told_as_such() {
    let world = World::new();
    let gone = "http://127.0.0.1:1";
    let ended = from_afar(&world, gone, "habeas_t", &["request", "list"]);
    assert_eq!(ended.code, 5, "{}", ended.err);
    assert!(ended.err.contains(gone) && !ended.err.contains("habeas_t"), "{}", ended.err);
    let plain = from_afar(&world, "http://habeas.example", "habeas_t", &["request", "list"]);
    assert_eq!(plain.code, 4, "{}", plain.err);
    let none = from_afar(&world, gone, "", &["request", "list"]);
    assert_eq!(none.code, 2);
    assert!(none.err.contains("HABEAS_TOKEN"), "{}", none.err);
    let twin = world.twins["control"]["base_url"].as_str().unwrap();
    let other = from_afar(&world, twin, "habeas_t", &["request", "list"]);
    assert_eq!(other.code, 1);
    assert!(other.err.contains("not as Habeas does"), "{}", other.err);
}

#[test]
fn beside_a_server_commands_go_over_the_socket_and_start_no_engine_of_their_own() {
    let world = World::connected();
    let (serve, _) = served(&world);
    let email = addresses(&world, 1).remove(0);
    let args = ["request", "new", "--right", "deletion", "--email", &email];
    let ended = world.run(&args);
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert_eq!(ended.err, "", "nothing runs here");
    let journal = world.json(&["journal", "--event", "request.received", "--last", "1"]);
    assert_eq!(journal["actor"], json!({"operator": "tester"}), "{journal}");
    assert_eq!(serve.end().code, 0);
    let alone = world.json(&["request", "list"]);
    assert_eq!(alone["requests"].as_array().unwrap().len(), 1);
}

#[test]
fn a_file_with_a_fault_imports_nothing_over_the_socket_either() {
    let world = World::connected();
    let (_serve, _) = served(&world);
    let file = world.file("bad.csv", "right,e-mail,colour\naccess,a@b.example,red\n");
    let ended = world.run(&["import", &file]);
    assert_eq!(ended.code, 2, "{}", ended.err);
    assert!(ended.err.contains("E-CSV-002"), "{}", ended.err);
    assert_eq!(world.json(&["request", "list"])["requests"], json!([]));
}
