//! The Tracking API (contract 6): events in, one by one or in batches. It says yes to almost
//! everything, so what becomes of an event shows only in the profiles, or in the audit.

use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{Method, header};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::answers;
use super::audit::AcceptedEvent;
use super::ids::base62;
use super::resolution::{Arrival, take_in};
use super::state::Segment;
use super::suppressions::Reach;
use crate::front::Call;
use crate::world::World;

const LARGEST_EVENT: usize = 32 * 1024;
const LARGEST_BATCH: usize = 500 * 1024;
const MOST_EVENTS: usize = 2_500;
/// Beyond these Unify drops an event without a word.
const MOST_FIELDS: usize = 300;
const LONGEST_MESSAGE_ID: usize = 100;
const LONGEST_GROUP_ID: usize = 500;

const METHODS: [(&str, &str); 7] = [
    ("identify", "POST /v1/identify"),
    ("track", "POST /v1/track"),
    ("page", "POST /v1/page"),
    ("screen", "POST /v1/screen"),
    ("group", "POST /v1/group"),
    ("alias", "POST /v1/alias"),
    ("batch", "POST /v1/batch"),
];

/// One event as it is sent; unknown fields are ignored, and `null` is as good as absent.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Message {
    #[serde(rename = "type")]
    kind: Option<String>,
    pub(super) user_id: Option<String>,
    pub(super) anonymous_id: Option<String>,
    previous_id: Option<String>,
    pub(super) group_id: Option<String>,
    pub(super) event: Option<String>,
    message_id: Option<String>,
    timestamp: Option<Value>,
    sent_at: Option<Value>,
    pub(super) traits: Option<Map<String, Value>>,
    pub(super) properties: Option<Map<String, Value>>,
    pub(super) context: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Batch {
    batch: Vec<Value>,
    sent_at: Option<Value>,
    context: Option<Map<String, Value>>,
}

/// Why an event is refused; the body of a 400.
struct Refusal(&'static str);

fn method_of(method: &Method, path: &str) -> Option<(&'static str, &'static str)> {
    let name = path.strip_prefix("/v1/").filter(|_| method == Method::POST)?;
    METHODS.into_iter().find(|(known, _)| *known == name.trim_end_matches('/'))
}

pub(super) fn endpoint(method: &Method, path: &str) -> &'static str {
    method_of(method, path).map_or("unknown (tracking_api)", |(_, template)| template)
}

/// Answers a call.
pub(super) fn answer(world: &World, call: &Call<'_>) -> Response {
    let state = &mut *world.segment.state();
    let Some((method, _)) = method_of(call.method, call.path) else {
        return failure(404, "not found");
    };
    match receive(state, call, method) {
        Ok(()) => answers::json(200, &json!({"success": true})),
        Err(Refusal(message)) => failure(400, message),
    }
}

/// The refusal of a planned fault. `X-RateLimit-Reset` is in seconds here.
pub(super) fn refuse(_world: &World, status: u16) -> Response {
    let mut response = failure(status, "the call was refused");
    if status == 429 {
        for name in ["retry-after", "x-ratelimit-reset"] {
            response.headers_mut().insert(name, http::HeaderValue::from_static("1"));
        }
    }
    response
}

fn failure(status: u16, message: &str) -> Response {
    answers::json(status, &json!({"success": false, "message": message}))
}

fn receive(state: &mut Segment, call: &Call<'_>, method: &str) -> Result<(), Refusal> {
    let body: Value = serde_json::from_slice(call.body).map_err(|_| Refusal("invalid JSON"))?;
    let source = source_of(state, call, &body);
    let messages = if method == "batch" {
        read_batch(call.body.len(), body)?
    } else {
        if call.body.len() > LARGEST_EVENT {
            return Err(Refusal("the event is too large"));
        }
        vec![read_message(body, Some(method))?]
    };
    // An unknown write key is answered like a known one; the data goes nowhere.
    let Some(source) = source else { return Ok(()) };
    for message in messages {
        keep(state, source, message);
    }
    Ok(())
}

/// The source of the write key, from the Basic user name or from the body.
fn source_of(state: &Segment, call: &Call<'_>, body: &Value) -> Option<usize> {
    let basic = call.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let decoded = basic.and_then(|value| STANDARD.decode(value.strip_prefix("Basic ")?).ok());
    let user = decoded.as_deref().and_then(|text| text.split(|byte| *byte == b':').next());
    let by_basic = user.and_then(|user| std::str::from_utf8(user).ok());
    let by_body = body.get("writeKey").and_then(Value::as_str);
    let key = by_basic.filter(|key| !key.is_empty()).or(by_body)?;
    state.sources.iter().position(|source| source.write_key == key)
}

