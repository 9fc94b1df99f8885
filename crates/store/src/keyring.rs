//! The keys in use: epoch keys, the key of credentials, index keys, and unwrapped request keys.
//!
//! A request's key is random, sealed ("wrapped") under the epoch key of the month it was made in, and
//! stands in a row of its own: once that row is gone, or the epoch key is, its values can't be opened
//! by anybody, backups included. Unwrapped request keys are kept in memory for the recent requests
//! only; nothing depends on their being there.

mod recent;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use domain::Digest;
use jiff::Timestamp;
use zeroize::Zeroizing;

use self::recent::Recent;
use crate::keys::{EPOCH, KeyError, KeyName, KeySource, PurgedLine};
use crate::seal::{IndexKey, KEY_LEN, Place, SealError, SealingKey, key_name_of, new_key};

/// A purpose.
pub(crate) const CREDENTIALS: &str = "credentials";
/// A purpose.
pub(crate) const EVIDENCE: &str = "evidence";
const FINGERPRINT: &str = "fingerprint";
/// A purpose.
pub(crate) const INDEX: &str = "index";
/// The purposes of which a new key can be made in place of the one before.
pub const ROTATING: [&str; 4] = [EPOCH, CREDENTIALS, EVIDENCE, INDEX];

/// A fresh request key: to use, and to store.
pub struct NewRequestKey {
    /// The key.
    pub key: Arc<SealingKey>,
    /// The same, wrapped under its epoch's key.
    pub wrapped: Vec<u8>,
    /// The name of that one.
    pub epoch: KeyName,
}

/// All keys of an installation.
pub struct Keyring {
    source: Arc<dyn KeySource>,
    living: RwLock<Arc<Living>>,
    fingerprint: IndexKey,
    /// Held by whoever makes a key in place of another.
    making: Mutex<()>,
    /// The newest epoch that ever was in use, as far as is known: its name is given to no other key.
    known_epoch: Mutex<Option<KeyName>>,
    named: Mutex<HashMap<KeyName, Arc<SealingKey>>>,
    recent: Mutex<Recent>,
}

/// The keys that exist, the newest of each purpose last.
struct Living {
    names: Vec<KeyName>,
    /// Values are indexed under the newest and looked for under all.
    index: Vec<IndexKey>,
    /// Whether some values may still be filed under the key before the newest alone.
    is_moving: bool,
}

impl Living {
    fn read(source: &dyn KeySource, is_moving: bool) -> Result<Self, KeyError> {
        let names = source.names()?;
        let mut index = Vec::new();
        for name in names.iter().filter(|name| name.serves(INDEX)) {
            let secret = source.get(name)?.ok_or_else(|| KeyError::Missing(name.clone()))?;
            index.push(IndexKey::new(name.as_str(), &secret));
        }
        Ok(Self { names, index, is_moving })
    }

    fn of(&self, purpose: &str) -> impl DoubleEndedIterator<Item = &KeyName> {
        self.names.iter().filter(move |name| name.serves(purpose))
    }
}

impl Keyring {
    /// Takes up the keys of a source. With `Making::Allowed`, for a store that is new, the first keys
    /// are made; where one is used already, each purpose must have a key.
    pub fn open(source: Arc<dyn KeySource>, making: Making) -> Result<Self, KeyError> {
        let names = source.names()?;
        for purpose in [INDEX, CREDENTIALS, EVIDENCE, FINGERPRINT] {
            let first = KeyName::first(purpose);
            match making {
                Making::Allowed => drop(source.get_or_make(&first)?),
                Making::Refused if names.iter().any(|name| name.serves(purpose)) => {}
                Making::Refused => return Err(KeyError::Missing(first)),
            }
        }
        let name = KeyName::first(FINGERPRINT);
        let secret = source.get(&name)?.ok_or_else(|| KeyError::Missing(name.clone()))?;
        let fingerprint = IndexKey::new(name.as_str(), &secret);
        // Until it is known that all have moved.
        let living = RwLock::new(Arc::new(Living::read(&*source, true)?));
        let ring = Self {
            source,
            living,
            fingerprint,
            making: Mutex::default(),
            known_epoch: Mutex::default(),
            named: Mutex::default(),
            recent: Mutex::default(),
        };
        ring.know_epoch(ring.names_of(EPOCH).pop());
        Ok(ring)
    }

    /// Looks again which keys exist, after somebody may have made or destroyed some.
    pub fn reload(&self, is_moving: bool) -> Result<(), KeyError> {
        let living = Arc::new(Living::read(&*self.source, is_moving)?);
        *self.living.write().unwrap_or_else(PoisonError::into_inner) = living;
        self.know_epoch(self.names_of(EPOCH).pop());
        Ok(())
    }

    /// Remembers that an epoch was in use, whether its key is still there or not.
    pub fn know_epoch(&self, epoch: Option<KeyName>) {
        let mut known = self.known_epoch.lock().unwrap_or_else(PoisonError::into_inner);
        *known = known.take().max(epoch);
    }

