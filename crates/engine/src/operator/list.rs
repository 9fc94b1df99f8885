//! The list of requests: a page of rows, each with where its tasks stand, and what lets the broken
//! connections among them go on.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use domain::deadline::Deadline;
use domain::request::Closing;
use domain::task::Wait;
use domain::{
    Connection, ConnectionId, Instant, JobId, Outcome, Proof, Request, RequestId, RequestState,
    Right, Scope, Task, TaskId, TaskState,
};
use serde::{Deserialize, Serialize};
use store::{RequestFilter, RequestPage};
use utoipa::ToSchema;

use super::desk::{Desk, OperatorError};
use super::find;
use super::show::{Advice, Standing, lost_answers, repair};

/// Which requests to list. The default is all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = RequestFilter)]
pub struct Filter {
    /// Those that wait for a person: a task does, its connection broke, or the answer has to be given.
    pub needs_me: bool,
    /// Those that are open past their deadline.
    pub overdue: bool,
    /// Those in one of these states; in any if empty.
    pub states: Vec<RequestState>,
    /// Those under this right.
    pub right: Option<Right>,
    /// Those with a task of the connection of this name.
    pub connection: Option<String>,
}

/// A page of requests, the oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RequestList {
    /// The requests.
    pub requests: Vec<RequestRow>,
    /// What lets the broken connections go on that hold some of them.
    pub held: Vec<Advice>,
    /// The request after which the next page begins; absent on the last. Where little fits, a page may
    /// hold few, or none, and not be the last.
    pub next: Option<RequestId>,
}

/// One request in a list. No personal values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RequestRow {
    /// The request.
    pub id: RequestId,
    /// The right.
    pub right: Right,
    /// Its scope; empty where the right has none.
    pub scope: Scope,
    /// Where it stands.
    pub state: RequestState,
    /// When it was received.
    #[schema(value_type = Timestamp)]
    pub received_at: Instant,
    /// When it must be answered.
    pub deadline: Deadline,
    /// Whether that has passed while it is open.
    pub is_late: bool,
    /// The brand it was made to.
    pub brand: Option<String>,
    /// How it ended, if it has.
    pub closing: Option<Closing>,
    /// Why its values can't be read, and what helps; absent if they can, or were destroyed.
    pub unopened: Option<String>,
    /// Its tasks.
    pub tasks: Vec<TaskRow>,
}

/// One task in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskRow {
    /// The task.
    pub id: TaskId,
    /// The connection's name; absent for work by hand that no connection stands for.
    pub connection: Option<String>,
    /// Where it stands.
    pub state: TaskState,
    /// The same in a few words, with what it waits for or what came of it.
    pub standing: String,
    /// Whether it does not go on without a person.
    pub needs_a_person: bool,
    /// Whether its connection broke; the list's `held` says what helps.
    pub is_held: bool,
    /// Whether it was sent and no reply came; it is being found out whether it arrived.
    pub is_answer_lost: bool,
    /// What it waits for.
    pub wait: Option<Wait>,
    /// What came of it, or of it so far.
    pub outcome: Option<Outcome>,
    /// What proves that.
    pub proof: Option<Proof>,
}

/// A page of the requests that fit, after this one.
pub async fn page(
    desk: &Desk<'_>,
    filter: &Filter,
    after: Option<RequestId>,
    limit: u32,
) -> Result<RequestList, OperatorError> {
    let connections = desk.store.all_connections().await?;
    let filter = rows_that_fit(desk, filter, &connections).await?;
    let RequestPage { requests, next } = desk.store.request_page(&filter, after, limit).await?;
    let ids: Vec<RequestId> = requests.iter().map(|request| request.id).collect();
    let mut unopened = desk.store.unopened(&ids).await?;
    let tasks = desk.store.tasks_in_brief(&ids).await?;
    let around = Around::read(desk, &tasks, connections).await?;
    let mut by_request: BTreeMap<RequestId, Vec<TaskRow>> = BTreeMap::new();
    for task in &tasks {
        by_request.entry(task.request).or_default().push(around.row(task));
    }
    let rows = requests.into_iter().map(|request| {
        let tasks = by_request.remove(&request.id).unwrap_or_default();
        RequestRow { unopened: unopened.remove(&request.id), ..row(request, tasks, desk.now) }
    });
    Ok(RequestList { requests: rows.collect(), held: around.repairs(), next })
}

