//! Regulations and suppressions over HTTP (contract 3.1 to 3.3, 3.6).

use std::collections::HashSet;

use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use rand::seq::SliceRandom;
use serde::Serialize;
use serde_json::{Value, json};

use super::answers::{Item, Refusal, data, violation};
use super::ids::{Purpose, base62, stream};
use super::public_api::{rate_headers, throttled};
use super::query::Query;
use super::regulations::{Forward, Regulation, RegulationType, Scope, Status, Stream, SubjectType};
use super::state::Segment;
use super::switches::ListOrder;

type Answer = Result<Response, Refusal>;

/// Ids a call takes, and bytes (3.2; whether a megabyte is binary is not said, so the smaller).
const MOST_SUBJECTS: usize = 5_000;
const LARGEST_BODY: usize = 4_000_000;
/// Creations a minute.
const CREATIONS_PER_MINUTE: u64 = 600;
/// After this a regulation can't be read any more.
const READABLE: SignedDuration = SignedDuration::from_hours(90 * 24);

/// A valid request body.
struct Wanted {
    kind: RegulationType,
    subject_type: SubjectType,
    subjects: Vec<String>,
    scope: Scope,
    /// `ANONYMOUS_ID` where the workspace lacks it, by switch refused later.
    is_invalid_later: bool,
}

pub(super) fn create(state: &mut Segment, body: &[u8], scope: Scope) -> Answer {
    if body.len() > LARGEST_BODY {
        return Err(Refusal::new(413, "payload-too-large", "The request body is too large."));
    }
    let window = state.creations.take(state.now, CREATIONS_PER_MINUTE);
    if state.switches.limits && !window.is_within {
        return Err(throttled(state, window.consumed, 0, window.resets_at));
    }
    let wanted = read_body(state, body, scope)?;
    let users = wanted.subjects.len() as u64;
    let category = wanted.kind.category();
    let quota = state.quota.state(category, state.now);
    let is_kept = state.switches.limits || state.switches.quota_left != Default::default();
    if is_kept && quota.remaining < users {
        return Err(throttled(state, quota.consumed, quota.remaining, quota.resets_at));
    }
    let quota = state.quota.take(category, users, state.now);
    let id = accept(state, wanted);
    let mut response = data(&json!({"regulateId": id}));
    // On these operations the headers tell the month's quota, not the rate (1.5).
    rate_headers(&mut response, quota.consumed, quota.remaining, quota.resets_at);
    Ok(response)
}

/// Reads and checks the body; every violation is one item.
fn read_body(state: &Segment, body: &[u8], scope: Scope) -> Result<Wanted, Refusal> {
    let unreadable = |_| Refusal::invalid("body", "must be a JSON object");
    let body: Value = serde_json::from_slice(body).map_err(unreadable)?;
    let mut items = Vec::new();
    let mut keep = |item: Item| items.push(item);
    let kind = read_kind(&body, &scope).map_err(&mut keep).ok();
    let subject_type = read_subject_type(&body, &scope, kind).map_err(&mut keep).ok();
    let subjects = read_subjects(&body, &state.switches.refused_ids).map_err(&mut keep).ok();
    let scope = read_scope(state, &body, scope).map_err(&mut keep).ok();
    let has_anonymous = state.switches.anonymous_id_enabled;
    let is_anonymous = subject_type == Some(SubjectType::Anonymous);
    let is_invalid_later =
        is_anonymous && !has_anonymous && state.switches.anonymous_id_invalid_later;
    if is_anonymous && !has_anonymous && !is_invalid_later {
        keep(violation("subjectType", "ANONYMOUS_ID is not enabled for this workspace"));
    }
    match (kind, subject_type, subjects, scope) {
        (Some(kind), Some(subject_type), Some(subjects), Some(scope)) if items.is_empty() => {
            Ok(Wanted { kind, subject_type, subjects, scope, is_invalid_later })
        }
        _ => Err(Refusal { status: 422, items, ..Refusal::default() }),
    }
}

