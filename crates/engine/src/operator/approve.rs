//! The gates: what is about to be let through, and letting it through.
//!
//! [`preview`] shows what waits; [`approve`] lets exactly that through. An approval is bound to the
//! plan that was shown: if it changed in between, the task stays where it is, with what changed.

mod pending;
mod people;
mod select;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use domain::task::{self, Command};
use domain::{Digest, Plan, Right, Task, TaskId, TaskState};
use serde::{Deserialize, Serialize};
use store::{Applied, Transition};
use utoipa::ToSchema;

use super::desk::{Desk, OperatorError};
pub use pending::{IdentifierView, Passing, Pending, Sent};
pub(super) use people::same_person;
pub use select::Selection;

domain::words! {
    /// A gate.
    GateName: "gate" {
        /// Before anything runs.
        Review = "review",
        /// Before what can't be undone, or goes to a person.
        Approval = "approval",
    }
}

/// Tasks per transaction, and per look into the store.
const GROUP: usize = 500;

/// A task at a gate as it was shown to a person. An approval holds for exactly that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Shown {
    /// The task.
    pub task: TaskId,
    /// What passing was said to mean.
    pub what: Passing,
    /// The task's version.
    pub version: i64,
    /// The digest of the plan, if there was one.
    #[serde(default)]
    pub plan: Option<Digest>,
    /// The plan itself, where it is still at hand.
    #[serde(skip)]
    planned: Option<Plan>,
}

impl From<&Pending> for Shown {
    fn from(pending: &Pending) -> Self {
        Self {
            task: pending.task,
            what: pending.what,
            version: pending.version,
            plan: pending.plan,
            planned: pending.planned.clone(),
        }
    }
}

impl Shown {
    /// What a task's plan has become since it was shown.
    fn differences(&self, task: &Task) -> Vec<String> {
        match (task.findings.plan(), &self.planned) {
            (Some(now), Some(shown)) => now.differences(shown),
            (Some(_), None) if self.plan.is_some() => vec!["it is another plan".to_owned()],
            _ => vec!["there was no plan then, or there is none now".to_owned()],
        }
    }
}

/// What came of an approval.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Approval {
    /// The tasks that passed.
    pub approved: Vec<TaskId>,
    /// Those that did not.
    pub not_approved: Vec<Stayed>,
}

/// A task that did not pass its gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Stayed {
    /// The task.
    pub task: TaskId,
    /// Why.
    pub why: String,
}

impl From<Vec<Approved>> for Approval {
    fn from(answers: Vec<Approved>) -> Self {
        let mut approval = Self::default();
        for Approved { task, not } in answers {
            match not {
                None => approval.approved.push(task),
                Some(not) => approval.not_approved.push(Stayed { task, why: not.to_string() }),
            }
        }
        approval
    }
}

/// What came of approving one task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approved {
    /// The task.
    pub task: TaskId,
    /// Absent if it went through; otherwise why it did not.
    pub not: Option<NotApproved>,
}

/// Why a task did not go through its gate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotApproved {
    /// It no longer waits there.
    #[error("it no longer waits at this gate")]
    NotWaiting,
    /// Its plan is another by now.
    #[error("its plan has changed since it was shown: {}", .0.join("; "))]
    PlanChanged(Vec<String>),
    /// Somebody was quicker.
    #[error("it was changed by someone else at the same moment")]
    ChangedMeanwhile,
}

/// A page of what waits at the gates.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PendingPage {
    /// Task by task; values are masked.
    pub pending: Vec<Pending>,
    /// The task after which the next page begins, if there is one.
    pub next: Option<TaskId>,
}

/// What waits at the gates, of what was selected; at most 500 tasks, after a given one.
pub async fn page(
    desk: &Desk<'_>,
    selection: &Selection,
    after: Option<TaskId>,
) -> Result<PendingPage, OperatorError> {
    let (tasks, next) = select::tasks(desk, selection, after).await?;
    let connections = desk.store.all_connections().await?;
    Ok(PendingPage { pending: pending::describe(desk, &connections, &tasks).await?, next })
}

