//! A server for tests, and the personas that ask it.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::response::Response;
use domain::principal::PrincipalKind;
use domain::{Reach, Role};
use engine::http::HttpClient;
use engine::operator::principals::{self, NewPrincipal, tokens};
use http::{HeaderMap, Method, Request, StatusCode, header};
use serde_json::Value;
use testkit::stage::Stage;
use tokio::sync::watch;
use tower::ServiceExt as _;

use crate::api::router;
use crate::app::{App, Parts};
use crate::caller::Caller;
use crate::metrics::Measured;

/// The most that an answer in a test may hold.
const MOST: usize = 1 << 22;

/// A server over a stage: twins, store and a clock that stands.
pub(super) struct Office {
    pub(super) stage: Stage,
    pub(super) app: App,
    router: Router,
    stop: watch::Sender<bool>,
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

/// Who asks.
#[derive(Clone)]
pub(super) enum Persona {
    /// Nobody we know.
    Visitor,
    /// Whoever owns the data folder.
    Owner,
    /// A principal with a token.
    Known(String),
}

pub(super) async fn office() -> Office {
    let stage = Stage::set().await.unwrap();
    let (stop, stopped) = watch::channel(false);
    let app = App::new(Parts {
        store: stage.store.clone(),
        connectors: stage.connectors,
        ids: Arc::clone(&stage.ids),
        clock: Arc::clone(&stage.clock) as Arc<dyn engine::Clock>,
        http: HttpClient::new().unwrap(),
        holder: stage.holder("server"),
        measured: Measured::default(),
        stopped,
    });
    let router = router(app.clone());
    Office { stage, app, router, stop }
}

impl Office {
    /// A principal with these roles and this reach, by a token of their own.
    pub(super) async fn persona(&self, name: &str, roles: &[Role], reach: Reach) -> Persona {
        let owner = Caller::owner("owner".to_owned());
        let desk = self.app.desk(&owner);
        let roles: BTreeSet<Role> = roles.iter().copied().collect();
        let new = NewPrincipal { name: name.to_owned(), kind: PrincipalKind::Person, roles, reach };
        principals::add(&desk, &new).await.unwrap();
        let label = tokens::NewToken { label: "test".to_owned(), ..Default::default() };
        let made = tokens::add(&desk, name, &label, None).await.unwrap();
        Persona::Known(made.secret.unwrap().expose().to_owned())
    }

    /// A request with a body of JSON, or none.
    pub(super) async fn ask(
        &self,
        who: &Persona,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        let text = body.map_or_else(String::new, |body| body.to_string());
        let headers: &[_] =
            if text.is_empty() { &[] } else { &[("content-type", "application/json")] };
        self.send(who, method, &format!("/api/v1{path}"), headers, text).await
    }

    /// A request as it is.
    pub(super) async fn send(
        &self,
        who: &Persona,
        method: Method,
        uri: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Answer {
        let response = self.response(who, method, uri, headers, Body::from(body)).await;
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, MOST).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Stops the server.
    pub(super) fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// An answer whose body is still to be read.
    pub(super) async fn response(
        &self,
        who: &Persona,
        method: Method,
        uri: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Response {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Persona::Known(token) = who {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let mut request = request.body(body).unwrap();
        if let Persona::Owner = who {
            request.extensions_mut().insert(Caller::owner("owner".to_owned()));
        }
        self.router.clone().oneshot(request).await.unwrap()
    }
}

impl Answer {
    /// The code of the problem that it is.
    pub(super) fn code(&self) -> &str {
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json", "{}", self.body);
        assert_eq!(self.body["status"], self.status.as_u16());
        self.body["code"].as_str().unwrap()
    }
}
