//! What a deletion waits for before it is sent: requests of the same person whose data is not
//! collected yet, and what a person has to do so that it is.

use domain::task::Whom;
use domain::{Connection, RequestId, Right, Task, TaskState};
use serde::{Deserialize, Serialize};
use store::Store;
use utoipa::ToSchema;

use super::advice::List;
use super::view::Standing;
use crate::operator::approve::{GateName, gate_of};
use crate::operator::desk::OperatorError;

/// A request that another one waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Awaited {
    /// The request.
    pub request: RequestId,
    /// Its right.
    pub right: Right,
    /// The gate it waits at itself.
    pub gate: Option<GateName>,
    /// Whether it does not go on without a person.
    pub needs_a_person: bool,
}

/// The requests that these tasks of one request wait for.
pub(super) async fn awaited(
    store: &Store,
    id: RequestId,
    tasks: &[Task],
    connections: &[Connection],
) -> Result<Vec<Awaited>, OperatorError> {
    let waits = |task: &Task| {
        let wait = task.detail.wait.as_ref();
        task.right == Right::Deletion
            && task.state == TaskState::Acting
            && wait.is_some_and(|wait| wait.whom == Whom::OtherRequest)
    };
    if !tasks.iter().any(waits) {
        return Ok(Vec::new());
    }
    let mut awaited = Vec::new();
    for (_, open) in store.open_collections_sharing(&[id]).await? {
        let Some(request) = store.request(open).await? else { continue };
        let tasks = store.tasks_of(&[open]).await?;
        let holding: Vec<_> = tasks.iter().filter(|task| is_uncollected(task)).collect();
        awaited.push(Awaited {
            request: open,
            right: request.right,
            gate: holding.iter().find_map(|task| gate_of(task)),
            needs_a_person: holding
                .iter()
                .any(|task| task.needs_a_person() || is_held(task, connections)),
        });
    }
    Ok(awaited)
}

/// Whether something is still to be collected by it.
fn is_uncollected(task: &Task) -> bool {
    let is_collected = task.state == TaskState::Approving && task.detail.outcome.is_some();
    !task.is_over() && !is_collected && task.state != TaskState::ByHand
}

fn is_held(task: &Task, connections: &[Connection]) -> bool {
    let connection = connections.iter().find(|one| Some(one.id) == task.connection);
    let standing = connection.map(Standing::of);
    matches!(standing, Some(Standing::PausedByFailure { .. } | Standing::PausedByPerson { .. }))
}

/// What can be done about them.
pub(super) fn advise(awaited: &[Awaited], list: &mut List) {
    for one in awaited {
        let (id, right) = (one.request, one.right);
        let begun = format!("The {right} request {id} of the same person is collected first");
        if let Some(gate) = one.gate {
            list.say(
                format!("{begun}, and that waits for your {gate}. Look at it, then let it pass"),
                format!("habeas request approve {id} --gate {gate}"),
            );
        } else if one.needs_a_person {
            list.say(
                format!("{begun}, and that does not go on without you. See what it needs"),
                format!("habeas request show {id}"),
            );
        }
    }
}
