//! Purging: the values of a closed request are destroyed for good, by hand.
//!
//! What stays is the record: that there was a request, what was done in which system, and the journal.
//! Later looks for what comes back are given up, since nothing is left to look for.

#[cfg(test)]
mod tests;

use domain::request::{Closing, Purged};
use domain::task::{Command, TaskState};
use domain::{Actor, Entry, Event, Instant, Outcome, Request, RequestId, Task};
use serde::{Deserialize, Serialize};
use store::keys::PurgedLine;
use store::{Applied, Transition};
use utoipa::ToSchema;

use super::decide::load;
use super::desk::{Desk, OperatorError};

/// How often a purge is made anew before its maker is told to look again.
const TRIES: usize = 5;

/// What a purge came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PurgeView {
    /// The request.
    pub request: RequestId,
    /// When its values were destroyed.
    #[schema(value_type = Timestamp)]
    pub at: Instant,
    /// Whether that had been done before.
    pub was_purged: bool,
    /// How many systems are not looked at again for what comes back.
    pub n_looks_given_up: usize,
}

/// Destroys the values of a closed request. One that was purged before stays so.
pub async fn purge(desk: &Desk<'_>, id: RequestId) -> Result<PurgeView, OperatorError> {
    for _ in 0..TRIES {
        let (request, tasks) = load(desk, id).await?;
        let closing = closing_of(&request, &tasks)?;
        if let Some(Purged { at, .. }) = closing.purged {
            return Ok(PurgeView { request: id, at, was_purged: true, n_looks_given_up: 0 });
        }
        let line = PurgedLine {
            request: id,
            at: desk.now,
            how: closing.how,
            version: request.version,
            by: desk.name(),
        };
        let looks = looks(tasks);
        let view = PurgeView {
            request: id,
            at: desk.now,
            was_purged: false,
            n_looks_given_up: looks.len(),
        };
        let entry = desk.entry(Event::RequestPurged).request(id);
        let transition = Transition {
            tasks: looks,
            requests: vec![purged(desk, request, closing)],
            journal: vec![entry.fact("n_looks_given_up", view.n_looks_given_up)],
            ..Transition::default()
        };
        if desk.store.purge(&line, transition).await? == Applied::Done {
            return Ok(view);
        }
    }
    Err(OperatorError::ChangedMeanwhile)
}

/// Carries out what the list beside the keys names and the store knows nothing of: a crash broke it off, or
/// the store is older than the list. Returns how many requests that were.
pub async fn finish(desk: &Desk<'_>) -> Result<usize, OperatorError> {
    let mut n_finished = 0;
    for line in desk.store.unfinished_purges().await? {
        n_finished += usize::from(carry_out(desk, &line).await?);
    }
    Ok(n_finished)
}

/// Purges what a line names, also where the store knows it as open. Says whether there was anything to
/// purge.
async fn carry_out(desk: &Desk<'_>, line: &PurgedLine) -> Result<bool, OperatorError> {
    for _ in 0..TRIES {
        if !desk.store.has_key(line.request).await? {
            return Ok(false);
        }
        let (request, tasks) = load(desk, line.request).await?;
        if request.version > line.version {
            // It was changed instead: opened again, most likely.
            return Ok(false);
        }
        if desk.store.purge(line, as_listed(desk, line, request, tasks)).await? == Applied::Done {
            return Ok(true);
        }
    }
    Err(OperatorError::ChangedMeanwhile)
}

/// What a line makes of a request and its tasks. It is journalled as done by who purged it.
fn as_listed(desk: &Desk<'_>, line: &PurgedLine, request: Request, tasks: Vec<Task>) -> Transition {
    let was_open = request.closing.is_none();
    let closing = request.closing.clone().unwrap_or_else(|| Closing {
        how: line.how,
        at: line.at,
        by: line.by.clone(),
        note: "closed and purged after the backup was made that was put back".to_owned(),
        purged: None,
    });
    let purged = Some(Purged { at: line.at, by: line.by.clone() });
    let by = Actor::Operator(line.by.clone());
    let entry = Entry::new(desk.now, by, Event::RequestPurged).request(line.request);
    Transition {
        tasks: tasks.into_iter().filter_map(|task| ended(desk, task)).collect(),
        requests: vec![Request { closing: Some(Closing { purged, ..closing }), ..request }],
        journal: vec![entry.fact("was_open_in_the_backup", was_open)],
        ..Transition::default()
    }
}

/// Ends what the store knows as open: it was closed since, and nobody here knows how it went.
fn ended(desk: &Desk<'_>, task: Task) -> Option<Task> {
    let note =
        "ended after the backup was made that was put back; how is not known here".to_owned();
    if task.is_over() {
        return task.due_at.is_some().then_some(Task { due_at: None, ..task });
    }
    let command = Command::Settle { by: desk.name(), done: false, note: note.clone() };
    if let Ok((ended, _)) = task.apply(command, &desk.actor, desk.now) {
        return Some(ended);
    }
    let mut task = Task { state: TaskState::Ended, since: desk.now, due_at: None, ..task };
    task.detail.wait = None;
    task.detail.outcome = Some(Outcome::Settled { by: desk.name(), done: false, note });
    Some(task)
}

/// How it was closed, if nothing of it is under way.
fn closing_of(request: &Request, tasks: &[Task]) -> Result<Closing, OperatorError> {
    let refuse = |why| OperatorError::WrongState { state: request.state, why };
    let Some(closing) = &request.closing else {
        return Err(refuse("only a closed request can be purged: answer, deny or cancel it first"));
    };
    if tasks.iter().any(|task| !task.is_over()) {
        return Err(refuse(
            "a system is still at work on it, and nobody could tell what came of that; wait until it is done",
        ));
    }
    Ok(closing.clone())
}

/// The looks that are still to be made, given up.
fn looks(tasks: Vec<Task>) -> Vec<Task> {
    let due = tasks.into_iter().filter(|task| task.due_at.is_some());
    due.map(|task| Task { due_at: None, ..task }).collect()
}

fn purged(desk: &Desk<'_>, request: Request, closing: Closing) -> Request {
    let purged = Some(Purged { at: desk.now, by: desk.name() });
    Request { closing: Some(Closing { purged, ..closing }), ..request }
}
