//! Batches: which approved tasks go out together, and when.
//!
//! As large as the vendor's limit and the queue force, never larger. A batch goes out when it is
//! full, or 2 s after its last member came while nothing that is approved is still on its way to
//! it, and at the latest after 15 min.

use std::collections::{BTreeMap, BTreeSet};
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

/// How many rows of the queue are read at a time.
const PAGE: u32 = 1_000;

/// No more members than these go out at a time: a queue may be longer than memory is.
const ENOUGH: usize = 50_000;

/// Tasks that go out together.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Group {
    pub right: Right,
    /// The way it is done.
    pub variant: String,
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
    let bound = shift.link.connector.manifest().batch.within(connection.switches.batch);
    let (now, mut groups) = (shift.now(), Groups::within(&bound));
    let mut last = None;
    while groups.n_ready < ENOUGH {
        let page = shift.store.batch_queue(connection.id, now, last.as_ref(), PAGE).await?;
        last = page.last().cloned();
        if last.is_none() {
            break;
        }
        page.into_iter().for_each(|queued| groups.take(queued));
    }
    if groups.n_ready >= ENOUGH {
        // More of the same kinds may follow, so nothing is known of what is not full.
        return Ok(Formed { ready: groups.ready, next_at: None });
    }
    let mut on_the_way = BTreeMap::new();
    if connection.switches.approval == Gate::Auto {
        for right in groups.rights() {
            let n = shift.store.n_on_the_way(connection.id, right).await?;
            on_the_way.insert(right, n > 0);
        }
    }
    let mut formed = groups.end(&on_the_way, now);
    if let Some(later) = shift.store.batch_queue_later(connection.id, now).await? {
        formed.wake_at(later);
    }
    Ok(formed)
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

/// Groups in the making, out of a queue that comes the longest due first: pure, so that the rule can be
/// tested as written.
struct Groups<'a> {
    bound: &'a Batch,
    open: BTreeMap<(Right, String), Open>,
    ready: Vec<Group>,
    /// How many members those have that are ready.
    n_ready: usize,
}

/// A group that may get more members.
#[derive(Default)]
struct Open {
    members: Vec<TaskId>,
    items: u32,
    bytes: u32,
    oldest: Option<Instant>,
    newest: Option<Instant>,
}

impl<'a> Groups<'a> {
    fn within(bound: &'a Batch) -> Self {
        Self { bound, open: BTreeMap::new(), ready: Vec::new(), n_ready: 0 }
    }

    /// Takes the next of the queue, which may close the group of its kind.
    fn take(&mut self, queued: Queued) {
        let right = queued.right;
        let variant = queued.variant.clone();
        let open = self.open.entry((right, queued.variant)).or_default();
        let is_over = open.items + queued.n_items > self.bound.items
            || open.bytes + queued.n_bytes > self.bound.bytes;
        if is_over && !open.members.is_empty() {
            let members = std::mem::take(open).members;
            self.n_ready += members.len();
            self.ready.push(Group { right, variant, members });
        }
        open.members.push(queued.task);
        open.items += queued.n_items;
        open.bytes += queued.n_bytes;
        open.oldest = Some(open.oldest.map_or(queued.since, |it| it.min(queued.since)));
        open.newest = Some(open.newest.map_or(queued.since, |it| it.max(queued.since)));
    }

    /// The rights of those that are not full.
    fn rights(&self) -> BTreeSet<Right> {
        self.open.keys().map(|(right, _)| *right).collect()
    }

    /// The queue is at its end: of those that are not full, each waits or goes.
    fn end(self, on_the_way: &BTreeMap<Right, bool>, now: Instant) -> Formed {
        let mut formed = Formed { ready: self.ready, next_at: None };
        for ((right, variant), open) in self.open {
            let Some((oldest, newest)) = open.oldest.zip(open.newest) else { continue };
            let comes_more = on_the_way.get(&right).copied().unwrap_or(false);
            let (lull_over, patience_over) = (add(newest, LULL), add(oldest, PATIENCE));
            let is_full = open.items >= self.bound.items;
            if is_full || now >= patience_over || (now >= lull_over && !comes_more) {
                formed.ready.push(Group { right, variant, members: open.members });
            } else if comes_more {
                formed.wake_at(patience_over);
            } else {
                formed.wake_at(lull_over.min(patience_over));
            }
        }
        formed
    }
}

impl Formed {
    fn wake_at(&mut self, at: Instant) {
        self.next_at = Some(self.next_at.map_or(at, |next| next.min(at)));
    }
}

#[cfg(test)]
mod tests;
