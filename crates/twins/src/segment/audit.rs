//! What the twin has accepted and done, for tests that compare it with their own books.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::regulations::{Regulation, RegulationType};

/// Sums of what calls have led to, shown by `GET /calls`.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Effects {
    /// Regulations accepted, and the subjects in them.
    pub(super) regulations_created: u64,
    pub(super) regulation_subjects: u64,
    /// Subjects whose data a regulation took away, and the profiles that went with them.
    pub(super) subjects_deleted: u64,
    pub(super) profiles_deleted: u64,
    /// Subjects that a regulation suppressed.
    pub(super) subjects_suppressed: u64,
    /// Events kept, dropped as repeats, dropped for suppression, dropped as beyond Unify's limits.
    pub(super) events_accepted: u64,
    pub(super) events_repeated: u64,
    pub(super) events_suppressed: u64,
    pub(super) events_dropped: u64,
    /// Delete messages for webhook destinations.
    pub(super) deletes_forwarded: u64,
}

/// A tracking event that was taken in.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AcceptedEvent {
    pub(super) message_id: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) event: Option<String>,
    pub(super) user_id: Option<String>,
    pub(super) anonymous_id: Option<String>,
    pub(super) consent: Option<Value>,
    pub(super) source_id: String,
    pub(super) received_at: Timestamp,
}

/// What `GET /audit/segment` answers.
#[derive(Serialize)]
pub(crate) struct Audit {
    pub(super) regulations: Vec<AuditedRegulation>,
    pub(super) events: Vec<AcceptedEvent>,
    pub(super) spaces: Vec<AuditedSpace>,
}

/// How many profiles a space has now.
#[derive(Serialize)]
pub(super) struct AuditedSpace {
    pub(super) space_id: String,
    pub(super) profiles: usize,
}

#[derive(Serialize)]
pub(super) struct AuditedRegulation {
    id: String,
    #[serde(rename = "type")]
    kind: RegulationType,
    created_at: Timestamp,
    finished_at: Option<Timestamp>,
    status: super::regulations::Status,
    subjects: usize,
    subject_ids: Vec<String>,
}

impl AuditedRegulation {
    pub(super) fn of(regulation: &Regulation) -> AuditedRegulation {
        let mut subject_ids = regulation.subjects.clone();
        subject_ids.sort();
        AuditedRegulation {
            id: regulation.id.clone(),
            kind: regulation.kind,
            created_at: regulation.created_at,
            finished_at: regulation.finished_at,
            status: regulation.status,
            subjects: subject_ids.len(),
            subject_ids,
        }
    }
}
