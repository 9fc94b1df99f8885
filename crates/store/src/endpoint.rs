//! Endpoints as rows; the URLs of webhooks and the secrets that sign what these are told are sealed apart.
//!
//! An endpoint is changed under compare-and-set, each change with its journal entry. One that is
//! removed is gone with its deliveries; the journal still names it.

use domain::telling::Disabled;
use domain::{Actor, Endpoint, EndpointId, Entry, Event, Instant};

use crate::connection::Secret;
use crate::db::{Row, Tx, json, values};
use crate::delivery::ALL_FORGOTTEN;
use crate::error::StoreError;
use crate::journal;
use crate::lease::{self, Fence};
use crate::seal::Place;
use crate::store::Store;
use crate::transition::Applied;

const ALL: &str = "SELECT body, version, told_until, rest_until FROM endpoint ORDER BY name";
const ONE: &str = "SELECT body, version, told_until, rest_until FROM endpoint WHERE id = $1";
const NAMED: &str = "SELECT body, version, told_until, rest_until FROM endpoint WHERE name = $1";
const INSERT: &str = "INSERT INTO endpoint (id, name, told_until, body, version)
    SELECT $1, $2, COALESCE(MAX(seq), 0), $3, $4 FROM journal";
const UPDATE: &str = "UPDATE endpoint SET name = $3, body = $4, version = $2 + 1
    WHERE id = $1 AND version = $2";
const REMOVE: &str = "DELETE FROM endpoint WHERE id = $1 AND version = $2";
const REMOVE_SECRETS: &str = "DELETE FROM endpoint_secret WHERE endpoint_id = $1";
const REMOVE_DELIVERIES: &str = "DELETE FROM delivery WHERE endpoint_id = $1";
const REMOVE_URL: &str = "DELETE FROM endpoint_url WHERE endpoint_id = $1";
const SET_URL: &str = "INSERT INTO endpoint_url (endpoint_id, sealed) VALUES ($1, $2)
    ON CONFLICT (endpoint_id) DO UPDATE SET sealed = excluded.sealed";
const URL: &str = "SELECT sealed FROM endpoint_url WHERE endpoint_id = $1";
const WITH_URL: &str = "SELECT e.body, e.version, e.told_until, e.rest_until, u.sealed
    FROM endpoint e LEFT JOIN endpoint_url u ON u.endpoint_id = e.id WHERE e.id = $1";
const NEXT_NUMBER: &str =
    "SELECT COALESCE(MAX(number), 0) + 1 AS number FROM endpoint_secret WHERE endpoint_id = $1";
const ADD_SECRET: &str =
    "INSERT INTO endpoint_secret (endpoint_id, number, sealed) VALUES ($1, $2, $3)";
const END_SECRETS: &str = "UPDATE endpoint_secret SET ends_at = $2
    WHERE endpoint_id = $1 AND (ends_at IS NULL OR ends_at > $2)";
const DROP_ENDED: &str =
    "DELETE FROM endpoint_secret WHERE endpoint_id = $1 AND ends_at IS NOT NULL AND ends_at <= $2";
const SECRETS: &str = "SELECT number, sealed FROM endpoint_secret
    WHERE endpoint_id = $1 AND (ends_at IS NULL OR ends_at > $2) ORDER BY number DESC";

/// An endpoint, and how far it has been told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// The number of the last entry that was looked at for it.
    pub told_until: i64,
    /// It asked for a rest until then.
    pub rest_until: Option<Instant>,
}

/// What is sealed of a webhook.
#[derive(Debug, Clone, Copy)]
pub struct Sealed<'a> {
    /// Where it is.
    pub url: &'a Secret,
    /// What signs its messages.
    pub signs: &'a Secret,
}

impl Store {
    /// All endpoints, by name.
    pub async fn endpoints(&self) -> Result<Vec<Standing>, StoreError> {
        self.db().fetch(ALL, []).await?.iter().map(read).collect()
    }

    /// An endpoint.
    pub async fn endpoint(&self, id: EndpointId) -> Result<Option<Standing>, StoreError> {
        self.db().fetch_optional(ONE, values![id]).await?.as_ref().map(read).transpose()
    }

    /// The endpoint of this name.
    pub async fn endpoint_by_name(&self, name: &str) -> Result<Option<Standing>, StoreError> {
        self.db().fetch_optional(NAMED, values![name]).await?.as_ref().map(read).transpose()
    }

