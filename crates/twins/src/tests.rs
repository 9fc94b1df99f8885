//! The twins tried in process: what a test needs to call them, and the tests of serving them.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{Method, Request};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::{NoAnswer, Options, Twins};

/// The twins with their credentials at hand.
pub(crate) struct Bench {
    pub(crate) twins: Twins,
    pub(crate) token: String,
    pub(crate) write_key: String,
    pub(crate) spaces: Vec<(String, String)>,
    pub(crate) description: Value,
}

/// An answer, read.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) no_answer: Option<NoAnswer>,
    pub(crate) is_cut: bool,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Bench {
    /// Twins that stand still until told otherwise.
    pub(crate) fn new() -> Bench {
        Bench::with(Options::default())
    }

    pub(crate) fn with(mut options: Options) -> Bench {
        options.idle = true;
        let twins = Twins::new(options);
        let description = twins.description(|_, _| String::new())["segment"].take();
        let full = &description["credentials"]["full"];
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let space = |space: &Value| (text(&space["space_id"]), text(&space["profile_token"]));
        Bench {
            token: text(&full["token"]),
            write_key: text(&full["write_key"]),
            spaces: full["spaces"].as_array().unwrap().iter().map(space).collect(),
            twins,
            description,
        }
    }

    pub(crate) async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let reply = send(self.twins.control(), method, path, &[], body.to_string()).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()
    }

    pub(crate) async fn switch(&self, switches: Value) {
        self.control("PUT", "/switches/segment", switches).await;
    }

    pub(crate) async fn advance(&self, length: &str) {
        self.control("POST", "/clock", json!({"advance": length})).await;
    }

    /// A call of the Public API with the owner's token.
    pub(crate) async fn public(&self, method: &str, path: &str, body: Value) -> Reply {
        self.public_as(&self.token, method, path, body).await
    }

    pub(crate) async fn public_as(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: Value,
    ) -> Reply {
        let bearer = format!("Bearer {token}");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        send(self.twins.public_api(), method, path, &[("authorization", &bearer)], body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let reply = self.public("GET", path, Value::Null).await;
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
        reply.json()["data"].clone()
    }

    /// Creates a workspace regulation and answers its id.
    pub(crate) async fn regulate(&self, kind: &str, subjects: &[&str]) -> String {
        let body =
            json!({"regulationType": kind, "subjectType": "USER_ID", "subjectIds": subjects});
        let reply = self.public("POST", "/regulations", body).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()["data"]["regulateId"].as_str().unwrap().to_owned()
    }

    /// A read of a profile in a space; `id` and what follows as they stand in the path.
    pub(crate) async fn profile(&self, space: usize, id: &str, what: &str) -> Reply {
        let (space_id, token) = &self.spaces[space];
        let path = format!("/v1/spaces/{space_id}/collections/users/profiles/{id}/{what}");
        let basic = format!("Basic {}", STANDARD.encode(format!("{token}:")));
        let headers = [("authorization", basic.as_str())];
        send(self.twins.profile_api(), "GET", &path, &headers, String::new()).await
    }

    pub(crate) async fn track(&self, path: &str, mut body: Value) -> Reply {
        body["writeKey"] = json!(self.write_key);
        send(self.twins.tracking_api(), "POST", path, &[], body.to_string()).await
    }

    /// The first person of a kind, as `/population` shows people.
    pub(crate) async fn person(&self, kind: &str) -> Value {
        let uri = "/population/segment";
        let reply = send(self.twins.control(), "GET", uri, &[], String::new()).await;
        let lines = String::from_utf8(reply.body).unwrap();
        let people = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        people.into_iter().find(|person| person["kind"] == kind).unwrap()
    }
}

pub(crate) async fn send(
    router: Router,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: String,
) -> Reply {
    let method: Method = method.parse().unwrap();
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response: Response = router.oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
    let (head, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await;
    Reply {
        status: head.status.as_u16(),
        headers: head.headers,
        is_cut: body.is_err(),
        body: body.unwrap_or_default().to_vec(),
        no_answer: head.extensions.get().copied(),
    }
}

mod faults;
mod followers;
mod sockets;
mod world;
