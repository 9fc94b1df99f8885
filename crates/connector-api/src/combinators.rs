//! Small parts that keep flows as short as straight code.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Call, FlowState, Step, Turn, VendorError};

/// Writes a flow's own memory in the shape the engine stores.
pub fn remember<T: Serialize>(version: u16, memory: &T) -> FlowState {
    // A flow's memory is plain data of ours; it always has a JSON form.
    FlowState { version, body: serde_json::to_value(memory).unwrap_or_default() }
}

/// Reads a flow's own memory. One of another version is refused in words: the work is then
/// begun anew by a person's decision, never guessed at.
pub fn recall<T: DeserializeOwned>(
    version: u16,
    memory: Option<&FlowState>,
) -> Result<T, VendorError> {
    let broken = |what: &str| VendorError::ContractBroken { what: what.to_owned() };
    let memory = memory.ok_or_else(|| broken("a flow was woken that was never begun"))?;
    if memory.version != version {
        return Err(broken("a flow was begun by another version of its connector"));
    }
    T::deserialize(&memory.body).map_err(|_| broken("a flow's memory can't be read"))
}

/// A turn that asks for calls.
pub fn ask<T: Serialize>(version: u16, memory: &T, calls: Vec<Call>) -> Turn {
    Turn::new(remember(version, memory), Step::Calls(calls))
}

/// Follows cursors to the last page, and refuses to walk in circles: a cursor that was seen
/// before means the vendor repeats itself.
///
/// However long the list, one cursor is kept to compare with, and exchanged for the current one
/// after 1, 2, 4, 8 … pages. A circle is noticed all the same, within a few rounds of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pages {
    kept: Option<domain::Digest>,
    n_followed: u64,
}

impl Pages {
    /// Takes the cursor of the page just read; gives it back if there is another page to read.
    pub fn next(&mut self, cursor: Option<&str>) -> Result<Option<String>, VendorError> {
        let Some(cursor) = cursor.filter(|cursor| !cursor.is_empty()) else {
            return Ok(None);
        };
        let digest = domain::Digest::of(cursor.as_bytes());
        if self.kept == Some(digest) {
            return Err(VendorError::ContractBroken { what: "a page's cursor repeats".to_owned() });
        }
        self.n_followed += 1;
        if self.n_followed.is_power_of_two() {
            self.kept = Some(digest);
        }
        Ok(Some(cursor.to_owned()))
    }
}
