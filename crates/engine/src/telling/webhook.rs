//! Sending a webhook, in the form of Standard Webhooks (github.com/standard-webhooks).
//!
//! The other side is not trusted: it may be slow, dead or answer garbage. Only its status and its
//! `Retry-After` are looked at; what it says beside is thrown away.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use domain::Instant;
use domain::telling::Verdict;
use futures_util::StreamExt as _;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use store::Secret;
use store::signing::sign;

use super::address::{self, PublicOnly, Refused};
use super::message::Message;
use crate::http::{SendError, real_sleep};
use crate::limits::add;

/// Why nothing is sent to a webhook that stood when URLs began to be sealed.
pub(crate) const NO_URL: &str =
    "its URL is not known; set it with `habeas webhooks set NAME --to URL`";
/// The longest a delivery may take, answer included.
const DEADLINE: Duration = Duration::from_secs(15);
const CONNECT: Duration = Duration::from_secs(5);
/// How much of an answer is read, so that the connection can be used again.
const MOST_READ: usize = 16 * 1024;
/// How long that may take, once the status is known.
const READ_WITHIN: Duration = Duration::from_secs(1);

/// What a delivery came to, in words of ours, and what follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// What follows.
    pub verdict: Verdict,
    /// A status, or why there was none.
    pub answer: String,
}

impl Reply {
    /// Nothing could be sent, as nobody said where.
    pub fn without_url() -> Self {
        Self::again(format!("not sent: {NO_URL}"))
    }

    fn again(answer: impl Into<String>) -> Self {
        Self { verdict: Verdict::Again(None), answer: answer.into() }
    }
}

/// Sends webhooks. It shares nothing with the client that calls vendors.
pub struct WebhookClient {
    public: reqwest::Client,
    private: reqwest::Client,
}

impl WebhookClient {
    /// A client. The TLS provider must have been installed by then.
    pub fn new() -> Result<Self, SendError> {
        let builder = || {
            reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(CONNECT)
                .pool_idle_timeout(Duration::from_secs(30))
                .pool_max_idle_per_host(8)
                .no_proxy()
                .retry(reqwest::retry::never())
                .user_agent(concat!("habeas/", env!("CARGO_PKG_VERSION")))
        };
        let failed = |_| SendError::NotSent("the HTTP client could not be set up".to_owned());
        let public = builder().dns_resolver(Arc::new(PublicOnly)).build().map_err(failed)?;
        Ok(Self { public, private: builder().build().map_err(failed)? })
    }

    /// Sends a message, signed by each of these secrets.
    pub async fn send(
        &self,
        url: &Secret,
        allow_private: bool,
        secrets: &[Secret],
        message: &Message,
        now: Instant,
    ) -> Reply {
        let url = match address::check(url.expose(), allow_private) {
            Ok(url) => url,
            Err(refused) => return Reply::again(format!("not sent: the URL {refused}")),
        };
        let body = message.text();
        let Some(headers) = signed(message, secrets, &body, now) else {
            return Reply::again("not sent: its secret could not be used");
        };
        let client = if allow_private { &self.private } else { &self.public };
        let sent = client.post(url).headers(headers).body(body).send();
        tokio::select! {
            biased;
            () = real_sleep(DEADLINE) => {
                Reply::again(format!("no answer within {} s", DEADLINE.as_secs()))
            }
            answer = sent => match answer {
                Ok(answer) => read(answer, now).await,
                Err(error) => Reply::again(why_not(&error)),
            },
        }
    }
}

/// The headers of a message.
fn signed(message: &Message, secrets: &[Secret], body: &str, now: Instant) -> Option<HeaderMap> {
    let seconds = now.as_second();
    let signatures = secrets.iter().map(|secret| sign(secret, &message.id, seconds, body));
    let signatures = signatures.collect::<Option<Vec<_>>>().filter(|all| !all.is_empty())?;
    let mut headers = HeaderMap::new();
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    headers.insert("webhook-id", HeaderValue::from_str(&message.id).ok()?);
    headers.insert("webhook-timestamp", HeaderValue::from(seconds));
    headers.insert("webhook-signature", HeaderValue::from_str(&signatures.join(" ")).ok()?);
    Some(headers)
}

/// What an answer means. Its body means nothing.
async fn read(answer: reqwest::Response, now: Instant) -> Reply {
    let status = answer.status();
    let not_before = retry_after(answer.headers(), now);
    let mut body = answer.bytes_stream();
    let drain = async {
        let mut n_read = 0;
        while let Some(Ok(chunk)) = body.next().await {
            n_read += chunk.len();
            if n_read > MOST_READ {
                break;
            }
        }
    };
    tokio::select! {
        () = drain => {}
        () = real_sleep(READ_WITHIN) => {}
    }
    let verdict = match status {
        status if status.is_success() => Verdict::Taken,
        StatusCode::GONE => Verdict::Gone,
        _ => Verdict::Again(not_before),
    };
    let aside = if status.is_redirection() { "; redirects are not followed" } else { "" };
    Reply { verdict, answer: format!("status {}{aside}", status.as_u16()) }
}

/// Until when an answer asks to be left in peace: seconds, or a date.
pub fn retry_after(headers: &HeaderMap, now: Instant) -> Option<Instant> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse::<u32>() {
        Ok(seconds) => Some(add(now, Duration::from_secs(seconds.into()))),
        Err(_) => jiff::fmt::rfc2822::parse(text).ok().map(|date| date.timestamp()),
    }
}

/// Why there was no answer. The error itself holds the URL.
fn why_not(error: &reqwest::Error) -> &'static str {
    let mut cause = error.source();
    while let Some(error) = cause {
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if inner.is_some_and(<dyn Error + Send + Sync>::is::<Refused>) {
            return "not sent: the name of its host leads to this machine or into a private network";
        }
        cause = error.source();
    }
    if error.is_timeout() {
        "no connection within 5 s"
    } else if error.is_connect() {
        "no connection could be made"
    } else {
        "the connection broke, or what came was no answer"
    }
}