fn read_batch(size: usize, body: Value) -> Result<Vec<Message>, Refusal> {
    if size > LARGEST_BATCH {
        return Err(Refusal("the batch is too large"));
    }
    let Batch { batch, sent_at, context } =
        serde_json::from_value(body).map_err(|_| Refusal("a batch has a list named batch"))?;
    if batch.len() > MOST_EVENTS {
        return Err(Refusal("the batch has too many events"));
    }
    let shared = context.unwrap_or_default();
    let mut messages = Vec::with_capacity(batch.len());
    for event in batch {
        let mut message = read_message(event, None)?;
        let mut context = shared.clone();
        context.extend(message.context.take().unwrap_or_default());
        message.context = Some(context);
        message.sent_at = message.sent_at.or_else(|| sent_at.clone());
        messages.push(message);
    }
    Ok(messages)
}

fn read_message(event: Value, method: Option<&str>) -> Result<Message, Refusal> {
    let mut message: Message =
        serde_json::from_value(event).map_err(|_| Refusal("a field has a wrong type"))?;
    if let Some(method) = method {
        message.kind = Some(method.to_owned());
    }
    for id in [&mut message.user_id, &mut message.anonymous_id, &mut message.previous_id] {
        *id = id.take().filter(|id| !id.is_empty());
    }
    if message.kind.as_deref() == Some("alias") && message.anonymous_id.is_none() {
        message.anonymous_id = message.previous_id.take();
    }
    if message.user_id.is_none() && message.anonymous_id.is_none() {
        return Err(Refusal("no_user_anon_id"));
    }
    if message.kind.as_deref() == Some("track") && message.event.is_none() {
        return Err(Refusal("a track call has an event"));
    }
    Ok(message)
}

/// Takes one event in, unless it is a repeat, suppressed, or beyond Unify's limits.
fn keep(state: &mut Segment, source: usize, message: Message) {
    let new_id = || format!("api-{}", base62(&mut state.arrivals, 22));
    let message_id = message.message_id.clone().unwrap_or_else(new_id);
    if !state.seen_messages.insert(message_id.clone()) {
        state.effects.events_repeated += 1;
        return;
    }
    if let Some(user_id) = &message.user_id
        && (state.suppressions.holds(Reach::Workspace, user_id)
            || state.suppressions.holds(Reach::Source(source), user_id))
    {
        state.effects.events_suppressed += 1;
        return;
    }
    let fields = message.traits.as_ref().map_or(0, Map::len)
        + message.properties.as_ref().map_or(0, Map::len);
    let group_length = message.group_id.as_ref().map_or(0, String::len);
    let is_beyond = fields > MOST_FIELDS
        || message_id.len() > LONGEST_MESSAGE_ID
        || group_length > LONGEST_GROUP_ID;
    if is_beyond {
        state.effects.events_dropped += 1;
        return;
    }
    state.effects.events_accepted += 1;
    let kind = message.kind.clone().unwrap_or_default();
    let consent = message.context.as_ref().and_then(|context| context.get("consent")).cloned();
    state.accepted_events.push(AcceptedEvent {
        message_id: message_id.clone(),
        kind: kind.clone(),
        event: message.event.clone(),
        user_id: message.user_id.clone(),
        anonymous_id: message.anonymous_id.clone(),
        consent,
        source_id: state.sources[source].id.clone(),
        received_at: state.now,
    });
    if let Some(user_id) = &message.user_id {
        *state.archive.entry(user_id.clone()).or_default() |= 1 << source;
    }
    let at = happened_at(&message, state.now);
    take_in(state, Arrival { source, kind, message_id: message_id.into(), at, message });
}

/// When an event took place, by the receiver's clock: the sender's own clock only tells how long
/// before sending that was. (Libraries stamp with the real time; the twin's may be months away.)
fn happened_at(message: &Message, now: Timestamp) -> Timestamp {
    let time = |value: &Option<Value>| value.as_ref()?.as_str()?.parse::<Timestamp>().ok();
    match (time(&message.timestamp), time(&message.sent_at)) {
        (Some(at), Some(sent_at)) => now.checked_sub(sent_at.duration_since(at)).unwrap_or(now),
        (Some(at), None) => at,
        (None, _) => now,
    }
}
