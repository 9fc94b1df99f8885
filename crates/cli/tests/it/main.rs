//! The real program against the twin, over real sockets, as an operator would use it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]

mod api;
mod asked;
mod bodies;
mod client;
mod clock;
mod config;
mod demo;
mod disk;
mod exits;
mod holders;
mod imports;
mod keeping;
mod kills;
mod logs;
mod metrics;
mod principals;
mod situations;
mod traces;
mod way;
mod world;

/// The server of S3 that the store is tested with.
#[path = "../../../store/src/blobs/server.rs"]
#[expect(dead_code, reason = "written for the store's tests")]
mod s3;

use store::{Bodies, Secret};
