//! Orders of many callers, and how many goes they take.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::Together;

#[tokio::test]
async fn those_who_come_during_a_go_are_carried_out_together_in_the_next() {
    const OTHERS: usize = 9;
    let together = Arc::new(Together::<usize, usize>::default());
    let n_goes = Arc::new(AtomicUsize::new(0));
    let (begun, free) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let first = tokio::spawn({
        let (together, begun, free) = (together.clone(), begun.clone(), free.clone());
        async move {
            let go = |orders: Vec<usize>| async move {
                begun.wait().await;
                free.wait().await;
                orders
            };
            together.ask(0, go).await
        }
    });
    begun.wait().await;
    let mut others = JoinSet::new();
    for n in 1..=OTHERS {
        let (together, n_goes) = (together.clone(), n_goes.clone());
        others.spawn(async move {
            let go = |orders: Vec<usize>| async move {
                n_goes.fetch_add(1, Ordering::SeqCst);
                orders.into_iter().map(|order| order * 10).collect()
            };
            (n, together.ask(n, go).await)
        });
    }
    while together.waiting().len() < OTHERS {
        tokio::task::yield_now().await;
    }
    free.wait().await;
    assert_eq!(first.await.unwrap(), Some(0));
    while let Some(other) = others.join_next().await {
        let (n, answer) = other.unwrap();
        assert_eq!(answer, Some(n * 10), "each gets its own answer");
    }
    assert_eq!(n_goes.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn who_has_gone_is_not_carried_out_and_who_gets_no_answer_is_told_so() {
    let together = Together::<u32, u32>::default();
    let turn = together.turn.lock().await;
    {
        let mut gone = Box::pin(together.ask(1, |orders| async { orders }));
        assert!(futures_now(gone.as_mut()).await.is_none());
    }
    drop(turn);
    let answer = together.ask(2, |orders| async move { vec![orders.len() as u32] }).await;
    assert_eq!(answer, Some(1), "the one that is still here");
    assert_eq!(together.ask(3, |_| async { Vec::new() }).await, None);
    assert_eq!(together.ask(4, |orders| async { orders }).await, Some(4), "and it goes on");
}

/// Polls a future once.
async fn futures_now<F: Future>(future: std::pin::Pin<&mut F>) -> Option<F::Output> {
    let mut future = Some(future);
    std::future::poll_fn(|context| {
        let polled = future.take().map(|future| future.poll(context));
        std::task::Poll::Ready(match polled {
            Some(std::task::Poll::Ready(output)) => Some(output),
            _ => None,
        })
    })
    .await
}