/// All that waits at the gates, of what was selected.
pub async fn preview(
    desk: &Desk<'_>,
    selection: &Selection,
) -> Result<Vec<Pending>, OperatorError> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = page(desk, selection, after).await?;
        all.extend(page.pending);
        after = page.next;
        if after.is_none() {
            return Ok(all);
        }
    }
}

/// Lets through what [`preview`] shows.
pub async fn approve(desk: &Desk<'_>, pending: &[Pending]) -> Result<Vec<Approved>, OperatorError> {
    let shown: Vec<_> = pending.iter().map(Shown::from).collect();
    approve_shown(desk, &shown).await
}

/// Lets through what was shown. Each task goes, or stays, by itself.
pub async fn approve_shown(
    desk: &Desk<'_>,
    shown: &[Shown],
) -> Result<Vec<Approved>, OperatorError> {
    let mut out = Vec::with_capacity(shown.len());
    for group in shown.chunks(GROUP) {
        out.extend(approve_group(desk, group).await?);
    }
    Ok(out)
}

async fn approve_group(desk: &Desk<'_>, group: &[Shown]) -> Result<Vec<Approved>, OperatorError> {
    let ids: Vec<_> = group.iter().map(|one| one.task).collect();
    let mut tasks = desk.store.tasks(&ids).await?;
    let within = desk.within_reach(tasks.iter().map(|task| task.request)).await?;
    tasks.retain(|task| within.contains(&task.request));
    select::drop_unopened(desk, &mut tasks).await?;
    let tasks: HashMap<_, _> = tasks.into_iter().map(|task| (task.id, task)).collect();
    let mut out = Vec::with_capacity(group.len());
    let mut transitions = Vec::new();
    let mut sent = Vec::new();
    for one in group {
        let let_through = match tasks.get(&one.task) {
            None => Err(NotApproved::NotWaiting),
            Some(task) => let_through(desk, one, task),
        };
        match let_through {
            Ok(transition) => {
                sent.push(out.len());
                transitions.push(transition);
                out.push(Approved { task: one.task, not: None });
            }
            Err(not) => out.push(Approved { task: one.task, not: Some(not) }),
        }
    }
    let applied = desk.store.apply(None, &transitions).await?;
    for (index, applied) in sent.into_iter().zip(applied) {
        if let (Applied::Lost, Some(one)) = (applied, out.get_mut(index)) {
            one.not = Some(NotApproved::ChangedMeanwhile);
        }
    }
    Ok(out)
}

fn let_through(desk: &Desk<'_>, shown: &Shown, task: &Task) -> Result<Transition, NotApproved> {
    if Passing::of(task) != Some(shown.what) {
        return Err(NotApproved::NotWaiting);
    }
    let planned = task.findings.plan().map(Plan::digest);
    if planned != shown.plan {
        return Err(NotApproved::PlanChanged(shown.differences(task)));
    }
    if task.version != shown.version {
        return Err(NotApproved::ChangedMeanwhile);
    }
    // What was collected is released by the digest of its plan, or of nothing where it has none.
    let digest = planned.unwrap_or_else(|| Digest::of(b""));
    let approval = task::Approval { by: desk.name(), at: desk.now, digest };
    let command = match shown.what {
        Passing::Begin => Command::PassReview,
        Passing::Act => Command::Approve(approval),
        Passing::Release => Command::Release(approval),
    };
    let (moved, entry) =
        task.apply(command, &desk.actor, desk.now).map_err(|_| NotApproved::NotWaiting)?;
    let entry = match planned {
        Some(digest) => entry.fact("plan", digest.short()),
        None => entry,
    };
    let mut transition =
        Transition { tasks: vec![moved], journal: vec![entry], ..Transition::default() };
    if shown.what == Passing::Act && task.right == Right::Deletion {
        let day = desk.now.strftime("%Y-%m-%d").to_string();
        transition.approved_today.extend(task.connection.map(|connection| (connection, day, 1)));
    }
    Ok(transition)
}

/// The gate that a task waits at, if any.
pub(super) fn gate_of(task: &Task) -> Option<GateName> {
    match task.state {
        TaskState::Reviewing => Some(GateName::Review),
        TaskState::Approving => Some(GateName::Approval),
        _ => None,
    }
}
