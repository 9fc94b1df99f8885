//! Names of keys: what a key is for, and which one of those it is.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The purpose of the keys of a month.
pub const EPOCH: &str = "epoch";

/// The name of a key: its purpose and which one of that purpose.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyName(String);

impl KeyName {
    /// The epoch key of the month (in UTC) of an instant.
    pub fn epoch(at: Timestamp) -> Self {
        let date = at.to_zoned(TimeZone::UTC).date();
        Self(format!("epoch-{:04}-{:02}", date.year(), date.month()))
    }

    /// The first key of a purpose: `credentials`, `evidence`, `fingerprint` or `index`.
    pub fn first(purpose: &str) -> Self {
        Self(format!("{purpose}-1"))
    }

    /// A name read back from a file name or a ciphertext.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        (!text.is_empty() && text.len() < 64 && text.chars().all(plain)).then(|| Self(text.into()))
    }

    /// The name of the key that comes after it: a further one of its month, or the next number; a
    /// further one as well where there is no next number.
    #[must_use]
    pub fn next(&self) -> Self {
        let is_first_of_month = self.serves(EPOCH) && self.0.split('-').count() == 3;
        let numbered = self.0.rsplit_once('-').filter(|_| !is_first_of_month);
        let next = numbered.and_then(|(before, number)| {
            Some(format!("{before}-{}", number.parse::<u32>().ok()?.checked_add(1)?))
        });
        Self(next.unwrap_or_else(|| format!("{}-2", self.0)))
    }

    /// What it is for.
    pub fn purpose(&self) -> &str {
        self.0.split('-').next().unwrap_or_default()
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the key serves this purpose.
    pub fn serves(&self, purpose: &str) -> bool {
        self.0.strip_prefix(purpose).is_some_and(|rest| rest.starts_with('-'))
    }
}

/// By purpose, and then the older one first: the tenth comes after the second.
impl Ord for KeyName {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        fn parts(name: &KeyName) -> impl Iterator<Item = Result<u32, &str>> {
            name.0.split('-').map(|part| part.parse::<u32>().map_err(|_| part))
        }
        parts(self).cmp(parts(other)).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for KeyName {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
