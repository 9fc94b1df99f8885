//! The lists of rows that may name an older key, and what is done with a page of each. A page follows the
//! last row of the one before, so that rows that do not open are looked at once.

use std::sync::Arc;

use domain::{EvidenceId, IdentifierId, RequestId};

use super::{PIECE, SECRETS, token_range};
use crate::bulk::{Kind, Over};
use crate::db::{Row, Tx, Value, values};
use crate::error::StoreError;
use crate::evidence;
use crate::identifier;
use crate::keyring::{CREDENTIALS, EVIDENCE, INDEX};
use crate::keys::{EPOCH, KeyName};
use crate::request::EXTERNAL;
use crate::request_key::{RequestKeys, Unopened};
use crate::seal::{Place, SealError, SealingKey, key_name_of};
use crate::store::Store;

const WRAPPED: &str = "SELECT request_id, wrapped FROM request_key
    WHERE epoch = $1 AND request_id > $2 ORDER BY request_id LIMIT $3";
static REWRAP: Over = Over::new(
    &[("id", Kind::Text), ("wrapped", Kind::Bytes), ("epoch", Kind::Text)],
    "UPDATE request_key SET wrapped = v.wrapped, epoch = v.epoch
     FROM v WHERE request_key.request_id = v.id",
);
const SEALED: &str = "SELECT id, sealed FROM evidence
    WHERE sealed_under = $1 AND id > $2 ORDER BY id LIMIT $3";
static RESEAL: Over = Over::new(
    &[("id", Kind::Text), ("sealed", Kind::Bytes), ("sealed_under", Kind::Text)],
    "UPDATE evidence SET sealed = v.sealed, sealed_under = v.sealed_under
     FROM v WHERE evidence.id = v.id",
);
// Few rows share a token: those of one value.
const FILED: &str = "SELECT i.request_id, i.id, i.kind, i.token, i.normalised, i.given, i.origin,
    i.seen_in FROM identifier i
    WHERE i.token >= $1 AND i.token < $2 AND (i.token > $1 OR i.id > $3)
    ORDER BY i.token, i.id LIMIT $4";
static REFILE: Over = Over::new(
    &[("id", Kind::Text), ("token", Kind::Text), ("older_token", Kind::Text)],
    "UPDATE identifier SET token = v.token, older_token = v.older_token
     FROM v WHERE identifier.id = v.id",
);
const NAMED_OUTSIDE: &str = "SELECT r.id, r.external_token AS token, r.external_id FROM request r
    WHERE r.external_token >= $1 AND r.external_token < $2
        AND (r.external_token > $1 OR r.id > $3)
    ORDER BY r.external_token, r.id LIMIT $4";
static RENAME: Over = Over::new(
    &[("id", Kind::Text), ("token", Kind::Text)],
    "UPDATE request SET external_token = v.token FROM v WHERE request.id = v.id",
);
const SET_SECRET: &str = "UPDATE secret SET sealed = $3 WHERE connection_id = $1 AND name = $2";
const SET_ENDPOINT_SECRET: &str = "UPDATE endpoint_secret SET sealed = $3
    WHERE endpoint_id = $1 AND CAST(number AS TEXT) = $2";
const SET_ENDPOINT_URL: &str =
    "UPDATE endpoint_url SET sealed = $3 WHERE endpoint_id = $1 AND $2 = 'url'";
const SET_SEALED_SETTING: &str =
    "UPDATE sealed_setting SET sealed = $3 WHERE key = $1 AND $2 = 'value'";

/// What is asked for each page, for the test that nothing scans.
#[cfg(test)]
pub(super) fn frequent(dialect: crate::db::Dialect) -> Vec<&'static str> {
    let sets = [&REWRAP, &RESEAL, &REFILE, &RENAME].map(|set| set.longest_text(dialect));
    [&[WRAPPED, SEALED, FILED, NAMED_OUTSIDE][..], &sets].concat()
}

/// A list of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    /// Keys of requests, wrapped under an epoch's.
    RequestKeys,
    /// Evidence about many.
    Evidence,
    /// What is sealed like credentials; these are few, and one page.
    Secrets,
    /// What other systems call requests, filed under its token.
    ExternalIds,
    /// Values about people, filed under their tokens.
    Identifiers,
}

impl List {
    /// The lists of rows that name keys of a purpose.
    pub(super) fn of(purpose: &str) -> &'static [Self] {
        match purpose {
            EPOCH => &[Self::RequestKeys],
            EVIDENCE => &[Self::Evidence],
            CREDENTIALS => &[Self::Secrets],
            INDEX => &[Self::ExternalIds, Self::Identifiers],
            _ => &[],
        }
    }
}

/// The rows of a list that name an older key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stop {
    pub(super) list: List,
    pub(super) older: KeyName,
    pub(super) newest: KeyName,
}

/// The row after which a page begins: its token, where it is filed under one, and its id.
#[derive(Clone, Debug, Default)]
pub(super) struct After {
    token: String,
    id: String,
}

