//! What a running program logs, for programs that read it.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use serde_json::Value;

use crate::world::World;

#[test]
fn each_line_is_an_object_and_a_request_is_found_by_its_id() {
    let world = World::connected();
    let args = ["serve", "--listen", "127.0.0.1:0", "--json", "-v", "--log-format", "json"];
    let mut serve = world.start(&args);
    serve.line();
    let mut stream = UnixStream::connect(world.path("data/habeas.sock")).unwrap();
    let ask =
        "GET /api/v1/requests?mia@example.com HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n";
    stream.write_all(ask.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let id = answer.lines().find_map(|line| line.strip_prefix("x-request-id: ")).unwrap();
    let ended = serve.end();
    assert_eq!(ended.code, 0);
    assert!(!ended.err.contains("mia@"), "{}", ended.err);
    let lines: Vec<Value> =
        ended.err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let answered = lines.iter().find(|line| line["span"]["request_id"] == id).unwrap();
    assert_eq!(answered["message"], "answered");
    assert_eq!(answered["level"], "INFO");
    assert_eq!(answered["status"], 400);
    assert_eq!(answered["span"]["route"], "/api/v1/requests");
    assert!(answered["timestamp"].is_string() && answered["target"].is_string());
}

#[test]
fn what_is_said_beside_the_log_is_an_object_of_it_too() {
    let world = World::connected();
    let mut first = world.start(&["serve", "--listen", "127.0.0.1:0", "--json"]);
    first.line();
    let mut second = world.start(&["serve", "--log-format", "json"]);
    let told: Value = serde_json::from_str(&second.complaint()).unwrap();
    assert!(told["message"].as_str().unwrap().starts_with("the engine is run by pid"), "{told}");
    assert_eq!((&told["level"], &told["target"]), (&"INFO".into(), &"habeas".into()));
    let at = told["timestamp"].as_str().unwrap();
    assert!(at.starts_with("20") && at.ends_with('Z'), "{at}");
    assert_eq!(second.end().code, 0);
    let failed = world.run(&["serve", "--listen", "0.0.0.0:0", "--log-format", "json"]);
    assert_eq!(failed.code, 4, "{}", failed.err);
    let told: Value = serde_json::from_str(failed.err.lines().last().unwrap()).unwrap();
    assert_eq!(told["level"], "ERROR");
    assert!(told["message"].as_str().unwrap().contains("in plain"), "{told}");
    assert!(told["advice"].as_str().unwrap().contains("--tls-cert"), "{told}");
    assert_eq!(first.end().code, 0);
}
