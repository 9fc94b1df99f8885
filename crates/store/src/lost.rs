//! Epochs whose keys don't exist although requests name them.

use domain::Instant;

use crate::db::values;
use crate::error::StoreError;
use crate::keys::{EPOCH, KeyError, KeyName};
use crate::store::Store;

const EPOCHS: &str = "SELECT DISTINCT epoch FROM request_key";
const N_OPEN: &str = "SELECT COUNT(*) AS n,
    COUNT(CASE WHEN r.state <> 'closed' THEN 1 END) AS n_open
    FROM request_key k JOIN request r ON r.id = k.request_id WHERE k.epoch = $1";
const NAMES: &str = "SELECT request_id FROM request_key WHERE epoch = $1 LIMIT 1";

/// An epoch whose key does not exist although requests name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostEpoch {
    /// The key.
    pub key: KeyName,
    /// Whether it was destroyed, and is not merely missing.
    pub was_destroyed: bool,
    /// How many requests name it.
    pub n_requests: u64,
    /// How many of those are open.
    pub n_open: u64,
}

impl Store {
    /// The epochs whose keys don't exist although requests name them.
    pub async fn lost_epochs(&self) -> Result<Vec<LostEpoch>, StoreError> {
        let living = self.keys().names_of(EPOCH);
        let mut lost = Vec::new();
        for row in self.db().fetch(EPOCHS, []).await? {
            let key = KeyName::parse(row.get("epoch")?);
            let Some(key) = key.filter(|key| !living.contains(key)) else { continue };
            let row = self.db().fetch_optional(N_OPEN, values![key.as_str()]).await?;
            let count = |column| row.as_ref().map_or(Ok(0), |row| row.count(column));
            let (n_requests, n_open) = (count("n")?, count("n_open")?);
            let was_destroyed = self.keys().was_destroyed(&key)?;
            lost.push(LostEpoch { key, was_destroyed, n_requests, n_open });
        }
        Ok(lost)
    }

    /// Refuses to go on where the key of this month is missing, as another would be made in its place.
    pub(crate) async fn refuse_lost_epoch(&self, now: Instant) -> Result<(), StoreError> {
        let month = KeyName::epoch(now);
        let has_newer = self.keys().names_of(EPOCH).last() >= Some(&month);
        if has_newer || self.keys().was_destroyed(&month)? {
            return Ok(());
        }
        match self.db().fetch_optional(NAMES, values![month.as_str()]).await? {
            Some(_) => Err(KeyError::Missing(month).into()),
            None => Ok(()),
        }
    }
}
