//! Sockets under clients that misbehave, and how a server ends.

use std::path::Path;
use std::time::Duration;

use axum::routing::{get, post};
use http::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tokio::sync::Notify;

use super::bodies::{LARGE_BODIES, LARGE_BODIES_OF_ONE};
use super::*;
use crate::problem::Problem;
use crate::public;

/// A server at a free port with a few routes, its address, and what ends it.
async fn server(limits: Limits, router: Router) -> (Listening, String, watch::Sender<bool>) {
    server_behind("", limits, router).await
}

/// The same behind these proxies.
async fn server_behind(
    proxies: &str,
    limits: Limits,
    router: Router,
) -> (Listening, String, watch::Sender<bool>) {
    let (stop, stopped) = watch::channel(false);
    let (address, proxies) = ("127.0.0.1:0".parse().unwrap(), proxies.parse().unwrap());
    let socket = Socket::Tcp(Tcp { address, tls: None, proxies });
    let listening =
        listen("test", socket, router, limits, &Traffic::default(), stopped).await.unwrap();
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
    exchange_from("127.0.0.1", address, sent).await
}

/// The same for a client at another address of this machine.
async fn exchange_from(client: &str, address: &str, sent: &str) -> String {
    let mut stream = connect_from(client, address).await;
    // A server that has had enough may close before all is sent.
    let _ = stream.write_all(sent.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

async fn connect_from(client: &str, address: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{client}:0").parse().unwrap()).unwrap();
    socket.connect(address.parse().unwrap()).await.unwrap()
}

/// A request with a header.
fn with(header: &str) -> String {
    ASK.replace("\r\n\r\n", &format!("\r\n{header}\r\n\r\n"))
}

/// Three at once and then none for an hour.
const THREE: Rate = Rate { burst: 3, every: Duration::from_secs(3600) };

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
    let within = Duration::from_millis(50);
    let limits = Limits { body_within: within, answer_within: within, ..Limits::default() };
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

#[tokio::test]
async fn a_flood_is_refused_and_others_are_served() {
    let limits = Limits { requests: THREE, ..Limits::default() };
    let (_listening, address, _stop) = server(limits, routes()).await;
    for _ in 0..3 {
        assert!(exchange(&address, ASK).await.contains("200 OK"));
    }
    let refused = exchange(&address, ASK).await;
    assert!(refused.contains("429") && refused.contains("E-API-020"), "{refused}");
    assert!(refused.contains("retry-after: 3600"), "{refused}");
    let forged = exchange(&address, &with("x-forwarded-for: 198.51.100.1")).await;
    assert!(forged.contains("429"), "anybody can write that: {forged}");
    assert!(exchange_from("127.0.0.2", &address, ASK).await.contains("200 OK"));
}

#[tokio::test]
async fn clients_of_a_named_proxy_are_told_apart() {
    let limits = Limits { requests: THREE, n_connections_of_one: 1, ..Limits::default() };
    let (_listening, address, _stop) = server_behind("127.0.0.1", limits, routes()).await;
    let _idle = TcpStream::connect(&address).await.unwrap();
    let one = with("x-forwarded-for: 192.0.2.9, 198.51.100.1");
    for _ in 0..3 {
        assert!(exchange(&address, &one).await.contains("200 OK"));
    }
    let forged = with("x-forwarded-for: 192.0.2.10, 198.51.100.1");
    assert!(exchange(&address, &forged).await.contains("429"));
    let other = with("x-forwarded-for: 198.51.100.2");
    assert!(exchange(&address, &other).await.contains("200 OK"));
}

#[tokio::test]
async fn many_wrong_tokens_are_told_to_wait_and_a_good_one_beside_them_is_let_in() {
    let limits = Limits { wrong_tokens: THREE, ..Limits::default() };
    let guessed = || async {
        Problem::new(StatusCode::UNAUTHORIZED, "E-AUTH-001", "the token is not accepted")
    };
    let router = routes().route("/guess", get(guessed));
    let (_listening, address, _stop) = server(limits, router).await;
    let guess = ASK.replace("GET /", "GET /guess");
    for _ in 0..3 {
        assert!(exchange(&address, &guess).await.contains("401"));
    }
    let refused = exchange(&address, &guess).await;
    assert!(refused.contains("429") && refused.contains("E-API-021"), "{refused}");
    assert!(exchange(&address, ASK).await.contains("200 OK"), "who is known is let in");
    assert!(exchange_from("127.0.0.2", &address, &guess).await.contains("401"));
}

#[tokio::test]
async fn a_client_with_too_many_connections_gets_no_more_of_them() {
    let limits = Limits { n_connections_of_one: 2, ..Limits::default() };
    let (_listening, address, _stop) = server(limits, routes()).await;
    let kept =
        [connect_from("127.0.0.1", &address).await, connect_from("127.0.0.1", &address).await];
    assert_eq!(exchange(&address, ASK).await, "");
    assert!(exchange_from("127.0.0.2", &address, ASK).await.contains("200 OK"));
    drop(kept);
    let again = async { while !exchange(&address, ASK).await.contains("200 OK") {} };
    timeout(Duration::from_secs(30), again).await.unwrap();
}

#[tokio::test]
async fn the_socket_of_the_owner_counts_nothing() {
    let limits = Limits { requests: THREE, ..Limits::default() };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let (_stop, stopped) = watch::channel(false);
    let (socket, traffic) = (Socket::Local(path.clone()), Traffic::default());
    let _listening = listen("test", socket, routes(), limits, &traffic, stopped).await.unwrap();
    for _ in 0..10 {
        let mut stream = UnixStream::connect(&path).await.unwrap();
        stream.write_all(ASK.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.contains("200 OK"), "{answer}");
    }
}

#[test]
fn in_plain_only_named_proxies_come_over_the_network() {
    let at = |tls, proxies: &str| {
        let address = "0.0.0.0:7700".parse().unwrap();
        Tcp { address, tls, proxies: proxies.parse().unwrap() }
    };
    let is_open = |tcp: &Tcp, peer: &str| tcp.is_open_to(peer.parse().unwrap());
    let plain = at(None, "10.0.0.0/8");
    assert!(is_open(&plain, "10.1.2.3") && is_open(&plain, "127.0.0.1"));
    assert!(!is_open(&plain, "192.0.2.1"));
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/listen/tls/fixtures");
    let tls = Tls::of_files(&folder.join("one.pem"), &folder.join("one.key")).unwrap();
    assert!(is_open(&at(Some(tls), ""), "192.0.2.1"));
}

#[tokio::test]
async fn the_public_sees_nothing_of_the_operators() {
    let router = public::router();
    let (_listening, address, _stop) = server(Limits::default(), router).await;
    let ask = |path: &str| ASK.replace("GET /", &format!("GET {path}"));
    assert!(exchange(&address, &ask("/healthz")).await.contains("200 OK"));
    assert!(exchange(&address, &ask("/errors/E-API-004")).await.contains("200 OK"));
    for path in ["/api/v1/me", "/api/v1/openapi.json", "/readyz", "/metrics", "/"] {
        let answer = exchange(&address, &ask(path)).await;
        assert!(answer.contains("404") && answer.contains("E-API-004"), "{path}: {answer}");
    }
    let posted = exchange(&address, &ask("/healthz").replace("GET", "POST")).await;
    assert!(posted.contains("405") && posted.contains("E-API-007"), "{posted}");
}

/// The head of a request with so long a body.
fn head(n: usize) -> String {
    format!("POST /body HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: {n}\r\n\r\n")
}

/// Connections of a client that announce large bodies and send none.
async fn stalled(client: &str, address: &str, n: usize) -> Vec<TcpStream> {
    let mut stalled = Vec::new();
    for _ in 0..n {
        let mut stream = connect_from(client, address).await;
        stream.write_all(head(100_000).as_bytes()).await.unwrap();
        stalled.push(stream);
    }
    stalled
}

fn whole() -> String {
    format!("{}{}", head(100_000), "x".repeat(100_000))
}

#[tokio::test]
async fn large_bodies_that_do_not_come_hold_up_large_ones_only() {
    let (_listening, address, _stop) = server(Limits::default(), routes()).await;
    let mut all = Vec::new();
    for n in 0..LARGE_BODIES / LARGE_BODIES_OF_ONE {
        all.extend(stalled(&format!("127.0.1.{n}"), &address, LARGE_BODIES_OF_ONE).await);
    }
    // Answered after all of those were taken in, as they came before.
    let small = exchange(&address, &format!("{}four", head(4))).await;
    assert!(small.ends_with("\r\n\r\n4"), "{small}");
    let whole = whole();
    let mut large = std::pin::pin!(exchange(&address, &whole));
    let moment = Duration::from_millis(200);
    assert!(
        timeout(moment, &mut large).await.is_err(),
        "it was read beyond what there is room for"
    );
    all.pop();
    let large = large.await;
    assert!(large.ends_with("\r\n\r\n100000"), "{large}");
}

#[tokio::test]
async fn large_bodies_of_one_client_that_do_not_come_hold_up_its_own_only() {
    let limits = Limits { room_within: Duration::from_millis(300), ..Limits::default() };
    let (_listening, address, _stop) = server(limits, routes()).await;
    let _stalled = stalled("127.0.0.2", &address, LARGE_BODIES).await;
    let own = exchange_from("127.0.0.2", &address, &whole()).await;
    assert!(own.contains("503") && own.contains("E-API-015"), "{own}");
    assert!(own.contains("retry-after: 10"), "{own}");
    let other = exchange(&address, &whole()).await;
    assert!(other.ends_with("\r\n\r\n100000"), "{other}");
}