    /// Whether the keys that were taken up are still there, but for those that were destroyed.
    pub fn check(&self) -> Result<(), KeyError> {
        self.source.check()?;
        let taken_up = self.names();
        let there = self.source.names()?;
        for name in taken_up.into_iter().filter(|name| !there.contains(name)) {
            if !self.source.was_destroyed(&name)? {
                return Err(KeyError::Missing(name));
            }
        }
        Ok(())
    }

    /// The names of the keys of a purpose that exist, the newest last.
    pub fn names_of(&self, purpose: &str) -> Vec<KeyName> {
        self.living().of(purpose).cloned().collect()
    }

    /// All keys that exist.
    pub fn names(&self) -> Vec<KeyName> {
        self.living().names.clone()
    }

    /// The names of the keys that its source has now.
    pub fn found(&self) -> Result<Vec<KeyName>, KeyError> {
        self.source.names()
    }

    /// Makes the key that follows the newest of its purpose, also where that is known and not here. It is
    /// in use once it is taken up.
    pub fn make_next(
        &self,
        purpose: &str,
        known: Option<&KeyName>,
        now: Timestamp,
    ) -> Result<KeyName, KeyError> {
        let _one_at_a_time = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        let living = self.living();
        if purpose == INDEX && living.is_moving && living.index.len() > 1 {
            return Err(KeyError::IndexMoving);
        }
        let name = match living.of(purpose).next_back().max(known) {
            Some(newest) if purpose == EPOCH => newest.next().max(KeyName::epoch(now)),
            Some(newest) => newest.next(),
            None => KeyName::first(purpose),
        };
        self.source.get_or_make(&name)?;
        Ok(name)
    }

    /// Uses the newest key of a purpose from now on.
    pub fn take_up(&self, purpose: &str) -> Result<(), KeyError> {
        self.reload(self.living().is_moving || purpose == INDEX)
    }

    /// The token under which a value of a kind is filed.
    pub fn token(&self, kind: &str, value: &str) -> Result<String, KeyError> {
        let living = self.living();
        let newest = living.index.last();
        let newest = newest.ok_or_else(|| KeyError::Missing(KeyName::first(INDEX)))?;
        Ok(newest.token(kind, value))
    }

    /// The token under the key before the newest, while values move from that one.
    pub fn older_token(&self, kind: &str, value: &str) -> Option<String> {
        let living = self.living();
        let before = living.index.iter().rev().nth(1).filter(|_| living.is_moving);
        before.map(|key| key.token(kind, value))
    }

    /// All tokens under which a value of a kind may have been filed: one per living key.
    pub fn tokens(&self, kind: &str, value: &str) -> Vec<String> {
        self.living().index.iter().map(|key| key.token(kind, value)).collect()
    }

