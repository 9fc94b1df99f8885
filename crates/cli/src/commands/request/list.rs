//! `habeas request list`.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    Connection, ConnectionId, Instant, JobId, Request, RequestId, RequestState, Right, Task,
};
use engine::operator::find;
use engine::operator::show::{Advice, Standing, lost_answers, repair};
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
    /// Only those that wait for you: a task needs a person, its connection broke, or the answer has
    /// to be given.
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
    let connections = session.store.all_connections().await?;
    let broken = connections.iter().filter(|one| is_broken(one));
    let filter = RequestFilter {
        states: args.state,
        right: args.right,
        needs_a_person: args.needs_me,
        held: broken.map(|connection| connection.id).collect(),
        overdue: args.overdue.then_some(session.now),
        connection,
        brands: None,
    };
    let requests = session.store.requests(&filter, args.after, args.limit).await?;
    let ids: Vec<RequestId> = requests.iter().map(|request| request.id).collect();
    let all = session.store.tasks_of(&ids).await?;
    let held = Held::read(&session, &all, connections).await?;
    let mut tasks: BTreeMap<RequestId, Vec<Task>> = BTreeMap::new();
    for task in all {
        tasks.entry(task.request).or_default().push(task);
    }
    let next = ids.last().filter(|_| ids.len() as u64 >= u64::from(args.limit));
    let tasks_of = |request: &Request| tasks.get(&request.id).map_or(&[][..], Vec::as_slice);
    if screen.json {
        let rows: Vec<Value> =
            requests.iter().map(|one| row_json(one, tasks_of(one), &held)).collect();
        screen.json(&json!({"requests": rows, "held": held.repairs(), "next": next}))?;
        return Ok(Exit::Done);
    }
    if requests.is_empty() {
        screen.line(nothing(&filter, args.after.is_some()));
        return Ok(Exit::Done);
    }
    let rows = requests.iter().map(|one| row(one, tasks_of(one), &held, &session)).collect();
    screen.table(&["request", "right", "state", "answer by", "per system"], rows);
    for advice in held.repairs() {
        screen.line(format!("{}:\n    {}", advice.what, advice.command.unwrap_or_default()));
    }
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

/// Whether a refused call or a failed check paused it.
fn is_broken(connection: &Connection) -> bool {
    matches!(Standing::of(connection), Standing::PausedByFailure { .. })
}

/// What holds tasks beside what they say themselves.
struct Held {
    connections: BTreeMap<ConnectionId, Connection>,
    /// Broken connections with an open task in the list.
    broken: BTreeSet<ConnectionId>,
    /// Calls whose answers were lost, with when the vendor is asked next.
    lost: BTreeMap<JobId, Option<Instant>>,
}

impl Held {
    async fn read(
        session: &Session,
        tasks: &[Task],
        connections: Vec<Connection>,
    ) -> anyhow::Result<Self> {
        let open = tasks.iter().filter(|task| !task.is_over() && task.detail.hand.is_none());
        let used: BTreeSet<_> = open.filter_map(|task| task.connection).collect();
        let broken = connections.iter().filter(|one| used.contains(&one.id) && is_broken(one));
        Ok(Self {
            broken: broken.map(|connection| connection.id).collect(),
            lost: lost_answers(&session.store, tasks, session.now).await?,
            connections: connections.into_iter().map(|one| (one.id, one)).collect(),
        })
    }

    /// The name of the system that a task is about.
    fn system(&self, task: &Task) -> &str {
        let connection = task.connection.and_then(|id| self.connections.get(&id));
        connection.map_or("by hand", |connection| &connection.name)
    }

    fn is_broken(&self, task: &Task) -> bool {
        let is_there = task.connection.is_some_and(|id| self.broken.contains(&id));
        is_there && !task.is_over() && task.detail.hand.is_none()
    }

    fn is_lost(&self, task: &Task) -> Option<&Option<Instant>> {
        self.lost.get(&task.detail.sending?)
    }

    /// Where a task stands, in a few words.
    fn standing(&self, task: &Task) -> String {
        if self.is_broken(task) {
            return format!("{} (waits for you: the connection is paused, see below)", task.state);
        }
        match self.is_lost(task) {
            Some(at) => {
                let at = at.map_or(String::new(), |at| format!(" at {}", show::time(at)));
                format!(
                    "{} (sent, but the answer was lost: the vendor is asked{at} whether it arrived)",
                    task.state
                )
            }
            None => standing(task),
        }
    }

    /// What lets the broken connections go on.
    fn repairs(&self) -> Vec<Advice> {
        let broken = self.broken.iter().filter_map(|id| self.connections.get(id));
        broken.filter_map(|one| repair(&one.name, &Standing::of(one))).collect()
    }
}

/// Where a task stands by what it says itself, in a few words.
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

fn row(request: &Request, tasks: &[Task], held: &Held, session: &Session) -> Vec<String> {
    let late = if request.closing.is_none() && request.deadline.is_past(session.now) {
        "LATE "
    } else {
        ""
    };
    let systems =
        tasks.iter().map(|task| format!("{}: {}", held.system(task), held.standing(task)));
    vec![
        request.id.to_string(),
        request.right.to_string(),
        request.closing.as_ref().map_or(request.state.to_string(), |end| end.how.to_string()),
        format!("{late}{}", show::day(request.deadline.at)),
        systems.collect::<Vec<_>>().join("\n"),
    ]
}

fn row_json(request: &Request, tasks: &[Task], held: &Held) -> Value {
    let tasks: Vec<Value> = tasks
        .iter()
        .map(|task| {
            json!({
                "id": task.id,
                "connection": task.connection.map(|_| held.system(task)),
                "state": task.state,
                "needs_a_person": task.needs_a_person() || held.is_broken(task),
                "is_answer_lost": held.is_lost(task).is_some(),
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
