//! Spaces and the profiles in them, with the look-ups that the Profile API and identity resolution
//! need.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::limits::Bucket;

/// The type of an external id; the common ones cost no memory.
pub(super) type IdType = Cow<'static, str>;

/// A name as an id type.
pub(super) fn id_type(name: &str) -> IdType {
    const COMMON: [&str; 5] = ["user_id", "anonymous_id", "email", "phone", "group_id"];
    match COMMON.into_iter().find(|common| *common == name) {
        Some(common) => Cow::Borrowed(common),
        None => Cow::Owned(name.to_owned()),
    }
}

pub(super) struct Space {
    pub(super) id: String,
    pub(super) slug: String,
    pub(super) name: String,
    pub(super) token: String,
    /// The `Authorization` header that this space's token makes.
    pub(super) authorization: String,
    pub(super) bucket: Bucket,
    pub(super) accounts: BTreeMap<String, Account>,
    profiles: Vec<Option<Box<Profile>>>,
    by_segment_id: HashMap<String, usize>,
    by_id: HashMap<IdType, HashMap<String, usize>>,
    /// Lower-cased forms of the ids that have capitals.
    by_folded_id: HashMap<IdType, HashMap<String, usize>>,
}

#[derive(Clone, Debug)]
pub(super) struct Profile {
    pub(super) segment_id: String,
    pub(super) external_ids: Vec<ExternalId>,
    pub(super) traits: BTreeMap<String, Trait>,
    /// Oldest first.
    pub(super) events: Vec<Event>,
    /// Ids of the accounts that this person belongs to.
    pub(super) accounts: Vec<AccountLink>,
    pub(super) consent: Option<Value>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) visible_at: Timestamp,
    pub(super) first: Origin,
    pub(super) last: Origin,
    pub(super) merges: u32,
}

/// The message that something came with.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) message_id: Arc<str>,
    pub(super) source: usize,
}

#[derive(Clone, Debug)]
pub(super) struct ExternalId {
    pub(super) id: String,
    pub(super) kind: IdType,
    pub(super) origin: Origin,
    pub(super) created_at: Timestamp,
}

/// What kind of trait it is (4.2, `class`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Class {
    Plain,
    Audience,
    ComputedTrait,
}

#[derive(Clone, Debug)]
pub(super) struct Trait {
    pub(super) value: Value,
    pub(super) class: Class,
    pub(super) source: usize,
    pub(super) updated_at: Timestamp,
}

#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) name: String,
    pub(super) origin: Origin,
    pub(super) at: Timestamp,
    pub(super) properties: Value,
    pub(super) context: Arc<Value>,
    pub(super) ids: Vec<(IdType, String)>,
}

#[derive(Clone, Debug)]
pub(super) struct AccountLink {
    pub(super) group_id: String,
    pub(super) source: usize,
    pub(super) created_at: Timestamp,
}

/// A group of people, such as a company.
#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    pub(super) traits: BTreeMap<String, Value>,
}

impl Space {
    pub(super) fn new(id: String, slug: &str, name: &str, token: String, now: Timestamp) -> Space {
        Space {
            id,
            slug: slug.to_owned(),
            name: name.to_owned(),
            authorization: format!("Basic {}", STANDARD.encode(format!("{token}:"))),
            token,
            bucket: Bucket::new(now),
            accounts: BTreeMap::new(),
            profiles: Vec::new(),
            by_segment_id: HashMap::new(),
            by_id: HashMap::new(),
            by_folded_id: HashMap::new(),
        }
    }

    pub(super) fn insert(&mut self, profile: Profile) -> usize {
        let slot = self.profiles.len();
        for external_id in &profile.external_ids {
            self.index(&external_id.kind, &external_id.id, slot);
        }
        self.by_segment_id.insert(profile.segment_id.clone(), slot);
        self.profiles.push(Some(Box::new(profile)));
        slot
    }

