//! Unwrapped request keys that were used lately.

use std::collections::HashMap;
use std::sync::Arc;

use crate::seal::SealingKey;

/// How many are kept, at most twice over: those that a pump is working with. Each takes most of a
/// kilobyte.
pub(super) const RECENT: usize = 5_000;

/// The last keys used, in two generations: when the young one is full it becomes the old one, and
/// what nobody asked for since is dropped.
#[derive(Default)]
pub(super) struct Recent {
    pub(super) young: HashMap<Box<str>, Arc<SealingKey>>,
    pub(super) old: HashMap<Box<str>, Arc<SealingKey>>,
}

impl Recent {
    pub(super) fn get(&mut self, request: &str) -> Option<Arc<SealingKey>> {
        if let Some(key) = self.young.get(request) {
            return Some(Arc::clone(key));
        }
        let key = self.old.remove(request)?;
        self.put(request, Arc::clone(&key));
        Some(key)
    }

    pub(super) fn put(&mut self, request: &str, key: Arc<SealingKey>) {
        if self.young.len() >= RECENT {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(request.into(), key);
    }

    pub(super) fn remove(&mut self, request: &str) {
        self.young.remove(request);
        self.old.remove(request);
    }
}
