//! Twilio Segment: people are found and read through the Profile API (per space, by external
//! ids), deleted and suppressed through *regulations* of the Public API (user ids only, worked
//! off over weeks), and opted out by a consent event through the Tracking API.
//!
//! * `manifest` is everything that is data, with `guide` for people; `settings` reads what an
//!   operator entered.
//! * `wire`, `client` and `classify` are the three APIs on HTTP.
//! * `mapping` turns Segment's external ids into our identifiers and back.
//! * `plan` says what would be done; `flows` do it, one file each.
//!
//! API documentation: <https://docs.segmentapis.com>, <https://segment.com/docs/unify/profile-api/>.

mod classify;
mod client;
mod destinations;
mod flows;
mod guide;
mod manifest;
mod mapping;
mod plan;
mod settings;
#[cfg(test)]
mod tests;
mod wire;

use connector_api::flow::Planned;
use connector_api::{
    Answer, Connector, Context, Endpoint, Flow, FlowState, Input, Located, Manifest, Subject, Turn,
    VendorError,
};
use domain::{Instant, Right, Scope};

/// The connector for Twilio Segment.
#[derive(Debug, Clone, Copy)]
pub struct Segment;

impl Connector for Segment {
    fn manifest(&self) -> &'static Manifest {
        &manifest::MANIFEST
    }

    fn step(
        &self,
        flow: Flow,
        memory: Option<&FlowState>,
        input: Input<'_>,
        context: &Context<'_>,
    ) -> Result<Turn, VendorError> {
        flows::step(flow, memory, &input, context)
    }

    fn classify(
        &self,
        endpoint: &Endpoint,
        answer: &Answer,
        now: Instant,
    ) -> Result<(), VendorError> {
        classify::classify(endpoint, answer, now)
    }

    fn rest_until(&self, endpoint: &Endpoint, answer: &Answer, now: Instant) -> Option<Instant> {
        classify::rest_until(endpoint, answer, now)
    }

    fn plan(
        &self,
        right: Right,
        scope: &Scope,
        subject: &Subject,
        found: &Located,
        context: &Context<'_>,
    ) -> Planned {
        plan::plan(right, scope, subject, found, context)
    }
}
