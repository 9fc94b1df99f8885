//! Rate limits in virtual time: fixed windows of a minute (Public API, 1.5) and a bucket that
//! refills (Profile API, 4.1).

use jiff::{SignedDuration, Timestamp};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// Calls in the present minute, which begins with its first call.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Window {
    started: Option<Timestamp>,
    used: u64,
}

/// How a window stands after a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct WindowState {
    pub(super) is_within: bool,
    pub(super) consumed: u64,
    pub(super) remaining: u64,
    pub(super) resets_at: Timestamp,
}

impl Window {
    /// Counts a call against `limit` a minute.
    pub(super) fn take(&mut self, now: Timestamp, limit: u64) -> WindowState {
        let started = match self.started {
            Some(started) if started <= now && now.duration_since(started) < MINUTE => started,
            _ => {
                self.used = 0;
                now
            }
        };
        self.started = Some(started);
        self.used += 1;
        WindowState {
            is_within: self.used <= limit,
            consumed: self.used,
            remaining: limit.saturating_sub(self.used),
            resets_at: started.checked_add(MINUTE).unwrap_or(Timestamp::MAX),
        }
    }
}

/// Calls a second, with as many in one burst.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    left: f64,
    filled_at: Timestamp,
}

/// Profile API calls a second and space.
const PER_SECOND: f64 = 100.0;

impl Bucket {
    pub(super) fn new(now: Timestamp) -> Bucket {
        Bucket { left: PER_SECOND, filled_at: now }
    }

    /// Takes one call out, if one is left.
    pub(super) fn take(&mut self, now: Timestamp) -> bool {
        let passed = now.duration_since(self.filled_at).as_secs_f64().max(0.0);
        self.left = (self.left + passed * PER_SECOND).min(PER_SECOND);
        self.filled_at = now;
        let has_one = self.left >= 1.0;
        if has_one {
            self.left -= 1.0;
        }
        has_one
    }
}
