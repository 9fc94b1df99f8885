//! Rotation: what names an older key moves under the newest of its purpose, a piece at a time.
//!
//! Nothing remembers how far it has come. What is left to move is what still names an older key, found
//! by an index, so whoever goes on after a crash goes on where it stopped. A request key is wrapped
//! anew, a credential and evidence about many are sealed anew, a value is filed under its new token.
//! What an old token stands for that nobody knows any more (why a request is the same when it comes
//! again) can't move: its index key stays until the last such request is purged. A row that does not open
//! stays where it is, and keeps no other from moving.

use std::sync::Arc;

use domain::{EvidenceId, IdentifierId, RequestId};

use crate::bulk::{Kind, Over};
use crate::db::{Row, Tx, Value, values};
use crate::error::StoreError;
use crate::evidence;
use crate::identifier;
use crate::keyring::{CREDENTIALS, EVIDENCE, INDEX, ROTATING};
use crate::keys::{EPOCH, KeyName};
use crate::lease::{self, Fence};
use crate::request::EXTERNAL;
use crate::request_key::{RequestKeys, Unopened};
use crate::seal::{Place, SealError, SealingKey, key_name_of};
use crate::store::Store;

/// How many rows move in one transaction.
const PIECE: i64 = 500;
/// The newest index key under which all values are filed.
const MOVED: &str = "index_moved";

const WRAPPED: &str =
    "SELECT request_id, wrapped FROM request_key WHERE epoch = $1 LIMIT $2 OFFSET $3";
static REWRAP: Over = Over::new(
    &[("id", Kind::Text), ("wrapped", Kind::Bytes), ("epoch", Kind::Text)],
    "UPDATE request_key SET wrapped = v.wrapped, epoch = v.epoch
     FROM v WHERE request_key.request_id = v.id",
);
const SEALED: &str = "SELECT id, sealed FROM evidence WHERE sealed_under = $1 LIMIT $2 OFFSET $3";
static RESEAL: Over = Over::new(
    &[("id", Kind::Text), ("sealed", Kind::Bytes), ("sealed_under", Kind::Text)],
    "UPDATE evidence SET sealed = v.sealed, sealed_under = v.sealed_under
     FROM v WHERE evidence.id = v.id",
);
const FILED: &str = "SELECT i.request_id, i.id, i.kind, i.token, i.normalised, i.given, i.origin,
    i.seen_in FROM identifier i WHERE i.token >= $1 AND i.token < $2 LIMIT $3 OFFSET $4";
static REFILE: Over = Over::new(
    &[("id", Kind::Text), ("token", Kind::Text), ("older_token", Kind::Text)],
    "UPDATE identifier SET token = v.token, older_token = v.older_token
     FROM v WHERE identifier.id = v.id",
);
const FORGET: &str = "UPDATE identifier SET older_token = NULL
    WHERE id IN (SELECT id FROM identifier WHERE older_token IS NOT NULL LIMIT $1)";
const NAMED_OUTSIDE: &str = "SELECT r.id, r.external_id FROM request r
    WHERE r.external_token >= $1 AND r.external_token < $2 LIMIT $3 OFFSET $4";
static RENAME: Over = Over::new(
    &[("id", Kind::Text), ("token", Kind::Text)],
    "UPDATE request SET external_token = v.token FROM v WHERE request.id = v.id",
);
const SECRETS: &str = "SELECT 'secret' AS place, connection_id AS owner, name, sealed FROM secret
    UNION ALL SELECT 'endpoint_secret', endpoint_id, CAST(number AS TEXT), sealed
    FROM endpoint_secret
    UNION ALL SELECT 'sealed_setting', key, 'value', sealed FROM sealed_setting";
const SET_SECRET: &str = "UPDATE secret SET sealed = $3 WHERE connection_id = $1 AND name = $2";
const SET_ENDPOINT_SECRET: &str = "UPDATE endpoint_secret SET sealed = $3
    WHERE endpoint_id = $1 AND CAST(number AS TEXT) = $2";

const SET_SEALED_SETTING: &str =
    "UPDATE sealed_setting SET sealed = $3 WHERE key = $1 AND $2 = 'value'";

