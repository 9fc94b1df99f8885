//! Evidence: what a vendor answered, kept so that it can be shown.

use serde::{Deserialize, Serialize};

use crate::{Digest, EvidenceId, Instant, JobId, RequestId, TaskId};

/// A piece of evidence. Its body is sealed in the store: under the request's key where it is
/// about one person, and free of identifiers where it is about many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Its row.
    pub id: EvidenceId,
    /// The task it belongs to, where it is about one person.
    pub task: Option<(RequestId, TaskId)>,
    /// The vendor job it belongs to, where it is about many.
    pub job: Option<JobId>,
    /// What it shows, in a few words ("looked up in space …").
    pub title: String,
    /// When it was taken.
    pub at: Instant,
    /// The digest of the body.
    pub digest: Digest,
    /// Size of the body.
    pub size_bytes: u64,
}
