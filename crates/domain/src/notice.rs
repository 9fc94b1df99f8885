//! Notices: what an operator has to know of, told once for each cause until it is mended.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{ConnectionId, EndpointId, Instant, JobId, NoticeId, RequestId, TaskId, words};

words! {
    /// Of what a notice is.
    NoticeKind: "kind of notice" {
        /// A connection does not work: a call or a check was refused.
        ConnectionBroken = "connection_broken",
        /// Credentials lack a permission that they had.
        PermissionLost = "permission_lost",
        /// A vendor's job takes longer than such jobs do.
        JobOverdue = "job_overdue",
        /// A request is open past its deadline.
        RequestOverdue = "request_overdue",
        /// A guard stopped something for a person.
        GuardTripped = "guard_tripped",
        /// Data that had been confirmed gone is there again.
        DataReappeared = "data_reappeared",
        /// Every changing call is stopped, by a person or after a restore.
        EnginePaused = "engine_paused",
        /// Somebody who is to be told can't be told.
        EndpointFailing = "endpoint_failing",
    }
}

impl NoticeKind {
    /// Whether it may be about somebody's request, as opposed to connections and the installation.
    pub fn is_about_requests(self) -> bool {
        match self {
            Self::JobOverdue | Self::RequestOverdue | Self::GuardTripped | Self::DataReappeared => {
                true
            }
            Self::ConnectionBroken
            | Self::PermissionLost
            | Self::EnginePaused
            | Self::EndpointFailing => false,
        }
    }
}

/// What a notice is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct About {
    /// The request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestId>,
    /// The task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// The connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<ConnectionId>,
    /// The vendor job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobId>,
    /// The endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<EndpointId>,
    /// Which permission, or which guard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub which: Option<String>,
}

/// A notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Notice {
    /// Its row.
    pub id: NoticeId,
    /// Of what.
    pub kind: NoticeKind,
    /// About what.
    pub about: About,
    /// When it was raised.
    #[schema(value_type = Timestamp)]
    pub raised_at: Instant,
    /// When its cause was gone.
    #[schema(value_type = Option<Timestamp>)]
    pub mended_at: Option<Instant>,
}

impl Notice {
    /// What it is raised for: of two with the same cause only one is open.
    pub fn cause(&self) -> String {
        let About { request, task, connection, job, endpoint, which } = &self.about;
        let id = |id: Option<String>| id.unwrap_or_default();
        let connection = id(connection.map(|id| id.to_string()));
        let of = match self.kind {
            NoticeKind::ConnectionBroken => connection,
            // A guard of a connection that stops a thousand tasks is one cause.
            NoticeKind::PermissionLost | NoticeKind::GuardTripped => {
                format!("{connection} {}", which.as_deref().unwrap_or_default())
            }
            NoticeKind::JobOverdue => id(job.map(|id| id.to_string())),
            NoticeKind::RequestOverdue => id(request.map(|id| id.to_string())),
            NoticeKind::DataReappeared => id(task.map(|id| id.to_string())),
            NoticeKind::EnginePaused => String::new(),
            NoticeKind::EndpointFailing => id(endpoint.map(|id| id.to_string())),
        };
        format!("{} {of}", self.kind)
    }
}
