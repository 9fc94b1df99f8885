//! How many rows a page of a list has.
//!
//! The next page begins after the row that `next` of this one names: an id or a number. Whatever a
//! caller puts there, a page holds only what they may see.

use serde::Deserialize;

/// Rows of a page unless the caller says how many.
const USUAL: u32 = 50;
/// Rows of the largest page.
const MOST: u32 = 500;

/// How many rows a page holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Limit(u32);

impl Limit {
    /// As a number of rows.
    pub(crate) fn rows(self) -> u32 {
        self.0
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(USUAL)
    }
}

impl TryFrom<String> for Limit {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.parse() {
            Ok(rows @ 1..=MOST) => Ok(Self(rows)),
            _ => Err(format!("expected a number from 1 to {MOST}")),
        }
    }
}
