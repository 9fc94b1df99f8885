//! Spans as a collector gets them, and what becomes of them where it is none.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tracing::field::Empty;
use tracing::subscriber::with_default;
use tracing_subscriber::layer::SubscriberExt as _;

use super::span::read_parent;
use super::*;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const ABOVE: &str = "00f067aa0ba902b7";

/// A collector at this address.
fn collector(address: &str) -> Collector {
    Collector { otlp_endpoint: Some(address.to_owned()), spans: Spans::default() }
}

/// A place where a collector listens, and its address.
async fn place() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    (listener, address)
}

/// A request that a collector is sent: its head and its body.
async fn received(stream: &mut BufReader<TcpStream>) -> (String, Value) {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    (head, serde_json::from_slice(&body).unwrap())
}

/// A collector that answers so to the one request that it gets.
async fn answers(listener: TcpListener, answer: &str) -> (String, Value) {
    let mut stream = BufReader::new(listener.accept().await.unwrap().0);
    let received = received(&mut stream).await;
    stream.write_all(answer.as_bytes()).await.unwrap();
    received
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// Makes spans, and sends them to the end.
async fn sent(collector: &Collector, headers: &str, spans: impl FnOnce()) {
    let address = collector.address().unwrap();
    let (gatherer, outgoing) = collector.traces_to(address, headers).unwrap();
    with_default(tracing_subscriber::registry().with(gatherer), spans);
    outgoing.begin().end().await;
}

#[tokio::test]
async fn spans_reach_a_collector_below_the_span_of_their_caller() {
    let (listener, address) = place().await;
    let spans = || {
        let parent = format!("00-{TRACE}-{ABOVE}-01");
        let request = tracing::info_span!(
            "request",
            request_id = "r1",
            method = "GET",
            route = "/things/{id}",
            traceparent = parent,
            status = Empty,
        );
        request.in_scope(|| {
            let call = tracing::info_span!("call", connector = "segment", n = 3, error = Empty);
            call.record("error", "lost");
        });
        request.record("status", 200);
    };
    let collector = collector(&address);
    let sending = sent(&collector, "authorization=Bearer%20abc,x-team=a", spans);
    let answer = ok("{}");
    let (_, (head, body)) = tokio::join!(sending, answers(listener, &answer));
    let head = head.to_lowercase();
    assert!(head.starts_with("post /v1/traces http/1.1\r\n"), "{head}");
    assert!(head.contains("authorization: bearer abc\r\n") && head.contains("x-team: a\r\n"));
    assert!(head.contains("content-type: application/json\r\n"));
    let resource = &body["resourceSpans"][0];
    assert_eq!(resource["resource"]["attributes"][0]["value"]["stringValue"], "habeas");
    let spans = resource["scopeSpans"][0]["spans"].as_array().unwrap();
    let [call, request] = &spans[..] else { panic!("{spans:?}") };
    assert_eq!((&request["name"], &request["kind"]), (&json!("GET /things/{id}"), &json!(2)));
    assert_eq!((&request["traceId"], &request["parentSpanId"]), (&json!(TRACE), &json!(ABOVE)));
    assert_eq!((&call["traceId"], &call["parentSpanId"]), (&json!(TRACE), &request["spanId"]));
    assert_eq!((&call["name"], &call["kind"]), (&json!("segment"), &json!(3)));
    assert_eq!((&call["status"], &request["status"]), (&json!({"code": 2}), &Value::Null));
    let attribute = |key: &str, value: Value| json!({"key": key, "value": value});
    let expected = json!([
        attribute("habeas.connector", json!({"stringValue": "segment"})),
        attribute("habeas.n", json!({"intValue": "3"})),
        attribute("error.type", json!({"stringValue": "lost"})),
    ]);
    assert_eq!(call["attributes"], expected);
    let expected = json!([
        attribute("habeas.request_id", json!({"stringValue": "r1"})),
        attribute("http.request.method", json!({"stringValue": "GET"})),
        attribute("http.route", json!({"stringValue": "/things/{id}"})),
        attribute("http.response.status_code", json!({"intValue": "200"})),
    ]);
    assert_eq!(request["attributes"], expected, "the caller's header is none");
    let at = |span: &Value, name: &str| span[name].as_str().unwrap().parse::<u128>().unwrap();
    assert!(at(request, "startTimeUnixNano") <= at(call, "startTimeUnixNano"));
    assert!(at(call, "endTimeUnixNano") >= at(call, "startTimeUnixNano"));
    assert_eq!((collector.spans.n_sent(), collector.spans.n_lost()), (2, 0));
}

#[tokio::test]
async fn what_a_caller_wants_nobody_to_look_at_is_not_sent() {
    let (listener, address) = place().await;
    let spans = || {
        let parent = format!("00-{TRACE}-{ABOVE}-00");
        let request = tracing::info_span!("request", traceparent = parent);
        request.in_scope(|| drop(tracing::info_span!("call")));
        drop(tracing::info_span!("step"));
    };
    let collector = collector(&address);
    let answer = ok("");
    let (_, (_, body)) = tokio::join!(sent(&collector, "", spans), answers(listener, &answer));
    let spans = &body["resourceSpans"][0]["scopeSpans"][0]["spans"];
    assert_eq!(spans.as_array().unwrap().len(), 1);
    assert_eq!(spans[0]["name"], "step");
}

#[tokio::test]
async fn whatever_a_collector_answers_costs_no_more_than_spans() {
    let one = || drop(tracing::info_span!("step"));
    for (answer, n_sent, n_lost) in [
        (ok(r#"{"partialSuccess":{}}"#), 1, 0),
        (ok(r#"{"partialSuccess":{"rejectedSpans":"1","errorMessage":"full"}}"#), 0, 1),
        (ok(r#"{"partialSuccess":{"rejectedSpans":9000}}"#), 0, 1),
        (ok("<html>welcome</html>"), 0, 1),
        ("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n".to_owned(), 0, 1),
        ("HTTP/1.1 302 Found\r\nlocation: /other\r\ncontent-length: 0\r\n\r\n".to_owned(), 0, 1),
        ("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{".to_owned(), 0, 1),
        ("what?\r\n\r\n".to_owned(), 0, 1),
        (String::new(), 0, 1),
    ] {
        let (listener, address) = place().await;
        let collector = collector(&address);
        tokio::join!(sent(&collector, "", one), answers(listener, &answer));
        let (sent, lost) = (collector.spans.n_sent(), collector.spans.n_lost());
        assert_eq!((sent, lost), (n_sent, n_lost), "{answer}");
    }
}

#[tokio::test]
async fn a_collector_that_says_nothing_holds_up_neither_work_nor_the_end() {
    let (listener, address) = place().await;
    let collector = collector(&address);
    let (gatherer, outgoing) = collector.traces_to(&address, "").unwrap();
    let sending = outgoing.begin();
    with_default(tracing_subscriber::registry().with(gatherer), || {
        for _ in 0..QUEUE + 10 {
            drop(tracing::info_span!("step"));
        }
    });
    assert_eq!(collector.spans.n_lost(), 10, "what can't wait is lost at once");
    sending.end_within(Duration::ZERO).await;
    drop(listener);
}

#[test]
fn what_is_no_parent_begins_a_trace_of_its_own() {
    assert!(read_parent(&format!("00-{TRACE}-{ABOVE}-01")).is_some_and(|(.., told)| told));
    assert!(read_parent(&format!("01-{TRACE}-{ABOVE}-00-more")).is_some_and(|(.., told)| !told));
    let (no_trace, no_span) = ("0".repeat(32), "0".repeat(16));
    for text in [
        "",
        "00",
        &format!("ff-{TRACE}-{ABOVE}-01"),
        &format!("00-{no_trace}-{ABOVE}-01"),
        &format!("00-{TRACE}-{no_span}-01"),
        &format!("00-{TRACE}-{ABOVE}"),
        &format!("00-{TRACE}-{ABOVE}-01-more"),
        &format!("00-{}-{ABOVE}-01", TRACE.to_uppercase()),
    ] {
        assert!(read_parent(text).is_none(), "{text}");
    }
}

#[test]
fn an_address_or_headers_that_are_none_are_refused_and_not_repeated() {
    let refused = |address: &str, headers: &str| {
        collector(address).traces_to(address, headers).err().map(|stop| stop.to_string())
    };
    for address in
        ["collector:4318", "file:///tmp", "http://ann:secret@here/", "http://here/?key=secret"]
    {
        assert!(!refused(address, "").unwrap().contains("secret"), "{address}");
    }
    for headers in ["secret", "a b=secret", "a=secret%0a", "=secret"] {
        assert!(!refused("http://localhost:1/", headers).unwrap().contains("secret"), "{headers}");
    }
    assert!(refused("http://collector:4318", "a=secret").is_some(), "in plain over the network");
    assert_eq!(refused("http://[::1]:4318", "a=b"), None);
    assert_eq!(refused("https://collector", " a=b , c=d,"), None);
    assert_eq!(collector("").address(), None, "an empty variable is one that is not set");
}
