//! What whoever watches a running program is shown.

use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::world::{Running, World, http};

/// A program that listens at a free port, and its address.
fn listening(world: &World, args: &[&str]) -> (Running, String) {
    let mut serve = world.start(&[&["serve", "--listen", "127.0.0.1:0", "--json"], args].concat());
    let told: Value = serde_json::from_str(&serve.line()).unwrap();
    let urls = told["listening"].as_array().unwrap().clone();
    let address = urls.iter().find_map(|url| url.as_str()?.strip_prefix("http://"));
    (serve, address.unwrap().to_owned())
}

#[test]
fn a_program_at_work_shows_what_it_does() {
    let world = World::connected();
    let (serve, address) = listening(&world, &[]);
    let email = world.people("regular")[0]["email"].as_str().unwrap().to_owned();
    world.json(&["request", "new", "--right", "access", "--email", &email]);
    let scrape = || {
        let stream = UnixStream::connect(world.path("data/habeas.sock")).unwrap();
        let (status, text) = http(stream, "GET", "/metrics", &[], "");
        assert_eq!(status, 200, "{text}");
        text
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    let text = loop {
        let text = scrape();
        if text.contains("habeas_step_seconds_count{connector=\"segment\",step=\"collect\"}") {
            break text;
        }
        assert!(Instant::now() < deadline, "{text}");
    };
    for begin in [
        "habeas_vendor_call_seconds_count{connector=\"segment\",method=\"GET\",answer=\"2xx\"} ",
        "habeas_step_seconds_count{connector=\"segment\",step=\"locate\"} 1",
        "habeas_limit_left{connection=\"segment",
        "habeas_lease_seconds_left{lease=\"engine\",connection=\"\",held_by=\"this\"} 1",
        "habeas_http_connections{listener=\"socket\"} 1",
        "process_resident_memory_bytes ",
    ] {
        assert!(text.lines().any(|line| line.starts_with(begin)), "{begin} in {text}");
    }
    assert!(!text.contains(&email));
    let (status, _) = http(TcpStream::connect(&address).unwrap(), "GET", "/metrics", &[], "");
    assert_eq!(status, 401, "at the address it takes a token");
    assert_eq!(serve.end().code, 0);
}

#[test]
fn whoever_is_here_needs_no_token_if_the_operator_says_so() {
    let world = World::connected();
    let ask = |address: &str, headers: &[(&str, &str)]| {
        http(TcpStream::connect(address).unwrap(), "GET", "/metrics", headers, "").0
    };
    let forwarded = [("x-forwarded-for", "127.0.0.1")];
    let (serve, address) = listening(&world, &["--metrics-open"]);
    assert_eq!((ask(&address, &[]), ask(&address, &forwarded)), (200, 401));
    assert_eq!(serve.end().code, 0);
    let behind = ["--metrics-open", "--trusted-proxies", "127.0.0.1"];
    let (serve, address) = listening(&world, &behind);
    assert_eq!((ask(&address, &[]), ask(&address, &forwarded)), (401, 401), "the proxy is here");
    assert_eq!(serve.end().code, 0);
}
