//! What a flow came to.

use domain::connection::CheckReport;
use domain::job::FlowState;
use domain::outcome::{Look, Share};
use domain::plan::HandWork;
use domain::{IdentifierId, IdentifierKind, Instant, Place, TaskId};

/// What a flow came to, per flow.
#[derive(Debug)]
pub enum Report {
    /// `check`.
    Checked(Box<CheckReport>),
    /// `identify`: what the credentials lead to now.
    Identified(domain::connection::Account),
    /// `locate`: one per subject, in their order.
    Located(Vec<Located>),
    /// `collect`: what was read, in words for the reader.
    Collected(Collected),
    /// `delete`, `opt_out`, `opt_in`: what came of the job.
    Settled(Settled),
    /// `confirm`: per subject, in their order, each look.
    Looked(Vec<Vec<Looked>>),
    /// `reconcile`: one per change, in their order.
    Reconciled(Vec<Reconciled>),
}

/// What locating one person came to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Located {
    /// How many profiles.
    pub n_profiles: u32,
    /// Where we looked.
    pub searched: Vec<Place>,
    /// What can't be searched, in words.
    pub not_searchable: Vec<String>,
    /// Every identifier that an answer listed, and those that led to it.
    pub found: Vec<FoundIdentifier>,
    /// What only a person can do there.
    pub by_hand: Vec<HandWork>,
    /// Kinds of identifier this system can't take at all, of those that were given.
    pub not_taken: Vec<IdentifierKind>,
}

/// An identifier under which a place knows the person.
#[derive(Clone, PartialEq, Eq)]
pub struct FoundIdentifier {
    /// Its kind.
    pub kind: IdentifierKind,
    /// Its value, exactly as the system has it.
    pub value: String,
    /// The place.
    pub place: Place,
}

impl std::fmt::Debug for FoundIdentifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FoundIdentifier")
            .field("kind", &self.kind)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// What a collection came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    /// How many of what ("41 traits, 6 external ids, 12 events").
    pub counts: String,
    /// What the reader must know: windows, gaps.
    pub notes: Vec<String>,
}

/// What came of a job: the same for everybody it carries, but for the exceptions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// For everybody else.
    pub share: Share,
    /// For these.
    pub exceptions: Vec<(TaskId, Share)>,
    /// The vendor's own final answer, free of identifiers, for the evidence.
    pub evidence: serde_json::Value,
    /// Why it can't be proven by looking, where it can't.
    pub unprovable: Option<String>,
}

/// One look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// The identifier that was looked up.
    pub identifier: IdentifierId,
    /// Where.
    pub place: Place,
    /// What it showed.
    pub look: Look,
}

/// What reconciling found out.
#[derive(Debug, Clone, PartialEq)]
pub enum Reconciled {
    /// It took place; the flow goes on with this answer.
    Happened(crate::Answer),
    /// It can't be seen, which the vendor's lag may explain: look again, with this in place of
    /// what was handed over.
    NotYet {
        /// When.
        at: Instant,
        /// What to hand over then.
        memory: FlowState,
    },
    /// It did not, and the vendor's lag is over.
    NotThere,
    /// The vendor gives no way to tell.
    CantTell,
    /// It could not even be looked for; a person must.
    Broken(crate::VendorError),
}
