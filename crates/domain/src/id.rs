//! Typed ids: a UUID of version 7 behind a prefix that tells what it names (`req_…`, `tsk_…`).
//!
//! Ids are made from *our* clock and *our* random bytes, so that a simulation makes the same ids
//! from the same seed. A bare UUID or string never crosses a function boundary.

use std::fmt;
use std::str::FromStr;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Instant;
use crate::schema::{PartialSchema, Shape, ToSchema, text};

/// Text that is not an id of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an id, written whole: {expected}_ and 32 hexadecimal digits")]
pub struct IdError {
    expected: &'static str,
}

macro_rules! ids {
    ($($(#[doc = $doc:literal])* $name:ident = $prefix:literal;)*) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Makes a new id out of an id source.
            pub fn new(ids: &dyn IdSource) -> Self {
                Self(ids.next())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then(|hex| Uuid::try_parse(hex).ok())
                    .map(Self)
                    .ok_or(IdError { expected: $prefix })
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl PartialSchema for $name {
            fn schema() -> Shape {
                let example = concat!($prefix, "_01934f5e7b2a7c4d8e9fa0b1c2d3e4f5");
                text(concat!($($doc),*), concat!("^", $prefix, "_[0-9a-f]{32}$"), example)
            }
        }

        impl ToSchema for $name {}
    )*};
}

ids! {
    /// Names a privacy request.
    RequestId = "req";
    /// Names a connection.
    ConnectionId = "con";
    /// Names a task.
    TaskId = "tsk";
    /// Names an identifier of a request.
    IdentifierId = "idn";
    /// Names a vendor job.
    JobId = "job";
    /// Names an intent: one changing call, written down before it is made.
    IntentId = "int";
    /// Names a piece of evidence.
    EvidenceId = "evd";
    /// Names a large body in the chunk store.
    BlobId = "blb";
    /// Names an import of a file.
    ImportId = "imp";
    /// Names a principal: a person or a program with roles.
    PrincipalId = "prn";
    /// Names a token; says nothing of its text.
    TokenId = "tok";
    /// Names an endpoint: whom we tell what happens.
    EndpointId = "end";
    /// Names a notice: what an operator is told of.
    NoticeId = "ntc";
}

/// Where ids come from.
pub trait IdSource: Send + Sync {
    /// The next UUID; never the same twice.
    fn next(&self) -> Uuid;
}

/// An [`IdSource`] over a clock and a source of random bytes, both given.
///
/// Ids of one millisecond are ordered by a counter, so that rows made together sort as made.
pub struct TimedIds<C, R> {
    clock: C,
    random: R,
    last: Mutex<(u64, u16)>,
}

impl<C, R> TimedIds<C, R>
where
    C: Fn() -> Instant + Send + Sync,
    R: Fn() -> [u8; 8] + Send + Sync,
{
    /// Ids from this clock and these bytes.
    pub fn new(clock: C, random: R) -> Self {
        Self { clock, random, last: Mutex::new((0, 0)) }
    }
}

impl<C, R> IdSource for TimedIds<C, R>
where
    C: Fn() -> Instant + Send + Sync,
    R: Fn() -> [u8; 8] + Send + Sync,
{
    fn next(&self) -> Uuid {
        let now = u64::try_from((self.clock)().as_millisecond()).unwrap_or(0);
        let (millis, counter) = {
            let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            *last = if now > last.0 {
                (now, 0)
            } else if last.1 == 0x0fff {
                (last.0 + 1, 0)
            } else {
                (last.0, last.1 + 1)
            };
            *last
        };
        let mut tail = [0; 10];
        tail[..2].copy_from_slice(&counter.to_be_bytes());
        tail[2..].copy_from_slice(&(self.random)());
        uuid::Builder::from_unix_timestamp_millis(millis, &tail).into_uuid()
    }
}
