//! The twins on real sockets.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{Options, serve};

/// Sends one request by hand and reads until the connection ends.
async fn talk(base_url: &str, method: &str, path: &str, headers: &str, body: &str) -> String {
    let address = base_url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\n{headers}content-length: {length}\r\n\
         connection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    // A connection that breaks on order may be reset rather than ended.
    let _ = tokio::time::timeout(Duration::from_secs(10), read).await.unwrap();
    String::from_utf8(answer).unwrap()
}

fn text<'a>(description: &'a Value, pointer: &str) -> &'a str {
    description.pointer(pointer).unwrap().as_str().unwrap()
}

#[tokio::test]
async fn every_described_address_answers_on_loopback_with_the_described_credentials() {
    let serving = serve(Options::default()).await.unwrap();
    let description = serving.description();
    let public_api = text(&description, "/segment/base_urls/public_api");
    let token = text(&description, "/segment/credentials/full/token");
    let workspace_id = text(&description, "/segment/credentials/full/workspace_id");
    assert!(public_api.starts_with("http://127.0.0.1:"));
    let bearer = format!("authorization: Bearer {token}\r\n");
    let answer = talk(public_api, "GET", "/", &bearer, "").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains(workspace_id));
    assert!(!answer.to_lowercase().contains("\r\ndate:"), "the real date shows: {answer}");
    let clock = talk(serving.base_url_control(), "GET", "/clock", "", "").await;
    assert!(clock.contains(r#""mode":"paced","pace":1.0"#), "{clock}");
    let tracking_api = text(&description, "/segment/base_urls/tracking_api");
    let answer = talk(tracking_api, "POST", "/v1/track", "", "{").await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    let profile_api = text(&description, "/segment/base_urls/profile_api");
    assert!(talk(profile_api, "GET", "/v1/spaces/x", "", "").await.starts_with("HTTP/1.1 404"));
    serving.stop().await;
}

#[tokio::test]
async fn a_planned_close_ends_the_connection_without_a_word_and_a_cut_in_the_middle() {
    let serving = serve(Options::default()).await.unwrap();
    let description = serving.description();
    let public_api = text(&description, "/segment/base_urls/public_api").to_owned();
    let control = serving.base_url_control().to_owned();
    let plan = r#"[{"fault":"close","count":1},{"fault":"cut_body","count":1}]"#;
    talk(&control, "PUT", "/faults/segment", "", plan).await;
    assert_eq!(talk(&public_api, "GET", "/", "", "").await, "");
    let cut = talk(&public_api, "GET", "/", "", "").await;
    let (head, body) = cut.split_once("\r\n\r\n").unwrap();
    let promised: usize = head
        .lines()
        .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok())
        .unwrap();
    assert!(body.len() < promised, "{cut}");
    serving.stop().await;
}

#[tokio::test]
async fn stopping_closes_the_listeners() {
    let serving = serve(Options::default()).await.unwrap();
    let control = serving.base_url_control().strip_prefix("http://").unwrap().to_owned();
    serving.stop().await;
    assert!(TcpStream::connect(control).await.is_err());
}
