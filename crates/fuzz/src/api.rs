//! Requests to the API: paths, queries with their pages and filters, headers and bodies, through the
//! router that is served.
//!
//! As it would stand on the wire: a line of method and target, headers, an empty line, a body. Whatever
//! comes is answered, never by a fault of ours; a refusal is a problem with a code and repeats no value;
//! a page holds no more than was asked for. Of what changes something, only what calls nobody is played.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use domain::Instant;
use domain::id::{IdSource, TimedIds};
use engine::clock::Waiting;
use engine::holder::Offset;
use engine::http::HttpClient;
use engine::{Clock, Holder};
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::BodyExt as _;
use serde_json::Value;
use server::api::router;
use server::{App, Body, Caller, Measured, Parts, Router};
use store::{LeaseTime, Options, Store};
use tempfile::TempDir;
use tokio::sync::watch;
use tower::ServiceExt as _;

use crate::{PERSONAL, Target, hides, runtime};

pub(crate) const TARGET: Target = Target {
    name: "api",
    play,
    seeds,
    words: &[
        "GET /api/v1/",
        "POST /api/v1/",
        "requests",
        "journal",
        "limit=",
        "after=",
        "before=",
        "state=",
        "right=",
        "%00",
        "content-type: application/json\n\n",
        "content-type: text/csv\n\n",
        "idempotency-key: ",
        "authorization: Bearer ",
        "\"identifiers\":[{\"type\":\"email\",\"value\":\"",
        "\"right\":\"deletion\"",
        "\"text\":\"",
        "phone_region=DE",
    ],
};

/// What is played of that which changes something.
const POSTS: &[&str] =
    &["/api/v1/requests", "/api/v1/requests/find", "/api/v1/imports", "/api/v1/config/plan"];

/// A server over an empty store.
static SERVER: LazyLock<(TempDir, Router)> = LazyLock::new(|| runtime().block_on(begun()));

fn play(input: &[u8]) {
    let Some(request) = request(input) else { return };
    let is_list = request.uri().path().ends_with("/requests") && request.method() == Method::GET;
    // What does not fit of a configuration is told by its names.
    let tells_names = request.uri().path().ends_with("/config/plan");
    let router = SERVER.1.clone();
    let (status, body) = runtime().block_on(async {
        let answer = router.oneshot(request).await.unwrap();
        let status = answer.status();
        (status, answer.into_body().collect().await.unwrap().to_bytes())
    });
    let text = String::from_utf8_lossy(&body);
    assert!(!status.is_server_error(), "it failed: {status} {text}");
    if status.is_client_error() {
        if !tells_names {
            hides(&text);
        }
        let problem: Value = serde_json::from_slice(&body).unwrap();
        assert!(problem["code"].is_string(), "a refusal without a code: {text}");
    } else if status == StatusCode::OK && is_list {
        let page: Value = serde_json::from_slice(&body).unwrap();
        let n_rows = page["requests"].as_array().map_or(0, Vec::len);
        assert!(n_rows <= 500, "a page without end");
    }
    // What an import tells of its rows.
    for line in
        text.lines().filter(|line| line.starts_with("{\"row\"") || line.starts_with("{\"done\""))
    {
        hides(line);
    }
}

fn request(input: &[u8]) -> Option<Request<Body>> {
    let at = input.windows(2).position(|pair| pair == b"\n\n").unwrap_or(input.len());
    let (head, body) = (&input[..at], input.get(at + 2..).unwrap_or_default());
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let (method, target) = lines.next()?.split_once(' ')?;
    let (method, target): (Method, Uri) = (method.parse().ok()?, target.parse().ok()?);
    let is_played = match method {
        // It never ends.
        Method::GET => !target.path().ends_with("/events"),
        Method::POST => POSTS.contains(&target.path()),
        _ => false,
    };
    if !is_played {
        return None;
    }
    let mut request = Request::new(Body::from(body.to_vec()));
    (*request.method_mut(), *request.uri_mut()) = (method, target);
    for line in lines {
        let (name, value) = line.split_once(": ")?;
        let (name, value): (HeaderName, HeaderValue) = (name.parse().ok()?, value.parse().ok()?);
        request.headers_mut().append(name, value);
    }
    if !request.headers().contains_key(header::AUTHORIZATION) {
        request.extensions_mut().insert(Caller::owner("owner".to_owned()));
    }
    Some(request)
}

/// A clock that stands.
struct Standing;

impl Clock for Standing {
    fn now(&self) -> Instant {
        now()
    }

    fn sleep_until(&self, _: Instant) -> Waiting<'_> {
        Box::pin(std::future::pending())
    }
}

fn now() -> Instant {
    Instant::from_second(1_795_000_000).unwrap()
}

async fn begun() -> (TempDir, Router) {
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    let folder = tempfile::tempdir().unwrap();
    let n = AtomicU64::new(1);
    let random = move || n.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    let ids: Arc<dyn IdSource> = Arc::new(TimedIds::new(now, random));
    let (data, keys) = (folder.path().join("data"), folder.path().join("keys"));
    let options = Options { data, keys, database: None, bodies: None };
    let store = Store::open(&options, Arc::clone(&ids), now()).await.unwrap();
    let app = App::new(Parts {
        store,
        connectors: connectors::all(),
        ids,
        clock: Arc::new(Standing),
        http: HttpClient::new().unwrap(),
        holder: Holder {
            name: "fuzz".to_owned(),
            info: "fuzz".to_owned(),
            offset: Offset::default(),
            machine: Arc::new(|| LeaseTime { boot: "fuzz".to_owned(), millis: 1 }),
            is_gone: Arc::new(|_| false),
        },
        measured: Measured::default(),
        stopped: watch::channel(false).1,
    });
    (folder, router(app))
}

fn seeds() -> Vec<Vec<u8>> {
    let json = "content-type: application/json\n\n";
    let inputs = [
        "GET /api/v1/requests?limit=500&state=reviewing,answering&right=deletion&overdue=true"
            .to_owned(),
        format!("GET /api/v1/requests?after={PERSONAL}"),
        format!("GET /api/v1/journal?before=9&limit=1&connection={PERSONAL}"),
        format!("GET /api/v1/requests/{PERSONAL}"),
        format!("GET /api/v1/me\nauthorization: Bearer {PERSONAL}"),
        "GET /errors/E-API-001".to_owned(),
        format!(
            "POST /api/v1/requests?phone_region=DE\n{json}{{\"right\":\"deletion\",\"scope\":\"\",\
             \"identifiers\":[{{\"type\":\"email\",\"value\":\"{PERSONAL}\"}}],\"external_id\":\"a\"}}"
        ),
        format!(
            "POST /api/v1/requests\nidempotency-key: {PERSONAL}\n{json}{{\"right\":\"{PERSONAL}\",\"x\":1}}"
        ),
        format!("POST /api/v1/requests/find\n{json}{{\"text\":\"{PERSONAL}\"}}"),
        format!(
            "POST /api/v1/imports?dry_run=true&rows=true\ncontent-type: text/csv\n\nright,email\ndeletion,{PERSONAL}\nx,{PERSONAL} y\n"
        ),
        format!(
            "POST /api/v1/config/plan\n{json}{{\"settings\":{{\"{PERSONAL}\":\"{PERSONAL}\"}},\"connections\":{{}}}}"
        ),
    ];
    inputs.map(String::into_bytes).into()
}
