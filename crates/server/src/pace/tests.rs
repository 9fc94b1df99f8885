//! Who is waited for, and how long.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// How many seconds a client is waited for that moves so many bytes every second, at most an hour.
fn lasts(bytes_a_second: usize) -> usize {
    let mut patience = Patience::new();
    let seconds = (0..3600).take_while(|_| {
        patience.waited(SECOND);
        let is_left = !patience.left.is_zero();
        patience.moved(bytes_a_second);
        is_left
    });
    seconds.count()
}

#[test]
fn who_moves_nothing_or_little_is_not_waited_for_and_who_is_slow_is() {
    assert_eq!(lasts(0), 29);
    assert!(lasts(1) < 35);
    assert!(lasts(32 << 10) < 65);
    assert_eq!(lasts(64 << 10), 3600);
    assert_eq!(lasts(1 << 30), 3600);
}

#[tokio::test]
async fn what_moved_fast_buys_no_long_rest() {
    let mut patience = Patience::new();
    patience.moved(1 << 30);
    patience.waited(30 * SECOND);
    assert!(patience.wait(std::future::pending::<()>()).await.is_none());
}
