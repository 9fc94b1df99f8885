//! Secrets that sign what we tell others, in the form of Standard Webhooks: `whsec_` and base64, and
//! signatures `v1,` and the base64 of an HMAC-SHA256.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::connection::Secret;
use crate::seal::{SealError, new_key};

const PREFIX: &str = "whsec_";

/// A fresh secret of 32 random bytes.
pub fn new_signing_secret() -> Result<Secret, SealError> {
    let bytes = new_key()?;
    let coded = Zeroizing::new(STANDARD.encode(bytes.as_slice()));
    Ok(Secret::new([PREFIX, coded.as_str()].concat()))
}

/// The signature of a message by a secret; nothing if the secret is none.
pub fn sign(secret: &Secret, id: &str, seconds: i64, body: &str) -> Option<String> {
    let coded = secret.expose().strip_prefix(PREFIX)?;
    let bytes = Zeroizing::new(STANDARD.decode(coded).ok()?);
    if bytes.is_empty() {
        return None;
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, &bytes);
    let tag = hmac::sign(&key, format!("{id}.{seconds}.{body}").as_bytes());
    Some(format!("v1,{}", STANDARD.encode(tag)))
}

#[cfg(test)]
mod tests;
