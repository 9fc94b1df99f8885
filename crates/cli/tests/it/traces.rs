//! What a running program sends to a collector of traces, and what it does where there is none.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::world::{World, http};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SECRET: &str = "s3cret";

/// A collector: its address, and the spans as they come, each with the headers it came with.
fn collector() -> (String, Receiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (to, spans) = channel();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let to = to.clone();
            thread::spawn(move || take(stream, &to));
        }
    });
    (address, spans)
}

fn take(stream: TcpStream, to: &Sender<(String, Value)>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut head, mut length) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            let mut line = String::new();
            if stream.read_line(&mut line).ok()? == 0 {
                return None;
            }
            head.push_str(&line.to_lowercase());
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).ok()?;
        let body: Value = serde_json::from_slice(&body).ok()?;
        let spans = body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array()?;
        for span in spans {
            to.send((head.clone(), span.clone())).ok()?;
        }
        stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").ok()?;
    }
}

fn attribute<'a>(span: &'a Value, key: &str) -> Option<&'a str> {
    let all = span["attributes"].as_array().unwrap();
    all.iter().find(|one| one["key"] == key)?["value"]["stringValue"].as_str()
}

/// Asks at the socket until what is asked for is there.
fn until(world: &World, path: &str, mark: &str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let stream = UnixStream::connect(world.path("data/habeas.sock")).unwrap();
        let (_, text) = http(stream, "GET", path, &[], "");
        if text.contains(mark) {
            return;
        }
        assert!(Instant::now() < deadline, "{text}");
    }
}

#[test]
fn a_collector_gets_what_was_done_and_nothing_about_anybody() {
    let world = World::connected();
    let (address, spans) = collector();
    let hook = "http://127.0.0.1:1/hook?of=desk";
    world.json(&["webhooks", "add", "hook", "--to", hook, "--allow-private"]);
    let args = ["serve", "--listen", "127.0.0.1:0", "--json", "-v"];
    let mut serve = world.start_with(
        &args,
        &[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &address),
            ("OTEL_EXPORTER_OTLP_HEADERS", &format!("x-key={SECRET}")),
        ],
    );
    serve.line();
    let person = &world.people("regular")[0];
    let email = person["email"].as_str().unwrap().to_owned();
    let told = world.json(&["request", "new", "--right", "access", "--email", &email]);
    let request = told["request"].as_str().unwrap().to_owned();
    until(&world, "/metrics", "habeas_step_seconds_count{connector=\"segment\",step=\"collect\"}");
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let stream = UnixStream::connect(world.path("data/habeas.sock")).unwrap();
    // A parameter of that name is refused, and stands in no span all the same.
    let path = format!("/api/v1/requests/{request}?{email}");
    let (status, _) = http(stream, "GET", &path, &[("traceparent", &parent)], "");
    assert_eq!(status, 400);
    until(&world, "/api/v1/webhooks/hook/deliveries", "no connection could be made");
    let ended = serve.end();
    assert_eq!(ended.code, 0, "{}", ended.err);
    let spans: Vec<(String, Value)> = spans.try_iter().collect();
    assert!(spans.iter().all(|(head, _)| head.contains(&format!("x-key: {SECRET}"))));
    let spans: Vec<Value> = spans.into_iter().map(|(_, span)| span).collect();
    let named = |name: &str| {
        let found = spans.iter().filter(|span| span["name"] == name).collect::<Vec<_>>();
        assert!(!found.is_empty(), "{name} in {spans:#?}");
        found
    };
    let asked = named("GET /api/v1/requests/{id}");
    let asked = asked.iter().find(|span| span["traceId"] == TRACE).unwrap();
    assert_eq!(asked["parentSpanId"], "00f067aa0ba902b7");
    let step = named("segment locate")[0];
    assert_eq!(attribute(step, "habeas.request"), Some(&*request));
    assert_eq!(attribute(step, "habeas.connection"), Some("segment-twin"));
    assert!(attribute(step, "habeas.outcome").is_some(), "{step}");
    let below = |span: &&Value| span["parentSpanId"] == step["spanId"];
    let calls: Vec<_> = spans.iter().filter(below).collect();
    assert!(!calls.is_empty() && calls.iter().all(|call| call["kind"] == 3), "{calls:#?}");
    assert_eq!(attribute(calls[0], "server.address"), Some("127.0.0.1"));
    let delivery = spans.iter().find(|span| attribute(span, "habeas.endpoint").is_some()).unwrap();
    assert_eq!(attribute(delivery, "error.type"), Some("no connection could be made"));
    let all = serde_json::to_string(&spans).unwrap();
    let values = person.as_object().unwrap().values().filter_map(Value::as_str);
    let about: BTreeSet<_> = values.filter(|value| value.len() > 8).chain(["of=desk"]).collect();
    for value in about {
        assert!(!all.contains(value), "{value}");
    }
    for text in [&all, &ended.out, &ended.err] {
        assert!(!text.contains(SECRET) && !text.contains(&email));
    }
}

#[test]
fn a_collector_that_is_gone_costs_spans_and_is_told_once() {
    let world = World::connected();
    // Nobody listens at this port.
    let mut serve = world.start(&["serve", "--json", "--otlp-endpoint", "http://127.0.0.1:1"]);
    serve.line();
    let email = world.people("regular")[0]["email"].as_str().unwrap().to_owned();
    world.json(&["request", "new", "--right", "access", "--email", &email]);
    until(&world, "/metrics", "habeas_step_seconds_count{connector=\"segment\",step=\"collect\"}");
    let deadline = Instant::now() + Duration::from_secs(60);
    while {
        let stream = UnixStream::connect(world.path("data/habeas.sock")).unwrap();
        http(stream, "GET", "/metrics", &[], "").1.contains("{came_to=\"lost\"} 0")
    } {
        assert!(Instant::now() < deadline);
    }
    let ended = serve.end();
    assert_eq!(ended.code, 0);
    assert_eq!(ended.err.matches("does not take all traces").count(), 1, "{}", ended.err);
}
