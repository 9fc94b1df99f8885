//! `habeas request list`.

use domain::{RequestId, RequestState, Right};
use engine::operator::list::{Filter, RequestList, RequestRow, TaskRow};
use engine::operator::show::Advice;

use crate::args::Common;
use crate::client::{Client, query};
use crate::exit::Exit;
use crate::screen::Screen;
use crate::show;

/// Requests asked for at a time.
const PAGE: u32 = 500;

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
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// After this request, to go on where a list ended.
    #[arg(long, value_name = "ID")]
    after: Option<RequestId>,
}

/// Lists requests.
pub async fn run(args: Args, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let client = Client::to_read(common, screen).await?;
    let filter = Filter {
        needs_me: args.needs_me,
        overdue: args.overdue,
        states: args.state,
        right: args.right,
        connection: args.connection,
    };
    let list = list(&client, &filter, args.after, args.limit).await?;
    if screen.json {
        screen.json(&list)?;
        return Ok(Exit::Done);
    }
    if list.requests.is_empty() {
        screen.line(nothing(&filter, args.after.is_some()));
        return Ok(Exit::Done);
    }
    let rows = list.requests.iter().map(row).collect();
    screen.table(&["request", "right", "state", "answer by", "per system"], rows);
    for advice in list.held {
        screen.line(format!("{}:\n    {}", advice.what, advice.command.unwrap_or_default()));
    }
    if let Some(next) = list.next {
        screen.line(format!("More: habeas request list --after {next}"));
    }
    Ok(Exit::Done)
}

/// So many requests, page by page.
async fn list(
    client: &Client,
    filter: &Filter,
    after: Option<RequestId>,
    n: u32,
) -> anyhow::Result<RequestList> {
    let mut list: RequestList = client.get(&path(filter, after, n.min(PAGE))).await?;
    while let (Some(_), left @ 1..) = (list.next, n.saturating_sub(list.requests.len() as u32)) {
        let more: RequestList = client.get(&path(filter, list.next, left.min(PAGE))).await?;
        list.requests.extend(more.requests);
        list.next = more.next;
        let is_new = |advice: &Advice| !list.held.contains(advice);
        let held: Vec<_> = more.held.into_iter().filter(is_new).collect();
        list.held.extend(held);
    }
    Ok(list)
}

fn path(filter: &Filter, after: Option<RequestId>, limit: u32) -> String {
    let states: Vec<_> = filter.states.iter().map(ToString::to_string).collect();
    let query = query([
        ("needs_me", filter.needs_me.then(|| true.to_string())),
        ("overdue", filter.overdue.then(|| true.to_string())),
        ("state", (!states.is_empty()).then(|| states.join(","))),
        ("right", filter.right.map(|right| right.to_string())),
        ("connection", filter.connection.clone()),
        ("after", after.map(|id| id.to_string())),
        ("limit", Some(limit.to_string())),
    ]);
    format!("/requests{query}")
}

/// What to say where the list is empty: only a list without a filter shows that there is nothing.
fn nothing(filter: &Filter, is_later_page: bool) -> &'static str {
    if is_later_page {
        "No more requests."
    } else if *filter == Filter::default() {
        "No request yet. `habeas import FILE` takes in a CSV, `habeas request new` a single one."
    } else if *filter == (Filter { needs_me: true, ..Filter::default() }) {
        "Nothing waits for you. All requests: habeas request list"
    } else {
        "No request fits. All of them: habeas request list"
    }
}

fn row(request: &RequestRow) -> Vec<String> {
    let late = if request.is_late { "LATE " } else { "" };
    let unopened = request.unopened.iter().map(|why| format!("UNREADABLE: {why}"));
    let tasks = unopened.chain(request.tasks.iter().map(task));
    vec![
        request.id.to_string(),
        request.right.to_string(),
        request.closing.as_ref().map_or(request.state.to_string(), |end| end.how.to_string()),
        format!("{late}{}", show::day(request.deadline.at)),
        tasks.collect::<Vec<_>>().join("\n"),
    ]
}

fn task(task: &TaskRow) -> String {
    let system = task.connection.as_deref().unwrap_or("by hand");
    if task.is_held {
        let state = task.state;
        return format!("{system}: {state} (waits for you: the connection is paused, see below)");
    }
    format!("{system}: {}", task.standing)
}
