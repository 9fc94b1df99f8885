//! How transitions become rows, and rows one set-based statement per table.

use std::collections::{BTreeMap, HashMap};

use domain::request::{reopens, state};
use domain::{Actor, Entry, Event, IdentifierId, Instant, Request, RequestId, Task, TaskId};

use crate::bulk::Over;
use crate::db::{Tx, Value, json, values};
use crate::error::StoreError;
use crate::keyring::Keyring;
use crate::request_key::RequestKeys;
use crate::transition::Transition;
use crate::{collected, connection, evidence, identifier, intent, job, journal, request, task};

/// Whether everything was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// It was.
    All,
    /// Somebody else was first; the caller undoes what was written.
    Lost,
}

/// The rows of some transitions, table by table, sealed and ready.
#[derive(Default)]
pub(crate) struct Rows {
    new_connections: Vec<Vec<Value>>,
    connections: Vec<Vec<Value>>,
    requests: Vec<Vec<Value>>,
    new_tasks: Vec<Vec<Value>>,
    tasks: Vec<Vec<Value>>,
    new_jobs: Vec<Vec<Value>>,
    jobs: Vec<Vec<Value>>,
    carried: Vec<Vec<Value>>,
    identifiers: Vec<Vec<Value>>,
    new_intents: Vec<Vec<Value>>,
    intents: Vec<Vec<Value>>,
    evidence: Vec<Vec<Value>>,
    collected: Vec<Vec<Value>>,
    approved: Vec<Vec<Value>>,
}

impl Rows {
    /// The rows of these transitions, or nothing if the key of one of their requests was destroyed.
    pub(crate) fn of(
        keys: &Keyring,
        request_keys: &RequestKeys,
        transitions: &[Transition],
    ) -> Result<Option<Self>, StoreError> {
        let mut rows = Self::default();
        for one in transitions {
            extend(&mut rows.new_connections, &one.new_connections, connection::row)?;
            extend(&mut rows.connections, &one.connections, connection::change)?;
            extend(&mut rows.requests, &one.requests, request::change)?;
            extend(&mut rows.new_tasks, &one.new_tasks, task::row)?;
            extend(&mut rows.tasks, &one.tasks, task::change)?;
            extend(&mut rows.new_jobs, &one.new_jobs, job::row)?;
            extend(&mut rows.jobs, &one.jobs, job::change)?;
            extend(&mut rows.carried, &one.carried, job::carried_row)?;
            rows.new_intents.extend(one.new_intents.iter().map(intent::row));
            rows.intents.extend(one.intents.iter().map(intent::answer));
            rows.collected.extend(one.collected.iter().map(collected::row));
            for (connection, day, n) in &one.approved_today {
                rows.approved.push(values![*connection, &**day, i64::from(*n)]);
            }
            for (request, new) in &one.new_identifiers {
                let Some(key) = request_keys.get(request) else { return Ok(None) };
                rows.identifiers.push(identifier::row(keys, key, *request, new)?);
            }
            for (evidence, body) in &one.evidence {
                let row = evidence::row(keys, request_keys, evidence, body)?;
                let Some(row) = row else { return Ok(None) };
                rows.evidence.push(row);
            }
        }
        Ok(Some(rows))
    }
}

fn extend<T>(
    rows: &mut Vec<Vec<Value>>,
    values: &[T],
    row: impl Fn(&T) -> Result<Vec<Value>, StoreError>,
) -> Result<(), StoreError> {
    for value in values {
        rows.push(row(value)?);
    }
    Ok(())
}

/// Writes transitions. Parents come before children, the journal last.
pub(crate) async fn write(
    tx: &mut Tx,
    keys: &Keyring,
    transitions: &[Transition],
    rows: Rows,
) -> Result<Written, StoreError> {
    connection::INSERT.run(tx, rows.new_connections).await?;
    task::INSERT.run(tx, rows.new_tasks).await?;
    job::INSERT.run(tx, rows.new_jobs).await?;
    for (statement, changes) in [
        (&connection::UPDATE, rows.connections),
        (&request::UPDATE, rows.requests),
        (&task::UPDATE, rows.tasks),
        (&job::UPDATE, rows.jobs),
    ] {
        if change(tx, statement, changes).await? == Written::Lost {
            return Ok(Written::Lost);
        }
    }
    let new = transitions.iter().flat_map(|one| &one.new_identifiers);
    let new: Vec<_> = new.map(|(request, identifier)| (*request, identifier)).collect();
    let merged = identifier::add(tx, keys, &new, rows.identifiers).await?;
    if names_a_merged_one(transitions, &merged)? {
        return Ok(Written::Lost);
    }
    let seen = transitions.iter().flat_map(|one| &one.sightings);
    identifier::see(tx, seen.map(|(id, seen)| (*id, seen.as_slice()))).await?;
    job::INSERT_CARRIED.run(tx, rows.carried).await?;
    intent::INSERT.run(tx, rows.new_intents).await?;
    if change(tx, &intent::ANSWER, rows.intents).await? == Written::Lost {
        return Ok(Written::Lost);
    }
    evidence::INSERT.run(tx, rows.evidence).await?;
    collected::INSERT.run(tx, rows.collected).await?;
    connection::COUNT_APPROVED.run(tx, rows.approved).await?;
    let moved = move_requests(tx, transitions).await?;
    let entries = transitions.iter().flat_map(|one| &one.journal);
    journal::append(tx, entries.chain(&moved)).await?;
    Ok(Written::All)
}

