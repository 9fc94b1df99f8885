//! The shapes of values that are written as text. Structs and enums derive theirs; what has a
//! spelling of its own (`words!`, `ids!`, digests, kinds of identifiers) says it here.
//!
//! A schema describes JSON as serde writes and reads it, and nothing of HTTP.

use utoipa::openapi::schema::{ObjectBuilder, Type};
pub use utoipa::{PartialSchema, ToSchema};

/// A schema, as the macros of this crate hand it over.
pub type Shape = utoipa::openapi::RefOr<utoipa::openapi::schema::Schema>;

/// Text of a fixed form.
pub fn text(about: &str, pattern: &str, example: &str) -> Shape {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(about.trim()))
        .pattern(Some(pattern))
        .examples([example])
        .into()
}

/// One of some words, each with what it means.
pub fn one_of(about: &str, words: &[(&str, &str)]) -> Shape {
    let meaning = |(word, means): &(&str, &str)| format!("\n* `{word}`: {}", means.trim());
    let meanings: String = words.iter().map(meaning).collect();
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(format!("{}\n{meanings}", about.trim())))
        .enum_values(Some(words.iter().map(|(word, _)| *word)))
        .into()
}
