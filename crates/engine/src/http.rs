//! The HTTP client: every call to a vendor goes through here.
//!
//! It has time-outs and a total deadline, a size limit per endpoint, an allow-list of hosts
//! (loopback only where the operator said so), and follows no redirect. Secrets are filled in
//! here and nowhere else, in headers that are never printed. What it can't know it says: a call
//! whose answer never came is [`SendError::Lost`], not "failed".

mod fenced;
mod target;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::error::Error;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use connector_api::{Answer, Auth, Body, Call, Method};
use futures_util::StreamExt as _;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use store::Secret;
use store::crash::{self, CrashPoints, Moment};
use tracing::Instrument as _;
use tracing::field::Empty;

use crate::holder::CHANGE_DEADLINE;
use crate::meters::Meters;
pub use fenced::MayLeave;
use fenced::{Fenced, TooLate};
pub use target::{Target, TargetError};

/// The longest a read may take, whole body included.
const READ_DEADLINE: Duration = Duration::from_secs(60);

/// What is told of a change that was held up.
const TOO_LATE: &str = "it was held up until it was too late";

/// What became of a call that brought no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It never left.
    #[error("it could not be sent: {0}")]
    NotSent(String),
    /// It left, and no whole answer came back.
    #[error("no whole answer came back: {0}")]
    Lost(String),
    /// The answer is larger than the endpoint's limit.
    #[error("the answer is larger than {max_bytes} bytes")]
    TooLarge {
        /// The limit.
        max_bytes: u64,
    },
}

/// The client. One serves all connections; what differs is the [`Target`] and the secrets.
#[derive(Clone)]
pub struct HttpClient {
    reads: reqwest::Client,
    /// HTTP/1 alone, where a body is asked for right before it is written.
    changes: reqwest::Client,
    meters: Meters,
    crash_points: CrashPoints,
}

impl HttpClient {
    /// A client. The TLS provider must have been installed by then.
    pub fn new() -> Result<Self, SendError> {
        Self::metered(Meters::default())
    }

    /// A client whose calls are timed.
    pub fn metered(meters: Meters) -> Result<Self, SendError> {
        let builder = || {
            reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(Duration::from_secs(10))
                .pool_idle_timeout(Duration::from_secs(30))
                .tcp_nodelay(true)
                .no_proxy()
                .retry(reqwest::retry::never())
                .user_agent(concat!("habeas/", env!("CARGO_PKG_VERSION")))
        };
        let failed = |_| SendError::NotSent("the HTTP client could not be set up".to_owned());
        let reads = builder().build().map_err(failed)?;
        let changes = builder().http1_only().build().map_err(failed)?;
        Ok(Self { reads, changes, meters, crash_points: CrashPoints::default() })
    }

    /// How long its calls take.
    pub fn meters(&self) -> &Meters {
        &self.meters
    }

    /// The same client in a process that a simulation lets die.
    #[must_use]
    pub fn dying_at(self, crash_points: CrashPoints) -> Self {
        Self { crash_points, ..self }
    }

    /// Makes one call and reads its whole answer.
    pub async fn send(
        &self,
        call: &Call,
        target: &Target,
        secrets: &BTreeMap<String, Secret>,
    ) -> Result<Answer, SendError> {
        let request = self.request(call, target, secrets)?;
        self.timed(target, call, exchange_in_time(&self.reads, call, request)).await
    }

    /// The same for a call that changes something. Its body leaves only while it may.
    pub async fn change(
        &self,
        call: &Call,
        target: &Target,
        secrets: &BTreeMap<String, Secret>,
        may_leave: MayLeave,
    ) -> Result<Answer, SendError> {
        let mut request = self.request(call, target, secrets)?;
        // Also for a call without a body, which nobody asks for later.
        if !may_leave() {
            return Err(SendError::NotSent(TOO_LATE.to_owned()));
        }
        if let Body::Json(body) = &call.body {
            let body = Fenced::new(body.to_string().into(), may_leave);
            *request.body_mut() = Some(reqwest::Body::wrap(body));
        }
        self.timed(target, call, exchange_in_time(&self.changes, call, request)).await
    }

    async fn timed(
        &self,
        target: &Target,
        call: &Call,
        exchange: impl Future<Output = Result<Answer, SendError>>,
    ) -> Result<Answer, SendError> {
        let began = Instant::now();
        // Neither path nor query: they name people.
        let span = tracing::info_span!(
            "call",
            connector = target.connector,
            operation = call.endpoint.name,
            method = call.endpoint.method.as_str(),
            host = target.host(call),
            status = Empty,
            error = Empty,
        );
        let answer = self.unless_dead(call, exchange).instrument(span.clone()).await;
        let class = class(&answer);
        match &answer {
            Ok(answer) => span.record("status", answer.status),
            Err(_) => span.record("error", class),
        };
        let words = [target.connector, call.endpoint.method.as_str(), class];
        self.meters.calls().note(words, began.elapsed());
        answer
    }

    /// A dead process neither sends nor hears anything.
    async fn unless_dead(
        &self,
        call: &Call,
        exchange: impl Future<Output = Result<Answer, SendError>>,
    ) -> Result<Answer, SendError> {
        let point = crash::Call::Http(call.endpoint.name);
        let not_sent = |dead: crash::Dead| SendError::NotSent(dead.to_string());
        let lost = |dead: crash::Dead| SendError::Lost(dead.to_string());
        let call = async {
            self.crash_points.pass(Moment::Before, point).map_err(not_sent)?;
            let answer = exchange.await;
            self.crash_points.pass(Moment::After, point).map_err(lost)?;
            answer
        };
        self.crash_points.in_turn(call).await
    }

