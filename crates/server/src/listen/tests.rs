//! Sockets under clients that misbehave, and how a server ends.

use std::time::Duration;

use axum::routing::{get, post};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::*;

/// A server at a free port with a few routes, its address, and what ends it.
async fn server(limits: Limits, router: Router) -> (Listening, String, watch::Sender<bool>) {
    let (stop, stopped) = watch::channel(false);
    let socket = Socket::Tcp("127.0.0.1:0".parse().unwrap(), None);
    let listening = listen(socket, router, limits, stopped).await.unwrap();
    let address = listening.url.trim_start_matches("http://").to_owned();
    (listening, address, stop)
}

fn routes() -> Router {
    Router::new()
        .route("/", get(|| async { "here" }))
        .route("/never", get(std::future::pending::<()>))
        .route("/body", post(|body: axum::body::Bytes| async move { body.len().to_string() }))
}

/// All that comes back until the connection ends.
async fn exchange(address: &str, sent: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A server that has had enough may close before all is sent.
    let _ = stream.write_all(sent.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

const ASK: &str = "GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn a_head_that_never_ends_ends_its_connection_and_no_other() {
    let limits = Limits { head_within: Duration::from_millis(50), ..Limits::default() };
    let (_listening, address, _stop) = server(limits, routes()).await;
    let slow = exchange(&address, "GET / HTTP/1.1\r\nhost: h\r\nx-slow: ").await;
    assert!(!slow.contains("200 OK"), "{slow}");
    assert!(exchange(&address, ASK).await.contains("200 OK"));
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let (_listening, address, _stop) = server(Limits::default(), routes()).await;
    let large = format!("GET / HTTP/1.1\r\nhost: h\r\nx: {}\r\n\r\n", "a".repeat(64 * 1024));
    let answer = exchange(&address, &large).await;
    assert!(!answer.contains("200 OK"), "{answer}");
    assert!(exchange(&address, ASK).await.contains("200 OK"));
}

#[tokio::test]
async fn what_takes_too_long_is_answered_as_such() {
    let limits = Limits { answer_within: Duration::from_millis(50), ..Limits::default() };
    let (_listening, address, _stop) = server(limits, routes()).await;
    let never = exchange(&address, &ASK.replace("GET /", "GET /never")).await;
    assert!(never.contains("504") && never.contains("E-API-008"), "{never}");
    let slow_body = "POST /body HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\nabc";
    let slow = exchange(&address, slow_body).await;
    assert!(slow.contains("408") && slow.contains("E-API-008"), "{slow}");
    let large = format!("POST /body HTTP/1.1\r\nhost: h\r\ncontent-length: {}\r\n\r\n", 2 << 20);
    let large = exchange(&address, &format!("{large}{}", "x".repeat(2 << 20))).await;
    assert!(!large.contains("200 OK"), "{large}");
}

#[tokio::test]
async fn a_client_that_takes_nothing_loses_its_place() {
    let limits =
        Limits { n_connections: 1, taken_within: Duration::from_millis(50), ..Limits::default() };
    let large = "x".repeat(32 << 20);
    let router = routes().route("/large", get(move || std::future::ready(large.clone())));
    let (_listening, address, _stop) = server(limits, router).await;
    let mut first = TcpStream::connect(&address).await.unwrap();
    first.write_all(b"GET /large HTTP/1.1\r\nhost: h\r\n\r\n").await.unwrap();
    let second = timeout(Duration::from_secs(30), exchange(&address, ASK)).await;
    assert!(second.unwrap().contains("200 OK"));
    drop(first);
}

#[tokio::test]
async fn what_was_begun_is_finished_though_its_client_hung_up() {
    let (begun, go_on, done) =
        (Arc::new(Notify::new()), Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait, end) = (Arc::clone(&begun), Arc::clone(&go_on), Arc::clone(&done));
    let router = Router::new().route(
        "/",
        get(move || async move {
            tell.notify_one();
            wait.notified().await;
            end.notify_one();
        }),
    );
    let (_listening, address, _stop) = server(Limits::default(), router).await;
    let mut client = TcpStream::connect(&address).await.unwrap();
    client.write_all(ASK.as_bytes()).await.unwrap();
    begun.notified().await;
    drop(client);
    go_on.notify_one();
    timeout(Duration::from_secs(30), done.notified()).await.unwrap();
}

#[tokio::test]
async fn more_connections_than_there_are_places_wait_for_one() {
    let limits = Limits { n_connections: 1, ..Limits::default() };
    let (_listening, address, _stop) = server(limits, routes()).await;
    let mut first = TcpStream::connect(&address).await.unwrap();
    first.write_all(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n").await.unwrap();
    let mut answer = [0; 12];
    first.read_exact(&mut answer).await.unwrap();
    let second = exchange(&address, ASK);
    tokio::pin!(second);
    let early = timeout(Duration::from_millis(50), &mut second).await;
    assert!(early.is_err(), "the first one still has the place");
    drop(first);
    assert!(second.await.contains("200 OK"));
}

#[tokio::test]
async fn a_server_that_stops_finishes_what_it_does_and_takes_nothing_new() {
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (Arc::clone(&begun), Arc::clone(&go_on));
    let router = Router::new().route(
        "/",
        get(move || async move {
            tell.notify_one();
            wait.notified().await;
            "finished"
        }),
    );
    let (listening, address, stop) = server(Limits::default(), router).await;
    let running = tokio::spawn({
        let address = address.clone();
        async move { exchange(&address, ASK).await }
    });
    begun.notified().await;
    stop.send_replace(true);
    let ended = tokio::spawn(listening.ended());
    go_on.notify_one();
    assert!(running.await.unwrap().contains("finished"));
    ended.await.unwrap();
    assert!(TcpStream::connect(&address).await.is_err());
}
