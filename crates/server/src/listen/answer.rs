//! One request of a connection: whether it is taken, that it comes to its end, and its answer.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody as _, to_bytes};
use axum::response::{IntoResponse as _, Response};
use domain::Principal;
use http::request::Parts;
use http::{HeaderValue, Request, StatusCode, header};
use hyper::body::Incoming;
use tokio::time::timeout;
use tower::ServiceExt as _;

use super::bodies::{Bodies, SMALL_BODY};
use super::client::Client;
use super::rate::Meter;
use super::{Limits, Peer};
use crate::api::{BASE, imports, packages};
use crate::body::{LARGEST_BODY, unread};
use crate::caller::{Caller, FromHere, OPERATOR};
use crate::metrics::{Refusal, Traffic};
use crate::problem::{Problem, WrongToken};

/// Until a file is taken in and looked through, or made.
const FILE_WITHIN: Duration = Duration::from_secs(15 * 60);

/// From where a connection comes.
#[derive(Clone)]
pub(super) enum Access {
    /// From anywhere: a token says who it is.
    Remote(Arc<Peer>),
    /// From the owner of the data folder.
    Local,
}

/// What all requests of a socket share.
#[derive(Clone)]
pub(super) struct Serving {
    pub(super) router: Router,
    pub(super) limits: Limits,
    pub(super) traffic: Traffic,
    /// What the listener is called by.
    pub(super) listener: &'static str,
    pub(super) requests: Arc<Meter>,
    pub(super) wrong_tokens: Arc<Meter>,
    pub(super) bodies: Arc<Bodies>,
}

impl Serving {
    /// Answers a request, whatever it is.
    pub(super) async fn answer(
        self,
        mut request: Request<Incoming>,
        access: Access,
    ) -> Result<Response, Infallible> {
        let client = match &access {
            Access::Remote(peer) => Some(peer.proxies.client(peer.address, request.headers())),
            Access::Local => None,
        };
        let is_here = match &access {
            Access::Remote(peer) => peer.proxies.is_here(peer.address, request.headers()),
            Access::Local => true,
        };
        if is_here {
            request.extensions_mut().insert(FromHere);
        }
        let answer = match client.and_then(|client| self.refused(client)) {
            Some(refused) => refused,
            None => self.carry_out(request, &access, client).await,
        };
        // Only wrong tokens are bounded by their number: a good one from the same address, which may be
        // that of a whole network, is let in all the same.
        if let Some(client) = client
            && answer.extensions().get::<WrongToken>().is_some()
            && let Err(wait) = self.wrong_tokens.take(client)
        {
            self.traffic.refused(Refusal::WrongTokens);
            let detail = "too many wrong tokens came from this address";
            return Ok(too_many("E-API-021", detail, wait));
        }
        Ok(answer)
    }

    /// What a client is told that asks too often, before anything of what it sends is read.
    fn refused(&self, client: Client) -> Option<Response> {
        let wait = self.requests.take(client).err()?;
        self.traffic.refused(Refusal::Rate);
        Some(too_many("E-API-020", "too many requests came from this address", wait))
    }

    async fn carry_out(
        &self,
        request: Request<Incoming>,
        access: &Access,
        client: Option<Client>,
    ) -> Response {
        let (parts, body) = request.into_parts();
        if is_file(&parts) {
            let request = Request::from_parts(parts, Body::new(body));
            return self.hand_on(request, access, FILE_WITHIN).await;
        }
        // A large one keeps its room until it is answered.
        let is_small = body.size_hint().upper().is_some_and(|length| length <= SMALL_BODY);
        let room = if is_small { None } else { Some(self.bodies.room(client).await) };
        if let Some(None) = room {
            self.traffic.refused(Refusal::Bodies);
            return closing(Problem::busy("too many large requests come in at once"));
        }
        // Read whole before anything begins: what was begun waits for no client.
        let read = to_bytes(Body::new(body), LARGEST_BODY);
        let body = match timeout(self.limits.body_within, read).await {
            Ok(Ok(read)) => read,
            Ok(Err(error)) => return closing(unread(&error)),
            Err(_) => {
                self.traffic.refused(Refusal::Slow);
                let detail = "the request did not come to its end in time; nothing was done";
                return closing(Problem::new(StatusCode::REQUEST_TIMEOUT, "E-API-008", detail));
            }
        };
        let request = Request::from_parts(parts, Body::from(body));
        let within = if packages::are_at(request.uri().path()) {
            FILE_WITHIN
        } else {
            self.limits.answer_within
        };
        self.hand_on(request, access, within).await
    }

    /// Answers a request whose body is there, or is taken in whole by whoever answers.
    async fn hand_on(
        &self,
        mut request: Request<Body>,
        access: &Access,
        within: Duration,
    ) -> Response {
        if let Access::Local = access {
            let name = request.headers().get(OPERATOR).and_then(|name| name.to_str().ok());
            let name = name.filter(|name| Principal::is_name(name));
            let owner = Caller::owner(name.unwrap_or("local").to_owned());
            request.extensions_mut().insert(owner);
        }
        // What was begun is finished, also for a client that hangs up or has waited too long.
        let running = tokio::spawn(self.router.clone().oneshot(request));
        match timeout(within, running).await {
            Ok(Ok(Ok(answer))) => answer,
            Ok(Ok(Err(never))) => match never {},
            Ok(Err(_)) => Problem::bug().into_response(),
            Err(_) => {
                let detail = "the request was not answered in time; look whether it took place";
                closing(Problem::new(StatusCode::GATEWAY_TIMEOUT, "E-API-008", detail))
            }
        }
    }
}

/// Whether a request brings a file, which may be long.
fn is_file(parts: &Parts) -> bool {
    parts.uri.path().strip_prefix(BASE) == Some(imports::PATH)
}

/// Tells a problem and ends the connection: whatever the client still has to send is not waited for.
fn closing(problem: Problem) -> Response {
    ([(header::CONNECTION, "close")], problem).into_response()
}

fn too_many(code: &str, detail: &str, wait: Duration) -> Response {
    let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
    let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, code, detail)
        .advise(format!("send it again in {seconds} s (Retry-After)"));
    ([(header::RETRY_AFTER, HeaderValue::from(seconds))], problem).into_response()
}
