//! Every vendor, one folder each, and the registry that lists them.
//!
//! A connector decides and never acts: it knows no store, no engine, no server and no other
//! vendor. To add one, add a folder and a line to [`all`].

pub mod page;
pub mod segment;

use connector_api::Connector;

/// Every connector, in the order in which people see them.
pub fn all() -> &'static [&'static dyn Connector] {
    &[&segment::Segment]
}
