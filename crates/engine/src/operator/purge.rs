//! Purging: the values of a closed request are destroyed for good, by hand.
//!
//! What stays is the record: that there was a request, what was done in which system, and the journal.
//! Later looks for what comes back are given up, since nothing is left to look for.

#[cfg(test)]
mod tests;

use domain::request::{Closing, Purged};
use domain::{Event, Instant, Request, RequestId, Task};
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
        let line = PurgedLine { request: id, at: desk.now, how: closing.how };
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

/// Finishes purges that a crash broke off: the list beside the keys names them, and their keys are
/// there still. Returns how many they were.
pub async fn finish(desk: &Desk<'_>) -> Result<usize, OperatorError> {
    let mut n_finished = 0;
    for line in desk.store.purged_lines()? {
        if desk.store.has_key(line.request).await? {
            let done = purge(desk, line.request).await;
            match done {
                Ok(view) => n_finished += usize::from(!view.was_purged),
                // Opened again since, so it is not to be purged now.
                Err(OperatorError::WrongState { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(n_finished)
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
