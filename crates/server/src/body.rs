//! Reading bodies, queries and paths. What does not fit is told by its place, never by its value.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::problem::Problem;

/// A body of JSON, in and out.
pub(crate) struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let media_type = request.headers().get(header::CONTENT_TYPE);
        let essence = media_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = essence.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            let detail = "the body must be JSON, and say so (Content-Type: application/json)";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "E-API-005", detail));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|error| unread(&error))?;
        // serde would take a list of the fields' values as well, which no schema says.
        if bytes.trim_ascii_start().first().is_some_and(|first| *first != b'{') {
            return Err(Problem::malformed("the body must be an object of JSON"));
        }
        let mut reader = serde_json::Deserializer::from_slice(&bytes);
        let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let cause = error.inner();
            let at = format!("line {}, column {}", cause.line(), cause.column());
            Problem::malformed(match cause.classify() {
                Category::Data => format!("the body does not fit{} ({at})", place(error.path())),
                _ => format!("the body is no JSON: {at}"),
            })
        })?;
        reader.end().map_err(|_| Problem::malformed("something follows the JSON of the body"))?;
        Ok(Self(value))
    }
}

/// Where something does not fit, as far as it can be told without repeating what was sent: the name of
/// a field that nobody knows may be a value.
fn place(path: &serde_path_to_error::Path) -> String {
    let path = path.to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '[' | ']' | '-');
    match path.chars().all(is_plain) && path != "." {
        true => format!(" at {path}"),
        false => String::new(),
    }
}

fn unread(error: &BytesRejection) -> Problem {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let detail = "the body is larger than this server takes";
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "E-API-006", detail)
        }
        _ => Problem::malformed("the body could not be read to its end"),
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// The query of a URL.
pub(crate) struct Query<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let reader = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
        serde_path_to_error::deserialize(reader).map(Self).map_err(|error| {
            Problem::malformed(format!("the query does not fit{}", place(error.path())))
        })
    }
}

/// What a URL names.
pub(crate) struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::from_request_parts(parts, state).await;
        path.map(|axum::extract::Path(value)| Self(value)).map_err(|_| Problem::not_found("thing"))
    }
}
