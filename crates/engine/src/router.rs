//! Routing new requests: which connections serve them, and what becomes work for a person.

use std::sync::Arc;

use domain::id::IdSource;
use domain::journal::{Actor, Entry, Event};
use domain::plan::HandWork;
use domain::routing::{self, Routed};
use domain::{Connection, Instant, Request, Task, TaskId};
use serde_json::json;
use store::{Fence, Store, StoreError, Transition};

/// How many requests are routed in one transaction.
const GROUP: u32 = 500;

/// Routes everything that has not been routed. Returns how many requests that was.
pub(crate) async fn route_new(
    store: &Store,
    fence: &Fence,
    ids: &Arc<dyn IdSource>,
    now: Instant,
) -> Result<usize, StoreError> {
    let mut n_routed = 0;
    loop {
        let requests = store.unrouted(GROUP).await?;
        if requests.is_empty() {
            return Ok(n_routed);
        }
        let connections = store.connections().await?;
        let n = requests.len();
        let transitions: Vec<_> = requests
            .into_iter()
            .map(|request| routed(request, &connections, &**ids, now))
            .collect();
        let applied = store.apply(Some(fence), &transitions).await?;
        n_routed += n;
        if applied.iter().all(|one| *one == store::Applied::Lost) {
            return Ok(n_routed);
        }
    }
}

fn routed(
    request: Request,
    connections: &[Connection],
    ids: &dyn IdSource,
    now: Instant,
) -> Transition {
    let routes = routing::route(&request, connections);
    let mut transition = Transition::default();
    for route in routes.iter().filter(|route| route.left_out.is_none()) {
        let Some(connection) = connections.iter().find(|one| one.id == route.connection) else {
            continue;
        };
        let review = connection.switches.review;
        let task = Task::for_connection(
            TaskId::new(ids),
            request.id,
            request.right,
            connection.id,
            review,
            now,
        );
        transition.journal.push(created(&task, now).fact("for", connection.name.as_str()));
        transition.new_tasks.push(task);
    }
    for (connection, why) in unable(&request, connections, &routes) {
        let work = HandWork {
            place: connection.name.clone(),
            what: format!(
                "{} can't serve {} ({why}): carry it out there by hand, or mend the connection and submit the request again",
                connection.name, request.right
            ),
        };
        let id = TaskId::new(ids);
        let task = Task::by_hand(id, request.id, request.right, Some(connection.id), work, now);
        transition.journal.push(created(&task, now).fact("for", "a person"));
        transition.new_tasks.push(task);
    }
    if transition.new_tasks.is_empty() {
        let task = by_hand(&request, ids, now);
        transition.journal.push(created(&task, now).fact("for", "a person"));
        transition.new_tasks.push(task);
    }
    transition.journal.push(
        Entry::new(now, Actor::Engine, Event::RequestRouted)
            .request(request.id)
            .fact(
                "n_systems",
                transition.new_tasks.iter().filter(|task| task.connection.is_some()).count(),
            )
            .fact("left_out", left_out(&routes)),
    );
    transition.requests.push(Request { routed: Some(routes), ..request });
    transition
}

/// Connections that should serve a request, and can't as they stand: leaving them out silently
/// would leave data behind and call it fulfilled.
fn unable<'a>(
    request: &'a Request,
    connections: &'a [Connection],
    routes: &'a [Routed],
) -> impl Iterator<Item = (&'a Connection, String)> + 'a {
    routes.iter().filter(|route| route.left_out.is_some()).filter_map(|route| {
        let connection = connections.iter().find(|one| one.id == route.connection)?;
        let lacking = connection.cannot_now(request.right)?;
        (route.left_out.as_ref() == Some(&lacking)).then_some((connection, lacking))
    })
}

fn left_out(routes: &[Routed]) -> serde_json::Value {
    routes
        .iter()
        .filter_map(|route| {
            Some(json!({ "connection": route.name, "why": route.left_out.as_ref()? }))
        })
        .collect()
}

fn by_hand(request: &Request, ids: &dyn IdSource, now: Instant) -> Task {
    let work = HandWork {
        place: "every system".to_owned(),
        what: format!("no connection serves {}: carry it out by hand", request.right),
    };
    Task::by_hand(TaskId::new(ids), request.id, request.right, None, work, now)
}

fn created(task: &Task, now: Instant) -> Entry {
    Entry::new(now, Actor::Engine, Event::TaskCreated)
        .request(task.request)
        .task(task.id)
        .connection(task.connection)
}
