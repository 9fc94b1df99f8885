//! Decisions on one task: settling it, and trying again.

#[cfg(test)]
mod tests;

use domain::guard::FAN_OUT;
use domain::task::{Command, Refused};
use domain::{Outcome, RequestId, Task, TaskId, TaskState};
use serde::{Deserialize, Serialize};
use store::Transition;
use utoipa::ToSchema;

use super::decide::{apply, refuse, refuse_closed};
use super::desk::{Desk, OperatorError};
use super::fault::Fault;
use super::note;
use crate::wake;

domain::words! {
    /// How a person settles a task.
    Settle: "way to settle" {
        /// They did it.
        Done = "done",
        /// It is left undone.
        Skip = "skip",
    }
}

/// Where a task stands after something was decided about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskView {
    /// The task.
    pub task: TaskId,
    /// Its request.
    pub request: RequestId,
    /// Where it stands.
    pub state: TaskState,
    /// What came of it, if it is over.
    pub outcome: Option<Outcome>,
}

impl From<&Task> for TaskView {
    fn from(task: &Task) -> Self {
        Self {
            task: task.id,
            request: task.request,
            state: task.state,
            outcome: task.detail.outcome.clone().filter(|_| task.is_over()),
        }
    }
}

/// Settles a task that waits for a person. The note says what was done, or why nothing is.
pub async fn settle(
    desk: &Desk<'_>,
    id: TaskId,
    how: Settle,
    note: &str,
) -> Result<TaskView, OperatorError> {
    let task = load(desk, id).await?;
    let note = note::read(desk, task.request, note).await?;
    if note.is_empty() {
        let message = "is missing: say what was done, or why nothing is";
        return Err(OperatorError::Fault(Fault::new("note", "E-REQ-050", message)));
    }
    let done = how == Settle::Done;
    desk.write_fresh(|| async {
        let task = load(desk, id).await?;
        let command = Command::Settle { by: desk.name(), done, note: note.clone() };
        let (moved, entry) = apply(desk, &task, command)?;
        let view = TaskView::from(&moved);
        let mut transition = moving(moved, entry);
        if task.right.only_reads() {
            wake::after_collecting(desk.store, task.request, desk.now, &mut transition).await?;
        }
        Ok((transition, view))
    })
    .await
}

/// Begins another round of a task that is over, or waits for a decision or an identifier. Where it
/// had stopped since the identifiers lead to many profiles, this says that they are one person's.
pub async fn retry(desk: &Desk<'_>, id: TaskId) -> Result<TaskView, OperatorError> {
    desk.write_fresh(|| async {
        let mut task = load(desk, id).await?;
        let request = desk.store.request(task.request).await?;
        request.as_ref().map_or(Ok(()), refuse_closed)?;
        if task.detail.hand.is_some() {
            let refused = Refused::NoSuchTransition { state: task.state, command: "retry" };
            return Err(refuse(&task, refused));
        }
        if !desk.has_system(&task).await? {
            return Err(OperatorError::NotFound { what: "connection any more" });
        }
        let n_profiles = task.findings.found().map_or(0, |found| found.n_profiles);
        if task.state == TaskState::Deciding && n_profiles > FAN_OUT {
            task.detail.fan_out_accepted = n_profiles;
        }
        let accepted = task.detail.fan_out_accepted > 0;
        let (moved, entry) = apply(desk, &task, Command::Retry)?;
        let entry = if accepted { entry.fact("fan_out_accepted", true) } else { entry };
        let view = TaskView::from(&moved);
        Ok((moving(moved, entry), view))
    })
    .await
}

fn moving(task: Task, entry: domain::Entry) -> Transition {
    Transition { tasks: vec![task], journal: vec![entry], ..Transition::default() }
}

async fn load(desk: &Desk<'_>, id: TaskId) -> Result<Task, OperatorError> {
    desk.store.task(id).await?.ok_or(OperatorError::NotFound { what: "task" })
}
