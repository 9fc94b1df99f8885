//! The rights a person can exercise, and the scope within a right.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Makes a fieldless enum with one fixed spelling per variant, used in CSV, JSON, SQL and on
/// screen alike.
#[macro_export]
macro_rules! words {
    ($(#[doc = $doc:literal])* $name:ident: $what:literal { $($(#[doc = $vdoc:literal])* $variant:ident = $word:literal,)* }) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[doc = $vdoc])* #[serde(rename = $word)] $variant,)* }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The one spelling of this value.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl $crate::schema::PartialSchema for $name {
            fn schema() -> $crate::schema::Shape {
                $crate::schema::one_of(
                    concat!($($doc),*),
                    &[$(($word, concat!($($vdoc),*)),)*],
                )
            }
        }

        impl $crate::schema::ToSchema for $name {}

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.word())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::right::UnknownWord;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|value| value.word() == text)
                    .ok_or_else(|| $crate::right::UnknownWord {
                        what: $what,
                        allowed: Self::ALL.iter().map(|value| value.word()).collect::<Vec<_>>().join(", "),
                    })
            }
        }
    };
}

/// A word that is none of the allowed ones. It does not repeat the word: that may be a value
/// about a person that slipped into the wrong column.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what}; it is one of: {allowed}")]
pub struct UnknownWord {
    /// What the word should have named.
    pub what: &'static str,
    /// The words that exist.
    pub allowed: String,
}

words! {
    /// A right under which a person makes a demand.
    Right: "right" {
        /// To see the data held.
        Access = "access",
        /// To receive the data in a form that can be taken elsewhere.
        Portability = "portability",
        /// To have the data deleted.
        Deletion = "deletion",
        /// To have wrong data put right.
        Correction = "correction",
        /// To stop a use of the data; the scope says which.
        OptOut = "opt_out",
        /// To allow again what an opt-out stopped.
        OptIn = "opt_in",
        /// To have processing restricted.
        Restriction = "restriction",
        /// To object to processing.
        Objection = "objection",
        /// To learn who received the data.
        Recipients = "recipients",
    }
}

impl Right {
    /// Whether carrying it out only reads.
    pub fn only_reads(self) -> bool {
        matches!(self, Self::Access | Self::Portability | Self::Recipients)
    }

    /// The scopes that make sense under this right; the first are the default.
    pub fn scopes(self) -> &'static [ScopeWord] {
        match self {
            Self::Access => &[ScopeWord::SpecificPieces, ScopeWord::Categories],
            Self::OptOut | Self::OptIn => &[
                ScopeWord::Sale,
                ScopeWord::Sharing,
                ScopeWord::TargetedAdvertising,
                ScopeWord::SensitiveUse,
            ],
            Self::Portability
            | Self::Deletion
            | Self::Correction
            | Self::Restriction
            | Self::Objection
            | Self::Recipients => &[],
        }
    }
}

words! {
    /// One word of a scope.
    ScopeWord: "scope" {
        /// Access to the data itself.
        SpecificPieces = "specific_pieces",
        /// Access to the categories of data only.
        Categories = "categories",
        /// The sale of data.
        Sale = "sale",
        /// The sharing of data for cross-context behavioural advertising.
        Sharing = "sharing",
        /// Targeted advertising.
        TargetedAdvertising = "targeted_advertising",
        /// The use of sensitive data beyond what is needed.
        SensitiveUse = "sensitive_use",
    }
}

/// The scope of a request: a sorted set of words, which are parted by `|` in text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct Scope(Vec<ScopeWord>);

/// Why a scope does not fit its right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// A word that is no scope.
    #[error(transparent)]
    Unknown(#[from] UnknownWord),
    /// A scope that does not belong to the right.
    #[error("scope {word} does not belong to {right}")]
    Misplaced {
        /// The scope's word.
        word: ScopeWord,
        /// The right it was given for.
        right: Right,
    },
}

impl Scope {
    /// Reads a scope for a right. Empty text means the right's default: everything for an
    /// opt-out or opt-in, specific pieces for an access.
    pub fn parse(right: Right, text: &str) -> Result<Self, ScopeError> {
        let mut words = Vec::new();
        for part in text.split('|').map(str::trim).filter(|part| !part.is_empty()) {
            let word: ScopeWord = part.parse()?;
            if !right.scopes().contains(&word) {
                return Err(ScopeError::Misplaced { word, right });
            }
            words.push(word);
        }
        if words.is_empty() {
            words = match right {
                Right::Access => vec![ScopeWord::SpecificPieces],
                _ => right.scopes().to_vec(),
            };
        }
        words.sort_unstable();
        words.dedup();
        Ok(Self(words))
    }

    /// The words.
    pub fn words(&self) -> &[ScopeWord] {
        &self.0
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.0.iter().map(|word| word.word()).collect();
        f.write_str(&words.join("|"))
    }
}

impl FromStr for Scope {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let mut words: Vec<ScopeWord> = text
            .split('|')
            .filter(|part| !part.is_empty())
            .map(str::parse)
            .collect::<Result<_, _>>()?;
        words.sort_unstable();
        words.dedup();
        Ok(Self(words))
    }
}
