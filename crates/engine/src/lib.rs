//! The engine: takes due work and does it.
//!
//! One [pump] per connection holds that connection's lease and makes all of its calls. What is
//! due, what waits and what was meant are rows of the store; a process that dies loses nothing
//! but time. The engine knows no vendor: connectors decide, it acts.
//!
//! Start at [`run`] for the loop, at [`pump`] for one connection's round, at `work` for what a
//! round does. [`operator`] is everything a person can do; it only writes rows.
//!
//! It must not know any vendor, any HTTP server, any file of configuration or the real clock.

pub mod check;
pub mod clock;
mod flow;
pub mod holder;
pub mod http;
mod limits;
mod link;
pub mod meters;
pub mod operator;
mod pump;
mod router;
pub mod run;
mod sweep;
pub mod telling;
mod tend;
mod wake;
mod work;

pub use clock::{Busy, Clock};
pub use holder::Holder;
pub use limits::Standing;
pub use link::Surroundings;
pub use meters::Meters;
pub use run::{Engine, EngineError, Parts, Ran, Until};
