//! Traces, by option: what takes how long goes to a collector that speaks OTLP over HTTP, as JSON.
//!
//! A [`Gatherer`] is a layer of the log: each span of ours that ends is queued, and [`Outgoing`] sends
//! many together. A collector that is slow, dead or answers garbage costs spans, and never work. Spans
//! hold words, numbers and opaque ids, like the log.

mod gather;
mod send;
mod span;
#[cfg(test)]
mod tests;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use reqwest::Url;
use server::Spans;
use tokio::sync::mpsc;

use crate::environment;
use crate::exit::Stop;
pub use gather::Gatherer;
pub use send::Outgoing;

/// Where a collector takes traces, below its address.
const PATH: &str = "/v1/traces";
/// The headers that a collector asks for, as `name=value,name=value`.
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
/// Spans that wait to be sent; more are lost.
const QUEUE: usize = 2_048;

/// Where traces go.
#[derive(Debug, Clone, clap::Args)]
pub struct Collector {
    /// Send traces to this collector (OTLP over HTTP, as JSON), such as http://127.0.0.1:4318; what it
    /// asks for in headers is in OTEL_EXPORTER_OTLP_HEADERS.
    #[arg(long, value_name = "URL", env = "OTEL_EXPORTER_OTLP_ENDPOINT", hide_env_values = true)]
    otlp_endpoint: Option<String>,
    #[arg(skip)]
    spans: Spans,
}

impl Collector {
    /// How many spans were sent and lost, if there is a collector.
    pub fn spans(&self) -> Option<Spans> {
        self.address().map(|_| self.spans.clone())
    }

    /// What gathers spans and what sends them, if there is a collector.
    pub fn traces(&self) -> Result<Option<(Gatherer, Outgoing)>, Stop> {
        let headers = environment::variable(HEADERS).unwrap_or_default();
        self.address().map(|address| self.traces_to(address, &headers)).transpose()
    }

    fn traces_to(&self, address: &str, headers: &str) -> Result<(Gatherer, Outgoing), Stop> {
        let (url, headers) = (url(address)?, read_headers(headers)?);
        if !headers.is_empty() && url.scheme() == "http" && !is_here(&url) {
            return Err(Stop::refused(
                "the headers for the collector would cross the network in plain",
            )
            .advise("give an https URL, or unset OTEL_EXPORTER_OTLP_HEADERS"));
        }
        let (to, spans) = mpsc::channel(QUEUE);
        let gatherer = Gatherer::new(to.clone(), self.spans.clone());
        Ok((gatherer, Outgoing::new(to, spans, url, headers, self.spans.clone())?))
    }

    /// An empty variable is one that is not set.
    fn address(&self) -> Option<&str> {
        self.otlp_endpoint.as_deref().filter(|address| !address.is_empty())
    }
}

/// Where traces are taken by the collector at this address.
fn url(address: &str) -> Result<Url, Stop> {
    let url = format!("{}{PATH}", address.trim_end_matches('/')).parse::<Url>().ok();
    let is_plain = |url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    };
    url.filter(is_plain).ok_or_else(|| {
        Stop::usage("the address of the collector is no http(s) URL without user and query")
            .advise("such as --otlp-endpoint http://127.0.0.1:4318; a token goes into OTEL_EXPORTER_OTLP_HEADERS")
    })
}

fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Headers in the form of W3C Baggage. What does not fit is not repeated: it may be a secret.
fn read_headers(text: &str) -> Result<HeaderMap, Stop> {
    let mut headers = HeaderMap::new();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (name, value) = read_header(pair).ok_or_else(|| {
            Stop::usage("OTEL_EXPORTER_OTLP_HEADERS does not fit")
                .advise("write name=value, parted by commas; what a value can't hold as it is, percent-encoded")
        })?;
        headers.insert(name, value);
    }
    Ok(headers)
}

fn read_header(pair: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = pair.split_once('=')?;
    let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
    let mut value = HeaderValue::from_str(&value).ok()?;
    value.set_sensitive(true);
    Some((name.trim().parse().ok()?, value))
}
