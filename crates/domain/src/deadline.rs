//! When a request must be answered.
//!
//! A date that came with the request stands. Without one, a single setting counts from the day
//! of receipt; it is a house rule and shown as such. The laws' own clocks are not computed here.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Instant, words};

words! {
    /// Where a due date comes from.
    Basis: "basis" {
        /// It came with the request.
        Given = "as given",
        /// It follows from the setting `respond_within`.
        Default = "default, not the law's",
    }
}

/// A due date and where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Deadline {
    /// The instant.
    #[schema(value_type = Timestamp)]
    pub at: Instant,
    /// Where it comes from.
    pub basis: Basis,
}

/// The longest `respond_within` that makes sense: ten years.
pub const MAX_DAYS: u32 = 3_650;

/// The deadline of a request received at `received_at`.
pub fn deadline(
    received_at: Instant,
    given: Option<Instant>,
    respond_within_days: u32,
) -> Deadline {
    match given {
        Some(at) => Deadline { at, basis: Basis::Given },
        None => {
            let hours = i64::from(respond_within_days.min(MAX_DAYS)) * 24;
            let at = received_at
                .checked_add(jiff::SignedDuration::from_hours(hours))
                .unwrap_or(Instant::MAX);
            Deadline { at, basis: Basis::Default }
        }
    }
}

impl Deadline {
    /// Whether it has passed.
    pub fn is_past(&self, now: Instant) -> bool {
        now > self.at
    }
}
