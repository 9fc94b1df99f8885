//! A fault in what a person entered: which field, a code that never changes, and what is wrong.
//!
//! None of them repeats the value: it may be one about a person.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One fault in one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Fault {
    /// The field, as a column of a file is headed; empty where it is none in particular.
    pub field: String,
    /// The code; its page says what it means and what to do.
    #[schema(value_type = String, pattern = "^E-[A-Z]{2,}-[0-9]{3}$")]
    pub code: Cow<'static, str>,
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
        Self { field: field.into(), code: Cow::Borrowed(code), message: message.into() }
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
