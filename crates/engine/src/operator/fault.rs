//! A fault in what a person entered: which field, a code that never changes, and what is wrong.
//!
//! None of them repeats the value: it may be one about a person.

use std::fmt;

use serde::Serialize;

/// One fault in one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The field, as its column is headed.
    pub field: String,
    /// The code; `docs/errors/<code>.md` says what it means and what to do.
    pub code: &'static str,
    /// What is wrong, without the value.
    pub message: String,
}

impl Fault {
    /// A fault.
    pub(super) fn new(
        field: impl Into<String>,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self { field: field.into(), code, message: message.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            write!(f, "{} ({})", self.message, self.code)
        } else {
            write!(f, "{}: {} ({})", self.field, self.message, self.code)
        }
    }
}
