//! The store: everything that must survive, in one database, one folder of sealed bodies and one
//! folder of keys outside both.
//!
//! `Store` is the handle, `Transition` the one way in which the engine writes; each noun has a file.
//! Below them: `db` runs statements, `bulk` writes many rows at once, `seal`, `keys` and `keyring` say
//! what is sealed under which key, `blobs` keeps large bodies.
//!
//! It holds no rules: what may follow what is `domain`'s, when it happens is the engine's.

pub mod backup;
mod blobs;
mod bodies;
mod bulk;
mod collected;
mod connection;
pub mod copy;
mod counts;
pub mod crash;
mod db;
mod delivery;
mod driver;
mod due;
pub mod endpoint;
mod error;
mod evidence;
mod fingerprint;
mod gauges;
mod identifier;
mod installation;
mod intent;
mod job;
mod journal;
pub mod keyring;
pub mod keys;
mod lease;
pub mod lost;
mod migrate;
mod newest;
mod notice;
mod principal;
#[cfg(test)]
mod promises;
mod purge;
mod request;
mod request_key;
mod request_state;
pub mod rotation;
pub mod seal;
mod setting;
pub mod signing;
mod spool;
mod start_over;
mod store;
mod tally;
mod task;
mod together;
mod transition;
mod write;

pub use blobs::{Bodies, BucketFault};
pub use collected::{BlobReader, BlobWriter, Collected, Swept};
pub use connection::Secret;
pub use counts::Counts;
pub use delivery::{Counted, Replay, Tellable, Told};
pub use due::{DueTask, Queued};
pub use endpoint::{Sealed, Standing};
pub use error::{Cause, StoreError};
pub use gauges::{AGES, Due, DueOfConnection, MOST_COUNTED, Open, Untold};
pub use intent::{Intent, IntentAnswer, IntentOutcome};
pub use journal::{From, JournalFilter};
pub use lease::{Fence, LeaseAnswer, LeaseRow, LeaseTime};
pub use principal::NewToken;
pub use request::{Added, NewRequest, RequestFilter, RequestPage};
pub use request_key::Unopened;
pub use spool::{Spool, SpoolWriter};
pub use start_over::StartedOver;
pub use store::{Options, Store};
pub use tally::Ended;
pub use task::Which;
pub use together::Together;
pub use transition::{Applied, Prepared, Transition};

/// The text that was sealed.
fn text(plain: &[u8]) -> Result<String, StoreError> {
    let text = std::str::from_utf8(plain);
    text.map(ToOwned::to_owned).map_err(|error| StoreError::unreadable("sealed text", error))
}
