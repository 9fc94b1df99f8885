//! The newest key of each purpose, as the store knows it.
//!
//! A key folder that was put back from an older copy looks whole, and lacks what was made since: by an
//! older index key nobody is recognised, and the next key would get a name that another one had. So
//! the store keeps the newest names, and refuses a folder that lacks one which was not destroyed.

use std::collections::BTreeMap;

use domain::{Actor, Entry, Event, Instant};
use jiff::SignedDuration;

use crate::db::{Row, Tx, json, values};
use crate::error::StoreError;
use crate::journal;
use crate::keyring::ROTATING;
use crate::keys::{EPOCH, KeyError, KeyName};
use crate::store::Store;

/// The setting.
const NEWEST: &str = "keys_newest";
/// Since when the newest key of a month is known to be of one to come.
const AHEAD: &str = "epoch_ahead";
const MONTH: SignedDuration = SignedDuration::from_hours(31 * 24);
const GET: &str = "SELECT value FROM setting WHERE key = $1";
const SET: &str = "INSERT INTO setting (key, value) VALUES ($1, $2)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value";

/// By purpose.
type Newest = BTreeMap<String, KeyName>;

impl Store {
    /// Makes a key in place of the newest of its purpose, and journals it before it is used. One of the
    /// index only while none is moving: a value is filed under two keys at most.
    pub async fn rotate_key(&self, purpose: &str, entry: Entry) -> Result<KeyName, StoreError> {
        // Another process may have made one.
        self.reload_keys().await?;
        let known = self.newest_known().await?;
        let key = self.keys().make_next(purpose, known.get(purpose), entry.at)?;
        self.note(&key, Some(entry.fact("key", key.to_string()))).await?;
        self.keys().take_up(purpose)?;
        self.note_asked();
        Ok(key)
    }

    /// Makes the key of the month, where it does not exist yet. Where a clock that was ahead has made one
    /// of a month to come, that is replaced once it has served for a month.
    pub async fn make_epoch(&self, now: Instant) -> Result<(), StoreError> {
        self.keys().make_epoch(now)?;
        self.note_newest().await?;
        let Some(newest) = self.epoch_ahead(now) else { return Ok(()) };
        let seen = self.setting(AHEAD).await?;
        let seen = seen.and_then(|text| serde_json::from_str::<(String, Instant)>(&text).ok());
        match seen.filter(|(key, since)| key == newest.as_str() && *since <= now) {
            Some((_, since)) if now < since.checked_add(MONTH).unwrap_or(now) => Ok(()),
            Some(_) => {
                let entry = Entry::new(now, Actor::Engine, Event::KeyMade)
                    .fact("why", "the one before is of a month to come, and served for a month");
                self.rotate_key(EPOCH, entry).await.map(drop)
            }
            None => {
                let mut tx = self.db().begin().await?;
                tx.execute(SET, values![AHEAD, json(&(newest.as_str(), now))?]).await?;
                tx.commit().await
            }
        }
    }

    /// The newest key of a month, if that is still to come: it was made by a clock that was ahead.
    pub fn epoch_ahead(&self, now: Instant) -> Option<KeyName> {
        let month_on = KeyName::epoch(now.checked_add(MONTH).unwrap_or(now));
        self.keys().names_of(EPOCH).pop().filter(|newest| *newest >= month_on)
    }

    /// Refuses a key folder that lacks a newest key.
    pub(crate) async fn refuse_older_keys(&self) -> Result<(), StoreError> {
        let living = self.keys().found()?;
        for key in self.newest_known().await?.into_values() {
            // A month's key that is missing holds up the requests of that month, and nobody else.
            let is_missing = key.purpose() != EPOCH && !living.contains(&key);
            if is_missing && !self.keys().was_destroyed(&key)? {
                return Err(KeyError::Missing(key).into());
            }
        }
        Ok(())
    }

    /// Notes the newest keys that are in use, where another was before.
    pub(crate) async fn note_newest(&self) -> Result<(), StoreError> {
        let known = self.newest_known().await?;
        for purpose in ROTATING {
            let newest = self.keys().names_of(purpose).pop();
            if let Some(newest) = newest.filter(|one| Some(one) > known.get(purpose)) {
                self.note(&newest, None).await?;
            }
        }
        Ok(())
    }

    /// Whether another process has made a key that is not in use here yet.
    pub(crate) async fn is_behind(&self, tx: &mut Tx) -> Result<bool, StoreError> {
        let row = tx.fetch_optional(GET, values![NEWEST]).await?;
        let known = read(row.as_ref())?;
        Ok(known.iter().any(|(purpose, key)| Some(key) > self.keys().names_of(purpose).last()))
    }

    pub(crate) async fn newest_known(&self) -> Result<Newest, StoreError> {
        read(self.db().fetch_optional(GET, values![NEWEST]).await?.as_ref())
    }

    async fn note(&self, key: &KeyName, entry: Option<Entry>) -> Result<(), StoreError> {
        let mut tx = self.db().begin().await?;
        let row = tx.fetch_optional(GET, values![NEWEST]).await?;
        let mut known = read(row.as_ref())?;
        if known.get(key.purpose()) < Some(key) {
            known.insert(key.purpose().to_owned(), key.clone());
        }
        let known: BTreeMap<_, _> = known.iter().map(|(of, key)| (of, key.as_str())).collect();
        tx.execute(SET, values![NEWEST, json(&known)?]).await?;
        journal::append(&mut tx, &entry).await?;
        tx.commit().await
    }
}

fn read(row: Option<&Row>) -> Result<Newest, StoreError> {
    let Some(row) = row else { return Ok(Newest::new()) };
    let known: BTreeMap<String, String> = row.json("value")?;
    Ok(known.into_iter().filter_map(|(of, key)| Some((of, KeyName::parse(&key)?))).collect())
}
