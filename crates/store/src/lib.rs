//! The store: everything that must survive, in one database, one folder of sealed bodies and one
//! folder of keys outside both.
//!
//! Start at `db` for how statements run, at `bulk` for how many rows are written at once, at `seal`,
//! `keys` and `keyring` for what is sealed under which key, at `blobs` for large bodies.
//!
//! It holds no rules: what may follow what is `domain`'s, when it happens is the engine's.

pub mod blobs;
mod bulk;
mod db;
mod driver;
mod error;
pub mod keyring;
pub mod keys;
mod migrate;
pub mod seal;

pub use error::StoreError;