/// What a page came to.
#[derive(Debug)]
pub(super) struct Page {
    /// How many of its rows were moved.
    pub(super) n_moved: u64,
    /// Its last row; none where it is empty.
    pub(super) last: Option<After>,
}

impl Page {
    fn new(rows: &[Row], id: &'static str, n_moved: u64) -> Result<Self, StoreError> {
        let id = rows.last().map(|row| row.get(id)).transpose()?;
        Ok(Self { n_moved, last: id.map(|id| After { id, ..After::default() }) })
    }

    fn filed(rows: &[Row], n_moved: u64) -> Result<Self, StoreError> {
        let mut page = Self::new(rows, "id", n_moved)?;
        if let Some((last, row)) = page.last.as_mut().zip(rows.last()) {
            last.token = row.get("token")?;
        }
        Ok(page)
    }
}

impl Store {
    /// Moves the rows of a page that open.
    pub(super) async fn move_page(
        &self,
        tx: &mut Tx,
        stop: &Stop,
        after: After,
    ) -> Result<Page, StoreError> {
        match stop.list {
            List::RequestKeys => self.rewrap(tx, stop, &after.id).await,
            List::Evidence => self.reseal(tx, stop, &after.id).await,
            List::Secrets if after.id.is_empty() => self.reseal_secrets(tx, &stop.older).await,
            List::Secrets => Ok(Page { n_moved: 0, last: None }),
            List::ExternalIds => self.rename(tx, &stop.older, after).await,
            List::Identifiers => self.refile(tx, &stop.older, after).await,
        }
    }

    async fn rewrap(
        &self,
        tx: &mut Tx,
        Stop { older, newest, .. }: &Stop,
        after: &str,
    ) -> Result<Page, StoreError> {
        let page = tx.fetch(WRAPPED, values![older.as_str(), after, PIECE]).await?;
        let mut rows = Vec::new();
        for row in &page {
            let id: RequestId = row.parse("request_id")?;
            let wrapped = self.keys().rewrap(&id.to_string(), row.get("wrapped")?, newest);
            if let Some(wrapped) = opened(wrapped.map_err(StoreError::from))? {
                rows.push(values![id, wrapped, newest.as_str()]);
            }
        }
        Page::new(&page, "request_id", REWRAP.change(tx, rows).await?)
    }

    async fn reseal(
        &self,
        tx: &mut Tx,
        Stop { older, newest, .. }: &Stop,
        after: &str,
    ) -> Result<Page, StoreError> {
        let page = tx.fetch(SEALED, values![older.as_str(), after, PIECE]).await?;
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
        Page::new(&page, "id", RESEAL.change(tx, rows).await?)
    }

    async fn reseal_secrets(&self, tx: &mut Tx, older: &KeyName) -> Result<Page, StoreError> {
        let mut n_moved = 0;
        let page = tx.fetch(SECRETS, []).await?;
        for row in &page {
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
                "endpoint_url" => SET_ENDPOINT_URL,
                _ => SET_SEALED_SETTING,
            };
            n_moved += tx.execute(set, values![&*owner, &*name, sealed]).await?;
        }
        Page::new(&page, "owner", n_moved)
    }

    /// Files what other systems call requests under its new token.
    async fn rename(&self, tx: &mut Tx, older: &KeyName, after: After) -> Result<Page, StoreError> {
        let page = tx.fetch(NAMED_OUTSIDE, range(older, after)).await?;
        let ids = page.iter().map(|row| row.parse("id"));
        let keys = self.keys_or_why(ids.collect::<Result<Vec<_>, _>>()?).await?;
        let mut rows = Vec::new();
        for row in &page {
            rows.extend(opened(self.renamed(row, &keys))?);
        }
        Page::filed(&page, RENAME.change(tx, rows).await?)
    }

    /// Files values under their new tokens; they keep the old one beside it, until all have moved.
    async fn refile(&self, tx: &mut Tx, older: &KeyName, after: After) -> Result<Page, StoreError> {
        let page = tx.fetch(FILED, range(older, after)).await?;
        let ids = page.iter().map(|row| row.parse("request_id"));
        let keys = self.keys_or_why(ids.collect::<Result<Vec<_>, _>>()?).await?;
        let mut rows = Vec::new();
        for row in &page {
            rows.extend(opened(self.refiled(row, &keys))?);
        }
        Page::filed(&page, REFILE.change(tx, rows).await?)
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
}

/// The rows of a key that follow a row.
fn range(older: &KeyName, after: After) -> Vec<Value> {
    let (from, to) = token_range(older);
    // The first page begins with the key's first token; no row has an empty id.
    let from = if after.id.is_empty() { from } else { after.token };
    values![from, to, after.id, PIECE]
}

/// What a row came to; nothing where it does not open.
fn opened<T>(row: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match row {
        Err(error) if error.is_unopened() => Ok(None),
        other => other.map(Some),
    }
}
