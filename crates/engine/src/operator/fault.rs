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
    /// The field, as it is called where it was given: by its place in JSON, such as
    /// `identifiers[0].value`, or by its column in a file; empty where it is none in particular.
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

    /// Field and message, for whom the code is told apart.
    pub fn told(&self) -> String {
        match &*self.field {
            "" => self.message.clone(),
            field => format!("{field}: {}", self.message),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.told(), self.code)
    }
}