    fn request(
        &self,
        call: &Call,
        target: &Target,
        secrets: &BTreeMap<String, Secret>,
    ) -> Result<reqwest::Request, SendError> {
        let not_sent = |what: &str| SendError::NotSent(what.to_owned());
        let base = target
            .bases
            .get(call.endpoint.base)
            .ok_or_else(|| not_sent("the connection has no base URL for it"))?;
        let mut url = reqwest::Url::parse(&format!("{base}{}", call.path))
            .map_err(|_| not_sent("its path is not valid"))?;
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
            // A space as `+` is for forms; not every vendor reads it so.
            let query = url.query().map(|query| query.replace('+', "%20"));
            url.set_query(query.as_deref());
        }
        let method = reqwest::Method::from_bytes(call.endpoint.method.as_str().as_bytes())
            .map_err(|_| not_sent("its method is not valid"))?;
        let mut request = reqwest::Request::new(method, url);
        let headers = request.headers_mut();
        for (name, value) in &call.headers {
            let value =
                HeaderValue::from_str(value).map_err(|_| not_sent("a header is not valid"))?;
            headers.insert(HeaderName::from_static(name), value);
        }
        headers.insert(AUTHORIZATION, authorization(&call.auth, secrets)?);
        if let Body::Json(body) = &call.body {
            headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
            *request.body_mut() = Some(body.to_string().into());
        }
        Ok(request)
    }
}

/// Makes a call and reads its whole answer, within its deadline.
async fn exchange_in_time(
    client: &reqwest::Client,
    call: &Call,
    request: reqwest::Request,
) -> Result<Answer, SendError> {
    let deadline = match call.endpoint.method {
        Method::Get => READ_DEADLINE,
        Method::Post | Method::Put | Method::Delete => CHANGE_DEADLINE,
    };
    let exchange = exchange(client, request, call.endpoint.max_bytes);
    tokio::select! {
        biased;
        () = real_sleep(deadline) => {
            Err(SendError::Lost(format!("nothing within {} s", deadline.as_secs())))
        }
        answer = exchange => answer,
    }
}

async fn exchange(
    client: &reqwest::Client,
    request: reqwest::Request,
    max_bytes: u64,
) -> Result<Answer, SendError> {
    let response = client.execute(request).await.map_err(|error| {
        // Errors of the client hold the URL, which may hold a personal value.
        if error.is_connect() {
            SendError::NotSent("no connection could be made".to_owned())
        } else if is_too_late(&error) {
            SendError::NotSent(TOO_LATE.to_owned())
        } else {
            SendError::Lost("the connection broke".to_owned())
        }
    })?;
    let status = response.status().as_u16();
    let headers = kept(response.headers());
    let mut body = Vec::new();
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| SendError::Lost("the answer was cut off".to_owned()))?;
        if (body.len() + chunk.len()) as u64 > max_bytes {
            return Err(SendError::TooLarge { max_bytes });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, headers, body: body.into() })
}

/// The class of an answer, in a word.
fn class(answer: &Result<Answer, SendError>) -> &'static str {
    match answer {
        Ok(Answer { status: 200..300, .. }) => "2xx",
        Ok(Answer { status: 300..400, .. }) => "3xx",
        Ok(Answer { status: 429, .. }) => "429",
        Ok(Answer { status: 400..500, .. }) => "4xx",
        Ok(_) => "5xx",
        Err(SendError::NotSent(_)) => "not sent",
        Err(SendError::Lost(_)) => "lost",
        Err(SendError::TooLarge { .. }) => "too large",
    }
}

/// Whether our own body broke the request off.
fn is_too_late(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<TooLate>() {
            return true;
        }
        cause = error.source();
    }
    false
}

fn authorization(
    auth: &Auth,
    secrets: &BTreeMap<String, Secret>,
) -> Result<HeaderValue, SendError> {
    let name = match auth {
        Auth::Bearer(name) | Auth::BasicUser(name) => name,
    };
    let secret = secrets
        .get(name)
        .ok_or_else(|| SendError::NotSent(format!("the connection has no secret {name}")))?;
    let text = match auth {
        Auth::Bearer(_) => format!("Bearer {}", secret.expose()),
        Auth::BasicUser(_) => format!("Basic {}", BASE64.encode(format!("{}:", secret.expose()))),
    };
    let mut value = HeaderValue::from_str(&text).map_err(|_| {
        SendError::NotSent(format!("the secret {name} holds characters that no header can"))
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// The headers that connectors read; the rest may hold anything.
fn kept(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .filter(|(name, _)| {
            let name = name.as_str();
            name.starts_with("x-ratelimit")
                || matches!(name, "retry-after" | "content-type" | "request-id" | "date")
        })
        .filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        })
        .collect()
}

/// A wait on the machine's own time: call deadlines never follow a led clock.
pub(crate) async fn real_sleep(duration: Duration) {
    #[expect(
        clippy::disallowed_methods,
        reason = "call deadlines and leases run on real monotonic time"
    )]
    tokio::time::sleep(duration).await;
}