const N_WRAPPED: &str = "SELECT COUNT(*) AS n FROM request_key WHERE epoch = $1";
const N_SEALED: &str = "SELECT COUNT(*) AS n FROM evidence WHERE sealed_under = $1";
const N_FILED: &str = "SELECT (SELECT COUNT(*) FROM identifier WHERE token >= $1 AND token < $2)
    + (SELECT COUNT(*) FROM identifier WHERE older_token >= $1 AND older_token < $2)
    + (SELECT COUNT(*) FROM request WHERE external_token >= $1 AND external_token < $2) AS n";
/// Whether anything is filed under a key of the index alone.
const LEFT: &str = "SELECT id FROM identifier WHERE token >= $1 AND token < $2
    UNION ALL SELECT id FROM request WHERE external_token >= $1 AND external_token < $2 LIMIT 1";
const N_KNOWN_BY: &str =
    "SELECT COUNT(*) AS n FROM request WHERE idempotency >= $1 AND idempotency < $2";
const SET: &str = "INSERT INTO setting (key, value) VALUES ($1, $2)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value";

/// What is asked for each piece, for the test that nothing scans.
#[cfg(test)]
pub(crate) fn frequent() -> Vec<&'static str> {
    let sets = [&REWRAP, &RESEAL, &REFILE, &RENAME].map(Over::longest_text);
    [&[WRAPPED, SEALED, FILED, FORGET, LEFT, NAMED_OUTSIDE, N_WRAPPED, N_SEALED][..], &sets]
        .concat()
}

/// What names a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// Rows that can move under a newer key.
    pub n_rows: u64,
    /// Rows that can't: why requests are the same when they come again.
    pub n_fixed: u64,
}

impl Store {
    /// All keys that exist, by purpose, the newest of each last.
    pub fn key_names(&self) -> Vec<KeyName> {
        self.keys().names()
    }

    /// Looks again which keys exist, after another process may have made or destroyed some.
    pub async fn reload_keys(&self) -> Result<(), StoreError> {
        self.refuse_older_keys().await?;
        // Not before all values are known to be filed under the newest key.
        self.keys().reload(true)?;
        let newest = self.keys().names_of(INDEX).pop();
        let moved = self.setting(MOVED).await?;
        let has_one = self.keys().names_of(INDEX).len() < 2;
        let is_moving = !has_one && moved.as_deref() != newest.as_ref().map(KeyName::as_str);
        self.keys().reload(is_moving)?;
        self.keys().know_epoch(self.newest_known().await?.remove(EPOCH));
        self.note_newest().await
    }

    /// Whether values are still on their way from the index key before the newest.
    pub fn is_index_moving(&self) -> bool {
        self.keys().older_token("", "").is_some()
    }

    /// What names a key.
    pub async fn named(&self, key: &KeyName) -> Result<Named, StoreError> {
        let count = async |sql, values| {
            let row = self.db().fetch_optional(sql, values).await?;
            row.map_or(Ok(0), |row| row.count::<u64>("n"))
        };
        let (from, to) = token_range(key);
        let range = || values![&*from, &*to];
        let n_rows = match key.purpose() {
            EPOCH => count(N_WRAPPED, values![key.as_str()]).await?,
            EVIDENCE => count(N_SEALED, values![key.as_str()]).await?,
            INDEX => count(N_FILED, range()).await?,
            CREDENTIALS => {
                let rows = self.db().fetch(SECRETS, []).await?;
                let mut n = 0;
                for row in &rows {
                    n += u64::from(key_name_of(row.get("sealed")?).ok() == Some(key.as_str()));
                }
                n
            }
            _ => 0,
        };
        let n_fixed = if key.purpose() == INDEX { count(N_KNOWN_BY, range()).await? } else { 0 };
        Ok(Named { n_rows, n_fixed })
    }

    /// Moves one piece of what names an older key, and returns how many rows; none when all have.
    pub async fn move_piece(&self, fence: Option<&Fence>) -> Result<u64, StoreError> {
        let newest_index = self.keys().names_of(INDEX).pop();
        for purpose in ROTATING {
            let mut names = self.keys().names_of(purpose);
            let Some(newest) = names.pop() else { continue };
            for older in names {
                let mut tx = self.db().begin().await?;
                lease::check(&mut tx, fence).await?;
                let n_moved = match purpose {
                    EPOCH => self.rewrap(&mut tx, &older, &newest).await?,
                    EVIDENCE => self.reseal(&mut tx, &older, &newest).await?,
                    CREDENTIALS => self.reseal_secrets(&mut tx, &older).await?,
                    _ => self.refile(&mut tx, &older).await?,
                };
                if n_moved > 0 {
                    tx.commit().await?;
                    return Ok(n_moved);
                }
            }
        }
        self.end_move(fence, newest_index).await
    }

