//! The HTTP face: the API under `/api/v1`, and the listeners that it is served on.
//!
//! It translates and delegates: what a person may do is `engine::operator`'s, who may do it
//! `domain::access`'s. Start at [`api`] for the list of routes, at [`caller`] for who asks, at
//! [`listen`] for sockets and their limits. It holds no rule, keeps nothing and calls no vendor.

pub mod api;
mod app;
mod body;
mod caller;
mod errors;
mod events;
mod health;
mod intake;
mod listen;
mod page;
mod problem;

pub use app::{App, Parts};
pub use caller::Caller;
pub use listen::{Limits, ListenError, Listening, Socket, Tls, TlsError, listen};
pub use problem::Problem;
