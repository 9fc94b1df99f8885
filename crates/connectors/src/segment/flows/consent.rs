//! Opts people out and in by a consent event, one per profile that was found.
//!
//! The event's `messageId` is ours and follows from the task and the identifier, so Segment drops
//! a repeat. An empty set of categories would refuse everything, so it is never sent.

use std::collections::{BTreeMap, BTreeSet};

use connector_api::combinators::remember;
use connector_api::{Change, Context, Input, Report, Settled, Step, Subject, Turn, VendorError};
use domain::outcome::Share;
use domain::plan::PlanItem;
use domain::{Digest, IdentifierId, IdentifierKind, Instant, Right, TaskId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Job, VERSION, acted_on, out_of_turn, refused, right};
use crate::segment::{client, mapping, settings};

/// The event that Segment's consent management reads.
const EVENT: &str = "Segment Consent Preference Updated";

/// Documented limits of one batch.
const MAX_EVENTS: usize = 2_500;
const MAX_BYTES: usize = 500_000;

/// Why it can't be proven, and what has to happen beside it.
const UNPROVABLE: &str = "Segment gives no way to read the recorded consent back; your engineers must have your other websites, apps and servers that send to Segment attach the same choice to the person's events: until they do, Segment treats those as before, so that after an opt-out it still passes them on";

/// What a batch of events has to remember.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Memory {
    n_events: usize,
    /// Whether Segment has taken them.
    is_taken: bool,
}

/// Sends the events.
pub(super) fn begin(subjects: &[Subject], context: &Context<'_>) -> Result<Turn, VendorError> {
    let mut events = Vec::new();
    let mut without_category = Vec::new();
    for (position, subject) in subjects.iter().enumerate() {
        let Some(plan) = &subject.plan else { continue };
        let (categories, _) = settings::categories(context, &plan.scope);
        if categories.is_empty() {
            without_category.push(position);
            continue;
        }
        let is_allowed = right(subject) == Some(Right::OptIn);
        events.extend(acted_on(subject).into_iter().map(|it| {
            let (task, round) = (subject.task, subject.round);
            let who = Who { task, round, id: it.id, kind: &it.kind, value: mapping::exact(it) };
            event(&who, &categories, is_allowed, context.now)
        }));
    }
    if !without_category.is_empty() {
        return Err(refused("no consent category is configured for the scope", without_category));
    }
    let call = client::track_batch(&events, context.now);
    let connector_api::Body::Json(body) = &call.body else { return Err(out_of_turn()) };
    if events.len() > MAX_EVENTS || body.to_string().len() > MAX_BYTES {
        return Err(refused("the batch is larger than the Tracking API takes", Vec::new()));
    }
    let n_members = u32::try_from(subjects.len()).unwrap_or(u32::MAX);
    let change = Change { call, key: Some(key_of(&events)), n_members };
    let job = Job::Consent(Memory { n_events: events.len(), is_taken: false });
    Ok(Turn::new(remember(VERSION, &job), Step::Change(Box::new(change))))
}

/// Reports once the events were taken; and again, should the report have been lost.
pub(super) fn end(job: Memory, input: &Input<'_>) -> Result<Turn, VendorError> {
    match input {
        Input::Answers([_]) => {}
        Input::Woken if job.is_taken => {}
        _ => return Err(out_of_turn()),
    }
    let settled = Settled {
        share: Share::Done,
        exceptions: Vec::new(),
        evidence: json!({"events": job.n_events, "event": EVENT}),
        unprovable: Some(UNPROVABLE.to_owned()),
    };
    let job = Memory { is_taken: true, ..job };
    Ok(Turn::new(remember(VERSION, &Job::Consent(job)), Step::Done(Report::Settled(settled))))
}

/// Why a consent event can't be confirmed.
pub(super) fn unprovable() -> String {
    UNPROVABLE.to_owned()
}

/// How many bytes the event for a planned identifier takes, at most.
pub(in crate::segment) fn size(
    task: TaskId,
    item: &PlanItem,
    value: &str,
    categories: &BTreeSet<&str>,
) -> u32 {
    /// A comma, and how much longer an instant can be written than the shortest one.
    const SLACK: usize = 16;
    let who = Who { task, round: u32::MAX, id: item.identifier, kind: &item.kind, value };
    let event = event(&who, categories, false, Instant::UNIX_EPOCH);
    u32::try_from(event.to_string().len() + SLACK).unwrap_or(u32::MAX)
}

/// Whose consent an event records.
struct Who<'a> {
    task: TaskId,
    round: u32,
    id: IdentifierId,
    kind: &'a IdentifierKind,
    value: &'a str,
}

fn event(who: &Who<'_>, categories: &BTreeSet<&str>, is_allowed: bool, at: Instant) -> Value {
    let preferences: BTreeMap<&str, bool> = categories.iter().map(|id| (*id, is_allowed)).collect();
    let id_field = match who.kind {
        IdentifierKind::UserId => "userId",
        _ => "anonymousId",
    };
    json!({
        "type": "track",
        "event": EVENT,
        id_field: who.value,
        "messageId": format!("{}:{}:{}", who.task, who.round, who.id),
        "timestamp": at.to_string(),
        "properties": {},
        "context": {"consent": {"categoryPreferences": preferences}},
    })
}

/// One key for the whole batch, from the keys of its events.
fn key_of(events: &[Value]) -> String {
    let keys = events.iter().filter_map(|event| event["messageId"].as_str());
    Digest::of_set(keys).short()
}