    /// Destroys a key if nothing names it, and says whether it did.
    pub async fn destroy_key(
        &self,
        fence: Option<&Fence>,
        key: &KeyName,
    ) -> Result<bool, StoreError> {
        // Until it is gone nobody else writes, so that nothing names it meanwhile.
        let mut tx = self.db().begin().await?;
        lease::check(&mut tx, fence).await?;
        let is_free = self.named(key).await? == Named::default();
        if is_free {
            self.keys().destroy(key)?;
        }
        Ok(is_free)
    }

    async fn rewrap(
        &self,
        tx: &mut Tx,
        older: &KeyName,
        newest: &KeyName,
    ) -> Result<u64, StoreError> {
        for page in 0.. {
            let page = tx.fetch(WRAPPED, values![older.as_str(), PIECE, page * PIECE]).await?;
            let mut rows = Vec::new();
            for row in &page {
                let id: RequestId = row.parse("request_id")?;
                let wrapped = self.keys().rewrap(&id.to_string(), row.get("wrapped")?, newest);
                if let Some(wrapped) = opened(wrapped.map_err(StoreError::from))? {
                    rows.push(values![id, wrapped, newest.as_str()]);
                }
            }
            if page.is_empty() || !rows.is_empty() {
                return REWRAP.change(tx, rows).await;
            }
        }
        Ok(0)
    }

    async fn reseal(
        &self,
        tx: &mut Tx,
        older: &KeyName,
        newest: &KeyName,
    ) -> Result<u64, StoreError> {
        for page in 0.. {
            let page = tx.fetch(SEALED, values![older.as_str(), PIECE, page * PIECE]).await?;
            let mut rows = Vec::new();
            for row in &page {
                let (id, sealed): (EvidenceId, &[u8]) = (row.parse("id")?, row.get("sealed")?);
                let text = id.to_string();
                let open = |key: Arc<SealingKey>| Ok(key.open(evidence::place(&text), sealed)?);
                let plain = self.keys().evidence_of(sealed).map_err(StoreError::from);
                let Some(plain) = opened(plain.and_then(open))? else { continue };
                let sealed = self.keys().evidence()?.seal(evidence::place(&text), &plain)?;
                rows.push(values![id, sealed, newest.as_str()]);
            }
            if page.is_empty() || !rows.is_empty() {
                return RESEAL.change(tx, rows).await;
            }
        }
        Ok(0)
    }

    async fn reseal_secrets(&self, tx: &mut Tx, older: &KeyName) -> Result<u64, StoreError> {
        let mut n_moved = 0;
        for row in tx.fetch(SECRETS, []).await? {
            let (table, owner): (String, String) = (row.get("place")?, row.get("owner")?);
            let (name, sealed): (String, &[u8]) = (row.get("name")?, row.get("sealed")?);
            if key_name_of(sealed).ok() != Some(older.as_str()) {
                continue;
            }
            let place = || Place::new(&table, &owner, &name);
            let open = |key: Arc<SealingKey>| Ok(key.open(place(), sealed)?);
            let plain = self.keys().credentials_of(sealed).map_err(StoreError::from);
            let Some(plain) = opened(plain.and_then(open))? else { continue };
            let sealed = self.keys().credentials()?.seal(place(), &plain)?;
            let set = match &*table {
                "secret" => SET_SECRET,
                "endpoint_secret" => SET_ENDPOINT_SECRET,
                _ => SET_SEALED_SETTING,
            };
            n_moved += tx.execute(set, values![&*owner, &*name, sealed]).await?;
        }
        Ok(n_moved)
    }

