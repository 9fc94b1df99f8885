//! Driving a flow: makes its reads until it wants something else.

use std::collections::BTreeSet;

use connector_api::{Answer, Call, Context, FlowState, Input, Record, Step, Turn, VendorError};
use domain::{Digest, Flow, Instant};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::link::{Link, trace};

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
#[derive(Default, Clone)]
pub struct Log {
    lines: Vec<Line>,
    keeps: Keeps,
    brief: Brief,
}

/// What of an answer a log keeps beside its digest.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Keeps {
    #[default]
    Answers,
    Digests,
    /// Nothing but the [`Brief`].
    Nothing,
}

/// What was read for many people, in one line however much it was.
#[derive(Default, Clone, Serialize)]
struct Brief {
    endpoints: BTreeSet<&'static str>,
    from: Option<Instant>,
    until: Option<Instant>,
    n_answers: u32,
    /// Of the answers' digests, one after the other.
    digest: Option<Digest>,
}

/// One line of the log.
#[derive(Clone, Serialize)]
#[serde(untagged)]
enum Line {
    Call {
        at: Instant,
        endpoint: &'static str,
        of: String,
        status: u16,
        digest: Digest,
        #[serde(skip_serializing_if = "Option::is_none")]
        answer: Option<Box<RawValue>>,
    },
    Ours(Value),
}

/// How much of an answer evidence keeps; the digest is always of the whole.
const KEPT_BYTES: usize = 64 * 1024;

impl Log {
    /// A log of digests only, for what is kept elsewhere and may be large.
    pub fn of_digests() -> Self {
        Self { keeps: Keeps::Digests, ..Self::default() }
    }

    /// A log that stays small however much is read, for what is read for many people at once.
    pub fn in_brief() -> Self {
        Self { keeps: Keeps::Nothing, ..Self::default() }
    }

    /// What was read, in one line.
    pub fn brief(&self) -> Value {
        // Plain data of ours always has a JSON form.
        serde_json::to_value(&self.brief).unwrap_or_default()
    }

    fn note(&mut self, at: Instant, call: &Call, answer: &Answer) {
        let digest = Digest::of(&answer.body);
        if self.keeps == Keeps::Nothing {
            return self.brief.note(at, call.endpoint.name, digest);
        }
        let is_kept = self.keeps == Keeps::Answers
            && answer.body.len() <= KEPT_BYTES
            && !call.endpoint.names_others;
        self.lines.push(Line::Call {
            at,
            endpoint: call.endpoint.name,
            of: call.limit_of.clone(),
            status: answer.status,
            digest,
            answer: is_kept.then(|| serde_json::from_slice(&answer.body).ok()).flatten(),
        });
    }

    /// Only what was asked and the digests of the answers: for reports on many people, whose free
    /// text may name one of them.
    #[must_use]
    pub fn without_answers(mut self) -> Self {
        for line in &mut self.lines {
            if let Line::Call { answer, .. } = line {
                *answer = None;
            }
        }
        self
    }

    /// One line of our own beside the vendor's.
    pub fn add(&mut self, line: Value) {
        self.lines.push(Line::Ours(line));
    }

    /// How many answers came.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// The whole log.
    pub fn into_bytes(self) -> Vec<u8> {
        // Lines are plain data of ours and JSON that was read before; they always have a form.
        serde_json::to_vec(&self.lines).unwrap_or_default()
    }
}

impl Brief {
    fn note(&mut self, at: Instant, endpoint: &'static str, digest: Digest) {
        self.endpoints.insert(endpoint);
        self.from = self.from.or(Some(at));
        self.until = Some(at);
        self.n_answers += 1;
        let before = self.digest.map(|before| before.bytes().to_vec()).unwrap_or_default();
        self.digest = Some(Digest::of(&[&before[..], &digest.bytes()[..]].concat()));
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
        let step = |context: &Context<'_>| self.connector.step(flow, memory, input, context);
        let mut turn = self.with_context(owned, step).inspect_err(trace)?;
        self.go_on(flow, &mut turn, owned, log, sink).await.inspect_err(trace)?;
        Ok(turn)
    }

    /// Makes the reads that a turn asks for, and those that follow, until the flow wants something
    /// else. After an error the turn is the last that came about: to go on with it makes only the
    /// reads again that failed.
    pub async fn go_on(
        &self,
        flow: Flow,
        turn: &mut Turn,
        owned: &[String],
        log: &mut Log,
        sink: &mut dyn Sink,
    ) -> Result<(), VendorError> {
        loop {
            sink.keep(std::mem::take(&mut turn.records))?;
            let Step::Calls(calls) = &turn.step else { return Ok(()) };
            let answers = self.read_all(calls).await?;
            for (call, answer) in calls.iter().zip(&answers) {
                log.note(self.now(), call, answer);
            }
            let input = Input::Answers(&answers);
            let mut next = self.with_context(owned, |context| {
                self.connector.step(flow, Some(&turn.memory), input, context)
            })?;
            next.vendor_says = next.vendor_says.or(turn.vendor_says.take());
            next.vendor_ref = next.vendor_ref.or(turn.vendor_ref.take());
            *turn = next;
        }
    }
}