    pub(super) fn remove(&mut self, slot: usize) -> Option<Box<Profile>> {
        let profile = self.profiles.get_mut(slot)?.take()?;
        for external_id in &profile.external_ids {
            self.unindex(&external_id.kind, &external_id.id);
        }
        self.by_segment_id.remove(&profile.segment_id);
        Some(profile)
    }

    /// The profile that has exactly this id.
    pub(super) fn find(&self, kind: &str, id: &str) -> Option<usize> {
        self.by_id.get(kind)?.get(id).copied()
    }

    /// The profile that the Profile API finds: values of any id are compared in lower case, and a
    /// value with a capital finds nothing (4.1).
    pub(super) fn look_up(&self, kind: &str, value: &str) -> Option<&Profile> {
        self.profile(self.slot_of(kind, value)?)
    }

    /// The place of the profile that [`Space::look_up`] finds.
    pub(super) fn slot_of(&self, kind: &str, value: &str) -> Option<usize> {
        if value.chars().any(char::is_uppercase) {
            return None;
        }
        let folded = || self.by_folded_id.get(kind)?.get(value).copied();
        self.find(kind, value).or_else(folded)
    }

    pub(super) fn by_segment_id(&self, segment_id: &str) -> Option<&Profile> {
        self.profile(*self.by_segment_id.get(segment_id)?)
    }

    pub(super) fn profile(&self, slot: usize) -> Option<&Profile> {
        self.profiles.get(slot)?.as_deref()
    }

    /// For changes other than of external ids, which are indexed.
    pub(super) fn profile_mut(&mut self, slot: usize) -> Option<&mut Profile> {
        self.profiles.get_mut(slot)?.as_deref_mut()
    }

    /// All profiles, oldest first.
    pub(super) fn profiles(&self) -> impl Iterator<Item = &Profile> {
        self.profiles.iter().filter_map(Option::as_deref)
    }

    pub(super) fn add_id(&mut self, slot: usize, external_id: ExternalId) {
        self.index(&external_id.kind, &external_id.id, slot);
        if let Some(profile) = self.profile_mut(slot) {
            profile.external_ids.push(external_id);
        }
    }

    /// Takes an id off the profile that has it.
    pub(super) fn remove_id(&mut self, slot: usize, kind: &str, id: &str) {
        if let Some(profile) = self.profile_mut(slot) {
            profile.external_ids.retain(|known| known.kind != kind || known.id != id);
        }
        self.unindex(kind, id);
    }

    /// Takes everything of one source off a profile; the profile itself goes with its last id.
    pub(super) fn forget_source(&mut self, slot: usize, source: usize) -> Option<Box<Profile>> {
        let profile = self.profile_mut(slot)?;
        profile.traits.retain(|_, held| held.source != source);
        profile.events.retain(|event| event.origin.source != source);
        profile.accounts.retain(|link| link.source != source);
        let is_from = |id: &&ExternalId| id.origin.source == source;
        let ids: Vec<ExternalId> = profile.external_ids.iter().filter(is_from).cloned().collect();
        if ids.len() == profile.external_ids.len() {
            return self.remove(slot);
        }
        for id in ids {
            self.remove_id(slot, &id.kind, &id.id);
        }
        None
    }

    fn index(&mut self, kind: &IdType, id: &str, slot: usize) {
        self.by_id.entry(kind.clone()).or_default().insert(id.to_owned(), slot);
        let folded = id.to_lowercase();
        if folded != id {
            self.by_folded_id.entry(kind.clone()).or_default().insert(folded, slot);
        }
    }

    fn unindex(&mut self, kind: &str, id: &str) {
        if let Some(ids) = self.by_id.get_mut(kind) {
            ids.remove(id);
        }
        if let Some(ids) = self.by_folded_id.get_mut(kind) {
            ids.remove(&id.to_lowercase());
        }
    }
}

impl Profile {
    pub(super) fn ids_of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a str> {
        self.external_ids.iter().filter(move |id| id.kind == kind).map(|id| id.id.as_str())
    }
}
