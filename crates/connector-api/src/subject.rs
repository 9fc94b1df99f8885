//! The person, as a flow sees them.

use std::sync::Arc;

use domain::{Identifier, IdentifierKind, RequestId, TaskId};

/// One person of one task, with the identifiers that this round may use.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The request.
    pub request: RequestId,
    /// The task.
    pub task: TaskId,
    /// The round of the task.
    pub round: u32,
    /// The scope of the request.
    pub scope: domain::Scope,
    /// The identifiers, in the order in which they came.
    pub identifiers: Vec<Identifier>,
    /// What was planned for the person, where there is a plan.
    pub plan: Option<Arc<domain::Plan>>,
}

impl Subject {
    /// The identifiers of one kind.
    pub fn of_kind<'a>(&'a self, kind: &'a IdentifierKind) -> impl Iterator<Item = &'a Identifier> {
        self.identifiers.iter().filter(move |identifier| &identifier.kind == kind)
    }
}
