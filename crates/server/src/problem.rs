//! Errors as programs read them: `application/problem+json` (RFC 9457).
//!
//! `type` is the page of the error's code, which this server serves. No problem repeats a value that
//! was sent: it may be one about a person.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use engine::check::CheckError;
use engine::operator::import::ImportError;
use engine::operator::{Fault, OperatorError};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use store::StoreError;
use utoipa::ToSchema;

/// The media type.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// What the codes of tokens that are not accepted begin with.
const AUTH: &str = "E-AUTH-";

/// The code of what there is no room for.
const BUSY: &str = "E-API-015";
/// After how many seconds it may be asked again.
const BUSY_FOR: HeaderValue = HeaderValue::from_static("10");

/// Lies beside an answer to somebody who came with a token that is not accepted, for whoever counts
/// those.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WrongToken;

/// What went wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The page that explains the code, relative to this server.
    #[serde(rename = "type")]
    #[schema(example = "/errors/E-API-004")]
    pub page: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// The code; it never changes.
    #[schema(example = "E-API-004")]
    pub code: String,
    /// The status in words.
    pub title: String,
    /// What is wrong here.
    pub detail: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// What is wrong with which field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Fault>,
}

impl Problem {
    /// A problem with this code.
    pub fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self {
            page: format!("/errors/{code}"),
            status: status.as_u16(),
            code: code.to_owned(),
            title: status.canonical_reason().unwrap_or("error").to_owned(),
            detail: detail.into(),
            advice: None,
            errors: Vec::new(),
        }
    }

    /// With what to do about it.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// About one thing of several.
    #[must_use]
    pub fn about(mut self, thing: &str) -> Self {
        self.detail = format!("{thing}: {}", self.detail);
        self
    }

    /// Input that can't be taken, field by field.
    pub fn faults(faults: Vec<Fault>) -> Self {
        let first = faults.first();
        let code = first.map_or("E-API-003", |fault| &*fault.code);
        let detail = faults.iter().map(Fault::told).collect::<Vec<_>>().join("; ");
        let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail);
        Self { errors: faults, ..problem }
    }

    /// A request that this server can't read.
    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "E-API-003", detail)
    }

    /// Nobody says who asks.
    pub(crate) fn unauthenticated() -> Self {
        let detail = "the request carries no token";
        Self::new(StatusCode::UNAUTHORIZED, "E-API-001", detail)
            .advise("send `Authorization: Bearer TOKEN`; `habeas tokens add` makes one, and where nobody is known yet `POST /api/v1/setup` with the set-up token that `habeas serve` printed")
    }

    /// There is no room now for what is asked.
    pub(crate) fn busy(detail: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, BUSY, detail)
            .advise("nothing was done; send it again in a little while (Retry-After)")
    }

    /// A bug of ours, found while answering.
    pub(crate) fn bug() -> Self {
        let detail = "the server has a bug there; please report it";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "E-API-014", detail)
    }

    /// Nothing is there, or nothing that this caller may see.
    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "E-API-004", format!("there is no such {what}"))
    }
}

impl From<OperatorError> for Problem {
    fn from(error: OperatorError) -> Self {
        let status = match &error {
            OperatorError::Fault(fault) => return Self::faults(vec![fault.clone()]),
            OperatorError::Faults(faults) => return Self::faults(faults.clone()),
            OperatorError::Store(_) => {
                tracing::error!(error = %Chain(&error), "a request failed in the store");
                StatusCode::SERVICE_UNAVAILABLE
            }
            OperatorError::Forbidden(_) => StatusCode::FORBIDDEN,
            OperatorError::NotFound { .. } => StatusCode::NOT_FOUND,
            OperatorError::Ambiguous { .. }
            | OperatorError::Refused { .. }
            | OperatorError::WrongState { .. }
            | OperatorError::CarriedOut { .. }
            | OperatorError::ChangedMeanwhile
            | OperatorError::NeedsCheck { .. } => StatusCode::CONFLICT,
        };
        let advice = error.advice();
        let detail = match &error {
            OperatorError::Forbidden(fault) => fault.told(),
            other => other.to_string(),
        };
        Self { advice, ..Self::new(status, error.code(), detail) }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        OperatorError::Store(error).into()
    }
}

impl From<ImportError> for Problem {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Operator(error) => error.into(),
            ImportError::File(fault) => match fault.code() {
                Some(code) => Self::new(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    code,
                    format!("nothing was imported: {fault}"),
                ),
                None => {
                    tracing::error!(error = %Chain(&fault), "a file that came in can't be read");
                    Self::bug()
                }
            },
        }
    }
}

impl From<CheckError> for Problem {
    fn from(error: CheckError) -> Self {
        let detail = error.to_string();
        if let CheckError::Target(_) = error {
            return Self::new(StatusCode::UNPROCESSABLE_ENTITY, "E-API-009", detail);
        }
        if error.may_pass() {
            return Self::new(StatusCode::BAD_GATEWAY, "E-API-010", detail)
                .advise("look at the network and the base URLs, then try again");
        }
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "E-API-011", detail)
            .advise("look at the credentials, the region and the account they belong to")
    }
}

/// An error with its causes, for the log.
pub(crate) struct Chain<'a>(pub(crate) &'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // A struct of texts and numbers always serialises.
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let media_type = HeaderValue::from_static(MEDIA_TYPE);
        response.headers_mut().insert(header::CONTENT_TYPE, media_type);
        if self.code == BUSY {
            response.headers_mut().insert(header::RETRY_AFTER, BUSY_FOR);
        }
        if self.code.starts_with(AUTH) {
            response.extensions_mut().insert(WrongToken);
        }
        if response.status() == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