/// Changes rows, each if it is as it was loaded.
async fn change(
    tx: &mut Tx,
    statement: &'static Over,
    changes: Vec<Vec<Value>>,
) -> Result<Written, StoreError> {
    let wanted = changes.len();
    let changed = statement.run(tx, changes).await?.len();
    Ok(if changed == wanted { Written::All } else { Written::Lost })
}

/// Whether a task that is written names an identifier that was merged into another, and so does not
/// exist under that id.
fn names_a_merged_one(
    transitions: &[Transition],
    merged: &HashMap<IdentifierId, IdentifierId>,
) -> Result<bool, StoreError> {
    if merged.is_empty() {
        return Ok(false);
    }
    let merged: Vec<String> = merged.keys().map(ToString::to_string).collect();
    for task in transitions.iter().flat_map(|one| one.tasks.iter().chain(&one.new_tasks)) {
        let detail = json(&task.detail)?;
        if merged.iter().any(|id| detail.contains(id)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Derives the states of all requests that were touched, and returns what to journal of it.
async fn move_requests(tx: &mut Tx, transitions: &[Transition]) -> Result<Vec<Entry>, StoreError> {
    let touched = touched(transitions);
    let mut requests = Vec::with_capacity(touched.len());
    for row in request::BY_ID.run(tx, touched.keys().map(|id| values![*id])).await? {
        requests.push(request::read(&row)?);
    }
    let mut tasks = tasks_by_request(tx, transitions, &touched).await?;
    let (mut moves, mut entries) = (Vec::new(), Vec::new());
    let mut reopened = Vec::new();
    for mut request in requests {
        let of_request = tasks.remove(&request.id).unwrap_or_default();
        let cause = touched.get(&request.id);
        if reopens(&request, &of_request) {
            let closing = request.closing.take();
            reopened.push(request::change(&request)?);
            let was = closing.map_or("", |closing| closing.how.word());
            entries.extend(cause.map(|cause| reopened_entry(&request, was, cause)));
        }
        let to = state(&request, &of_request);
        if to == request.state {
            continue;
        }
        moves.push(values![request.id, to.word()]);
        entries.extend(cause.map(|cause| moved_entry(&request, to.word(), cause)));
    }
    request::UPDATE.run(tx, reopened).await?;
    request::MOVE.run(tx, moves).await?;
    Ok(entries)
}

/// Who and what touched a request.
struct Cause {
    actor: Actor,
    at: Instant,
}

fn reopened_entry(request: &Request, was: &str, cause: &Cause) -> Entry {
    Entry::new(cause.at, cause.actor.clone(), Event::RequestReopened)
        .request(request.id)
        .fact("was", was)
        .fact("why", "something that the answer counted on came out otherwise")
}

fn moved_entry(request: &Request, to: &str, cause: &Cause) -> Entry {
    Entry::new(cause.at, cause.actor.clone(), Event::RequestMoved)
        .request(request.id)
        .fact("from", request.state.word())
        .fact("to", to)
}

/// The requests that transitions touch, themselves or through a task, with the first cause of each.
fn touched(transitions: &[Transition]) -> BTreeMap<RequestId, Cause> {
    let mut touched = BTreeMap::new();
    for one in transitions {
        let tasks = || one.tasks.iter().chain(&one.new_tasks);
        let latest = tasks().map(|task| task.since).max().unwrap_or(Instant::UNIX_EPOCH);
        let cause = || match one.journal.first() {
            Some(entry) => Cause { actor: entry.actor.clone(), at: entry.at },
            None => Cause { actor: Actor::Engine, at: latest },
        };
        let themselves = one.requests.iter().map(|request| request.id);
        for id in tasks().map(|task| task.request).chain(themselves) {
            touched.entry(id).or_insert_with(cause);
        }
    }
    touched
}

/// All tasks of the requests that were touched: those just written as they are in memory, since
/// reading them back would cost more than writing them did.
async fn tasks_by_request(
    tx: &mut Tx,
    transitions: &[Transition],
    touched: &BTreeMap<RequestId, Cause>,
) -> Result<HashMap<RequestId, Vec<Task>>, StoreError> {
    let mut written: HashMap<TaskId, &Task> = HashMap::new();
    for one in transitions {
        written.extend(one.tasks.iter().chain(&one.new_tasks).map(|task| (task.id, task)));
    }
    let mut by_request: HashMap<RequestId, Vec<Task>> = HashMap::new();
    for row in task::of_requests(tx, touched.keys().copied()).await? {
        let task = match written.get(&row.parse("id")?) {
            Some(task) => (*task).clone(),
            None => task::read(&row)?,
        };
        by_request.entry(task.request).or_default().push(task);
    }
    Ok(by_request)
}
