//! Selecting tasks at the gates: by ids, or everything that fits a filter.

use domain::{ConnectionId, Right, Task, TaskId};
use serde::{Deserialize, Serialize};
use store::Which;
use utoipa::ToSchema;

use super::{GROUP, GateName, gate_of};
use crate::operator::desk::{Desk, OperatorError};
use crate::operator::find;

/// Which tasks are meant. Empty means every task at a gate.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = GateSelection)]
pub struct Selection {
    /// Requests and tasks by (shortened) id, requests also by external id; all if empty.
    pub ids: Vec<String>,
    /// At this gate only.
    pub gate: Option<GateName>,
    /// Of the connection of this name only.
    pub connection: Option<String>,
    /// Under this right only.
    pub right: Option<Right>,
}

/// At most [`GROUP`] of the tasks at the gates that a selection means, in the order of their ids, each
/// once; and after which of them it goes on, if it does.
pub(super) async fn tasks(
    desk: &Desk<'_>,
    selection: &Selection,
    mut after: Option<TaskId>,
) -> Result<(Vec<Task>, Option<TaskId>), OperatorError> {
    let connection = match &selection.connection {
        Some(name) => Some(find::connection(desk.store, name).await?.id),
        None => None,
    };
    loop {
        let mut tasks = if selection.ids.is_empty() {
            all(desk, connection, selection, after).await?
        } else {
            named(desk, &selection.ids).await?
        };
        tasks.retain(|task| Some(task.id) > after && fits(task, connection, selection));
        tasks.sort_by_key(|task| task.id);
        tasks.dedup_by_key(|task| task.id);
        let is_all = tasks.len() <= GROUP;
        tasks.truncate(GROUP);
        after = tasks.last().map(|task| task.id);
        let within = desk.within_reach(tasks.iter().map(|task| task.request)).await?;
        tasks.retain(|task| within.contains(&task.request));
        drop_unopened(desk, &mut tasks).await?;
        // A page goes on after a task that is in it: what is out of reach is not named.
        if is_all || !tasks.is_empty() {
            let last = tasks.last().map(|task| task.id);
            return Ok((tasks, last.filter(|_| !is_all)));
        }
    }
}

/// Leaves out tasks of people whom nobody can see now: nobody decides about them either.
pub(super) async fn drop_unopened(
    desk: &Desk<'_>,
    tasks: &mut Vec<Task>,
) -> Result<(), OperatorError> {
    let requests: Vec<_> = tasks.iter().map(|task| task.request).collect();
    let unopened = desk.store.unopened(&requests).await?;
    tasks.retain(|task| !unopened.contains_key(&task.request));
    Ok(())
}

fn fits(task: &Task, connection: Option<ConnectionId>, selection: &Selection) -> bool {
    let Some(gate) = gate_of(task) else { return false };
    selection.gate.is_none_or(|wanted| wanted == gate)
        && (connection.is_none() || task.connection == connection)
        && selection.right.is_none_or(|right| right == task.right)
}

async fn named(desk: &Desk<'_>, ids: &[String]) -> Result<Vec<Task>, OperatorError> {
    let mut tasks = Vec::new();
    for text in ids {
        if text.starts_with("tsk_") {
            let id = find::task(desk, text).await?;
            tasks.extend(desk.store.task(id).await?);
        } else {
            let id = find::request(desk, text).await?;
            tasks.extend(desk.store.tasks_of(&[id]).await?);
        }
    }
    Ok(tasks)
}

/// Those of every connection: of each enough to fill a page and to know that there is another.
async fn all(
    desk: &Desk<'_>,
    connection: Option<ConnectionId>,
    selection: &Selection,
    after: Option<TaskId>,
) -> Result<Vec<Task>, OperatorError> {
    let mut tasks = Vec::new();
    for one in desk.store.connections().await? {
        if connection.is_some_and(|wanted| wanted != one.id) {
            continue;
        }
        let (mut after, mut n) = (after, 0);
        while n <= GROUP {
            let page = u32::try_from(GROUP).unwrap_or(u32::MAX);
            let page = desk.store.tasks_of_connection(one.id, Which::Open, after, page).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            let fitting = page.into_iter().filter(|task| fits(task, connection, selection));
            let before = tasks.len();
            tasks.extend(fitting);
            n += tasks.len() - before;
        }
    }
    Ok(tasks)
}
