//! What became of the spans of traces, where they are sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::families as f;
use super::number;
use super::text::Page;

/// How many spans were sent, and how many were lost. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Spans(Arc<Kept>);

#[derive(Debug, Default)]
struct Kept {
    sent: AtomicU64,
    lost: AtomicU64,
}

impl Spans {
    /// Counts spans that the collector took.
    pub fn sent(&self, n: u64) {
        self.0.sent.fetch_add(n, Ordering::Relaxed);
    }

    /// Counts spans that it did not take, or that could not wait for it.
    pub fn lose(&self, n: u64) {
        self.0.lost.fetch_add(n, Ordering::Relaxed);
    }

    /// How many were lost.
    pub fn n_lost(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }

    /// How many were sent.
    pub fn n_sent(&self) -> u64 {
        self.0.sent.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self, page: &mut Page) {
        for (came_to, n) in [("sent", self.n_sent()), ("lost", self.n_lost())] {
            page.add(&f::SPANS, &[("came_to", came_to)], number(n));
        }
    }
}
