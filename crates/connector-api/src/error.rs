//! What went wrong with a call, by what the engine must do about it.
//!
//! Absence is not an error, and a refusal of the person's case is an outcome. None of these may
//! name a person or a secret: they are logged and shown.

use domain::Instant;

/// A vendor's failure, classified where its answer is read and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VendorError {
    /// Asked too often; a limit says when to come back.
    #[error("{} is used up", limit.name())]
    Throttled {
        /// Which limit.
        limit: Limit,
        /// When to come back, if the vendor said.
        until: Option<Instant>,
    },
    /// A fault of the vendor or the network; nothing was changed, or it was only a read.
    #[error("a passing fault: {what}")]
    Transient {
        /// What happened.
        what: String,
    },
    /// A changing call was sent and its answer never came, or can't be read.
    #[error("the answer was lost: {what}")]
    AnswerLost {
        /// What happened.
        what: String,
    },
    /// The credentials no longer work, or lead elsewhere.
    #[error("the credentials were rejected: {what}")]
    CredentialsRejected {
        /// What the vendor said, in our words.
        what: String,
    },
    /// The credentials work, but not for this.
    #[error("the call was refused: the token lacks “{which}”, or it expired or was revoked")]
    PermissionMissing {
        /// The permission, by the manifest's name.
        which: &'static str,
    },
    /// The vendor refuses the call as it stands.
    #[error("refused as invalid: {what}")]
    Invalid {
        /// What the vendor objects to, in our words.
        what: String,
        /// The members at fault, by their position in the batch, where the vendor names them.
        members: Vec<usize>,
    },
    /// The answer is not what the vendor documents.
    #[error("the vendor broke its contract: {what}")]
    ContractBroken {
        /// What does not fit.
        what: String,
    },
}

impl VendorError {
    /// Which it is, in a word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Throttled { .. } => "throttled",
            Self::Transient { .. } => "transient",
            Self::AnswerLost { .. } => "answer lost",
            Self::CredentialsRejected { .. } => "credentials rejected",
            Self::PermissionMissing { .. } => "permission missing",
            Self::Invalid { .. } => "invalid",
            Self::ContractBroken { .. } => "contract broken",
        }
    }
}

/// A limit that was hit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Limit {
    /// So many calls in so much time; passes within minutes.
    Rate,
    /// A quota of a calendar period; the work parks until it is reset.
    Quota(&'static str),
}

impl Limit {
    /// Its name for a person.
    pub fn name(&self) -> &str {
        match self {
            Self::Rate => "the rate limit",
            Self::Quota(name) => name,
        }
    }
}
