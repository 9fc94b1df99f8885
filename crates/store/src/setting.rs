//! Settings of the whole installation: text by key, each change journalled with it. One that holds a
//! secret is sealed as a whole.

use domain::Entry;

use crate::connection::Secret;
use crate::db::values;
use crate::error::StoreError;
use crate::journal;
use crate::lease::{self, Fence};
use crate::seal::Place;
use crate::store::Store;
use crate::transition::Applied;

pub(crate) const GET: &str = "SELECT value FROM setting WHERE key = $1";
const SET: &str = "INSERT INTO setting (key, value) VALUES ($1, $2)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value";
const REPLACE: &str = "INSERT INTO setting (key, value) VALUES ($1, $3)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE setting.value = $2";
const GET_SEALED: &str = "SELECT sealed FROM sealed_setting WHERE key = $1";
const SET_SEALED: &str = "INSERT INTO sealed_setting (key, sealed) VALUES ($1, $2)
    ON CONFLICT (key) DO UPDATE SET sealed = excluded.sealed";
const UNSET_SEALED: &str = "DELETE FROM sealed_setting WHERE key = $1";

impl Store {
    /// A setting, if it was ever set.
    pub async fn setting(&self, key: &str) -> Result<Option<String>, StoreError> {
        let row = self.db().fetch_optional(GET, values![key]).await?;
        row.map(|row| row.get("value")).transpose()
    }

    /// Sets a setting.
    pub async fn set_setting(
        &self,
        key: &str,
        value: &str,
        entry: &Entry,
    ) -> Result<(), StoreError> {
        let mut tx = self.db().begin().await?;
        tx.execute(SET, values![key, value]).await?;
        journal::append(&mut tx, [entry]).await?;
        tx.commit().await?;
        self.note_asked();
        Ok(())
    }

    /// Sets a setting under a fence, if it is still what it was.
    pub async fn replace_setting(
        &self,
        fence: &Fence,
        key: &str,
        before: Option<&str>,
        value: &str,
        entry: &Entry,
    ) -> Result<Applied, StoreError> {
        let mut tx = self.db().begin().await?;
        lease::check(&mut tx, Some(fence)).await?;
        if tx.execute(REPLACE, values![key, before.map(str::to_owned), value]).await? == 0 {
            return Ok(Applied::Lost);
        }
        journal::append(&mut tx, [entry]).await?;
        tx.commit().await?;
        self.note_asked();
        Ok(Applied::Done)
    }

    /// A setting that holds a secret, if it is set.
    pub async fn sealed_setting(&self, key: &str) -> Result<Option<Secret>, StoreError> {
        let Some(row) = self.db().fetch_optional(GET_SEALED, values![key]).await? else {
            return Ok(None);
        };
        let sealed: &[u8] = row.get("sealed")?;
        let plain = self.keys().credentials_of(sealed)?.open(place(key), sealed)?;
        Ok(Some(Secret::new(crate::text(&plain)?)))
    }

    /// Sets a setting that holds a secret; without a value it is set no more.
    pub async fn set_sealed_setting(
        &self,
        key: &str,
        value: Option<&Secret>,
        entry: &Entry,
    ) -> Result<(), StoreError> {
        let mut tx = self.db().begin().await?;
        match value {
            Some(value) => {
                let keys = self.keys().credentials()?;
                let sealed = keys.seal(place(key), value.expose().as_bytes())?;
                tx.execute(SET_SEALED, values![key, sealed]).await?;
            }
            None => {
                tx.execute(UNSET_SEALED, values![key]).await?;
            }
        }
        journal::append(&mut tx, [entry]).await?;
        tx.commit().await?;
        self.note_asked();
        Ok(())
    }
}

fn place(key: &str) -> Place<'_> {
    Place::new("sealed_setting", key, "value")
}
