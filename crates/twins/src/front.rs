//! The way of a call through a twin, the same for every vendor: read it, wait the set latency, let a
//! planned fault strike, answer, count.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};

use crate::faults::Fault;
use crate::world::World;

/// Bodies beyond this are not read; every vendor's own limit is below.
const LARGEST_BODY: usize = 8 * 1024 * 1024;

/// How late a slow answer is.
const SLOW: Duration = Duration::from_secs(2);

/// Marks a response (in its extensions) that a client never gets to see.
///
/// The socket server acts on it; a caller in the same process reads the mark and decides itself
/// what a missing answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// The connection closes without an answer.
    Closed,
    /// Nothing comes until the client gives up.
    Held,
}

/// A call as a vendor's code sees it; the path is raw, with its escapes.
pub(crate) struct Call<'a> {
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
}

/// One API of one vendor: three pure-looking functions over the shared state.
#[derive(Clone, Copy)]
pub(crate) struct Api {
    pub(crate) vendor: &'static str,
    /// Method and path template, for the counters.
    pub(crate) endpoint: fn(&Method, &str) -> &'static str,
    pub(crate) answer: fn(&World, &Call<'_>) -> Response,
    /// The vendor's own way to say no with a given status, without looking at the call.
    pub(crate) refuse: fn(&World, u16) -> Response,
}

/// The API as a service. The only route is the fallback: vendors read the raw path themselves,
/// because a router would decode `%2F` inside an identifier.
pub(crate) fn router(world: Arc<World>, api: Api) -> Router {
    Router::new().fallback(move |request: Request| answer(Arc::clone(&world), api, request))
}

async fn answer(world: Arc<World>, api: Api, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let endpoint = (api.endpoint)(&head.method, head.uri.path());
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        world.calls.count(api.vendor, endpoint, 413);
        return (api.refuse)(&world, 413);
    };
    if let Some(latency) = world.latency(api.vendor) {
        sleep_until(Instant::now() + latency).await;
    }
    world.catch_up();
    let call = Call {
        method: &head.method,
        path: head.uri.path(),
        query: head.uri.query().unwrap_or(""),
        headers: &head.headers,
        body: &body,
    };
    let response = match world.faults.draw(api.vendor, call.method, call.path) {
        None => (api.answer)(&world, &call),
        Some(fault) => strike(&world, api, &call, fault).await,
    };
    let is_seen = response.extensions().get::<NoAnswer>().is_none();
    let status = if is_seen { response.status().as_u16() } else { 0 };
    world.calls.count(api.vendor, endpoint, status);
    response
}

async fn strike(world: &World, api: Api, call: &Call<'_>, fault: Fault) -> Response {
    match fault {
        Fault::Throttled => (api.refuse)(world, 429),
        Fault::ServerError => (api.refuse)(world, 500),
        Fault::Unavailable => (api.refuse)(world, 503),
        Fault::Unauthorized => (api.refuse)(world, 401),
        Fault::NotFound => (api.refuse)(world, 404),
        Fault::Timeout => no_answer(NoAnswer::Held),
        Fault::Close => no_answer(NoAnswer::Closed),
        Fault::TimeoutAfterEffect => {
            drop((api.answer)(world, call));
            no_answer(NoAnswer::Held)
        }
        Fault::CloseAfterEffect => {
            drop((api.answer)(world, call));
            no_answer(NoAnswer::Closed)
        }
        Fault::CutBody => cut((api.answer)(world, call)).await,
        Fault::MalformedJson => malform((api.answer)(world, call)).await,
        Fault::Html => {
            drop((api.answer)(world, call));
            html()
        }
        Fault::Slow => {
            let response = (api.answer)(world, call);
            sleep_until(Instant::now() + SLOW).await;
            response
        }
    }
}

fn no_answer(kind: NoAnswer) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::GATEWAY_TIMEOUT;
    response.extensions_mut().insert(kind);
    response
}

fn html() -> Response {
    const PAGE: &str = "<!doctype html><html><body><h1>Down for maintenance</h1></body></html>";
    let mut response = Response::new(Body::from(PAGE));
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, html);
    response
}

/// The whole length promised, half of it sent, then the connection breaks.
async fn cut(response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    let whole = to_bytes(body, LARGEST_BODY).await.unwrap_or_default();
    head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(whole.len()));
    let half = whole.slice(..whole.len() / 2);
    let sent = stream::once(async { Ok(half) });
    // The pause lets the first half reach the wire before the connection breaks.
    let broken = stream::once(async {
        yield_now().await;
        Err(io::Error::from(io::ErrorKind::ConnectionReset))
    });
    Response::from_parts(head, Body::from_stream(sent.chain(broken)))
}

/// The last third is missing, and the length says that this is all.
async fn malform(response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    let whole = to_bytes(body, LARGEST_BODY).await.unwrap_or_default();
    head.headers.remove(header::CONTENT_LENGTH);
    let rest: Bytes = whole.slice(..whole.len() * 2 / 3);
    Response::from_parts(head, Body::from(rest))
}
