//! How connections are spread over workers: each has as many as the others, and as few as possible move.
//! All workers see the same leases and come to the same answer, so nobody has to assign anything.

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use domain::ConnectionId;

/// A worker, and the connections that it holds or is to hold.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Worker {
    pub holds: Vec<ConnectionId>,
}

/// Takes from those that hold more than their share, and gives what is free to those that hold less.
/// What is taken is not given to anybody else before it was given back.
pub(super) fn spread(workers: &mut BTreeMap<&str, Worker>, mut free: Vec<ConnectionId>) {
    let n_held: usize = workers.values().map(|worker| worker.holds.len()).sum();
    let (n, n_workers) = (n_held + free.len(), workers.len().max(1));
    let mut by_load: Vec<&mut Worker> = workers.values_mut().collect();
    // Whoever holds most keeps the one that does not divide.
    by_load.sort_by_key(|worker| Reverse(worker.holds.len()));
    free.sort_unstable();
    let mut free = free.into_iter();
    for (rank, worker) in by_load.into_iter().enumerate() {
        let share = n / n_workers + usize::from(rank < n % n_workers);
        worker.holds.sort_unstable();
        worker.holds.truncate(share);
        let n_missing = share - worker.holds.len();
        worker.holds.extend(free.by_ref().take(n_missing));
    }
}
