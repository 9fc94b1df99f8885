//! What is wrong with a bucket, by what can be done about it.

use std::error::Error as _;
use std::fmt::Write as _;

use object_store::Error;

use crate::error::{Cause, StoreError};

/// What is wrong with a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BucketFault {
    /// The key is wrong, or may not do this.
    #[error("refuses the key or what it was asked for")]
    Refused,
    /// There is no such bucket.
    #[error("does not exist there")]
    NoBucket,
    /// There is no such object.
    #[error("does not have it")]
    NoObject,
    /// It lies in another region, or behind another endpoint.
    #[error("is in another region, or behind another endpoint")]
    Elsewhere,
    /// It can't be reached, is overloaded, or asks to wait: it may pass.
    #[error("does not answer, or asks to wait")]
    Away,
    /// What answers is no bucket.
    #[error("answers what no bucket does")]
    Unexpected,
    /// It has, or gave, fewer bytes than it should.
    #[error("has fewer bytes than it should")]
    Short,
    /// Its name is none.
    #[error("is not named as s3://bucket/prefix, without a key in it")]
    Name,
    /// A setting of the client is none, or is missing.
    #[error("can't be used with these AWS settings")]
    Settings,
    /// Its bodies are another installation's.
    #[error("holds the bodies of another installation under this prefix")]
    Foreign,
}

impl BucketFault {
    /// Whether it can pass by itself.
    pub fn may_pass(self) -> bool {
        matches!(self, Self::Away | Self::Short)
    }

    /// As an error, without more to say.
    pub(super) fn during(self, attempt: &'static str) -> StoreError {
        StoreError::Bucket { attempt, fault: self, cause: None }
    }

    /// As an error, with the code and the status that the server gave.
    pub(super) fn because(self, attempt: &'static str, error: &Error) -> StoreError {
        let cause = said(&text(error)).map(Cause::from);
        StoreError::Bucket { attempt, fault: self, cause }
    }

    /// Reads an error of the client.
    pub(super) fn of(error: &Error) -> Self {
        let text = text(error);
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        let elsewhere = ["configured region", "PermanentRedirect", "AuthorizationHeaderMalformed"];
        let away = ["SlowDown", "InternalError", "status code: 5", "status code: 429"];
        match error {
            _ if says(&["NoSuchBucket"]) => Self::NoBucket,
            _ if says(&elsewhere) => Self::Elsewhere,
            Error::NotFound { .. } => Self::NoObject,
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => Self::Refused,
            _ if says(&away) => Self::Away,
            Error::Generic { .. } if is_of_http(error) => Self::Away,
            _ => Self::Unexpected,
        }
    }
}

/// The error with all of its causes. Never shown: an answer of the server may stand in it.
fn text(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // A string takes everything.
        let _written = write!(text, " {error}");
        cause = error.source();
    }
    text
}

/// Whether no whole answer came.
fn is_of_http(error: &Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<object_store::client::HttpError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// The status and the code that the server gave, and nothing else of its answer.
fn said(text: &str) -> Option<String> {
    let status = text.split_once("status code: ").map(|(_, rest)| rest);
    let status = status.and_then(|rest| rest.get(..3)).filter(|status| is_word(status));
    let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    let code = code.map(|(code, _)| code).filter(|code| is_word(code));
    match (status, code) {
        (Some(status), Some(code)) => Some(format!("it answered {status} {code}")),
        (Some(word), None) | (None, Some(word)) => Some(format!("it answered {word}")),
        (None, None) => None,
    }
}

fn is_word(text: &str) -> bool {
    text.len() <= 64 && text.chars().all(|c| c.is_ascii_alphanumeric())
}
