//! Batches: which approved tasks go out together, and when.
//!
//! As large as the vendor's limit and the queue force, never larger. A batch goes out when it is
//! full, or 2 s after its last member came while nothing that is approved is still on its way to
//! it, and at the latest after 15 min.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use connector_api::manifest::Batch;
use domain::connection::{Gate, Mode};
use domain::{Instant, Right, TaskId};
use store::{Queued, StoreError};

use super::Shift;
use crate::limits::add;

/// How long a batch waits for another member.
const LULL: Duration = Duration::from_secs(2);

/// The longest a member waits for its batch.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// Tasks that go out together.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Group {
    pub right: Right,
    pub members: Vec<TaskId>,
}

/// What the queue came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Formed {
    /// Groups that go out now.
    pub ready: Vec<Group>,
    /// When to look at the queue again, if something stays in it.
    pub next_at: Option<Instant>,
}

/// Looks at the queue of a connection and forms what may go.
pub(crate) async fn form(shift: &Shift) -> Result<Formed, StoreError> {
    let connection = &shift.link.connection;
    if connection.switches.mode == Mode::Observe || shift.may_not_change().await? {
        return Ok(Formed::default());
    }
    let queue = shift.store.batch_queue(connection.id).await?;
    let mut on_the_way = BTreeMap::new();
    if connection.switches.approval == Gate::Auto {
        for queued in &queue {
            if let Entry::Vacant(unknown) = on_the_way.entry(queued.right) {
                let n = shift.store.n_on_the_way(connection.id, queued.right).await?;
                unknown.insert(n > 0);
            }
        }
    }
    let bound = shift.link.connector.manifest().batch.within(connection.switches.batch);
    Ok(group(queue, &bound, &on_the_way, shift.now()))
}

trait Within {
    fn within(&self, most: Option<u32>) -> Batch;
}

impl Within for Batch {
    /// The connector's bound, or the operator's where that is smaller.
    fn within(&self, most: Option<u32>) -> Batch {
        Batch {
            items: most.map_or(self.items, |most| most.clamp(1, self.items)),
            bytes: self.bytes,
        }
    }
}

/// Forms groups out of a queue: pure, so that the rule can be tested as written.
fn group(
    queue: Vec<Queued>,
    bound: &Batch,
    on_the_way: &BTreeMap<Right, bool>,
    now: Instant,
) -> Formed {
    let mut kinds: BTreeMap<(Right, String), Vec<Queued>> = BTreeMap::new();
    let mut formed = Formed::default();
    for queued in queue {
        match queued.due_at {
            Some(due_at) if due_at <= now => {
                kinds.entry((queued.right, queued.variant.clone())).or_default().push(queued);
            }
            Some(due_at) => formed.wake_at(due_at),
            None => {}
        }
    }
    for ((right, _), members) in kinds {
        let comes_more = on_the_way.get(&right).copied().unwrap_or(false);
        cut(right, members, bound, comes_more, now, &mut formed);
    }
    formed
}

/// Cuts one kind's queue into full groups; the rest waits or goes.
fn cut(
    right: Right,
    queue: Vec<Queued>,
    bound: &Batch,
    comes_more: bool,
    now: Instant,
    formed: &mut Formed,
) {
    let mut rest: Vec<Queued> = Vec::new();
    let (mut items, mut bytes) = (0, 0);
    for queued in queue {
        let is_over = items + queued.n_items > bound.items || bytes + queued.n_bytes > bound.bytes;
        if is_over && !rest.is_empty() {
            formed
                .ready
                .push(Group { right, members: rest.drain(..).map(|one| one.task).collect() });
            (items, bytes) = (0, 0);
        }
        items += queued.n_items;
        bytes += queued.n_bytes;
        rest.push(queued);
    }
    let (Some(oldest), Some(newest)) =
        (rest.iter().map(|one| one.since).min(), rest.iter().map(|one| one.since).max())
    else {
        return;
    };
    let lull_over = add(newest, LULL);
    let patience_over = add(oldest, PATIENCE);
    let is_full = items >= bound.items;
    if is_full || now >= patience_over || (now >= lull_over && !comes_more) {
        formed.ready.push(Group { right, members: rest.into_iter().map(|one| one.task).collect() });
    } else if comes_more {
        formed.wake_at(patience_over);
    } else {
        formed.wake_at(lull_over.min(patience_over));
    }
}

impl Formed {
    fn wake_at(&mut self, at: Instant) {
        self.next_at = Some(self.next_at.map_or(at, |next| next.min(at)));
    }
}

#[cfg(test)]
mod tests;
