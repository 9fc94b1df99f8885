//! Principals and their tokens as rows.
//!
//! Of a token's text only the SHA-256 digest of its secret part is kept. The secret is 256 random bits,
//! so nobody finds it by trying, and a slow digest or a salt would add nothing. It is looked up by an
//! index: how long that takes depends on the digest alone, from which no way leads back to a token.

use domain::{Digest, Instant, Principal, PrincipalId, Token, TokenId};

use crate::bulk::{Kind, Over};
use crate::db::{Row, Value, json, values};
use crate::error::StoreError;
use crate::store::Store;
use crate::task::prefix_range;

/// A token that is made.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// The token.
    pub token: Token,
    /// The digest of its secret part ([`crate::seal::token_digest`]).
    pub digest: Digest,
    /// What makes it the same token when it is asked for again. Kept as a digest.
    pub idempotency: Option<String>,
}

pub(crate) static INSERT: Over = Over::insert(
    "principal",
    &[("id", Kind::Text), ("version", Kind::Int), ("name", Kind::Text), ("body", Kind::Text)],
    "",
);
pub(crate) static UPDATE: Over = Over::new(
    &[("id", Kind::Text), ("expected", Kind::Int), ("name", Kind::Text), ("body", Kind::Text)],
    "UPDATE principal SET name = v.name, body = v.body, version = v.expected + 1
     FROM v WHERE principal.id = v.id AND principal.version = v.expected",
);
pub(crate) static INSERT_TOKEN: Over = Over::insert(
    "token",
    &[
        ("id", Kind::Text),
        ("principal_id", Kind::Text),
        ("digest", Kind::Text),
        ("idempotency", Kind::Text),
        ("revoked_at", Kind::Int),
        ("body", Kind::Text),
    ],
    "",
);
pub(crate) static REVOKE: Over = Over::new(
    &[("id", Kind::Text), ("revoked_at", Kind::Int)],
    "UPDATE token SET revoked_at = v.revoked_at
     FROM v WHERE token.id = v.id AND token.revoked_at IS NULL",
);
const ALL: &str = "SELECT body, version FROM principal ORDER BY name";
const ONE: &str = "SELECT body, version FROM principal WHERE id = $1";
const NAMED: &str = "SELECT body, version FROM principal WHERE name = $1";
const TOKENS: &str = "SELECT body AS token, revoked_at FROM token ORDER BY id";
const TOKENS_OF: &str =
    "SELECT body AS token, revoked_at FROM token WHERE principal_id = $1 ORDER BY id";
const TOKEN: &str = "SELECT body AS token, revoked_at FROM token WHERE id = $1";
const PREFIX: &str = "SELECT id FROM token WHERE id >= $1 AND id < $2 ORDER BY id LIMIT 20";
const ASKED_FOR: &str = "SELECT body AS token, revoked_at FROM token WHERE idempotency = $1";
const BY_DIGEST: &str = "SELECT p.body, p.version, t.body AS token, t.revoked_at
    FROM token t JOIN principal p ON p.id = t.principal_id WHERE t.digest = $1";

/// What is asked with each call, for the test that nothing scans.
#[cfg(test)]
pub(crate) fn frequent() -> Vec<&'static str> {
    vec![BY_DIGEST, ASKED_FOR, NAMED]
}

impl Store {
    /// All principals, by name.
    pub async fn principals(&self) -> Result<Vec<Principal>, StoreError> {
        self.db().fetch(ALL, []).await?.iter().map(read).collect()
    }

    /// A principal.
    pub async fn principal(&self, id: PrincipalId) -> Result<Option<Principal>, StoreError> {
        self.db().fetch_optional(ONE, values![id]).await?.as_ref().map(read).transpose()
    }

    /// The principal of this name.
    pub async fn principal_by_name(&self, name: &str) -> Result<Option<Principal>, StoreError> {
        self.db().fetch_optional(NAMED, values![name]).await?.as_ref().map(read).transpose()
    }

    /// All tokens that ever were, or all of one principal; the oldest first.
    pub async fn tokens(&self, of: Option<PrincipalId>) -> Result<Vec<Token>, StoreError> {
        let rows = match of {
            Some(principal) => self.db().fetch(TOKENS_OF, values![principal]).await?,
            None => self.db().fetch(TOKENS, []).await?,
        };
        rows.iter().map(read_token).collect()
    }

    /// A token.
    pub async fn token(&self, id: TokenId) -> Result<Option<Token>, StoreError> {
        self.db().fetch_optional(TOKEN, values![id]).await?.as_ref().map(read_token).transpose()
    }

    /// The tokens whose id begins so (`tok_` may be left out). At most 20.
    pub async fn token_by_prefix(&self, prefix: &str) -> Result<Vec<TokenId>, StoreError> {
        let rows = self.db().fetch(PREFIX, prefix_range("tok_", prefix)).await?;
        rows.iter().map(|row| row.parse("id")).collect()
    }

    /// The token that was made when it was asked for so.
    pub async fn token_asked_for(&self, idempotency: &str) -> Result<Option<Token>, StoreError> {
        let row = self.db().fetch_optional(ASKED_FOR, values![&*digest_of(idempotency)]).await?;
        row.as_ref().map(read_token).transpose()
    }

    /// The token whose secret part has this digest, and its principal.
    pub async fn token_by_digest(
        &self,
        digest: &Digest,
    ) -> Result<Option<(Principal, Token)>, StoreError> {
        let row = self.db().fetch_optional(BY_DIGEST, values![digest.to_string()]).await?;
        row.as_ref().map(|row| Ok((read(row)?, read_token(row)?))).transpose()
    }
}

/// The row of a new principal.
pub(crate) fn row(principal: &Principal) -> Result<Vec<Value>, StoreError> {
    Ok(values![principal.id, 0_i64, &*principal.name, json(principal)?])
}

/// The row that replaces the version which was loaded.
pub(crate) fn change(principal: &Principal) -> Result<Vec<Value>, StoreError> {
    Ok(values![principal.id, principal.version, &*principal.name, json(principal)?])
}

/// The row of a new token.
pub(crate) fn token_row(new: &NewToken) -> Result<Vec<Value>, StoreError> {
    let NewToken { token, digest, idempotency } = new;
    Ok(values![
        token.id,
        token.principal,
        digest.to_string(),
        idempotency.as_deref().map(digest_of),
        token.revoked_at,
        json(token)?,
    ])
}

/// The row that ends a token.
pub(crate) fn revoked_row(revoked: &(TokenId, Instant)) -> Vec<Value> {
    values![revoked.0, revoked.1]
}

/// Keys of callers are as long as they like; their digests are not.
fn digest_of(idempotency: &str) -> String {
    Digest::of(idempotency.as_bytes()).to_string()
}

fn read(row: &Row) -> Result<Principal, StoreError> {
    let mut principal: Principal = row.json("body")?;
    principal.version = row.get("version")?;
    Ok(principal)
}

fn read_token(row: &Row) -> Result<Token, StoreError> {
    let mut token: Token = row.json("token")?;
    token.revoked_at = row.instant_optional("revoked_at")?;
    Ok(token)
}
