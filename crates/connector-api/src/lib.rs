//! What a connector is: a manifest, and a set of flows that decide without acting.
//!
//! A connector does **no I/O**. It is asked to [`step`](Connector::step) a flow and answers with
//! what it wants the engine to do: calls to make, one changing call, a time to be asked again, a
//! question for a person, or a report. The engine makes every call, so each has its intent,
//! limit, deadline and evidence. What a flow has to remember over weeks is its [`FlowState`]:
//! small, versioned, opaque to everyone else.
//!
//! This crate knows the domain only. It must not know the store, the engine, any vendor, or
//! anything asynchronous.

pub mod call;
pub mod check;
pub mod combinators;
pub mod error;
pub mod flow;
pub mod guide;
pub mod manifest;
pub mod report;
pub mod subject;

pub use call::{Answer, Auth, Body, Call, Endpoint, Method};
pub use error::{Limit, VendorError};
pub use flow::{Change, Connector, Context, Input, Record, Step, Turn};
pub use manifest::Manifest;
pub use report::{Located, Reconciled, Report, Settled};
pub use subject::Subject;

pub use domain::Flow;
pub use domain::job::FlowState;
