//! Removing a connection: what would be left undone is listed, and settled with a note.

use std::collections::BTreeMap;

use domain::access::Permission;
use domain::job::JobState;
use domain::task::Command;
use domain::{Connection, Event, Job, JobId, Outcome, Reach, RequestId, Task, TaskId, TaskState};
use serde::{Deserialize, Serialize};
use store::{Applied, IntentAnswer, IntentOutcome, Transition, Which};
use utoipa::ToSchema;

use super::{GROUP, find};
use crate::operator::desk::{Desk, OperatorError};

/// What a task is settled with.
const NOTE: &str = "connection removed";
/// How many tasks a list names; the counts are of all.
const MOST_NAMED: usize = 200;

/// What removing a connection ends.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Removal {
    /// The connection's name.
    pub connection: String,
    /// Open tasks, the first of them, as far as whoever looks may see their requests.
    pub tasks: Vec<Ending>,
    /// How many open tasks there are, seen or not.
    pub n_tasks: usize,
    /// How many of them the vendor is, or may be, at work on; that goes on there.
    pub n_at_vendor: usize,
    /// Vendor jobs that are no longer asked about, where whoever looks may see all requests: a job
    /// may carry those of any brand.
    pub jobs: Vec<JobId>,
    /// How many such jobs there are, seen or not.
    pub n_jobs: usize,
}

/// An open task of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ending {
    /// The task.
    pub task: TaskId,
    /// Its request.
    pub request: RequestId,
    /// Where it stands.
    pub state: TaskState,
}

/// What removing a connection would end. Changes nothing.
pub async fn what_removal_ends(desk: &Desk<'_>, name: &str) -> Result<Removal, OperatorError> {
    let connection = find::connection(desk.store, name).await?;
    let sees_requests = desk.may(Permission::RequestsRead);
    let mut removal = Removal { connection: name.to_owned(), ..Removal::default() };
    let mut after = None;
    loop {
        let page = desk.store.tasks_of_connection(connection.id, Which::Open, after, GROUP).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        removal.count(&page);
        if sees_requests && removal.tasks.len() < MOST_NAMED {
            removal.name(desk, &page).await?;
        }
    }
    let jobs = open_jobs(desk, &connection).await?;
    removal.n_jobs = jobs.len();
    if sees_requests && desk.reach == Reach::All {
        removal.jobs = jobs.iter().map(|job| job.id).collect();
    }
    Ok(removal)
}

impl Removal {
    fn count(&mut self, tasks: &[Task]) {
        self.n_tasks += tasks.len();
        self.n_at_vendor += tasks.iter().filter(|task| task.may_have_been_sent()).count();
    }

    /// Names the tasks that are within reach, while there is room.
    async fn name(&mut self, desk: &Desk<'_>, tasks: &[Task]) -> Result<(), OperatorError> {
        let within = desk.within_reach(tasks.iter().map(|task| task.request)).await?;
        let seen = tasks.iter().filter(|task| within.contains(&task.request));
        let named =
            seen.map(|&Task { id, request, state, .. }| Ending { task: id, request, state });
        self.tasks.extend(named.take(MOST_NAMED - self.tasks.len()));
        Ok(())
    }
}

/// Removes a connection: its open tasks are settled as skipped, its jobs ended, its secrets
/// destroyed. Its history stays. After a crash it is done again and goes on where it was.
pub async fn remove(desk: &Desk<'_>, name: &str) -> Result<Removal, OperatorError> {
    let removal = what_removal_ends(desk, name).await?;
    let connection = super::pause(desk, name).await?;
    // The engine may still be moving tasks; what it moved is settled in the next turn.
    while settle_some(desk, &connection).await? {}
    end_jobs(desk, &connection).await?;
    desk.write_fresh(|| async {
        let found = desk.store.connection(connection.id).await?;
        let mut connection = found.ok_or(OperatorError::NotFound { what: "connection" })?;
        connection.removed_at = Some(desk.now);
        connection.secrets.clear();
        let entry = desk
            .entry(Event::ConnectionRemoved)
            .connection(Some(connection.id))
            .fact("name", connection.name.as_str())
            .fact("n_tasks", removal.n_tasks)
            .fact("n_jobs", removal.n_jobs);
        let secrets = vec![(connection.id, BTreeMap::new())];
        let (connections, journal) = (vec![connection], vec![entry]);
        Ok((Transition { connections, secrets, journal, ..Transition::default() }, ()))
    })
    .await?;
    Ok(removal)
}

/// Settles a page of open tasks; says whether there were any.
async fn settle_some(desk: &Desk<'_>, connection: &Connection) -> Result<bool, OperatorError> {
    let page = desk.store.tasks_of_connection(connection.id, Which::Open, None, GROUP).await?;
    let mut transitions = Vec::with_capacity(page.len());
    for mut task in page.iter().cloned() {
        // No round follows on a connection that is gone.
        task.detail.again = false;
        let (moved, entry) = super::super::decide::apply(desk, &task, settling(desk, &task))?;
        transitions.push(Transition {
            tasks: vec![moved],
            journal: vec![entry],
            ..Transition::default()
        });
    }
    let applied = desk.store.apply(None, &transitions).await?;
    let n_lost = applied.iter().filter(|applied| **applied == Applied::Lost).count();
    if !page.is_empty() && n_lost == page.len() {
        return Err(OperatorError::ChangedMeanwhile);
    }
    Ok(!page.is_empty())
}

/// What is sent, or being sent, is ended; everything else is settled by a person.
fn settling(desk: &Desk<'_>, task: &Task) -> Command {
    let (by, done, note) = (desk.name(), false, NOTE.to_owned());
    match task.state {
        TaskState::Acting | TaskState::Waiting | TaskState::Confirming => {
            let outcome = Outcome::Settled { by, done, note };
            Command::End { outcome, proof: None, recheck_at: None }
        }
        _ => Command::Settle { by, done, note },
    }
}

async fn open_jobs(desk: &Desk<'_>, connection: &Connection) -> Result<Vec<Job>, OperatorError> {
    let mut jobs = Vec::new();
    for state in [JobState::Sending, JobState::Running, JobState::Unclear] {
        jobs.extend(desk.store.jobs(connection.id, state).await?);
    }
    Ok(jobs)
}

/// Ends jobs; a call whose answer nobody knows stays on record as one that nobody can tell.
async fn end_jobs(desk: &Desk<'_>, connection: &Connection) -> Result<(), OperatorError> {
    desk.write_fresh(|| async {
        let mut transition = Transition::default();
        for job in open_jobs(desk, connection).await? {
            let entry = desk.entry(Event::JobEnded).connection(Some(connection.id)).job(job.id);
            transition.journal.push(entry.fact("why", NOTE));
            transition.jobs.push(Job { state: JobState::Ended, due_at: None, ..job });
        }
        for intent in desk.store.open_intents(connection.id).await? {
            let (id, at, what) = (intent.id, desk.now, IntentAnswer::CantTell);
            transition.intents.push(IntentOutcome { id, at, what });
            let entry = desk.entry(Event::IntentReconciled).connection(Some(connection.id));
            transition.journal.push(entry.intent(id).fact("found", "can't tell").fact("why", NOTE));
        }
        Ok((transition, ()))
    })
    .await
}
