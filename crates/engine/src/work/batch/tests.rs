//! When a batch goes out, and how large.

use std::collections::BTreeMap;

use domain::id::TimedIds;
use domain::{Instant, RequestId, Right, TaskId};

use super::*;

const BOUND: Batch = Batch { items: 3, bytes: 100 };

fn at(seconds: i64) -> Instant {
    Instant::from_second(seconds).unwrap()
}

fn queue(members: &[(u32, u32, i64)]) -> Vec<Queued> {
    let ids = TimedIds::new(|| Instant::UNIX_EPOCH, || [1; 8]);
    members
        .iter()
        .map(|(n_items, n_bytes, since)| Queued {
            task: TaskId::new(&ids),
            request: RequestId::new(&ids),
            right: Right::Deletion,
            variant: "DELETE".to_owned(),
            n_items: *n_items,
            n_bytes: *n_bytes,
            since: at(*since),
            due_at: at(*since),
        })
        .collect()
}

fn check(members: &[(u32, u32, i64)], more: bool, now: i64, sizes: &[usize], next: Option<i64>) {
    let on_the_way = BTreeMap::from([(Right::Deletion, more)]);
    let mut groups = Groups::within(&BOUND);
    queue(members).into_iter().for_each(|queued| groups.take(queued));
    let formed = groups.end(&on_the_way, at(now));
    let got: Vec<_> = formed.ready.iter().map(|group| group.members.len()).collect();
    assert_eq!((got.as_slice(), formed.next_at), (sizes, next.map(at)), "{members:?} at {now}");
}

#[test]
fn a_full_batch_goes_at_once() {
    check(&[(1, 9, 0), (1, 9, 0), (1, 9, 0)], true, 0, &[3], None);
    check(&[(1, 9, 0), (1, 9, 0), (1, 9, 0), (1, 9, 0)], false, 0, &[3], Some(2));
}

#[test]
fn bytes_count_as_well_as_members() {
    check(&[(1, 60, 0), (1, 60, 0)], false, 0, &[1], Some(2));
}

#[test]
fn one_that_is_larger_than_a_batch_goes_alone() {
    check(&[(9, 60, 0), (1, 9, 0)], false, 5, &[1, 1], None);
}

#[test]
fn a_lull_sends_what_is_there() {
    check(&[(1, 9, 0), (1, 9, 1)], false, 2, &[], Some(3));
    check(&[(1, 9, 0), (1, 9, 1)], false, 3, &[2], None);
}

#[test]
fn while_more_is_on_the_way_a_batch_waits_but_not_for_ever() {
    check(&[(1, 9, 0)], true, 60, &[], Some(900));
    check(&[(1, 9, 0)], true, 900, &[1], None);
}
