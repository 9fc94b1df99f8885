//! The connector against Segment's documented answers: requests as they are sent, verdicts as
//! they are read, and the vendor's oddities.

mod case;
mod change;
mod check;
mod classify;
mod collect;
mod confirm;
mod consent;
mod locate;
mod mapping;
mod plan;
mod reconcile;
