//! Everything a person can do, whatever face they do it at.
//!
//! Each action takes a [`Desk`] and returns a typed result; each writes one transition with its
//! journal entries, and leaves the acting to the engine. No rule of these lives in a face.
//!
//! Start at [`intake`] and [`import`] for how requests come in, at [`approve`] for the gates, at
//! [`show`] for what a person is told. What is taken and told has a schema, so that every face shows
//! the same.

pub mod approve;
pub mod codes;
pub mod config;
pub mod connections;
pub mod controls;
pub mod csv;
pub mod decide;
pub mod deliveries;
mod desk;
pub mod doctor;
pub mod draft;
pub mod endpoints;
pub mod engine;
pub mod fault;
pub mod find;
pub mod import;
pub mod intake;
pub mod journal;
pub mod keys;
pub mod list;
pub mod mail;
pub mod meant;
mod note;
pub mod notices;
#[cfg(test)]
pub(crate) mod office;
pub mod principals;
pub mod purge;
pub mod readiness;
pub mod restore;
#[cfg(test)]
mod shapes;
pub mod show;
pub(crate) mod shown;
pub mod tasks;
pub mod webhooks;

pub use desk::{Connectors, Desk, OperatorError};
pub use draft::{Draft, Given};
pub use fault::Fault;
