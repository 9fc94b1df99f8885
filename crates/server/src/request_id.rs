//! A name for each HTTP request: in its answer (`x-request-id`), and beside all that is logged while it is
//! carried out, so that whoever has the one finds the other.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue};
use tracing::Instrument as _;

use crate::app::App;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Names a request and logs that it was answered: by its route as it stands in the list, since its path
/// may be anything.
pub(crate) async fn name(State(app): State<App>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = app.request_id();
    let route = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str);
    // Of the gravest level, so that it stands beside warnings too where nothing milder is logged.
    let span = tracing::error_span!("request", request_id = id, method = %request.method(), route);
    let mut answer = next.run(request).instrument(span.clone()).await;
    let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    span.in_scope(|| tracing::info!(status = answer.status().as_u16(), millis, "answered"));
    if let Ok(id) = HeaderValue::try_from(id) {
        answer.headers_mut().insert(HEADER, id);
    }
    answer
}
