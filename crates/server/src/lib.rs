//! The HTTP face: the API under `/api/v1`, what the public sees, and the listeners for both.
//!
//! It translates and delegates: what a person may do is `engine::operator`'s, who may do it
//! `domain::access`'s. Start at [`api`] for the list of routes, at [`public`] for those of
//! everybody, at [`caller`] for who asks, at [`listen`] for sockets and their limits. It holds no rule,
//! keeps nothing and calls no vendor.

pub mod api;
mod app;
mod body;
mod caller;
mod errors;
mod events;
mod health;
mod intake;
mod listen;
mod metrics;
mod pace;
mod page;
mod problem;
pub mod public;
mod request_id;

pub use app::{App, Parts};
pub use axum::Router;
pub use axum::body::Body;
pub use caller::{Caller, OPERATOR};
pub use errors::explain;
pub use listen::{
    Client, Limits, ListenError, Listening, NoNetwork, Proxies, Rate, Socket, Tcp, Tls, TlsError,
    listen,
};
pub use metrics::{Measured, Spans, Traffic};
pub use problem::Problem;
