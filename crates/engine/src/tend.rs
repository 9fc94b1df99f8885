//! Tending the keys: what names an old one moves, and what nothing names any more is destroyed in time.
//!
//! A key that nothing names is *retired*: it is kept as long as a backup may be kept, and then destroyed,
//! so that what was purged can't be read from an old backup. Done by whoever runs the engine, a piece
//! between other work; where it stopped is seen by what still names an old key.

use std::collections::BTreeMap;

use domain::journal::{Actor, Entry, Event};
use domain::{Instant, words};
use jiff::SignedDuration;
use store::keyring::ROTATING;
use store::keys::KeyName;
use store::rotation::Walk;
use store::{Applied, Fence, Store, StoreError};

/// How long backups may be kept.
pub(crate) const WINDOW: SignedDuration = SignedDuration::from_hours(35 * 24);
/// How often it is looked whether a key's time has come.
pub(crate) const EVERY: std::time::Duration = std::time::Duration::from_secs(3600);
/// Since when nothing names which keys.
const RETIRED: &str = "keys_retired";

words! {
    /// Whether there is more to do now.
    Tended: "tended" {
        /// There is.
        More = "more",
        /// Not before the next look.
        All = "all",
    }
}

/// Moves one piece of what names an old key; if there is none, retires keys and destroys them.
pub(crate) async fn tend(
    store: &Store,
    fence: &Fence,
    walk: &mut Walk,
    now: Instant,
) -> Result<Tended, StoreError> {
    if store.move_piece(Some(fence), walk).await?.is_some() {
        return Ok(Tended::More);
    }
    let names = store.key_names();
    let mut retired = Retired::read(store).await?;
    for key in names.iter().filter(|key| ROTATING.contains(&key.purpose())) {
        let is_needed = is_newest(key, &names)
            || {
                let named = store.named(key).await?;
                if named.n_rows > 0 {
                    // All that can move has moved.
                    tracing::warn!(%key, n_rows = named.n_rows, "rows that do not open keep their old key");
                }
                named.n_rows + named.n_fixed > 0
            };
        match (is_needed, retired.since.get(key.as_str())) {
            (true, Some(_)) => {
                retired.since.remove(key.as_str());
                let entry = entry(now, Event::KeyRetired, key.as_str(), "is needed again");
                retired.keep(store, fence, &entry).await?;
            }
            (false, None) => {
                retired.since.insert(key.to_string(), now);
                let entry = entry(now, Event::KeyRetired, key.as_str(), "nothing names it");
                retired.keep(store, fence, &entry).await?;
            }
            (false, Some(since)) if since.checked_add(WINDOW).is_ok_and(|end| end <= now) => {
                // What came to name it meanwhile is seen by the next look.
                store.destroy_key(Some(fence), key).await?;
            }
            _ => {}
        }
    }
    // Also one whose end was not noted any more when the program was killed.
    let living = store.key_names();
    let is_gone = |name: &&String| living.iter().all(|key| key.as_str() != **name);
    let gone: Vec<String> = retired.since.keys().filter(is_gone).cloned().collect();
    for name in gone {
        retired.since.remove(&name);
        let entry = entry(now, Event::KeyDestroyed, &name, "nothing named it for 35 days");
        retired.keep(store, fence, &entry).await?;
    }
    Ok(Tended::All)
}

/// Whether a key is the one in use for its purpose.
pub(crate) fn is_newest(key: &KeyName, all: &[KeyName]) -> bool {
    all.iter().rfind(|other| other.serves(key.purpose())) == Some(key)
}

/// Since when nothing names which keys.
pub(crate) async fn retired(store: &Store) -> Result<BTreeMap<String, Instant>, StoreError> {
    Ok(Retired::read(store).await?.since)
}

/// The same, and as what it was read.
struct Retired {
    text: Option<String>,
    since: BTreeMap<String, Instant>,
}

impl Retired {
    async fn read(store: &Store) -> Result<Self, StoreError> {
        let text = store.setting(RETIRED).await?;
        let since = text.as_deref().and_then(|text| serde_json::from_str(text).ok());
        Ok(Self { since: since.unwrap_or_default(), text })
    }

    /// Only whoever runs the engine writes this: where it is not what was read, another does by now.
    async fn keep(
        &mut self,
        store: &Store,
        fence: &Fence,
        entry: &Entry,
    ) -> Result<(), StoreError> {
        let text = serde_json::json!(self.since).to_string();
        let before = self.text.as_deref();
        match store.replace_setting(fence, RETIRED, before, &text, entry).await? {
            Applied::Done => self.text = Some(text),
            Applied::Lost => return Err(StoreError::FenceLost),
        }
        Ok(())
    }
}

fn entry(now: Instant, event: Event, key: &str, why: &str) -> Entry {
    Entry::new(now, Actor::Engine, event).fact("key", key).fact("why", why)
}
