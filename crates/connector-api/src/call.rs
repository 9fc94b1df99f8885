//! Calls: what a connector wants sent, and what came back. Secrets are named, never held.

use std::fmt;

use bytes::Bytes;
use serde_json::Value;

/// One endpoint of a vendor, as its documentation lists it.
#[derive(Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// A short stable name, used in evidence, limits and metrics.
    pub name: &'static str,
    /// The method.
    pub method: Method,
    /// The base URL it lies under, by the manifest's name.
    pub base: &'static str,
    /// The path with its parameters in braces, for people.
    pub path: &'static str,
    /// The limit it counts against, by the manifest's name.
    pub limit: &'static str,
    /// The most bytes an answer may have.
    pub max_bytes: u64,
    /// Whether its answers name other people too: evidence then keeps their digest only.
    pub names_others: bool,
}

/// An HTTP method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// DELETE.
    Delete,
}

impl Method {
    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// How a call is signed in. The engine fills the secret in when it sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// `Authorization: Bearer <secret>`.
    Bearer(String),
    /// HTTP Basic with the secret as user name and an empty password.
    BasicUser(String),
}

/// The body of a call.
#[derive(Clone, PartialEq)]
pub enum Body {
    /// None.
    Empty,
    /// JSON.
    Json(Value),
}

/// One call to a vendor.
#[derive(Clone, PartialEq)]
pub struct Call {
    /// The endpoint.
    pub endpoint: &'static Endpoint,
    /// The path below the base URL, every segment percent-encoded already.
    pub path: String,
    /// Query parameters, encoded by the engine.
    pub query: Vec<(String, String)>,
    /// Headers beside `Authorization` and `Content-Type`.
    pub headers: Vec<(&'static str, String)>,
    /// How it is signed in.
    pub auth: Auth,
    /// The body.
    pub body: Body,
    /// The limit's instance where one exists per place (per space), else empty.
    pub limit_of: String,
    /// Whether the flow wants to see refusals itself, as a check does.
    pub raw: bool,
}

impl Call {
    /// A call without query, headers or body.
    pub fn new(endpoint: &'static Endpoint, path: impl Into<String>, auth: Auth) -> Self {
        Self {
            endpoint,
            path: path.into(),
            query: Vec::new(),
            headers: Vec::new(),
            auth,
            body: Body::Empty,
            limit_of: String::new(),
            raw: false,
        }
    }

    /// With a query parameter.
    #[must_use]
    pub fn query(mut self, name: &str, value: impl Into<String>) -> Self {
        self.query.push((name.to_owned(), value.into()));
        self
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(mut self, body: Value) -> Self {
        self.body = Body::Json(body);
        self
    }

    /// Counting against one instance of its limit.
    #[must_use]
    pub fn limit_of(mut self, instance: impl Into<String>) -> Self {
        self.limit_of = instance.into();
        self
    }

    /// With refusals handed to the flow rather than to the engine.
    #[must_use]
    pub fn raw(mut self) -> Self {
        self.raw = true;
        self
    }
}

/// Paths and bodies may hold personal values, so only the endpoint is printed.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("endpoint", &self.endpoint.name).finish_non_exhaustive()
    }
}

/// What came back.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Bytes,
}

impl Answer {
    /// The first header of this (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("size_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
