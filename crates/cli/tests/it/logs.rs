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
