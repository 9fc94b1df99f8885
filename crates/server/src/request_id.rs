//! A name for each HTTP request: in its answer (`x-request-id`), and beside all that is logged while it is
//! carried out, so that whoever has the one finds the other. It is a span, too, and so the beginning of
//! what is traced.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue};
use tracing::Instrument as _;
use tracing::field::Empty;

use crate::app::App;
use crate::metrics::known;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// How a caller names the trace that its request belongs to (W3C Trace Context).
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// How long that is, and where its dashes are.
const PARENT_LEN: usize = 55;
const DASHES: [usize; 3] = [2, 35, 52];

/// Names a request and logs that it was answered: by its route as it stands in the list, since its path
/// may be anything.
pub(crate) async fn name(State(app): State<App>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = app.request_id();
    let route = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str);
    // Of the gravest level, so that it stands beside warnings too where nothing milder is logged.
    let span = tracing::error_span!(
        "request",
        request_id = id,
        method = known(request.method()),
        route,
        traceparent = parent(request.headers()),
        status = Empty,
    );
    let mut answer = next.run(request).instrument(span.clone()).await;
    let status = answer.status().as_u16();
    let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    span.in_scope(|| tracing::info!(status, millis, "answered"));
    span.record("status", status);
    if let Ok(id) = HeaderValue::try_from(id) {
        answer.headers_mut().insert(HEADER, id);
    }
    answer
}

/// What a caller says of its trace, if it has the form. Whoever traces reads the ids out of it.
fn parent(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(TRACEPARENT)?.to_str().ok()?;
    let fits = |(at, byte): (usize, u8)| match DASHES.contains(&at) {
        true => byte == b'-',
        false => byte.is_ascii_hexdigit(),
    };
    (text.len() == PARENT_LEN && text.bytes().enumerate().all(fits)).then_some(text)
}
