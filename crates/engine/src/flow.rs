//! Driving a flow: makes its reads until it wants something else.

use connector_api::{Answer, Call, FlowState, Input, Record, Step, Turn, VendorError};
use domain::{Digest, Flow, Instant};
use serde_json::{Value, json};

use crate::link::Link;

/// Where a collection's records go.
pub trait Sink: Send {
    /// Keeps records.
    fn keep(&mut self, records: Vec<Record>) -> Result<(), VendorError>;
}

/// For flows that keep nothing.
pub struct NoSink;

impl Sink for NoSink {
    fn keep(&mut self, _records: Vec<Record>) -> Result<(), VendorError> {
        Ok(())
    }
}

/// What was asked and answered, for the evidence.
#[derive(Default)]
pub struct Log {
    lines: Vec<Value>,
}

/// How much of an answer evidence keeps; the digest is always of the whole.
const KEPT_BYTES: usize = 64 * 1024;

impl Log {
    fn note(&mut self, at: Instant, call: &Call, answer: &Answer) {
        let body = if answer.body.len() > KEPT_BYTES || call.endpoint.names_others {
            Value::Null
        } else {
            serde_json::from_slice(&answer.body).unwrap_or(Value::Null)
        };
        self.lines.push(json!({
            "at": at, "endpoint": call.endpoint.name, "of": call.limit_of, "status": answer.status,
            "digest": Digest::of(&answer.body), "answer": body,
        }));
    }

    /// Only what was asked and the digests of the answers: for reports on many people, whose free
    /// text may name one of them.
    #[must_use]
    pub fn without_answers(mut self) -> Self {
        for line in &mut self.lines {
            if let Some(line) = line.as_object_mut() {
                line.remove("answer");
            }
        }
        self
    }

    /// One line of our own beside the vendor's.
    pub fn add(&mut self, line: Value) {
        self.lines.push(line);
    }

    /// How many answers came.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// The whole log.
    pub fn into_bytes(self) -> Vec<u8> {
        Value::Array(self.lines).to_string().into_bytes()
    }
}

impl Link {
    /// Drives a flow from an input until it wants something other than reads.
    pub async fn drive(
        &self,
        flow: Flow,
        memory: Option<&FlowState>,
        input: Input<'_>,
        owned: &[String],
        log: &mut Log,
        sink: &mut dyn Sink,
    ) -> Result<Turn, VendorError> {
        let step = |memory: Option<&FlowState>, input: Input<'_>| {
            self.with_context(owned, |context| self.connector.step(flow, memory, input, context))
        };
        let mut news = (None, None);
        let mut turn = step(memory, input)?;
        loop {
            sink.keep(std::mem::take(&mut turn.records))?;
            news.0 = turn.vendor_says.take().or(news.0);
            news.1 = turn.vendor_ref.take().or(news.1);
            let Step::Calls(calls) = &turn.step else {
                (turn.vendor_says, turn.vendor_ref) = news;
                return Ok(turn);
            };
            let answers = self.read_all(calls).await?;
            for (call, answer) in calls.iter().zip(&answers) {
                log.note(self.now(), call, answer);
            }
            turn = step(Some(&turn.memory), Input::Answers(&answers))?;
        }
    }
}
