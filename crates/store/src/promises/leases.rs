//! One holder at a time; who was overtaken can't write any more.

use domain::TaskState;

use super::setup::{now, setup, time};
use crate::{LeaseAnswer, LeaseTime, StoreError, Transition};

#[tokio::test]
async fn a_lease_that_is_held_is_not_given_and_says_by_whom() {
    let setup = setup().await;
    setup.lease("engine", "one").await;
    let answer =
        setup.again().await.take_lease("engine", "two", "pid 2", &time(999), 1000, now()).await;
    let LeaseAnswer::HeldBy(row) = answer.unwrap() else { panic!("given twice") };
    assert_eq!((row.holder.as_str(), row.info.as_str(), row.since), ("one", "a test", now()));
    assert_eq!(row.until, time(1000));
}

#[tokio::test]
async fn a_lease_that_ran_out_goes_to_the_next_with_a_higher_fence() {
    let setup = setup().await;
    let first = setup.lease("engine", "one").await;
    let answer = setup.store.take_lease("engine", "two", "", &time(1000), 1000, now()).await;
    let LeaseAnswer::Taken { fence, before } = answer.unwrap() else { panic!("still held") };
    assert!(fence.fence > first.fence);
    assert_eq!(before, Some(time(1000)), "the successor knows how long to wait");
}

#[tokio::test]
async fn a_lease_of_another_boot_is_over() {
    let setup = setup().await;
    setup.lease("engine", "one").await;
    let other = LeaseTime { boot: "boot-2".into(), millis: 5 };
    let answer = setup.store.take_lease("engine", "two", "", &other, 1000, now()).await.unwrap();
    assert!(matches!(answer, LeaseAnswer::Taken { .. }));
}

#[tokio::test]
async fn a_holder_keeps_his_fence_and_renews_or_gives_back_all_his_leases() {
    let setup = setup().await;
    let fence = setup.lease("engine", "one").await;
    setup.lease("pump", "one").await;
    assert_eq!(setup.lease("engine", "one").await, fence);
    assert_eq!(setup.store.renew_leases("one", &time(900), 1000).await.unwrap(), 2);
    let row = setup.store.lease("engine").await.unwrap().unwrap();
    assert!(row.is_held(&time(1899)) && !row.is_held(&time(1900)));
    setup.store.release_leases("one").await.unwrap();
    let answer = setup.store.take_lease("engine", "two", "", &time(901), 1000, now()).await;
    assert!(matches!(answer.unwrap(), LeaseAnswer::Taken { before: None, .. }));
    assert_eq!(setup.store.renew_leases("one", &time(902), 1000).await.unwrap(), 0);
}

#[tokio::test]
async fn who_was_overtaken_writes_nothing() {
    let setup = setup().await;
    let connection = setup.connection("segment-eu").await;
    let task = setup.task(&connection, "a@example.org").await;
    let old = setup.lease("engine", "one").await;
    let mut changed = task.clone();
    changed.state = TaskState::Ended;
    let transition = Transition { tasks: vec![changed], ..Default::default() };
    let taken = setup.store.take_lease("engine", "two", "", &time(1000), 1000, now()).await;
    let LeaseAnswer::Taken { fence, .. } = taken.unwrap() else { panic!("still held") };

    let group = [transition];
    let refused = setup.store.apply(Some(&old), &group).await;
    assert!(matches!(refused, Err(StoreError::FenceLost)));
    assert_eq!(setup.store.task(task.id).await.unwrap().unwrap(), task);
    assert_eq!(setup.store.apply(Some(&fence), &group).await.unwrap(), [crate::Applied::Done]);
    setup.store.release_leases("two").await.unwrap();
    let refused = setup.store.apply(Some(&fence), &[Transition::default()]).await;
    assert!(matches!(refused, Err(StoreError::FenceLost)), "nor does one who gave it back");
}
