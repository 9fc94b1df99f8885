//! The monthly quota of users per category (3.6). A month is a calendar month of virtual time, UTC;
//! the unit is one subject id.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::switches::QuotaLeft;

/// Users a month and category.
const A_MONTH: u64 = 110_000;

/// The two quotas that are counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Category {
    SegmentOnly,
    SegmentAndDestination,
}

/// What is used up of the month.
pub(super) struct Quota {
    month: Option<Date>,
    segment_only: u64,
    segment_and_destination: u64,
}

/// How a category stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct QuotaState {
    pub(super) consumed: u64,
    pub(super) remaining: u64,
    pub(super) resets_at: Timestamp,
}

impl Quota {
    pub(super) fn new() -> Quota {
        Quota { month: None, segment_only: 0, segment_and_destination: 0 }
    }

    /// Sets what is left of the present month, where named.
    pub(super) fn set_left(&mut self, left: QuotaLeft, now: Timestamp) {
        self.roll(now);
        let used = |left: u64| A_MONTH.saturating_sub(left);
        if let Some(left) = left.segment_only {
            self.segment_only = used(left);
        }
        if let Some(left) = left.segment_and_destination {
            self.segment_and_destination = used(left);
        }
    }

    pub(super) fn state(&mut self, category: Category, now: Timestamp) -> QuotaState {
        self.roll(now);
        let consumed = *self.used(category);
        let remaining = A_MONTH.saturating_sub(consumed);
        QuotaState { consumed, remaining, resets_at: month_end(now) }
    }

    /// Counts users in.
    pub(super) fn take(&mut self, category: Category, users: u64, now: Timestamp) -> QuotaState {
        self.roll(now);
        *self.used(category) += users;
        self.state(category, now)
    }

    fn used(&mut self, category: Category) -> &mut u64 {
        match category {
            Category::SegmentOnly => &mut self.segment_only,
            Category::SegmentAndDestination => &mut self.segment_and_destination,
        }
    }

    fn roll(&mut self, now: Timestamp) {
        let month = now.to_zoned(TimeZone::UTC).date().first_of_month();
        if self.month != Some(month) {
            *self = Quota { month: Some(month), ..Quota::new() };
        }
    }
}

/// The last second of the month of `now`.
fn month_end(now: Timestamp) -> Timestamp {
    let last = now.to_zoned(TimeZone::UTC).date().last_of_month().at(23, 59, 59, 0);
    last.to_zoned(TimeZone::UTC).map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

/// A date as the rate headers write it: `Wed, 30 Sep 2026 23:59:59 GMT`.
pub(super) fn header_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
