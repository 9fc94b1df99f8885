//! What sends the spans that were gathered.

use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, Response, Url};
use serde_json::Value;
use server::Spans;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::span::{Span, batch};
use crate::exit::Stop;

/// Spans that are sent together.
const TOGETHER: usize = 512;
/// How long spans are gathered before they are sent.
const GATHERED: Duration = Duration::from_secs(2);
/// How long a collector may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long what is left may take at the end.
const AT_THE_END: Duration = Duration::from_secs(5);
/// How much of an answer is read.
const MOST_READ: usize = 64 * 1024;

/// What waits to be sent.
pub(super) enum Queued {
    /// A span.
    Span(Span),
    /// Nothing comes after it.
    End,
}

/// Spans on their way to a collector.
pub struct Outgoing {
    /// For the end alone.
    to: mpsc::Sender<Queued>,
    queue: mpsc::Receiver<Queued>,
    client: Client,
    url: Url,
    spans: Spans,
    /// How many had been lost when that was last looked at.
    n_lost: u64,
    is_losing: bool,
}

/// The sending, until it is ended.
pub struct Sending {
    to: mpsc::Sender<Queued>,
    sent: JoinHandle<()>,
}

impl Outgoing {
    pub(super) fn new(
        to: mpsc::Sender<Queued>,
        queue: mpsc::Receiver<Queued>,
        url: Url,
        mut headers: HeaderMap,
        spans: Spans,
    ) -> Result<Self, Stop> {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        crate::tls::install();
        let client = Client::builder()
            .default_headers(headers)
            .user_agent(concat!("habeas/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .timeout(PATIENCE)
            .build();
        let client = client.map_err(|_| Stop::failed("could not set up the HTTP client"))?;
        Ok(Self { to, queue, client, url, spans, n_lost: 0, is_losing: false })
    }

    /// Begins to send.
    pub fn begin(self) -> Sending {
        let to = self.to.clone();
        Sending { to, sent: tokio::spawn(self.send_all()) }
    }

    async fn send_all(mut self) {
        let mut is_over = false;
        while !is_over {
            let mut spans = Vec::new();
            is_over = self.gather(&mut spans).await;
            if !spans.is_empty() {
                let refused = self.send(&spans).await;
                self.note(spans.len(), refused);
            }
        }
    }

    /// Takes what ended within a moment of the first; whether nothing comes after it.
    async fn gather(&mut self, spans: &mut Vec<Span>) -> bool {
        let Some(Queued::Span(first)) = self.queue.recv().await else { return true };
        spans.push(first);
        let more = async {
            while spans.len() < TOGETHER {
                let Some(Queued::Span(next)) = self.queue.recv().await else { return true };
                spans.push(next);
            }
            false
        };
        timeout(GATHERED, more).await.unwrap_or(false)
    }

    /// Sends spans. How many of them the collector refused, or why it took none.
    async fn send(&self, spans: &[Span]) -> Result<u64, String> {
        let body = batch(spans).to_string();
        let answer = self.client.post(self.url.clone()).body(body).send().await;
        // The error itself holds the URL, which says nothing new.
        let answer = answer.map_err(|error| match error.is_timeout() {
            true => format!("no answer within {} s", PATIENCE.as_secs()),
            false => "it can't be reached, or what it says is no HTTP".to_owned(),
        })?;
        if !answer.status().is_success() {
            return Err(format!("it answered with status {}", answer.status().as_u16()));
        }
        read(answer).await.ok_or_else(|| "its answer is not that of a collector".to_owned())
    }

    /// Counts what became of spans, and says so once when some begin to be lost.
    fn note(&mut self, n: usize, refused: Result<u64, String>) {
        let n = n as u64;
        let n_refused = refused.as_ref().map_or(n, |refused| n.min(*refused));
        self.spans.sent(n - n_refused);
        self.spans.lose(n_refused);
        let n_lost = self.spans.n_lost() - self.n_lost;
        if n_lost > 0 && !self.is_losing {
            let why = match refused {
                Err(why) => why,
                Ok(0) => "they come faster than it takes them".to_owned(),
                Ok(_) => "it refused them".to_owned(),
            };
            tracing::warn!(%why, n_lost, "the collector does not take all traces; work goes on");
        } else if n_lost == 0 && self.is_losing {
            tracing::info!(n_lost = self.n_lost, "the collector takes all traces again");
        }
        (self.n_lost, self.is_losing) = (self.n_lost + n_lost, n_lost > 0);
    }
}

impl Sending {
    /// Sends what is left and ends; what can't be sent in time is lost.
    pub async fn end(self) {
        self.end_within(AT_THE_END).await;
    }

    pub(super) async fn end_within(self, bound: Duration) {
        let left = async {
            // Whoever would take it may be gone by a bug of ours; nothing is left to be sent then.
            let _ = self.to.send(Queued::End).await;
            let _ = self.sent.await;
        };
        if timeout(bound, left).await.is_err() {
            tracing::warn!("the collector did not take the last traces in time; they are lost");
        }
    }
}

/// How many spans a collector says that it refused; none where its answer is not one.
async fn read(mut answer: Response) -> Option<u64> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.ok()? {
        body.extend_from_slice(&chunk);
        if body.len() > MOST_READ {
            return None;
        }
    }
    if body.trim_ascii().is_empty() {
        return Some(0);
    }
    let told: Value = serde_json::from_slice(&body).ok()?;
    let refused = told.as_object()?.get("partialSuccess").and_then(|of| of.get("rejectedSpans"));
    Some(match refused {
        // Written as a text, as protobuf's JSON does, or as a number, as some do.
        Some(Value::String(text)) => text.parse().ok()?,
        Some(number) => number.as_u64()?,
        None => 0,
    })
}