    /// Adds an endpoint, which is told what happens from now on, with what is sealed of it where it is
    /// a webhook. Lost if the name is taken.
    pub async fn add_endpoint(
        &self,
        endpoint: &Endpoint,
        sealed: Option<Sealed<'_>>,
        entry: &Entry,
    ) -> Result<Applied, StoreError> {
        let mut tx = self.db().begin().await?;
        journal::append(&mut tx, [entry]).await?;
        let row = values![endpoint.id, &*endpoint.name, json(endpoint)?, endpoint.version];
        match tx.execute(INSERT, row).await {
            Err(StoreError::Duplicate { .. }) => return Ok(Applied::Lost),
            other => other?,
        };
        if let Some(Sealed { url, signs }) = sealed {
            self.set_url(&mut tx, endpoint.id, url).await?;
            self.add_secret(&mut tx, endpoint.id, signs).await?;
        }
        tx.commit().await?;
        self.note_asked();
        Ok(Applied::Done)
    }

    /// Changes an endpoint, and its URL where there is another, if it is as it was loaded. The engine
    /// does so under its fence.
    pub async fn set_endpoint(
        &self,
        fence: Option<&Fence>,
        endpoint: &Endpoint,
        url: Option<&Secret>,
        entry: &Entry,
    ) -> Result<Applied, StoreError> {
        let mut tx = self.db().begin().await?;
        lease::check(&mut tx, fence).await?;
        let row = values![endpoint.id, endpoint.version, &*endpoint.name, json(endpoint)?];
        match tx.execute(UPDATE, row).await {
            Ok(1) => {}
            Ok(_) | Err(StoreError::Duplicate { .. }) => return Ok(Applied::Lost),
            Err(error) => return Err(error),
        }
        if let Some(url) = url {
            self.set_url(&mut tx, endpoint.id, url).await?;
        }
        journal::append(&mut tx, [entry]).await?;
        tx.commit().await?;
        self.note_asked();
        Ok(Applied::Done)
    }

    /// Removes an endpoint with all that it was told, if it is as it was loaded. What it was told goes
    /// a piece at a time, and it stands disabled meanwhile: otherwise as much would come after.
    pub async fn remove_endpoint(
        &self,
        endpoint: &Endpoint,
        entry: &Entry,
    ) -> Result<Applied, StoreError> {
        let why = "it is being removed".to_owned();
        let disabled = Disabled { why, by_person: true, since: entry.at };
        let closed = Endpoint { disabled: Some(disabled), ..endpoint.clone() };
        let row = values![endpoint.id, endpoint.version, &*endpoint.name, json(&closed)?];
        let mut tx = self.db().begin().await?;
        if tx.execute(UPDATE, row).await? == 0 {
            return Ok(Applied::Lost);
        }
        let (mut tx, _) = self.in_pieces(tx, &ALL_FORGOTTEN, endpoint.id, 0, None).await?;
        // What the engine made of the page it held when the endpoint was disabled.
        tx.execute(REMOVE_DELIVERIES, values![endpoint.id]).await?;
        for sealed in [REMOVE_SECRETS, REMOVE_URL] {
            tx.execute(sealed, values![endpoint.id]).await?;
        }
        if tx.execute(REMOVE, values![endpoint.id, endpoint.version + 1]).await? == 0 {
            return Ok(Applied::Lost);
        }
        journal::append(&mut tx, [entry]).await?;
        tx.commit().await?;
        self.note_asked();
        Ok(Applied::Done)
    }

    /// Signs what an endpoint is told by another secret, and until `both_until` by those before too.
    pub async fn rotate_endpoint_secret(
        &self,
        endpoint: EndpointId,
        secret: &Secret,
        both_until: Instant,
        entry: &Entry,
    ) -> Result<(), StoreError> {
        let mut tx = self.db().begin().await?;
        tx.execute(DROP_ENDED, values![endpoint, entry.at]).await?;
        tx.execute(END_SECRETS, values![endpoint, both_until]).await?;
        self.add_secret(&mut tx, endpoint, secret).await?;
        journal::append(&mut tx, [entry]).await?;
        tx.commit().await?;
        self.note_asked();
        Ok(())
    }

