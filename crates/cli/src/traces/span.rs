//! A span, and how OTLP writes it as JSON.

use std::fmt::{self, Debug};
use std::time::Instant as Moment;

use domain::Instant;
use serde_json::{Value, json};
use tracing::field::{Field, Visit};

use crate::clock::precise_now;

/// The field by which a caller says what trace a request belongs to (W3C Trace Context).
const TRACEPARENT: &str = "traceparent";
/// The field that says what failed, in a word.
const ERROR: &str = "error";
/// The field with the status of an answer.
const STATUS: &str = "status";

/// What a span is to others, as OTLP numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Internal = 1,
    Server = 2,
    Client = 3,
}

/// Our spans: what each is, and the fields that say which it is.
const OURS: &[(&str, Kind, &[&str])] = &[
    ("request", Kind::Server, &["method", "route"]),
    ("step", Kind::Internal, &["connector", "step"]),
    ("call", Kind::Client, &["connector", "operation"]),
    ("delivery", Kind::Client, &["kind", "event"]),
];

/// Fields that the semantic conventions of OpenTelemetry know. The others get a name of ours.
const CONVENTIONS: &[(&str, &str)] = &[
    ("method", "http.request.method"),
    ("route", "http.route"),
    (STATUS, "http.response.status_code"),
    ("host", "server.address"),
    (ERROR, "error.type"),
];

/// A span from its beginning on.
#[derive(Debug)]
pub(super) struct Span {
    name: &'static str,
    trace: [u8; 16],
    id: [u8; 8],
    above: Option<[u8; 8]>,
    /// Whether it is told at all: a caller may say that nobody looks at its trace.
    is_told: bool,
    began: (Instant, Moment),
    ended: Option<Instant>,
    fields: Vec<(&'static str, Held)>,
}

/// A value of a field.
#[derive(Debug, PartialEq)]
enum Held {
    Text(String),
    Whole(i64),
    Is(bool),
}

impl Span {
    /// One that begins now, below another or as the first of a trace.
    pub(super) fn begin(name: &'static str, above: Option<&Self>) -> Self {
        Self {
            name,
            trace: above.map_or_else(random, |above| above.trace),
            id: random(),
            above: above.map(|above| above.id),
            is_told: above.is_none_or(|above| above.is_told),
            began: (precise_now(), Moment::now()),
            ended: None,
            fields: Vec::new(),
        }
    }

    /// Ends it. It lasted as long as it did, whatever the machine's clock was set to meanwhile.
    pub(super) fn end(&mut self) {
        let (began, moment) = self.began;
        self.ended = began.checked_add(moment.elapsed()).ok();
    }

    /// Whether anybody is to be told of it.
    pub(super) fn is_told(&self) -> bool {
        self.is_told
    }

    /// As OTLP writes it.
    pub(super) fn told(&self) -> Value {
        let (began, _) = self.began;
        let mut told = json!({
            "traceId": hex(&self.trace),
            "spanId": hex(&self.id),
            "name": self.full_name(),
            "kind": self.kind() as u8,
            // Whole numbers of 64 bits are texts in the JSON of protobuf.
            "startTimeUnixNano": began.as_nanosecond().to_string(),
            "endTimeUnixNano": self.ended.unwrap_or(began).as_nanosecond().to_string(),
            "attributes": self.fields.iter().map(|(name, held)| attribute(name, held)).collect::<Value>(),
        });
        if let Some(above) = &self.above {
            told["parentSpanId"] = hex(above).into();
        }
        if self.has_failed() {
            told["status"] = json!({"code": 2});
        }
        told
    }

    fn kind(&self) -> Kind {
        OURS.iter()
            .find(|(name, ..)| *name == self.name)
            .map_or(Kind::Internal, |(_, kind, _)| *kind)
    }

    /// What it is and which, such as `GET /api/v1/requests/{id}`.
    fn full_name(&self) -> String {
        let of = OURS.iter().find(|(name, ..)| *name == self.name).map_or(&[][..], |(.., of)| of);
        let words = of.iter().filter_map(|field| match self.field(field) {
            Some(Held::Text(text)) => Some(text.as_str()),
            _ => None,
        });
        let words: Vec<_> = words.collect();
        if words.is_empty() { self.name.to_owned() } else { words.join(" ") }
    }

    /// A server fails where it answers that it failed, a client where it is refused, too.
    fn has_failed(&self) -> bool {
        let least = if self.kind() == Kind::Server { 500 } else { 400 };
        let is_bad = matches!(self.field(STATUS), Some(Held::Whole(status)) if *status >= least);
        is_bad || self.field(ERROR).is_some()
    }

    fn field(&self, name: &str) -> Option<&Held> {
        self.fields.iter().find(|(field, _)| *field == name).map(|(_, held)| held)
    }

    fn put(&mut self, field: &Field, held: Held) {
        if field.name() == TRACEPARENT {
            if let Held::Text(text) = &held
                && let Some((trace, above, is_told)) = read_parent(text)
            {
                (self.trace, self.above, self.is_told) = (trace, Some(above), is_told);
            }
            return;
        }
        self.fields.retain(|(name, _)| *name != field.name());
        self.fields.push((field.name(), held));
    }
}

impl Visit for Span {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, Held::Text(fmt::format(format_args!("{value:?}"))));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Held::Text(value.to_owned()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Held::Whole(i64::try_from(value).unwrap_or(i64::MAX)));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Held::Whole(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Held::Is(value));
    }
}

/// Spans of this program, as a collector is sent them.
pub(super) fn batch(spans: &[Span]) -> Value {
    let about = [("service.name", "habeas"), ("service.version", env!("CARGO_PKG_VERSION"))];
    let about = about.map(|(key, value)| json!({"key": key, "value": {"stringValue": value}}));
    json!({"resourceSpans": [{
        "resource": {"attributes": about},
        "scopeSpans": [{
            "scope": {"name": "habeas"},
            "spans": spans.iter().map(Span::told).collect::<Value>(),
        }],
    }]})
}

fn attribute(name: &str, held: &Held) -> Value {
    let known = CONVENTIONS.iter().find(|(field, _)| *field == name);
    let key = known.map_or_else(|| format!("habeas.{name}"), |(_, key)| (*key).to_owned());
    let value = match held {
        Held::Text(text) => json!({"stringValue": text}),
        Held::Whole(number) => json!({"intValue": number.to_string()}),
        Held::Is(is) => json!({"boolValue": is}),
    };
    json!({"key": key, "value": value})
}

/// Trace, span and whether it is told of `00-TRACE-SPAN-FLAGS`. Later versions may add to it.
pub(super) fn read_parent(text: &str) -> Option<([u8; 16], [u8; 8], bool)> {
    let mut parts = text.split('-');
    let [version] = unhex::<1>(parts.next()?)?;
    let (trace, span) = (unhex(parts.next()?)?, unhex(parts.next()?)?);
    let [flags] = unhex::<1>(parts.next()?)?;
    let is_known = version != 0xff && (version != 0 || parts.next().is_none());
    let names_both = trace != [0; 16] && span != [0; 8];
    (is_known && names_both).then_some((trace, span, flags & 1 == 1))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if text.len() != 2 * N || !text.bytes().all(is_hex) {
        return None;
    }
    let mut bytes = [0; N];
    for (n, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * n..2 * n + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// Random bytes. Nothing rests on them but that two spans differ.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Without chance all are called alike, which a collector survives.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    bytes
}
