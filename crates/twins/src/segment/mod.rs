//! The Segment twin, written from `contracts/segment.md`; section numbers in comments are that file's.
//!
//! [`desk`] is the door: one lock around [`state`]. The three APIs are [`public_api`] (with
//! [`regulations_api`] and [`catalog_api`]), [`profile_api`] and [`tracking_api`]; each takes a call
//! and the state and gives an answer. What happens to people is in [`spaces`] (profiles),
//! [`resolution`] (which profile an event belongs to) and [`regulations`] (jobs in virtual time).
//! Everything that the contract marks as unknown or inferred is a switch in [`switches`].

mod answers;
mod audit;
mod callbacks;
mod catalog;
mod catalog_api;
mod desk;
mod events;
mod ids;
mod limits;
mod people;
mod planting;
mod profile_api;
mod profile_reads;
mod profile_writes;
mod public_api;
mod query;
mod quota;
mod regulations;
mod regulations_api;
mod resolution;
mod spaces;
mod state;
mod suppressions;
mod switches;
#[cfg(test)]
mod tests;
mod tokens;
mod tracking_api;

pub(crate) use callbacks::Callback;
pub(crate) use desk::{BaseUrls, Desk};

use crate::front::Api;

/// Management: regulations, suppressions, sources, destinations, spaces.
pub(crate) const PUBLIC_API: Api = Api {
    vendor: "segment",
    endpoint: public_api::endpoint,
    answer: public_api::answer,
    refuse: public_api::refuse,
};

/// Profiles of a space: traits, external ids, events, metadata, links.
pub(crate) const PROFILE_API: Api = Api {
    vendor: "segment",
    endpoint: profile_api::endpoint,
    answer: profile_api::answer,
    refuse: profile_api::refuse,
};

/// Data coming in.
pub(crate) const TRACKING_API: Api = Api {
    vendor: "segment",
    endpoint: tracking_api::endpoint,
    answer: tracking_api::answer,
    refuse: tracking_api::refuse,
};
