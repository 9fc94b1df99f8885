//! Small parts that keep flows as short as straight code.

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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pages {
    seen: Vec<u64>,
}

impl Pages {
    /// Takes the cursor of the page just read; gives it back if there is another page to read.
    pub fn next(&mut self, cursor: Option<&str>) -> Result<Option<String>, VendorError> {
        let Some(cursor) = cursor.filter(|cursor| !cursor.is_empty()) else {
            return Ok(None);
        };
        let digest = domain::Digest::of(cursor.as_bytes());
        let mut head = [0; 8];
        head.copy_from_slice(&digest.bytes()[..8]);
        let head = u64::from_be_bytes(head);
        if self.seen.contains(&head) {
            return Err(VendorError::ContractBroken { what: "a page's cursor repeats".to_owned() });
        }
        self.seen.push(head);
        Ok(Some(cursor.to_owned()))
    }
}