fn read_kind(body: &Value, scope: &Scope) -> Result<RegulationType, Item> {
    let Some(value) = body.get("regulationType") else {
        return Err(violation("regulationType", "is required"));
    };
    let unknown = || {
        let known = "must be one of [DELETE_INTERNAL, DELETE_ONLY, SUPPRESS_ONLY, \
                     SUPPRESS_WITH_DELETE, SUPPRESS_WITH_DELETE_INTERNAL, UNSUPPRESS]";
        violation("regulationType", known)
    };
    let kind: RegulationType = serde_json::from_value(value.clone()).map_err(|_| unknown())?;
    let is_source = matches!(scope, Scope::Source(_));
    if kind == RegulationType::DeleteArchiveOnly && !is_source { Err(unknown()) } else { Ok(kind) }
}

fn read_subject_type(
    body: &Value,
    scope: &Scope,
    kind: Option<RegulationType>,
) -> Result<SubjectType, Item> {
    let Some(value) = body.get("subjectType") else {
        return Err(violation("subjectType", "is required"));
    };
    let archive_only = kind == Some(RegulationType::DeleteArchiveOnly);
    match (serde_json::from_value(value.clone()), scope) {
        (Ok(SubjectType::User), Scope::Workspace | Scope::Source(_)) => Ok(SubjectType::User),
        (Ok(SubjectType::Object), Scope::Workspace | Scope::CloudSource { .. }) => {
            Ok(SubjectType::Object)
        }
        (Ok(SubjectType::Anonymous), Scope::Source(_)) if archive_only => {
            Ok(SubjectType::Anonymous)
        }
        (_, Scope::Workspace) => {
            Err(violation("subjectType", "must be one of [USER_ID, OBJECT_ID]"))
        }
        (_, Scope::Source(_)) => Err(violation("subjectType", "must be one of [USER_ID]")),
        (_, Scope::CloudSource { .. }) => {
            Err(violation("subjectType", "must be one of [OBJECT_ID]"))
        }
    }
}

fn read_subjects(body: &Value, refused: &[String]) -> Result<Vec<String>, Item> {
    let wrong = |problem| violation("subjectIds", problem);
    let list = body.get("subjectIds").ok_or_else(|| wrong("is required"))?;
    let list = list.as_array().ok_or_else(|| wrong("must be an array"))?;
    if list.is_empty() {
        return Err(wrong("must contain at least 1 items"));
    }
    if list.len() > MOST_SUBJECTS {
        return Err(wrong("must contain less than or equal to 5000 items"));
    }
    let mut known = HashSet::new();
    let mut subjects = Vec::with_capacity(list.len());
    for id in list {
        let id = id.as_str().ok_or_else(|| wrong("must contain strings"))?;
        if id.is_empty() {
            return Err(wrong("must not contain empty strings"));
        }
        // Whether ids are validated, and how, is not published.
        if refused.iter().any(|one| one == id) {
            return Err(wrong("contains an invalid id"));
        }
        if known.insert(id) {
            subjects.push(id.to_owned());
        }
    }
    Ok(subjects)
}

fn read_scope(state: &Segment, body: &Value, scope: Scope) -> Result<Scope, Item> {
    let Scope::CloudSource { source, .. } = scope else { return Ok(scope) };
    if !super::catalog::is_cloud(&state.sources[source]) {
        return Err(violation("sourceId", "must be a cloud source"));
    }
    match body.get("collection").and_then(Value::as_str) {
        Some(collection) if !collection.is_empty() => {
            Ok(Scope::CloudSource { source, collection: collection.to_owned() })
        }
        _ => Err(violation("collection", "is required")),
    }
}

/// Takes a regulation on and plans its course; answers its id.
fn accept(state: &mut Segment, wanted: Wanted) -> String {
    let Wanted { kind, subject_type, subjects, scope, is_invalid_later } = wanted;
    state.effects.regulations_created += 1;
    state.effects.regulation_subjects += subjects.len() as u64;
    let streams = streams(state, kind, subject_type, &subjects, &scope);
    let regulation = Regulation {
        id: base62(&mut state.jobs, 27),
        kind,
        subject_type,
        subjects,
        scope,
        created_at: state.now,
        finished_at: None,
        status: Status::Initialized,
        settled: is_invalid_later.then_some(Status::Invalid),
        streams,
        reads_at_end: 0,
        is_cancelled: false,
    };
    let place = state.regulations.len();
    regulation.schedule(place, &mut state.agenda, &state.switches, &mut state.jobs);
    let id = regulation.id.clone();
    state.regulation_places.insert(id.clone(), place);
    state.regulations.push(regulation);
    id
}