async fn rows_that_fit(
    desk: &Desk<'_>,
    filter: &Filter,
    connections: &[Connection],
) -> Result<RequestFilter, OperatorError> {
    let connection = match &filter.connection {
        Some(name) => Some(find::connection(desk.store, name).await?.id),
        None => None,
    };
    let broken = connections.iter().filter(|one| is_broken(one));
    Ok(RequestFilter {
        states: filter.states.clone(),
        right: filter.right,
        needs_a_person: filter.needs_me,
        held: broken.map(|connection| connection.id).collect(),
        overdue: filter.overdue.then_some(desk.now),
        connection,
        brands: desk.reach.brands().cloned(),
    })
}

/// Whether a refused call or a failed check paused it.
fn is_broken(connection: &Connection) -> bool {
    matches!(Standing::of(connection), Standing::PausedByFailure { .. })
}

fn row(request: Request, tasks: Vec<TaskRow>, now: Instant) -> RequestRow {
    RequestRow {
        is_late: request.closing.is_none() && request.deadline.is_past(now),
        id: request.id,
        right: request.right,
        scope: request.scope,
        state: request.state,
        received_at: request.received_at,
        deadline: request.deadline,
        brand: request.brand,
        closing: request.closing,
        unopened: None,
        tasks,
    }
}

/// What holds tasks beside what they say themselves.
struct Around {
    connections: BTreeMap<ConnectionId, Connection>,
    /// Broken connections with an open task in the list.
    broken: BTreeSet<ConnectionId>,
    /// Calls whose answers were lost, with when the vendor is asked next.
    lost: BTreeMap<JobId, Option<Instant>>,
}

impl Around {
    async fn read(
        desk: &Desk<'_>,
        tasks: &[Task],
        connections: Vec<Connection>,
    ) -> Result<Self, OperatorError> {
        let open = tasks.iter().filter(|task| !task.is_over() && task.detail.hand.is_none());
        let used: BTreeSet<_> = open.filter_map(|task| task.connection).collect();
        let broken = connections.iter().filter(|one| used.contains(&one.id) && is_broken(one));
        Ok(Self {
            broken: broken.map(|connection| connection.id).collect(),
            lost: lost_answers(desk.store, tasks, desk.now).await?,
            connections: connections.into_iter().map(|one| (one.id, one)).collect(),
        })
    }

    fn row(&self, task: &Task) -> TaskRow {
        let connection = task.connection.and_then(|id| self.connections.get(&id));
        let is_held = self.is_held(task);
        TaskRow {
            id: task.id,
            connection: connection.map(|connection| connection.name.clone()),
            state: task.state,
            standing: self.standing(task),
            needs_a_person: task.needs_a_person() || is_held,
            is_held,
            is_answer_lost: self.lost_answer(task).is_some(),
            wait: task.detail.wait.clone(),
            outcome: task.detail.outcome.clone(),
            proof: task.detail.proof.clone(),
        }
    }

    fn is_held(&self, task: &Task) -> bool {
        let is_there = task.connection.is_some_and(|id| self.broken.contains(&id));
        is_there && !task.is_over() && task.detail.hand.is_none()
    }

    fn lost_answer(&self, task: &Task) -> Option<&Option<Instant>> {
        self.lost.get(&task.detail.sending?)
    }

    /// Where a task stands, in a few words.
    fn standing(&self, task: &Task) -> String {
        if self.is_held(task) {
            return format!("{} (waits for you: the connection is paused)", task.state);
        }
        match self.lost_answer(task) {
            Some(at) => {
                let at = at.map_or(String::new(), |at| format!(" at {}", at.strftime("%F %H:%M")));
                format!(
                    "{} (sent, but the answer was lost: the vendor is asked{at} whether it arrived)",
                    task.state
                )
            }
            None => own_standing(task),
        }
    }

    /// What lets the broken connections go on.
    fn repairs(&self) -> Vec<Advice> {
        let broken = self.broken.iter().filter_map(|id| self.connections.get(id));
        broken.filter_map(|one| repair(&one.name, &Standing::of(one))).collect()
    }
}

/// Where a task stands by what it says itself, in a few words.
pub fn own_standing(task: &Task) -> String {
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
