//! Reading bodies, queries and paths. What does not fit is told by its place, never by its value.

use std::error::Error;
use std::fmt;
use std::marker::PhantomData;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{StatusCode, header};
use http_body_util::LengthLimitError;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::error::Category;
use utoipa::IntoParams;

use crate::problem::Problem;

/// The largest body, in bytes.
pub(crate) const LARGEST_BODY: usize = 1 << 20;

const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// The longest of those.
const LONGEST_KEY: usize = 100;

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
        let bytes =
            Bytes::from_request(request, state).await.map_err(|error| match error.status() {
                StatusCode::PAYLOAD_TOO_LARGE => too_large(),
                _ => unread(&error),
            })?;
        // serde would take a list of the fields' values as well, which no schema says.
        if bytes.trim_ascii_start().first().is_some_and(|first| *first != b'{') {
            return Err(Problem::malformed("the body must be an object of JSON"));
        }
        let mut reader = serde_json::Deserializer::from_slice(&bytes);
        let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let cause = error.inner();
            let at = format!("line {}, column {}", cause.line(), cause.column());
            Problem::malformed(match cause.classify() {
                Category::Data => {
                    let what = misfit(error.path(), &cause.to_string());
                    format!("the body does not fit: {what} ({at})")
                }
                _ => format!("the body is no JSON: {at}"),
            })
        })?;
        reader.end().map_err(|_| Problem::malformed("something follows the JSON of the body"))?;
        Ok(Self(value))
    }
}

/// Reads a field that is an object of JSON: serde would take a list of its fields' values as well.
pub(crate) fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<T, D::Error> {
    struct Object<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }
    from.deserialize_map(Object(PhantomData))
}

/// What does not fit, and where, without repeating what was sent: what serde expected there is ours,
/// what it found is not, and neither is the name of a field that nobody knows.
fn misfit(path: &serde_path_to_error::Path, cause: &str) -> String {
    let cause = cause.split(" at line ").next().unwrap_or_default();
    let expected = cause.split_once("expected ").map(|(_, expected)| expected);
    let expected = expected.or_else(|| expected_of_text(cause));
    let at_field = || path.to_string();
    let (at, what) = if cause.starts_with("unknown field") {
        (parent_of(path), format!("a field is not known; it takes {}", expected.unwrap_or("none")))
    } else if cause.starts_with("missing field") {
        (at_field(), cause.to_owned())
    } else if let Some(field) = cause.strip_prefix("duplicate field ") {
        let what = "is given more than once; where it takes several values, commas part them";
        (parent_of(path), format!("{field} {what}"))
    } else {
        (at_field(), expected.map_or("it does not fit".into(), |it| format!("it takes {it}")))
    };
    match at.as_str() {
        "" | "." => what,
        at => format!("{at}: {what}"),
    }
}

/// Where the object lies whose field does not fit. The field's name may hold dots itself.
fn parent_of(path: &serde_path_to_error::Path) -> String {
    let field = path.iter().next_back().map(ToString::to_string).unwrap_or_default();
    let path = path.to_string();
    path.strip_suffix(&field).unwrap_or_default().trim_end_matches('.').to_owned()
}

/// What is expected of a text that the standard library reads, by what it says of one that does not fit.
fn expected_of_text(cause: &str) -> Option<&'static str> {
    match cause {
        "provided string was not `true` or `false`" => Some("true or false"),
        "invalid digit found in string" | "cannot parse integer from empty string" => {
            Some("a whole number")
        }
        _ => None,
    }
}

fn too_large() -> Problem {
    let detail = "the body is larger than this server takes";
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "E-API-006", detail)
}

/// Why a body could not be read.
pub(crate) fn unread(error: &(dyn Error + 'static)) -> Problem {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return too_large();
        }
        cause = error.source();
    }
    Problem::malformed("the body could not be read to its end")
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
            let what = misfit(error.path(), &error.inner().to_string());
            Problem::malformed(format!("the query does not fit: {what}"))
        })
    }
}

/// Refuses any query, where an operation takes none: a misspelt parameter would otherwise pass for said.
pub(crate) async fn no_query(request: Request, next: Next) -> Result<Response, Problem> {
    match request.uri().query().unwrap_or_default() {
        "" => Ok(next.run(request).await),
        _ => Err(Problem::malformed(
            "the query does not fit: this operation takes no parameters there",
        )),
    }
}

/// By which a creation that is sent again is known.
#[derive(IntoParams)]
#[into_params(names("Idempotency-Key"), parameter_in = Header)]
pub(crate) struct IdempotencyKey(#[param(min_length = 1, max_length = 100)] pub Option<String>);

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(key) = parts.headers.get(IDEMPOTENCY_KEY) else { return Ok(Self(None)) };
        match key.to_str() {
            Ok(key) if (1..=LONGEST_KEY).contains(&key.len()) => Ok(Self(Some(key.to_owned()))),
            _ => Err(Problem::malformed("Idempotency-Key takes 1 to 100 characters of ASCII")),
        }
    }
}

/// What a URL names.
pub(crate) struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::from_request_parts(parts, state).await;
        path.map(|axum::extract::Path(value)| Self(value)).map_err(|_| {
            let detail = "what the path names is no id; an id is written whole";
            Problem::new(StatusCode::NOT_FOUND, "E-API-004", detail)
                .advise("`POST /api/v1/requests/find` turns the beginning of an id, or an external id, into one")
        })
    }
}
