//! What leaves and what does not, over real sockets.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use connector_api::{Endpoint, Method};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;

static CREATE: Endpoint = Endpoint {
    name: "create",
    method: Method::Post,
    base: "api",
    path: "/things",
    limit: "all",
    max_bytes: 1_000,
    names_others: false,
};

/// A vendor that answers whatever comes with 200 and hands over what came.
async fn vendor() -> (Target, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let came = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut came, mut buffer) = (Vec::new(), [0; 4096]);
        loop {
            let n = stream.read(&mut buffer).await.unwrap_or(0);
            came.extend_from_slice(&buffer[..n]);
            let is_whole = came.ends_with(b"{\"name\":\"x\"}");
            if is_whole {
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
                stream.write_all(answer).await.unwrap();
            }
            if n == 0 || is_whole {
                return String::from_utf8(came).unwrap().to_lowercase();
            }
        }
    });
    (Target { connector: "test", bases: [("api", url)].into() }, came)
}

fn call() -> Call {
    let mut call = Call::new(&CREATE, "/things", Auth::Bearer("token".into()));
    call.body = Body::Json(json!({"name": "x"}));
    call
}

fn secrets() -> BTreeMap<String, Secret> {
    [("token".to_owned(), Secret::new("t".to_owned()))].into()
}

/// It may leave the first time that it is asked, and never again: it was stopped right after the look.
fn once() -> (MayLeave, Arc<AtomicBool>) {
    let was_asked = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&was_asked);
    (Arc::new(move || !asked.swap(true, Ordering::SeqCst)), was_asked)
}

async fn change(may_leave: MayLeave) -> (Result<Answer, SendError>, String) {
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    let (target, came) = vendor().await;
    let client = HttpClient::new().unwrap();
    let answer = client.change(&call(), &target, &secrets(), may_leave).await;
    drop(client);
    (answer, came.await.unwrap())
}

#[tokio::test]
async fn a_change_in_time_leaves_whole_and_with_its_length() {
    let (answer, came) = change(Arc::new(|| true)).await;
    assert_eq!(answer.unwrap().status, 200);
    assert!(came.contains("content-length: 12\r\n"), "{came}");
    assert!(!came.contains("transfer-encoding"), "{came}");
    assert!(came.contains("content-type: application/json\r\n"), "{came}");
}

#[tokio::test]
async fn a_change_that_was_held_up_does_not_leave_and_is_told_as_not_sent() {
    let (may_leave, was_asked) = once();
    let (answer, came) = change(may_leave).await;
    assert!(matches!(answer, Err(SendError::NotSent(_))), "{answer:?}");
    assert!(was_asked.load(Ordering::SeqCst));
    assert!(!came.contains("\"name\""), "{came}");
}

#[tokio::test]
async fn a_change_without_a_body_is_asked_for_too() {
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    let (target, came) = vendor().await;
    let bare = Call::new(&CREATE, "/things", Auth::Bearer("token".into()));
    let client = HttpClient::new().unwrap();
    let answer = client.change(&bare, &target, &secrets(), Arc::new(|| false)).await;
    assert!(matches!(answer, Err(SendError::NotSent(_))), "{answer:?}");
    assert!(!came.is_finished(), "nobody connected");
}

/// Dies on this side of each call to a vendor.
struct AtCall(Moment);

impl crash::Crash for AtCall {
    fn is_dead(&self, moment: Moment, call: crash::Call<'_>) -> bool {
        assert!(matches!(call, crash::Call::Http("create")), "{call:?}");
        moment == self.0
    }
}

#[tokio::test]
async fn a_process_that_dies_before_a_call_has_not_sent_it_and_one_that_dies_after_it_has() {
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    let (target, came) = vendor().await;
    let change = async |moment| {
        let crash_points = CrashPoints::default();
        crash_points.set(Arc::new(AtCall(moment)));
        let client = HttpClient::new().unwrap().dying_at(crash_points);
        client.change(&call(), &target, &secrets(), Arc::new(|| true)).await
    };
    assert!(matches!(change(Moment::Before).await, Err(SendError::NotSent(_))));
    assert!(matches!(change(Moment::After).await, Err(SendError::Lost(_))));
    // The vendor takes one connection and reads one call.
    assert_eq!(came.await.unwrap().matches("post /things").count(), 1);
}
