//! What the listeners do: requests as they are answered, and those that were refused.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use engine::meters::Durations;
use http::Method;

use super::families as f;
use super::number;
use super::text::Page;

/// The methods that are told apart.
const KNOWN: [Method; 6] =
    [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::HEAD];

/// What is counted. Clones share it.
#[derive(Clone, Default)]
pub struct Traffic(Arc<Kept>);

struct Kept {
    began: Instant,
    answered: Durations<3>,
    refused: [AtomicU64; Refusal::ALL.len()],
    connections: Mutex<BTreeMap<&'static str, u64>>,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            answered: Durations::default(),
            refused: Default::default(),
            connections: Mutex::default(),
        }
    }
}

/// Why somebody was refused before anything was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Too many requests.
    Rate,
    /// Too many wrong tokens.
    WrongTokens,
    /// Too many connections.
    Connections,
    /// In plain over the network, and no named proxy.
    Plain,
    /// A request that never came to its end.
    Slow,
    /// Too many large bodies at once.
    Bodies,
}

impl Refusal {
    const ALL: [Self; 6] =
        [Self::Rate, Self::WrongTokens, Self::Connections, Self::Plain, Self::Slow, Self::Bodies];

    fn word(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::WrongTokens => "wrong_tokens",
            Self::Connections => "connections",
            Self::Plain => "plain",
            Self::Slow => "slow",
            Self::Bodies => "bodies",
        }
    }
}

impl Traffic {
    /// Since when it counts, to now.
    pub(super) fn uptime(&self) -> Duration {
        self.0.began.elapsed()
    }

    /// Counts somebody who was refused.
    pub(crate) fn refused(&self, why: Refusal) {
        self.0.refused[why as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a connection as open until what is returned is dropped.
    pub(crate) fn connected(&self, listener: &'static str) -> Connected {
        let mut open = self.0.connections.lock().unwrap_or_else(PoisonError::into_inner);
        *open.entry(listener).or_default() += 1;
        Connected { traffic: self.clone(), listener }
    }

    pub(super) fn add(&self, page: &mut Page) {
        for ([route, method, status], histogram) in &self.0.answered.read() {
            let labels = [("route", &**route), ("method", method), ("status", status)];
            page.add_histogram(&f::HTTP, &labels, histogram);
        }
        for why in Refusal::ALL {
            let n = self.0.refused[why as usize].load(Ordering::Relaxed);
            page.add(&f::REFUSED, &[("why", why.word())], number(n));
        }
        for (listener, n) in &*self.0.connections.lock().unwrap_or_else(PoisonError::into_inner) {
            page.add(&f::CONNECTIONS, &[("listener", listener)], number(*n));
        }
    }
}

/// A connection that is open.
pub(crate) struct Connected {
    traffic: Traffic,
    listener: &'static str,
}

impl Drop for Connected {
    fn drop(&mut self) {
        let kept = &self.traffic.0;
        let mut open = kept.connections.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(n) = open.get_mut(self.listener) {
            *n -= 1;
        }
    }
}

/// Counts a request by its route as it is written in the list, never by its path.
pub(crate) async fn count(
    State(traffic): State<Traffic>,
    request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = request.method().clone();
    let answer = next.run(request).await;
    let route = route.as_ref().map_or("other", MatchedPath::as_str);
    let status = answer.status();
    let words = [route, known(&method), status.as_str()];
    traffic.0.answered.note(words, began.elapsed());
    answer
}

/// The word for a method. What a client makes up must not become a label.
pub(crate) fn known(method: &Method) -> &str {
    if KNOWN.contains(method) { method.as_str() } else { "other" }
}