/// A stream for each source in which a subject has data; a destination in it for each enabled one,
/// if the type is forwarded at all.
fn streams(
    state: &Segment,
    kind: RegulationType,
    subject_type: SubjectType,
    subjects: &[String],
    scope: &Scope,
) -> Vec<Stream> {
    let bits = |id: &String| match subject_type {
        SubjectType::User => state.archive.get(id).copied().unwrap_or(0),
        SubjectType::Anonymous => {
            let space = state.spaces.iter().find(|space| space.find("anonymous_id", id).is_some());
            scope.source().filter(|_| space.is_some()).map_or(0, |source| 1 << source)
        }
        SubjectType::Object => match scope {
            Scope::CloudSource { source, collection } => {
                let key = (collection.clone(), id.clone());
                if state.objects.contains(&key) { 1 << source } else { 0 }
            }
            Scope::Workspace | Scope::Source(_) => 0,
        },
    };
    let present = subjects.iter().fold(0, |all, id| all | bits(id));
    let in_scope = |source: &usize| scope.source().is_none_or(|only| only == *source);
    let has_data = |source: &usize| present & (1 << source) != 0;
    let sources = (0..state.sources.len()).filter(in_scope).filter(has_data);
    let forwards = |source: usize| {
        let all = state.destinations.iter().enumerate();
        let wanted = all.filter(|(_, d)| kind.forwards() && d.is_enabled && d.source == source);
        wanted.map(|(place, _)| Forward::to(place)).collect()
    };
    sources.map(|source| Stream { source, forwards: forwards(source) }).collect()
}

/// A regulation that can still be read.
fn place_of(state: &Segment, id: &str) -> Result<usize, Refusal> {
    let place = state.regulation_places.get(id).copied();
    let readable = place.filter(|place| is_readable(&state.regulations[*place], state.now));
    readable.ok_or_else(|| Refusal::not_found("Regulation", id))
}

fn is_readable(regulation: &Regulation, now: Timestamp) -> bool {
    !regulation.is_cancelled && now.duration_since(regulation.created_at) < READABLE
}

/// Microseconds, as the vendor writes them.
fn micros(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

pub(super) fn read(state: &mut Segment, id: &str) -> Answer {
    let place = place_of(state, id)?;
    let regulation = &mut state.regulations[place];
    let mut status = regulation.status;
    if status.is_terminal() {
        regulation.reads_at_end += 1;
        if state.switches.goes_back && regulation.reads_at_end == 2 {
            status = Status::Running;
        }
    }
    let regulation = &state.regulations[place];
    let forward = |forward: &Forward| {
        let destination = &state.destinations[forward.destination];
        json!({
            "name": destination.entry.name,
            "id": destination.id,
            "status": forward.status.word(),
            "errString": forward.error,
            "finishedAt": forward.finished_at.map_or(String::new(), micros),
        })
    };
    let stream = |stream: &Stream| {
        let destinations: Vec<Value> = stream.forwards.iter().map(forward).collect();
        json!({"id": state.sources[stream.source].id, "destinationStatus": destinations})
    };
    let mut shown = json!({
        "id": regulation.id,
        "workspaceId": state.workspace_id,
        "overallStatus": regulation.shown_status(status, &state.switches),
        "createdAt": micros(regulation.created_at),
        "streamStatus": regulation.streams.iter().map(stream).collect::<Vec<_>>(),
    });
    if let Some(finished_at) = regulation.finished_at.filter(|_| status.is_terminal()) {
        shown["finishedAt"] = json!(micros(finished_at));
    }
    Ok(data(&json!({"regulation": shown})))
}

/// An entry of a list; the names differ from those of the single read.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    id: &'a str,
    subject_type: SubjectType,
    subjects: &'a [String],
    status: &'a str,
    created_at: String,
    regulation_type: RegulationType,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<String>,
}

