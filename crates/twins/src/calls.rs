//! How often each endpoint was called, and with which answer.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The counters behind `GET /calls`.
#[derive(Default)]
pub(crate) struct Calls {
    counts: Mutex<BTreeMap<Key, u64>>,
}

/// Vendor, endpoint (method and path template), status; 0 where no answer was given.
type Key = (&'static str, &'static str, u16);

impl Calls {
    pub(crate) fn count(&self, vendor: &'static str, endpoint: &'static str, status: u16) {
        *self.lock().entry((vendor, endpoint, status)).or_default() += 1;
    }

    /// Counts as `{vendor: {endpoint: {status: n}}}`.
    pub(crate) fn by_endpoint(&self) -> BTreeMap<&'static str, Endpoints> {
        let mut vendors: BTreeMap<&'static str, Endpoints> = BTreeMap::new();
        for (&(vendor, endpoint, status), &count) in self.lock().iter() {
            let status = if status == 0 { "no_answer".to_owned() } else { status.to_string() };
            vendors.entry(vendor).or_default().entry(endpoint).or_default().insert(status, count);
        }
        vendors
    }

    pub(crate) fn reset(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, u64>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts per endpoint and status.
pub(crate) type Endpoints = BTreeMap<&'static str, BTreeMap<String, u64>>;
