//! Places for reads, whatever the clock does.

use std::sync::atomic::{AtomicI64, AtomicU32};

use futures_util::future::join_all;
use tokio::time::timeout;

use super::*;
use crate::clock::Waiting;

/// A clock that is a day further at each look.
#[derive(Default)]
struct Flying(AtomicI64);

impl Clock for Flying {
    fn now(&self) -> Instant {
        let days = self.0.fetch_add(1, Ordering::SeqCst);
        Instant::from_second(days * 24 * 3600).unwrap()
    }

    fn sleep_until(&self, _at: Instant) -> Waiting<'_> {
        Box::pin(std::future::ready(()))
    }
}

#[tokio::test]
async fn a_flying_clock_keeps_no_read_from_going_out() {
    let (clock, places, n_asked) = (Flying::default(), Semaphore::new(2), AtomicU32::new(0));
    let reads = (0..50).map(|_| async {
        let limit = || async {
            n_asked.fetch_add(1, Ordering::SeqCst);
            Ok(())
        };
        let _place = place_in_time(&places, &clock, limit).await.unwrap();
        tokio::task::yield_now().await;
    });
    timeout(Duration::from_secs(30), join_all(reads)).await.expect("all of them end");
    assert_eq!(n_asked.load(Ordering::SeqCst), 50, "nobody waited long in real time");
}
