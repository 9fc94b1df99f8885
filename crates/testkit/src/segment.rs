//! Segment as a candidate.

use crate::candidate::{Calls, Candidate};

/// Segment and its twin.
pub static SEGMENT: Candidate = Candidate {
    connector: &connectors::segment::Segment,
    known: "regular",
    left_in_part: "residue",
    known_by: "email",
    unknown: "nobody.knows@example.org",
    look_up: Calls { method: "GET", path: "/v1/spaces" },
    deletion: Calls { method: "POST", path: "/regulations" },
    changes: "/regulations",
    carried_out: "ended, done (1 identifier sent), confirmed by 5 look-ups",
    without_hint: r#"{"rate_hint": "none", "profile_retry_after": false}"#,
    other_account: r#"{"workspace_swapped": true}"#,
    never_ends: r#"{"stuck": true}"#,
};
