//! What a request has changed already, or may have: what decides whether it can still be denied.

use std::fmt;

use domain::job::JobState;
use domain::{Outcome, Task, TaskId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::operator::desk::{Desk, OperatorError};

/// What one task changed, or may have changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Effect {
    /// The task.
    pub task: TaskId,
    /// The connection's name.
    pub system: String,
    /// How far it is, or what came of it.
    pub what: String,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.system, self.what)
    }
}

/// The effects of these tasks.
pub(super) async fn of(desk: &Desk<'_>, tasks: &[Task]) -> Result<Vec<Effect>, OperatorError> {
    let mut effects = Vec::new();
    for task in tasks {
        if !has_taken_place(task) && !was_sent(desk, task).await? {
            continue;
        }
        let connection = match task.connection {
            Some(id) => desk.store.connection(id).await?,
            None => None,
        };
        effects.push(Effect {
            task: task.id,
            system: connection.map_or_else(|| "by hand".to_owned(), |connection| connection.name),
            what: words(task),
        });
    }
    Ok(effects)
}

fn words(task: &Task) -> String {
    match (&task.detail.outcome, &task.detail.proof) {
        (Some(outcome), Some(proof)) if task.is_over() => format!("{outcome}, {proof}"),
        (Some(outcome), None) if task.is_over() => outcome.to_string(),
        _ => format!("is {}", task.state),
    }
}

/// Whether the task itself says so.
fn has_taken_place(task: &Task) -> bool {
    let by_its_outcome = match &task.detail.outcome {
        Some(Outcome::Settled { done, .. }) => *done,
        Some(outcome) => outcome.claims_an_effect(),
        None => false,
    };
    task.may_have_been_sent() || (task.is_over() && by_its_outcome)
}

/// Whether a vendor took a call for it in any of its rounds, or may have. A job that ended without
/// evidence was refused, or never sent.
async fn was_sent(desk: &Desk<'_>, task: &Task) -> Result<bool, OperatorError> {
    for carried in desk.store.carried_of(task.id).await? {
        let job = desk.store.job(carried.job).await?;
        let is_over = job.is_none_or(|job| job.state == JobState::Ended);
        if !is_over || !desk.store.evidence_of_job(carried.job).await?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}