    /// Files values under their new tokens; those of identifiers keep the old one beside it, until
    /// all have moved.
    async fn refile(&self, tx: &mut Tx, older: &KeyName) -> Result<u64, StoreError> {
        let (from, to) = token_range(older);
        for page in 0.. {
            let range = || values![&*from, &*to, PIECE, page * PIECE];
            let named = tx.fetch(NAMED_OUTSIDE, range()).await?;
            let filed = tx.fetch(FILED, range()).await?;
            let ids = named.iter().map(|row| row.parse("id"));
            let ids = ids.chain(filed.iter().map(|row| row.parse("request_id")));
            let keys = self.keys_or_why(ids.collect::<Result<Vec<_>, _>>()?).await?;
            let (mut names, mut tokens) = (Vec::new(), Vec::new());
            for row in &named {
                names.extend(opened(self.renamed(row, &keys))?);
            }
            for row in &filed {
                tokens.extend(opened(self.refiled(row, &keys))?);
            }
            let is_over = named.is_empty() && filed.is_empty();
            if is_over || !names.is_empty() || !tokens.is_empty() {
                return Ok(RENAME.change(tx, names).await? + REFILE.change(tx, tokens).await?);
            }
        }
        Ok(0)
    }

    /// The row by which another system's name of a request is filed anew.
    fn renamed(
        &self,
        row: &Row,
        (keys, unopened): &(RequestKeys, Unopened),
    ) -> Result<Vec<Value>, StoreError> {
        let id: RequestId = row.parse("id")?;
        let token = match keys.get(&id).zip(row.get::<Option<&[u8]>>("external_id")?) {
            Some((key, sealed)) => {
                let plain = key.open(Place::new("request", &id.to_string(), EXTERNAL), sealed)?;
                Some(self.keys().token(EXTERNAL, &crate::text(&plain)?)?)
            }
            None if unopened.contains_key(&id) => return Err(SealError::Refused.into()),
            // Nobody can read it, so nobody can ask for it.
            None => None,
        };
        Ok(values![id, token])
    }

    /// The row by which an identifier is filed anew.
    fn refiled(
        &self,
        row: &Row,
        (keys, unopened): &(RequestKeys, Unopened),
    ) -> Result<Vec<Value>, StoreError> {
        let (id, request): (IdentifierId, RequestId) = (row.parse("id")?, row.parse("request_id")?);
        let (token, before) = match keys.get(&request) {
            Some(key) => {
                let one = identifier::open(key, row)?;
                let token = self.keys().token(&one.kind.to_string(), &one.normalised)?;
                (token, Some(row.get::<String>("token")?))
            }
            None if unopened.contains_key(&request) => return Err(SealError::Refused.into()),
            None => (format!("unreadable:{id}"), None),
        };
        Ok(values![id, token, before])
    }

    /// Once all identifiers are filed under the newest key, none needs its older token.
    async fn end_move(
        &self,
        fence: Option<&Fence>,
        moved_to: Option<KeyName>,
    ) -> Result<u64, StoreError> {
        let mut tx = self.db().begin().await?;
        lease::check(&mut tx, fence).await?;
        // To one that was made meanwhile nothing has moved yet.
        let newest = self.keys().names_of(INDEX).pop();
        let Some(newest) = newest.filter(|newest| Some(newest) == moved_to.as_ref()) else {
            return Ok(0);
        };
        // Rows that do not open stay under the older key: until they do, values are looked for under both.
        for older in self.keys().names_of(INDEX).into_iter().filter(|older| *older < newest) {
            let (from, to) = token_range(&older);
            let left = tx.fetch_optional(LEFT, values![&*from, &*to]).await?;
            if self.is_index_moving() && left.is_some() {
                return Ok(0);
            }
        }
        if self.is_index_moving() {
            tx.execute(SET, values![MOVED, newest.as_str()]).await?;
            tx.commit().await?;
            self.reload_keys().await?;
            tx = self.db().begin().await?;
        }
        if self.is_index_moving() {
            return Ok(0);
        }
        let n_moved = tx.execute(FORGET, values![PIECE]).await?;
        if n_moved > 0 {
            tx.commit().await?;
        }
        Ok(n_moved)
    }
}

/// What a row came to; nothing where it does not open.
fn opened<T>(row: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match row {
        Err(error) if error.is_unopened() => Ok(None),
        other => other.map(Some),
    }
}

/// The tokens of a key: from the first, to before the second.
fn token_range(key: &KeyName) -> (String, String) {
    // A colon follows the key's name; a semicolon follows the colon.
    (format!("{key}:"), format!("{key};"))
}