    /// The digest of a set of values; order and repetition don't matter. Its key never rotates,
    /// since digests are compared weeks apart.
    pub fn fingerprint<'a>(&self, members: impl IntoIterator<Item = &'a str>) -> Digest {
        let digest = |member| self.fingerprint.digest("member", member);
        let mut digests: Vec<[u8; 32]> = members.into_iter().map(digest).collect();
        digests.sort_unstable();
        digests.dedup();
        Digest::of(digests.as_flattened())
    }

    /// Makes the epoch key of `now`, if it does not exist yet.
    pub fn make_epoch(&self, now: Timestamp) -> Result<(), KeyError> {
        self.epoch(now).map(drop)
    }

    /// Makes the key of a request, under the epoch of `now`.
    pub fn new_request_key(
        &self,
        request: &str,
        now: Timestamp,
    ) -> Result<NewRequestKey, KeyError> {
        let name = self.epoch(now)?;
        let epoch = self.named(&name, Making::Allowed)?;
        let secret = new_key()?;
        let wrapped = epoch.seal(wrapping(request), secret.as_slice())?;
        let key = Arc::new(SealingKey::new(request, &secret)?);
        self.recent().put(request, Arc::clone(&key));
        Ok(NewRequestKey { key, wrapped, epoch: name })
    }

    /// The request's key, if it was used lately.
    pub fn recent_request_key(&self, request: &str) -> Option<Arc<SealingKey>> {
        self.recent().get(request)
    }

    /// Unwraps a request's key and keeps it at hand.
    pub fn request_key(&self, request: &str, wrapped: &[u8]) -> Result<Arc<SealingKey>, KeyError> {
        if let Some(key) = self.recent_request_key(request) {
            return Ok(key);
        }
        let name = epoch_of(wrapped)?;
        let plain = self.named(&name, Making::Refused)?.open(wrapping(request), wrapped)?;
        let bytes: [u8; KEY_LEN] = plain.as_slice().try_into().map_err(|_| SealError::Malformed)?;
        let key = Arc::new(SealingKey::new(request, &Zeroizing::new(bytes))?);
        self.recent().put(request, Arc::clone(&key));
        Ok(key)
    }

    /// Wraps a request's key anew under the newest epoch's.
    pub fn rewrap(
        &self,
        request: &str,
        wrapped: &[u8],
        epoch: &KeyName,
    ) -> Result<Vec<u8>, KeyError> {
        let old = self.named(&epoch_of(wrapped)?, Making::Refused)?;
        let plain = old.open(wrapping(request), wrapped)?;
        let new = self.named(epoch, Making::Refused)?;
        Ok(new.seal(wrapping(request), &plain)?)
    }

    /// Names a request in the list of purged ones, durably.
    pub fn note_purged(&self, line: &PurgedLine) -> Result<(), KeyError> {
        self.source.note_purged(line)
    }

    /// Strikes a line out of that list, durably.
    pub fn note_refused(&self, line: &PurgedLine) -> Result<(), KeyError> {
        self.source.note_refused(line)
    }

    /// The list of purged requests.
    pub fn purged(&self) -> Result<Vec<PurgedLine>, KeyError> {
        self.source.purged()
    }

    /// Whether a key was destroyed, and is not merely missing.
    pub fn was_destroyed(&self, name: &KeyName) -> Result<bool, KeyError> {
        self.source.was_destroyed(name)
    }

    /// Forgets a request's key in memory. The caller removes its row.
    pub fn forget(&self, request: &str) {
        self.recent().remove(request);
    }

    /// Forgets all request keys in memory, as after another process may have destroyed some.
    pub fn forget_all(&self) {
        *self.recent() = Recent::default();
    }

    /// The key under which new credentials are sealed.
    pub fn credentials(&self) -> Result<Arc<SealingKey>, KeyError> {
        self.newest(CREDENTIALS)
    }

    /// The key that a sealed credential names.
    pub fn credentials_of(&self, sealed: &[u8]) -> Result<Arc<SealingKey>, KeyError> {
        self.named(&named_for(CREDENTIALS, sealed)?, Making::Refused)
    }

    /// The key under which new evidence about many people is sealed.
    pub fn evidence(&self) -> Result<Arc<SealingKey>, KeyError> {
        self.newest(EVIDENCE)
    }

    /// The key that sealed evidence about many people names.
    pub fn evidence_of(&self, sealed: &[u8]) -> Result<Arc<SealingKey>, KeyError> {
        self.named(&named_for(EVIDENCE, sealed)?, Making::Refused)
    }

    /// Destroys a key that is not the newest of its purpose: nothing sealed under it opens again.
    pub fn destroy(&self, key: &KeyName) -> Result<(), KeyError> {
        let living = self.living();
        let is_newest = living.of(key.purpose()).next_back() == Some(key);
        if is_newest || !ROTATING.contains(&key.purpose()) {
            return Err(KeyError::InUse(key.clone()));
        }
        self.source.destroy(key)?;
        self.named.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
        self.forget_all();
        self.reload(living.is_moving)
    }

    /// The epoch under which new request keys are wrapped: that of the month, or one made since. Where
    /// the key of the newest one is missing, another takes its place, under a name of its own.
    fn epoch(&self, now: Timestamp) -> Result<KeyName, KeyError> {
        let month = KeyName::epoch(now);
        let known = self.known_epoch.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let newest = self.living().of(EPOCH).next_back().cloned();
        if let Some(newest) = newest.filter(|one| *one >= month && Some(one) >= known.as_ref()) {
            return Ok(newest);
        }
        let made = known.filter(|known| *known >= month).map_or(month, |known| known.next());
        self.source.get_or_make(&made)?;
        self.reload(self.living().is_moving)?;
        Ok(made)
    }

    fn living(&self) -> Arc<Living> {
        Arc::clone(&self.living.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn newest(&self, purpose: &str) -> Result<Arc<SealingKey>, KeyError> {
        let newest = self.living().of(purpose).next_back().cloned();
        self.named(&newest.unwrap_or_else(|| KeyName::first(purpose)), Making::Refused)
    }

    fn named(&self, name: &KeyName, making: Making) -> Result<Arc<SealingKey>, KeyError> {
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = named.get(name) {
            return Ok(Arc::clone(key));
        }
        let secret = match making {
            Making::Allowed => self.source.get_or_make(name)?,
            Making::Refused => match self.source.get(name)? {
                Some(secret) => secret,
                None if self.source.was_destroyed(name)? => {
                    return Err(KeyError::Destroyed(name.clone()));
                }
                None => return Err(KeyError::Missing(name.clone())),
            },
        };
        let key = Arc::new(SealingKey::new(name.as_str(), &secret)?);
        named.insert(name.clone(), Arc::clone(&key));
        Ok(key)
    }

    fn recent(&self) -> std::sync::MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether keys may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Making {
    /// A missing key is made, as by a program that writes.
    Allowed,
    /// A missing key is an error, as for one that reads.
    Refused,
}

fn wrapping(request: &str) -> Place<'_> {
    Place::new("request_key", request, "wrapped")
}

fn epoch_of(wrapped: &[u8]) -> Result<KeyName, KeyError> {
    named_for(EPOCH, wrapped)
}

/// The key that a ciphertext names, if it is one of this purpose: what stands in the database does
/// not choose among other keys.
fn named_for(purpose: &str, sealed: &[u8]) -> Result<KeyName, KeyError> {
    let name = KeyName::parse(key_name_of(sealed)?).filter(|name| name.serves(purpose));
    Ok(name.ok_or(SealError::OtherKey)?)
}

#[cfg(test)]
mod tests;
