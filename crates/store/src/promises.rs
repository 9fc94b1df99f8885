//! What the store promises, a file per promise. The tests speak to `Store`, so that they hold for
//! every driver; only `opening`, `full_disk`,
//! `nothing_scans`, `broken_commit` and `order` reach below it, to stage what a driver must refuse or survive.

mod atomic_transition;
mod backups;
mod blind_index;
mod broken_commit;
mod bucket;
mod compare_and_set;
mod dead_process;
mod due_work;
mod full_disk;
mod intent_before_call;
mod leases;
mod nothing_scans;
mod notices;
mod opening;
mod order;
mod principals;
mod requests_once;
mod rotation;
mod sealed_values;
pub(crate) mod setup;
mod telling;
