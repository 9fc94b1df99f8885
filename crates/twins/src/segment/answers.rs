//! The envelopes of the Public API: `{"data": …}`, or `{"errors": […]}` with one item per violation.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

/// A JSON answer with a status.
pub(super) fn json(status: u16, value: &impl Serialize) -> Response {
    let (status, body) = match serde_json::to_vec(value) {
        Ok(body) => (status, body),
        Err(_) => (500, b"{}".to_vec()),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// Success.
pub(super) fn data(value: &impl Serialize) -> Response {
    #[derive(Serialize)]
    struct Envelope<'a, T> {
        data: &'a T,
    }
    json(200, &Envelope { data: value })
}

/// A refusal of the Public API.
#[derive(Debug, Default)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) items: Vec<Item>,
    pub(super) retry_after: Option<u64>,
    pub(super) reset: Option<String>,
}

/// One violation.
#[derive(Debug, Default, Serialize)]
pub(super) struct Item {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) field: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) data: Option<RateData>,
}

/// What a 429 says beside its message (1.5).
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RateData {
    pub(super) remaining_points: u64,
    pub(super) ms_before_next: i64,
    pub(super) consumed_points: u64,
}

impl Refusal {
    pub(super) fn new(status: u16, kind: &'static str, message: impl Into<String>) -> Refusal {
        let item = Item { kind, message: message.into(), ..Item::default() };
        Refusal { status, items: vec![item], ..Refusal::default() }
    }

    pub(super) fn not_found(what: &str, id: &str) -> Refusal {
        Refusal::new(404, "not-found", format!("{what} with id '{id}' not found."))
    }

    pub(super) fn invalid(field: &'static str, problem: &str) -> Refusal {
        Refusal { status: 422, items: vec![violation(field, problem)], ..Refusal::default() }
    }

    pub(super) fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Envelope {
            errors: Vec<Item>,
        }
        let mut response = json(self.status, &Envelope { errors: self.items });
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(reset) = self.reset.and_then(|text| HeaderValue::from_str(&text).ok()) {
            response.headers_mut().insert("x-ratelimit-reset", reset);
        }
        response
    }
}

/// An item of a 422.
pub(super) fn violation(field: &'static str, problem: &str) -> Item {
    let message = format!("\"{field}\" {problem}");
    Item { kind: "input-validation", message, field: Some(field), data: None }
}
