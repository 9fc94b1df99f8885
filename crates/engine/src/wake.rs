//! Waking: a deletion waits until what an access of the same person asks for has been collected.
//! Whoever brings that to an end lets it look again at once, in the same transaction.

use domain::task::Whom;
use domain::{Instant, RequestId, TaskState};
use store::{Store, StoreError, Transition};

/// Lets tasks that wait for this request look again now.
pub(crate) async fn after_collecting(
    store: &Store,
    request: RequestId,
    now: Instant,
    into: &mut Transition,
) -> Result<(), StoreError> {
    let values: Vec<_> = store
        .identifiers_of(&[request])
        .await?
        .into_iter()
        .map(|(_, identifier)| (identifier.kind, identifier.normalised))
        .collect();
    let mut others: Vec<_> =
        store.requests_sharing(&values).await?.into_iter().map(|(id, _)| id).collect();
    others.retain(|id| *id != request);
    others.dedup();
    for mut task in store.tasks_of(&others).await? {
        let waits = task.state == TaskState::Acting
            && task.detail.wait.as_ref().is_some_and(|wait| wait.whom == Whom::OtherRequest)
            && task.due_at.is_some_and(|due_at| due_at > now);
        if waits {
            // What it says it waits for stays: it may have to wait for another collection too.
            task.due_at = Some(now);
            into.tasks.push(task);
        }
    }
    Ok(())
}
