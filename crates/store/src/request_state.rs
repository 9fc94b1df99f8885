//! The states of requests, derived anew wherever they or their tasks are written.

use std::collections::{BTreeMap, HashMap};

use domain::request::{keeps_in_progress, reopens, state};
use domain::{Actor, Entry, Event, Instant, Request, RequestId, RequestState, Task, TaskId};

use crate::bulk::{Kind, Over};
use crate::db::{Tx, values};
use crate::error::StoreError;
use crate::transition::Transition;
use crate::{request, task};

static STATE_OF: Over = Over::new(
    &[("id", Kind::Text)],
    "SELECT r.id, r.state FROM v CROSS JOIN request r WHERE r.id = v.id",
);

/// Derives the states of all requests that were touched, and returns what to journal of it.
pub(crate) async fn derive(
    tx: &mut Tx,
    transitions: &[Transition],
) -> Result<Vec<Entry>, StoreError> {
    let mut touched = touched(transitions);
    let kept = touched.iter().filter(|(_, cause)| cause.is_kept).map(|(id, _)| *id);
    for row in STATE_OF.run(tx, kept.map(|id| values![id])).await? {
        if row.parse::<RequestState>("state")? == RequestState::InProgress {
            touched.remove(&row.parse("id")?);
        }
    }
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
    request::UPDATE.change(tx, reopened).await?;
    request::MOVE.change(tx, moves).await?;
    Ok(entries)
}

/// Who and what touched a request.
struct Cause {
    actor: Actor,
    at: Instant,
    /// Whether a task that was written keeps it in progress, if it is, so that nothing need be read.
    is_kept: bool,
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
            Some(entry) => Cause { actor: entry.actor.clone(), at: entry.at, is_kept: false },
            None => Cause { actor: Actor::Engine, at: latest, is_kept: false },
        };
        for task in tasks() {
            let of_request = touched.entry(task.request).or_insert_with(cause);
            of_request.is_kept |= keeps_in_progress(task);
        }
        for request in &one.requests {
            touched.entry(request.id).or_insert_with(cause);
        }
    }
    // What changed in a request itself may end its progress whatever its tasks do.
    for request in transitions.iter().flat_map(|one| &one.requests) {
        touched.entry(request.id).and_modify(|cause| cause.is_kept = false);
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
    let mut all = Vec::with_capacity(written.len());
    let mut others = Vec::new();
    for id in task::ids_of_requests(tx, touched.keys().copied()).await? {
        match written.get(&id) {
            Some(task) => all.push((*task).clone()),
            None => others.push(id),
        }
    }
    all.extend(task::by_ids(tx, others).await?);
    let mut by_request: HashMap<RequestId, Vec<Task>> = HashMap::new();
    for task in all {
        by_request.entry(task.request).or_default().push(task);
    }
    Ok(by_request)
}
