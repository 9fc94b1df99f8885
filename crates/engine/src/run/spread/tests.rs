//! Spreading is even, moves no more than it has to, and is the same whoever works it out.

use domain::ConnectionId;
use domain::id::TimedIds;

use super::*;

fn connections(n: usize) -> Vec<ConnectionId> {
    let ids = TimedIds::new(|| jiff::Timestamp::UNIX_EPOCH, || [7; 8]);
    let mut all: Vec<_> = (0..n).map(|_| ConnectionId::new(&ids)).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), n);
    all
}

fn workers<'a>(holding: &[(&'a str, &[ConnectionId])]) -> BTreeMap<&'a str, Worker> {
    holding.iter().map(|(name, holds)| (*name, Worker { holds: holds.to_vec() })).collect()
}

fn counts(workers: &BTreeMap<&str, Worker>) -> Vec<usize> {
    workers.values().map(|worker| worker.holds.len()).collect()
}

#[test]
fn six_connections_that_nobody_holds_go_two_each_to_three_workers() {
    let all = connections(6);
    let mut three = workers(&[("a", &[]), ("b", &[]), ("c", &[])]);
    spread(&mut three, all.clone());
    assert_eq!(counts(&three), [2, 2, 2]);
    let mut held: Vec<_> = three.into_values().flat_map(|worker| worker.holds).collect();
    held.sort_unstable();
    assert_eq!(held, all, "each is held once");
}

#[test]
fn who_joins_gets_nothing_before_others_have_given_it_back() {
    let all = connections(6);
    let mut three = workers(&[("a", &all[..3]), ("b", &all[3..]), ("new", &[])]);
    spread(&mut three, Vec::new());
    assert_eq!(counts(&three), [2, 2, 0]);
    let free = vec![all[2], all[5]];
    spread(&mut three, free);
    assert_eq!(counts(&three), [2, 2, 2]);
    assert_eq!(three["a"].holds, all[..2], "what need not move stays");
}

#[test]
fn what_a_dead_worker_held_goes_to_the_living() {
    let all = connections(6);
    let mut two = workers(&[("a", &all[..2]), ("c", &all[4..])]);
    spread(&mut two, all[2..4].to_vec());
    assert_eq!(counts(&two), [3, 3]);
    assert!(two["a"].holds.starts_with(&all[..2]) && two["c"].holds.starts_with(&all[4..]));
}

#[test]
fn whoever_holds_the_one_too_many_keeps_it() {
    let all = connections(5);
    let mut two = workers(&[("a", &all[..2]), ("b", &all[2..])]);
    spread(&mut two, Vec::new());
    assert_eq!(counts(&two), [2, 3]);
}

#[test]
fn fewer_connections_than_workers_leave_some_without() {
    let mut three = workers(&[("a", &[]), ("b", &[]), ("c", &[])]);
    spread(&mut three, connections(2));
    assert_eq!(counts(&three).iter().sum::<usize>(), 2);
    assert!(counts(&three).iter().all(|n| *n < 2));
}
