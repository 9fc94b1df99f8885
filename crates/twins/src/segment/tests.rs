//! Segment's three APIs, tried in process against the contract.

mod detection;
mod jobs;
mod limits;
mod profiles;
mod regulating;
mod tracking;
