//! Durations as the control interface writes them: ISO 8601 (`P3D`, `PT12H`), a day being 24 hours.

use jiff::{SignedDuration, Span, SpanRelativeTo};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A length of virtual time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IsoDuration(pub(crate) SignedDuration);

impl<'de> Deserialize<'de> for IsoDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let span: Span = text.parse().map_err(D::Error::custom)?;
        let length = span
            .to_duration(SpanRelativeTo::days_are_24_hours())
            .map_err(|_| D::Error::custom("a duration has weeks, days, hours, minutes, seconds"))?;
        if length.is_negative() {
            return Err(D::Error::custom("a duration is not negative"));
        }
        Ok(IsoDuration(length))
    }
}

impl Serialize for IsoDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}