pub(super) fn list(state: &Segment, query: &Query) -> Answer {
    let places = listed(state, query, |scope| *scope == Scope::Workspace)?;
    let page = query.page(places.len(), &state.switches)?;
    let entries = entries(state, &places[page.range]);
    Ok(data(&json!({"regulations": entries, "pagination": page.info})))
}

/// The answer for a source carries no `pagination` (3.3).
pub(super) fn list_of_source(state: &Segment, id: &str, query: &Query) -> Answer {
    let source = super::catalog_api::place_of_source(state, id)?;
    let places = listed(state, query, |scope| scope.source() == Some(source))?;
    let page = query.page(places.len(), &state.switches)?;
    Ok(data(&json!({"regulations": entries(state, &places[page.range])})))
}

/// The places of the regulations that a list shows, in its order.
fn listed(
    state: &Segment,
    query: &Query,
    in_scope: impl Fn(&Scope) -> bool,
) -> Result<Vec<usize>, Refusal> {
    let status = query.get("status");
    let types = query.list("regulationTypes");
    let mut kinds = Vec::with_capacity(types.len());
    for name in types {
        let unknown = |_| Refusal::invalid("regulationTypes", "holds an unknown type");
        let kind: RegulationType = serde_json::from_value(json!(name)).map_err(unknown)?;
        kinds.push(kind);
    }
    let lag = state.switches.regulations_listed_after.map_or(SignedDuration::ZERO, |set| set.0);
    let is_shown = |regulation: &Regulation| {
        in_scope(&regulation.scope)
            && is_readable(regulation, state.now)
            && state.now.duration_since(regulation.created_at) >= lag
            && status.is_none_or(|status| status == regulation.status.word())
            && (kinds.is_empty() || kinds.contains(&regulation.kind))
    };
    let all = state.regulations.iter().enumerate().rev();
    let mut places: Vec<usize> = all.filter(|(_, r)| is_shown(r)).map(|(place, _)| place).collect();
    match state.switches.list_order {
        ListOrder::NewestFirst => {}
        ListOrder::OldestFirst => places.reverse(),
        // The same disorder each time, so that pages fit together.
        ListOrder::Shuffled => places.shuffle(&mut stream(1, Purpose::Order)),
    }
    Ok(places)
}

fn entries<'a>(state: &'a Segment, places: &[usize]) -> Vec<Listed<'a>> {
    let entry = |place: &usize| {
        let regulation = &state.regulations[*place];
        Listed {
            id: &regulation.id,
            subject_type: regulation.subject_type,
            subjects: &regulation.subjects,
            status: regulation.shown_status(regulation.status, &state.switches),
            created_at: micros(regulation.created_at),
            regulation_type: regulation.kind,
            finished_at: regulation.finished_at.map(micros),
        }
    };
    places.iter().map(entry).collect()
}

/// The route that went away in March 2026; behind a switch.
pub(super) fn cancel(state: &mut Segment, id: &str) -> Answer {
    if !state.switches.legacy_delete {
        return Err(Refusal::new(404, "not-found", "No such resource."));
    }
    let place = place_of(state, id)?;
    if state.regulations[place].status != Status::Initialized {
        return Err(Refusal::new(409, "conflict", "The regulation has begun to run."));
    }
    state.regulations[place].is_cancelled = true;
    state.agenda.cancel(place);
    Ok(data(&json!({"status": "SUCCESS"})))
}

pub(super) fn suppressions(state: &Segment, query: &Query) -> Answer {
    let with_combined = state.switches.suppressions_include_combined;
    let total = state.suppressions.listed(with_combined).count();
    let page = query.page(total, &state.switches)?;
    let users = state.suppressions.listed(with_combined);
    let suppressed: Vec<Value> = users
        .skip(page.range.start)
        .take(page.range.len())
        .map(|user_id| json!({"subjectType": SubjectType::User, "subjectIds": [user_id]}))
        .collect();
    Ok(data(&json!({"suppressed": suppressed, "pagination": page.info})))
}
