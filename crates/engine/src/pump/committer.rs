//! Group commit: the transitions of many pieces of work in one durable transaction.

use std::sync::Arc;

use store::{Applied, Fence, Prepared, Store, StoreError, Transition};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{mpsc, oneshot};

use super::round::SIDE_BY_SIDE;
use crate::work::WorkError;

/// How many transitions are committed together, unless one order has more.
const TOGETHER: usize = 4_000;

/// Commits the transitions of many pieces of work together.
#[derive(Clone)]
pub(crate) struct Committer {
    store: Store,
    fence: Arc<Fence>,
    to: mpsc::Sender<Order>,
}

struct Order {
    prepared: Prepared,
    reply: oneshot::Sender<Result<Vec<Applied>, StoreError>>,
}

impl Committer {
    /// Starts committing under a fence, until every clone is gone or the store refuses.
    pub fn start(store: Store, fence: Fence) -> Self {
        let (to, mut orders) = mpsc::channel::<Order>(SIDE_BY_SIDE * 2);
        let fence = Arc::new(fence);
        let (writer, ours) = (store.clone(), Arc::clone(&fence));
        let commit_all = async move {
            let mut taken = Vec::new();
            while orders.recv_many(&mut taken, SIDE_BY_SIDE * 2).await > 0 {
                for group in cut(std::mem::take(&mut taken)) {
                    if !commit_together(&writer, &ours, group).await {
                        return;
                    }
                }
            }
        };
        let runtime = Handle::current();
        // On a thread of its own where there are several: a commit is many short steps, and each would
        // wait its turn behind all the work that waits for the commit.
        match runtime.runtime_flavor() {
            RuntimeFlavor::CurrentThread => drop(runtime.spawn(commit_all)),
            _ => drop(tokio::task::spawn_blocking(move || runtime.block_on(commit_all))),
        }
        Self { store, fence, to }
    }

    pub fn fence(&self) -> &Fence {
        &self.fence
    }

    pub fn is_open(&self) -> bool {
        !self.to.is_closed()
    }

    pub async fn commit(&self, transitions: Vec<Transition>) -> Result<Vec<Applied>, WorkError> {
        if transitions.is_empty() {
            return Ok(Vec::new());
        }
        // Here and not where it is written, so that it is done side by side.
        let prepared = self.store.prepare(transitions).await?;
        let (reply, answer) = oneshot::channel();
        self.to.send(Order { prepared, reply }).await.map_err(|_| WorkError::RoundOver)?;
        Ok(answer.await.map_err(|_| WorkError::RoundOver)??)
    }
}

/// Cuts orders into groups that are committed one after the other, so that none holds the writer for
/// long. An order stays whole: what it asks for may have to happen at once.
fn cut(orders: Vec<Order>) -> Vec<Vec<Order>> {
    let mut groups = Vec::new();
    let (mut group, mut n) = (Vec::new(), 0);
    for order in orders {
        if n > 0 && n + order.prepared.len() > TOGETHER {
            groups.push(std::mem::take(&mut group));
            n = 0;
        }
        n += order.prepared.len();
        group.push(order);
    }
    groups.push(group);
    groups
}

/// Commits orders in one transaction; whether committing can go on.
async fn commit_together(store: &Store, fence: &Fence, orders: Vec<Order>) -> bool {
    let mut all = Vec::new();
    let mut replies = Vec::with_capacity(orders.len());
    for order in orders {
        replies.push((order.prepared.len(), order.reply));
        all.push(order.prepared);
    }
    match store.apply_prepared(Some(fence), all).await {
        Ok(applied) => {
            let mut applied = applied.into_iter();
            for (n, reply) in replies {
                // Whoever asked may be gone; what was committed stays committed.
                reply.send(Ok(applied.by_ref().take(n).collect())).ok();
            }
            true
        }
        Err(error) => {
            if let Some((_, reply)) = replies.into_iter().next() {
                reply.send(Err(error)).ok();
            }
            false
        }
    }
}
