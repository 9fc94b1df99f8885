//! What locating came to, and the plan that follows from it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Found;
use crate::Plan;

/// What locating came to, and what would be done about it.
///
/// It is the longest part of a task and stays the same while the task moves on. It therefore knows
/// whether it was changed since it was loaded: a store need not write it again. Copies share it.
#[derive(Debug, Clone, Default, Eq, Serialize, Deserialize)]
pub struct Findings {
    found: Option<Arc<Found>>,
    plan: Option<Arc<Plan>>,
    #[serde(skip)]
    is_changed: bool,
}

impl Findings {
    /// What locating came to.
    pub fn found(&self) -> Option<&Found> {
        self.found.as_deref()
    }

    /// What would be, or is being, done.
    pub fn plan(&self) -> Option<&Plan> {
        self.plan.as_deref()
    }

    /// The plan, shared.
    pub fn shared_plan(&self) -> Option<Arc<Plan>> {
        self.plan.clone()
    }

    /// Whether they differ from what was loaded.
    pub fn is_changed(&self) -> bool {
        self.is_changed
    }

    /// Takes what locating came to.
    pub fn set_found(&mut self, found: Found) {
        self.found = Some(Arc::new(found));
        self.is_changed = true;
    }

    /// Takes a plan.
    pub fn set_plan(&mut self, plan: Plan) {
        self.plan = Some(Arc::new(plan));
        self.is_changed = true;
    }

    /// Drops the plan: another one is to be made.
    pub fn drop_plan(&mut self) {
        self.is_changed |= self.plan.take().is_some();
    }
}

/// The same whether they were loaded or made.
impl PartialEq for Findings {
    fn eq(&self, other: &Self) -> bool {
        (&self.found, &self.plan) == (&other.found, &other.plan)
    }
}
