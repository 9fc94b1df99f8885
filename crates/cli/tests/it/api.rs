//! The API of a running program: who gets in where, and how it ends.

use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::world::{Running, World, http};

const JSON: (&str, &str) = ("content-type", "application/json");

/// A program that listens at a free port: its address, its socket, and what it said at first.
fn listening(world: &World) -> (Running, String, String, Value) {
    let mut serve = world.start(&["serve", "--listen", "127.0.0.1:0", "--json"]);
    let told: Value = serde_json::from_str(&serve.line()).unwrap();
    let urls: Vec<&str> =
        told["listening"].as_array().unwrap().iter().map(|url| url.as_str().unwrap()).collect();
    let url = |scheme: &str| {
        let found = urls.iter().find_map(|url| url.strip_prefix(scheme));
        found.unwrap_or_else(|| panic!("{scheme} in {urls:?}")).to_owned()
    };
    let (address, socket) = (url("http://"), url("unix:"));
    (serve, address, socket, told)
}

fn parsed((status, body): (u16, String)) -> (u16, Value) {
    (status, serde_json::from_str(&body).unwrap())
}

#[test]
fn the_first_start_lets_somebody_in_who_then_lets_in_others() {
    let world = World::connected();
    let (serve, address, _, told) = listening(&world);
    let ask = |method: &str, path: &str, token: &str, body: &Value| {
        let stream = TcpStream::connect(&address).unwrap();
        let token = format!("Bearer {token}");
        let headers = [JSON, ("authorization", token.as_str())];
        parsed(http(stream, method, path, &headers, &body.to_string()))
    };
    let body = json!({"token": told["setup_token"], "name": "ada"});
    let stream = TcpStream::connect(&address).unwrap();
    let (status, made) = parsed(http(stream, "POST", "/api/v1/setup", &[JSON], &body.to_string()));
    assert_eq!(status, 201, "{made}");
    let ada = made["secret"].as_str().unwrap().to_owned();
    let new =
        json!({"name": "sync", "kind": "program", "roles": ["request_manager"], "reach": "all"});
    assert_eq!(ask("POST", "/api/v1/principals", &ada, &new).0, 200);
    let (_, made) =
        ask("POST", "/api/v1/principals/sync/tokens", &ada, &json!({"label": "nightly"}));
    let sync = made["secret"].as_str().unwrap().to_owned();
    let email = world.people("regular")[0]["email"].as_str().unwrap().to_owned();
    let request = json!({"right": "access", "identifiers": [{"type": "email", "value": email}]});
    let (status, taken) = ask("POST", "/api/v1/requests", &sync, &request);
    assert_eq!(status, 201, "{taken}");
    let path = format!("/api/v1/requests/{}", taken["request"].as_str().unwrap());
    let deadline = Instant::now() + Duration::from_secs(60);
    while ask("GET", &path, &sync, &Value::Null).1["systems"] == json!([]) {
        assert!(Instant::now() < deadline, "the engine learns of what the API writes");
    }
    assert_eq!(ask("POST", "/api/v1/engine/pause", &sync, &Value::Null).0, 403);
    assert_eq!(ask("GET", "/api/v1/requests", "habeas_nobody", &Value::Null).0, 401);
    let ended = serve.end();
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(!format!("{}{}", ended.out, ended.err).contains(&email));
    assert!(TcpStream::connect(&address).is_err(), "it listens no more");
    let mut again = world.start(&["serve", "--listen", "127.0.0.1:0", "--json"]);
    let told: Value = serde_json::from_str(&again.line()).unwrap();
    assert_eq!(told["setup_token"], Value::Null, "somebody is known by now");
}

#[test]
fn the_socket_lets_in_the_owner_of_the_folder_alone() {
    let world = World::connected();
    let (serve, _, socket, _) = listening(&world);
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let folder = Path::new(&socket).parent().unwrap();
    let mode = std::fs::metadata(folder).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "nobody else gets to it");
    let stream = UnixStream::connect(&socket).unwrap();
    let (status, me) = parsed(http(stream, "GET", "/api/v1/me", &[("habeas-operator", "ada")], ""));
    assert_eq!((status, &me["name"], &me["reach"]), (200, &json!("ada"), &json!("all")));
    assert_eq!(serve.end().code, 0);
    assert!(!Path::new(&socket).exists(), "an ended program leaves no socket");
}

#[test]
fn a_killed_program_leaves_a_socket_that_the_next_one_replaces() {
    let world = World::connected();
    let (killed, _, socket, _) = listening(&world);
    drop(killed);
    assert!(Path::new(&socket).exists());
    let (serve, _, again, _) = listening(&world);
    assert_eq!(socket, again);
    let stream = UnixStream::connect(&socket).unwrap();
    assert_eq!(http(stream, "GET", "/api/v1/me", &[], "").0, 200);
    assert_eq!(serve.end().code, 0);
}

#[test]
fn an_open_address_without_tls_is_refused() {
    let world = World::new();
    let refused = world.run(&["serve", "--listen", "0.0.0.0:0"]);
    assert_eq!(refused.code, 4);
    assert!(refused.err.contains("--tls-cert"), "{}", refused.err);
    let files = ["--tls-cert", "nowhere.pem", "--tls-key", "nowhere.key"];
    let missing = world.run(&[&["serve", "--listen", "0.0.0.0:0"], &files[..]].concat());
    assert_eq!(missing.code, 2);
    assert!(missing.err.contains("nowhere.pem"), "{}", missing.err);
    let public = world.run(&["serve", "--listen", "127.0.0.1:0", "--public-listen", "0.0.0.0:0"]);
    assert_eq!(public.code, 4);
    assert!(public.err.contains("--public-tls-cert"), "{}", public.err);
    let proxies = world.run(&["serve", "--trusted-proxies", "proxy.example"]);
    assert_eq!(proxies.code, 2, "{}", proxies.err);
}

#[test]
fn the_public_has_an_address_of_its_own_and_a_flood_there_stops_no_operator() {
    let world = World::connected();
    let args = ["--listen", "127.0.0.1:0", "--public-listen", "127.0.0.1:0", "--public-rate", "1"];
    let mut serve = world.start(&[&["serve", "--json"], &args[..]].concat());
    let told: Value = serde_json::from_str(&serve.line()).unwrap();
    let public = told["public"].as_str().unwrap().trim_start_matches("http://").to_owned();
    let urls = told["listening"].as_array().unwrap();
    let operators = urls.iter().find_map(|url| url.as_str()?.strip_prefix("http://")).unwrap();
    let ask = |address: &str, path: &str| {
        let forged = ("x-forwarded-for", "198.51.100.1");
        http(TcpStream::connect(address).unwrap(), "GET", path, &[forged], "").0
    };
    assert_eq!(ask(&public, "/healthz"), 200);
    assert_eq!(ask(&public, "/api/v1/me"), 404);
    let deadline = Instant::now() + Duration::from_secs(60);
    while ask(&public, "/healthz") != 429 {
        assert!(Instant::now() < deadline, "a flood is refused");
    }
    assert_eq!(ask(operators, "/healthz"), 200);
    assert_eq!(ask(operators, "/api/v1/me"), 401);
    assert_eq!(serve.end().code, 0);
}