    /// The secrets that sign what an endpoint is told, the newest first.
    pub async fn endpoint_secrets(
        &self,
        endpoint: EndpointId,
        now: Instant,
    ) -> Result<Vec<Secret>, StoreError> {
        let id = endpoint.to_string();
        let mut secrets = Vec::new();
        for row in self.db().fetch(SECRETS, values![endpoint, now]).await? {
            let (number, sealed): (i64, &[u8]) = (row.get("number")?, row.get("sealed")?);
            let key = self.keys().credentials_of(sealed)?;
            let number = number.to_string();
            let plain = key.open(Place::new("endpoint_secret", &id, &number), sealed)?;
            secrets.push(Secret::new(crate::text(&plain)?));
        }
        Ok(secrets)
    }

    /// Where a webhook is; none if that was never set.
    pub async fn endpoint_url(&self, endpoint: EndpointId) -> Result<Option<Secret>, StoreError> {
        let row = self.db().fetch_optional(URL, values![endpoint]).await?;
        row.map(|row| self.open_url(endpoint, row.get("sealed")?)).transpose()
    }

    /// An endpoint with its URL, if it has one, both as they are at one moment: what may be called there
    /// and told is said of that URL and of no other.
    pub async fn endpoint_with_url(
        &self,
        id: EndpointId,
    ) -> Result<Option<(Standing, Option<Secret>)>, StoreError> {
        let Some(row) = self.db().fetch_optional(WITH_URL, values![id]).await? else {
            return Ok(None);
        };
        let sealed: Option<&[u8]> = row.get("sealed")?;
        let url = sealed.map(|sealed| self.open_url(id, sealed)).transpose()?;
        Ok(Some((read(&row)?, url)))
    }

    fn open_url(&self, endpoint: EndpointId, sealed: &[u8]) -> Result<Secret, StoreError> {
        let key = self.keys().credentials_of(sealed)?;
        let id = endpoint.to_string();
        let plain = key.open(Place::new("endpoint_url", &id, "url"), sealed)?;
        Ok(Secret::new(crate::text(&plain)?))
    }

    async fn set_url(
        &self,
        tx: &mut Tx,
        endpoint: EndpointId,
        url: &Secret,
    ) -> Result<(), StoreError> {
        let id = endpoint.to_string();
        let place = Place::new("endpoint_url", &id, "url");
        let sealed = self.keys().credentials()?.seal(place, url.expose().as_bytes())?;
        tx.execute(SET_URL, values![endpoint, sealed]).await.map(drop)
    }

    async fn add_secret(
        &self,
        tx: &mut Tx,
        endpoint: EndpointId,
        secret: &Secret,
    ) -> Result<(), StoreError> {
        let row = tx.fetch_optional(NEXT_NUMBER, values![endpoint]).await?;
        let number: i64 = row.map_or(Ok(1), |row| row.get("number"))?;
        let (id, text) = (endpoint.to_string(), number.to_string());
        let place = Place::new("endpoint_secret", &id, &text);
        let sealed = self.keys().credentials()?.seal(place, secret.expose().as_bytes())?;
        tx.execute(ADD_SECRET, values![endpoint, number, sealed]).await.map(drop)
    }
}

/// Disables all endpoints that are told anything, as nobody can know whether they still should be. Returns how
/// many there were.
pub(crate) async fn disable_all(tx: &mut Tx, why: &str, now: Instant) -> Result<u64, StoreError> {
    let mut n_disabled = 0;
    for row in tx.fetch(ALL, []).await? {
        let endpoint = read(&row)?.endpoint;
        if endpoint.disabled.is_some() {
            continue;
        }
        let disabled = Disabled { why: why.to_owned(), by_person: true, since: now };
        let closed = Endpoint { disabled: Some(disabled), ..endpoint.clone() };
        let row = values![endpoint.id, endpoint.version, &*endpoint.name, json(&closed)?];
        n_disabled += tx.execute(UPDATE, row).await?;
    }
    Ok(n_disabled)
}

/// An entry about an endpoint.
pub fn entry(at: Instant, actor: Actor, event: Event, endpoint: &Endpoint) -> Entry {
    Entry::new(at, actor, event)
        .fact("endpoint", endpoint.id.to_string())
        .fact("name", endpoint.name.as_str())
}

fn read(row: &Row) -> Result<Standing, StoreError> {
    let mut endpoint: Endpoint = row.json("body")?;
    endpoint.version = row.get("version")?;
    Ok(Standing {
        endpoint,
        told_until: row.get("told_until")?,
        rest_until: row.instant_optional("rest_until")?,
    })
}
