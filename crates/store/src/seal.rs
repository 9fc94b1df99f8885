//! The one place with cryptography: sealing, opening, blind indexes, random bytes, tokens.
//!
//! A sealed value is `format byte, length of the key's name, the key's name, nonce, ciphertext, tag`.
//! Head and place (table, row, column) are associated data, so a value that is moved to another row,
//! or said to be under another key, does not open. The algorithm is AES-256-GCM with random nonces:
//! every key seals far fewer than 2^32 values, since each request has a key of its own.
//!
//! Nothing here knows where keys live; that is `keys`.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Digest;
use zeroize::Zeroizing;

use crate::connection::Secret;

/// The length of every key, in bytes.
pub const KEY_LEN: usize = 32;

const FORMAT_AES_256_GCM: u8 = 1;
/// How much of an HMAC a blind index keeps: 128 bits, far beyond chance collisions.
const TOKEN_LEN: usize = 16;

/// Key bytes, wiped when dropped.
pub type KeyBytes = Zeroizing<[u8; KEY_LEN]>;

/// Why a value could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The bytes are not a sealed value of a known format.
    #[error("the bytes are not a sealed value")]
    Malformed,
    /// The value is sealed under another key.
    #[error("the value is sealed under another key")]
    OtherKey,
    /// The key does not fit, or the value was altered or moved.
    #[error("the value was altered or moved, or its key is not the right one")]
    Refused,
    /// The cryptographic library refused to work.
    #[error("the cryptographic library could not {0}")]
    Library(&'static str),
}

/// Where a sealed value stands. It opens nowhere else.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The table, or another name for a kind of place.
    pub table: &'a str,
    /// The row's id.
    pub row: &'a str,
    /// The column.
    pub column: &'a str,
}

impl<'a> Place<'a> {
    /// The place of a column in a row of a table.
    pub fn new(table: &'a str, row: &'a str, column: &'a str) -> Self {
        Self { table, row, column }
    }

    /// Head and place, each part with its length, so that no two places read alike.
    fn bind(self, head: &[u8]) -> Vec<u8> {
        let parts = [head, self.table.as_bytes(), self.row.as_bytes(), self.column.as_bytes()];
        let mut bound = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
        for part in parts {
            bound.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bound.extend_from_slice(part);
        }
        bound
    }
}

/// A key that seals and opens, with the name that its ciphertexts carry.
pub struct SealingKey {
    name: Box<str>,
    cipher: LessSafeKey,
}

impl SealingKey {
    /// A key from its bytes. The name has at most 255 bytes.
    pub fn new(name: &str, secret: &KeyBytes) -> Result<Self, SealError> {
        if name.is_empty() || name.len() > usize::from(u8::MAX) {
            return Err(SealError::Malformed);
        }
        let unbound = UnboundKey::new(&AES_256_GCM, secret.as_slice())
            .map_err(|_| SealError::Library("take the key"))?;
        Ok(Self { name: name.into(), cipher: LessSafeKey::new(unbound) })
    }

    /// The name that the ciphertexts of this key carry.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Seals a value for one place.
    pub fn seal(&self, place: Place<'_>, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let nonce: [u8; NONCE_LEN] = random()?;
        let head_len = 2 + self.name.len();
        let start = head_len + NONCE_LEN;
        let mut sealed = Vec::with_capacity(start + plain.len() + AES_256_GCM.tag_len());
        sealed.push(FORMAT_AES_256_GCM);
        sealed.push(self.name.len() as u8);
        sealed.extend_from_slice(self.name.as_bytes());
        let aad = Aad::from(place.bind(&sealed));
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let tag = self
            .cipher
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                aad,
                sealed.get_mut(start..).ok_or(SealError::Malformed)?,
            )
            .map_err(|_| SealError::Library("seal a value"))?;
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    /// Opens a value that was sealed under this key for this place.
    pub fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let name = key_name_of(sealed)?;
        if name != &*self.name {
            return Err(SealError::OtherKey);
        }
        let (head, rest) = sealed.split_at(2 + name.len());
        let (nonce, body) = rest.split_at_checked(NONCE_LEN).ok_or(SealError::Malformed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Malformed)?;
        let mut plain = Zeroizing::new(body.to_vec());
        let length = self
            .cipher
            .open_in_place(nonce, Aad::from(place.bind(head)), &mut plain)
            .map_err(|_| SealError::Refused)?
            .len();
        plain.truncate(length);
        Ok(plain)
    }
}

/// The name of the key that a sealed value asks for.
pub fn key_name_of(sealed: &[u8]) -> Result<&str, SealError> {
    let [FORMAT_AES_256_GCM, length, rest @ ..] = sealed else {
        return Err(SealError::Malformed);
    };
    let name = rest.get(..usize::from(*length)).ok_or(SealError::Malformed)?;
    std::str::from_utf8(name).map_err(|_| SealError::Malformed)
}

/// A key that turns a value into the token under which it is looked up.
pub struct IndexKey {
    name: Box<str>,
    mac: hmac::Key,
}

impl IndexKey {
    /// A key from its bytes.
    pub fn new(name: &str, secret: &KeyBytes) -> Self {
        Self { name: name.into(), mac: hmac::Key::new(hmac::HMAC_SHA256, secret.as_slice()) }
    }

    /// The token of a value of a kind: the key's name, a colon, and an HMAC over both.
    pub fn token(&self, kind: &str, value: &str) -> String {
        let digest = self.digest(kind, value);
        let (kept, _) = digest.split_at(TOKEN_LEN);
        format!("{}:{}", self.name, URL_SAFE_NO_PAD.encode(kept))
    }

    /// The whole HMAC of a value of a kind.
    pub fn digest(&self, kind: &str, value: &str) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.mac);
        context.update(&(kind.len() as u64).to_be_bytes());
        context.update(kind.as_bytes());
        context.update(value.as_bytes());
        let mut digest = [0; 32];
        digest.copy_from_slice(context.sign().as_ref());
        digest
    }
}

/// Whether two secret texts are the same. It takes as long for one that differs at its end as for one
/// that differs at its beginning, and does not depend on the length of the other.
pub fn is_same(one: &str, other: &str) -> bool {
    let digest = |text: &str| Digest::of(text.as_bytes());
    verify_slices_are_equal(digest(one).bytes(), digest(other).bytes()).is_ok()
}

/// Random bytes from the operating system's generator.
pub fn random<const N: usize>() -> Result<[u8; N], SealError> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| SealError::Library("give random bytes"))?;
    Ok(bytes)
}

/// A fresh key.
pub fn new_key() -> Result<KeyBytes, SealError> {
    let mut secret = Zeroizing::new([0; KEY_LEN]);
    rand::fill(secret.as_mut_slice()).map_err(|_| SealError::Library("give random bytes"))?;
    Ok(secret)
}

/// The text of a new token, the prefix that says what it is for and 32 random bytes as base64url; and
/// the digest under which it is found.
pub fn new_token(prefix: &str) -> Result<(Secret, Digest), SealError> {
    let bytes = new_key()?;
    let secret = Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_slice()));
    let text = Secret::new([prefix, secret.as_str()].concat());
    Ok((text, Digest::of(bytes.as_slice())))
}

/// The digest of the secret part of a token with this prefix; nothing if the text is none.
pub fn token_digest(prefix: &str, text: &str) -> Option<Digest> {
    let secret = text.strip_prefix(prefix)?;
    let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(secret).ok()?);
    (bytes.len() == KEY_LEN).then(|| Digest::of(&bytes))
}

#[cfg(test)]
mod tests;
