//! Vendor jobs: something a vendor is working on, and the flows that drive them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{ConnectionId, IdentifierId, Instant, JobId, RequestId, TaskId, words};

words! {
    /// What a connector is asked to do.
    Flow: "flow" {
        /// Try credentials and permissions.
        Check = "check",
        /// Ask what the credentials lead to, right before something is changed.
        Identify = "identify",
        /// Find a person.
        Locate = "locate",
        /// Read everything about a person.
        Collect = "collect",
        /// Delete people.
        Delete = "delete",
        /// Stop a use of people's data.
        OptOut = "opt_out",
        /// Allow it again.
        OptIn = "opt_in",
        /// Look again whether a change is true.
        Confirm = "confirm",
        /// Find out whether a changing call took place.
        Reconcile = "reconcile",
    }
}

/// Where a vendor job stands, as far as we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Written down; its changing call may be on its way.
    Sending,
    /// The vendor has accepted it and is at work.
    Running,
    /// Over; what came of it is on the tasks.
    Ended,
    /// Nobody can tell whether the call took place; a person has to find out.
    Unclear,
}

impl JobState {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Sending => "sending",
            Self::Running => "running",
            Self::Ended => "ended",
            Self::Unclear => "unclear",
        }
    }
}

/// A flow's memory: small, versioned, opaque to everyone but its connector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FlowState {
    /// The version of the shape.
    pub version: u16,
    /// The shape.
    pub body: Value,
}

/// One vendor job. It may carry thousands of tasks; [`Carried`] rows name what of each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its row.
    pub id: JobId,
    /// The connection it runs on.
    pub connection: ConnectionId,
    /// The flow that drives it.
    pub flow: Flow,
    /// Where it stands.
    pub state: JobState,
    /// The flow's memory.
    pub memory: FlowState,
    /// The memory of finding out whether its changing call took place, while that goes on.
    pub reconciling: Option<FlowState>,
    /// The vendor's own name for it, once known.
    pub vendor_ref: Option<String>,
    /// The vendor's word for its state, as last seen.
    pub vendor_says: Option<String>,
    /// When it was begun.
    pub started_at: Instant,
    /// When the engine asks again.
    pub due_at: Option<Instant>,
    /// When it counts as expired.
    pub expires_at: Instant,
    /// Whether it was told that it takes longer than such jobs do.
    #[serde(default)]
    pub is_overdue: bool,
    /// How often it was asked since it was begun.
    pub n_polls: u32,
    /// Counts its changes; every write compares it.
    pub version: i64,
}

/// That a job carries part of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    /// The job.
    pub job: JobId,
    /// The task.
    pub task: TaskId,
    /// The task's request.
    pub request: RequestId,
    /// The round of the task.
    pub round: u32,
    /// The identifiers of the task that the job carries.
    pub identifiers: Vec<IdentifierId>,
}
