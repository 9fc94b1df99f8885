//! Group commit: the transitions of many pieces of work in one durable transaction.

use std::sync::Arc;

use store::{Applied, Fence, Store, StoreError, Transition};
use tokio::sync::{mpsc, oneshot};

use super::round::SIDE_BY_SIDE;
use crate::work::WorkError;

/// Commits the transitions of many pieces of work together.
#[derive(Clone)]
pub(crate) struct Committer {
    fence: Arc<Fence>,
    to: mpsc::Sender<Order>,
}

struct Order {
    transitions: Vec<Transition>,
    reply: oneshot::Sender<Result<Vec<Applied>, StoreError>>,
}

impl Committer {
    /// Starts committing under a fence, until every clone is gone or the store refuses.
    pub fn start(store: Store, fence: Fence) -> Self {
        let (to, mut orders) = mpsc::channel::<Order>(SIDE_BY_SIDE * 2);
        let fence = Arc::new(fence);
        let ours = Arc::clone(&fence);
        tokio::spawn(async move {
            let mut taken = Vec::new();
            while orders.recv_many(&mut taken, SIDE_BY_SIDE * 2).await > 0 {
                if !commit_together(&store, &ours, std::mem::take(&mut taken)).await {
                    return;
                }
            }
        });
        Self { fence, to }
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
        let (reply, answer) = oneshot::channel();
        self.to.send(Order { transitions, reply }).await.map_err(|_| WorkError::RoundOver)?;
        Ok(answer.await.map_err(|_| WorkError::RoundOver)??)
    }
}

/// Commits orders in one transaction; whether committing can go on.
async fn commit_together(store: &Store, fence: &Fence, orders: Vec<Order>) -> bool {
    let mut all = Vec::new();
    let mut replies = Vec::with_capacity(orders.len());
    for order in orders {
        replies.push((order.transitions.len(), order.reply));
        all.extend(order.transitions);
    }
    match store.apply(Some(fence), &all).await {
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
