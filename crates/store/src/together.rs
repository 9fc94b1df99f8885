//! Group commit: what many callers hand in at the same moment is carried out in one go.
//!
//! There is no thread behind it. Whoever comes first does the work for all that wait; those who come
//! meanwhile wait together, and one of them does the next go. A caller alone waits for nobody.

use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot;

#[cfg(test)]
mod tests;

/// Where orders wait for their turn.
pub struct Together<Order, Answer> {
    waiting: Mutex<Vec<Waiting<Order, Answer>>>,
    turn: tokio::sync::Mutex<()>,
}

struct Waiting<Order, Answer> {
    order: Order,
    reply: oneshot::Sender<Answer>,
}

impl<Order, Answer> Together<Order, Answer> {
    /// Hands an order in and waits for its answer. `carry_out` gets all orders that wait, if it is
    /// this caller's turn, and gives their answers in the same order; none at all if it can't. Whoever
    /// gets no answer is free to try alone: nothing of their order was done, or all of it was.
    pub async fn ask<Carried>(
        &self,
        order: Order,
        carry_out: impl FnOnce(Vec<Order>) -> Carried,
    ) -> Option<Answer>
    where
        Carried: Future<Output = Vec<Answer>>,
    {
        let (reply, mut answer) = oneshot::channel();
        self.waiting().push(Waiting { order, reply });
        tokio::select! {
            biased;
            answer = &mut answer => return answer.ok(),
            _turn = self.turn.lock() => {
                let (orders, replies) = self.take();
                if !orders.is_empty() {
                    for (answer, reply) in carry_out(orders).await.into_iter().zip(replies) {
                        // Whoever asked may be gone; what was done stays done.
                        reply.send(answer).ok();
                    }
                }
            }
        }
        answer.await.ok()
    }

    /// All that wait, but for those whose callers have gone: nobody knows of those any more.
    fn take(&self) -> (Vec<Order>, Vec<oneshot::Sender<Answer>>) {
        let waiting = std::mem::take(&mut *self.waiting());
        let here = waiting.into_iter().filter(|one| !one.reply.is_closed());
        here.map(|one| (one.order, one.reply)).unzip()
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Waiting<Order, Answer>>> {
        // A list of orders is whole after each push, whoever panicked.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Order, Answer> Default for Together<Order, Answer> {
    fn default() -> Self {
        Self { waiting: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }
}
