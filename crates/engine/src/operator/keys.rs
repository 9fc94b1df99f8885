//! The keys of the installation: which there are, and new ones in place of old ones.

use domain::journal::Event;
use domain::{Instant, words};
use serde::{Deserialize, Serialize};
use store::keys::{KeyError, KeyName};
use store::{Store, StoreError};
use utoipa::ToSchema;

use super::desk::{Desk, OperatorError};
use super::fault::Fault;
use crate::tend::{WINDOW, is_newest, retired};

words! {
    /// What a key is for.
    KeyPurpose: "key purpose" {
        /// Wraps the keys of requests; one for each month at least.
        Epoch = "epoch",
        /// Seals the vendors' credentials.
        Credentials = "credentials",
        /// Seals what vendors answered about many people at once.
        Evidence = "evidence",
        /// Makes the digests by which values are found.
        Index = "index",
    }
}

/// A key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyView {
    /// Its name.
    pub key: String,
    /// Whether new values are sealed under it.
    pub is_in_use: bool,
    /// What still names it and moves under a newer one; of one that is in use nobody counts.
    pub n_to_move: Option<u64>,
    /// Requests that are recognised by it when they come again; it stays until they are purged.
    pub n_known_by: Option<u64>,
    /// Since when nothing names it, if so.
    #[schema(value_type = Option<Timestamp>)]
    pub retired_at: Option<Instant>,
    /// When it is destroyed, if nothing names it until then.
    #[schema(value_type = Option<Timestamp>)]
    pub destroyed_at: Option<Instant>,
}

/// The keys of the installation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyList {
    /// By purpose, the newest of each last.
    pub keys: Vec<KeyView>,
}

/// Keys that were made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeysMade {
    /// Their names.
    pub made: Vec<String>,
}

/// The keys as they stand.
pub async fn list(store: &Store) -> Result<KeyList, OperatorError> {
    let names = store.key_names();
    let retired = retired(store).await?;
    let mut keys = Vec::with_capacity(names.len());
    for key in &names {
        keys.push(view(store, key, &names, retired.get(key.as_str()).copied()).await?);
    }
    Ok(KeyList { keys })
}

async fn view(
    store: &Store,
    key: &KeyName,
    all: &[KeyName],
    retired_at: Option<Instant>,
) -> Result<KeyView, StoreError> {
    let is_in_use = is_newest(key, all);
    let named = if is_in_use { None } else { Some(store.named(key).await?) };
    Ok(KeyView {
        key: key.to_string(),
        is_in_use,
        n_to_move: named.map(|named| named.n_rows),
        n_known_by: named.map(|named| named.n_fixed).filter(|n| *n > 0),
        retired_at,
        destroyed_at: retired_at.and_then(|at| at.checked_add(WINDOW).ok()),
    })
}

/// Makes a new key of a purpose, or of each. What names the old ones moves by itself.
pub async fn rotate(
    desk: &Desk<'_>,
    purpose: Option<KeyPurpose>,
) -> Result<KeysMade, OperatorError> {
    let purposes = purpose.as_ref().map_or(KeyPurpose::ALL, std::slice::from_ref);
    if purposes.contains(&KeyPurpose::Index) && desk.store.is_index_moving() {
        return Err(refused(KeyError::IndexMoving.into()));
    }
    let mut made = Vec::new();
    for purpose in purposes {
        let entry = desk.entry(Event::KeyMade);
        let key = desk.store.rotate_key(purpose.word(), entry).await.map_err(refused)?;
        made.push(key.to_string());
    }
    Ok(KeysMade { made })
}

fn refused(error: StoreError) -> OperatorError {
    match error {
        StoreError::Keys(error @ KeyError::IndexMoving) => {
            OperatorError::Forbidden(Fault::new("", "E-KEY-009", error.to_string()))
        }
        error => error.into(),
    }
}
