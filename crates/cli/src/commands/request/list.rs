//! `habeas request list`.

use std::collections::BTreeMap;

use domain::{Connection, ConnectionId, Request, RequestId, RequestState, Right, Task};
use engine::operator::find;
use serde_json::{Value, json};
use store::RequestFilter;

use crate::args::Common;
use crate::exit::Exit;
use crate::open::Session;
use crate::screen::Screen;
use crate::show;

/// Arguments of `request list`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    habeas request list --needs-me\n  \
    habeas request list --right deletion --overdue --json")]
pub struct Args {
    /// Only those that wait for you: a task needs a person, or the answer has to be given.
    #[arg(long)]
    needs_me: bool,
    /// Only those past their deadline.
    #[arg(long)]
    overdue: bool,
    /// Only in this state; may be given more than once.
    #[arg(long, value_name = "STATE")]
    state: Vec<RequestState>,
    /// Only under this right.
    #[arg(long, value_name = "RIGHT")]
    right: Option<Right>,
    /// Only with a task of this connection.
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u32,
    /// After this request, to go on where a list ended.
    #[arg(long, value_name = "ID")]
    after: Option<RequestId>,
}

/// Lists requests.
pub async fn run(args: Args, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let session = Session::to_read(common, screen).await?;
    let connection = match &args.connection {
        Some(name) => Some(find::connection(&session.store, name).await?.id),
        None => None,
    };
    let filter = RequestFilter {
        states: args.state,
        right: args.right,
        needs_a_person: args.needs_me,
        overdue: args.overdue.then_some(session.now),
        connection,
    };
    let requests = session.store.requests(&filter, args.after, args.limit).await?;
    let ids: Vec<RequestId> = requests.iter().map(|request| request.id).collect();
    let mut tasks: BTreeMap<RequestId, Vec<Task>> = BTreeMap::new();
    for task in session.store.tasks_of(&ids).await? {
        tasks.entry(task.request).or_default().push(task);
    }
    let names = names(&session.store.all_connections().await?);
    let next = ids.last().filter(|_| ids.len() as u64 >= u64::from(args.limit));
    let tasks_of = |request: &Request| tasks.get(&request.id).map_or(&[][..], Vec::as_slice);
    if screen.json {
        let rows: Vec<Value> =
            requests.iter().map(|one| row_json(one, tasks_of(one), &names)).collect();
        screen.json(&json!({"requests": rows, "next": next}))?;
        return Ok(Exit::Done);
    }
    if requests.is_empty() {
        screen.line(nothing(&filter, args.after.is_some()));
        return Ok(Exit::Done);
    }
    let rows = requests.iter().map(|one| row(one, tasks_of(one), &names, &session)).collect();
    screen.table(&["request", "right", "state", "answer by", "per system"], rows);
    if let Some(next) = next {
        screen.line(format!("More: habeas request list --after {next}"));
    }
    Ok(Exit::Done)
}

/// What to say where the list is empty: only a list without a filter shows that there is nothing.
fn nothing(filter: &RequestFilter, is_later_page: bool) -> &'static str {
    let is_filtered = !filter.states.is_empty()
        || filter.right.is_some()
        || filter.overdue.is_some()
        || filter.connection.is_some();
    if is_later_page {
        "No more requests."
    } else if is_filtered {
        "No request fits. All of them: habeas request list"
    } else if filter.needs_a_person {
        "Nothing waits for you. All requests: habeas request list"
    } else {
        "No request yet. `habeas import FILE` takes in a CSV, `habeas request new` a single one."
    }
}

/// Connections' names by id.
pub fn names(connections: &[Connection]) -> BTreeMap<ConnectionId, String> {
    connections.iter().map(|connection| (connection.id, connection.name.clone())).collect()
}

/// The name of the system that a task is about.
pub fn system(task: &Task, names: &BTreeMap<ConnectionId, String>) -> String {
    let name = task.connection.and_then(|id| names.get(&id));
    name.map_or_else(|| "by hand".to_owned(), Clone::clone)
}

/// Where a task stands, in a few words.
pub fn standing(task: &Task) -> String {
    let detail = &task.detail;
    match (&detail.outcome, &detail.proof) {
        (Some(outcome), Some(proof)) if task.is_over() => {
            format!("{}, {}", outcome.word(), proof.word())
        }
        (Some(outcome), None) if task.is_over() => outcome.word().to_owned(),
        _ => match &detail.wait {
            Some(wait) => format!("{} ({})", task.state, wait.why),
            None => task.state.word().to_owned(),
        },
    }
}

fn row(
    request: &Request,
    tasks: &[Task],
    names: &BTreeMap<ConnectionId, String>,
    session: &Session,
) -> Vec<String> {
    let late = if request.closing.is_none() && request.deadline.is_past(session.now) {
        "LATE "
    } else {
        ""
    };
    let systems = tasks.iter().map(|task| format!("{}: {}", system(task, names), standing(task)));
    vec![
        request.id.to_string(),
        request.right.to_string(),
        request.closing.as_ref().map_or(request.state.to_string(), |end| end.how.to_string()),
        format!("{late}{}", show::day(request.deadline.at)),
        systems.collect::<Vec<_>>().join("\n"),
    ]
}

fn row_json(request: &Request, tasks: &[Task], names: &BTreeMap<ConnectionId, String>) -> Value {
    let tasks: Vec<Value> = tasks
        .iter()
        .map(|task| {
            json!({
                "id": task.id,
                "connection": task.connection.and_then(|id| names.get(&id)),
                "state": task.state,
                "needs_a_person": task.needs_a_person(),
                "wait": task.detail.wait,
                "outcome": task.detail.outcome,
                "proof": task.detail.proof,
            })
        })
        .collect();
    json!({
        "id": request.id,
        "right": request.right,
        "scope": request.scope,
        "state": request.state,
        "received_at": request.received_at,
        "deadline": request.deadline,
        "closing": request.closing,
        "tasks": tasks,
    })
}
