//! The nouns and rules of Habeas: privacy requests, the people they are about, the tasks they
//! become, and what counts as done.
//!
//! Everything here is a value or a pure function. State machines are functions of
//! `(state, command, now)`. This crate knows no async, no clock, no network, no database, no
//! file and no vendor; time and random bytes are arguments.

pub mod access;
pub mod connection;
pub mod deadline;
pub mod digest;
pub mod evidence;
pub mod guard;
pub mod id;
pub mod identifier;
pub mod job;
pub mod journal;
pub mod notice;
pub mod outcome;
pub mod plan;
pub mod principal;
pub mod request;
pub mod right;
pub mod routing;
pub mod schema;
pub mod task;
pub mod telling;

pub use access::{Permission, Reach, Role};
pub use connection::{Connection, Gate, Mode};
pub use digest::Digest;
pub use evidence::Evidence;
pub use id::{
    BlobId, ConnectionId, EndpointId, EvidenceId, IdentifierId, ImportId, IntentId, JobId,
    NoticeId, PrincipalId, RequestId, TaskId, TokenId,
};
pub use identifier::{Identifier, IdentifierKind, Origin, Place};
pub use job::{Flow, Job};
pub use journal::{Actor, Entry, Event};
pub use notice::{Notice, NoticeKind};
pub use outcome::{Outcome, Proof};
pub use plan::Plan;
pub use principal::{Access, Principal, Token};
pub use request::{Request, RequestState};
pub use right::{Right, Scope};
pub use task::{Task, TaskState};
pub use telling::{Delivery, Endpoint};

/// An instant. Stored as milliseconds since 1970 UTC, shown as RFC 3339.
pub type Instant = jiff::Timestamp;
