//! The profiles of one person in one space, as look-up after look-up shows them.

use std::collections::BTreeSet;

use connector_api::report::FoundIdentifier;
use domain::IdentifierKind;
use serde::{Deserialize, Serialize};

use super::Wanted;
use crate::segment::mapping::{self, ProfileKey};

/// The profiles found so far.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Profiles {
    known: Vec<Profile>,
    /// Profiles that a look-up led to by a value which they list in another case only.
    in_another_case: Vec<Profile>,
    /// Profiles that a user id made from an address led to, and that list other addresses only.
    of_another_address: Vec<Profile>,
}

/// One profile: everything it is listed under.
#[derive(Serialize, Deserialize)]
struct Profile {
    listed: Vec<Listed>,
    keys: BTreeSet<ProfileKey>,
}

/// An external id exactly as a space lists it.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Listed {
    pub(super) kind: IdentifierKind,
    id_type: String,
    value: String,
}

impl Listed {
    /// An external id, unless it names no person.
    pub(super) fn new(id_type: String, value: String) -> Option<Self> {
        let kind = mapping::kind_of(&id_type).filter(|_| !value.is_empty())?;
        Some(Self { kind, id_type, value })
    }

    /// The same as something to look up.
    pub(super) fn wanted(&self) -> Wanted {
        let Self { kind, id_type, value } = self.clone();
        Wanted { kind, id_type, value, made_from: None }
    }
}

impl Profiles {
    /// Adds what a look-up led to. A profile that shares an external id with a known one is the
    /// same; one that lists the value in another case only may be a stranger's.
    pub(super) fn add(&mut self, wanted: Wanted, mut listed: Vec<Listed>) {
        let key = wanted.key();
        let mut spellings =
            listed.iter().filter(|it| ProfileKey::new(&it.id_type, &it.value) == key).peekable();
        let is_listed = spellings.peek().is_some();
        let is_exact = spellings.any(|it| it.value == wanted.value);
        let is_stranger = is_listed && !is_exact && mapping::case_matters(&wanted.kind);
        let is_of_another = wanted.made_from.as_ref().is_some_and(|address| {
            let mut addresses = listed.iter().filter(|it| it.kind == IdentifierKind::Email);
            let mut others = addresses.clone();
            others.next().is_some() && !addresses.any(|it| it.value.eq_ignore_ascii_case(address))
        });
        if !is_listed {
            let Wanted { kind, id_type, value, .. } = wanted;
            listed.push(Listed { kind, id_type, value });
        }
        let keys = listed.iter().map(|it| ProfileKey::new(&it.id_type, &it.value)).collect();
        let profile = Profile { listed, keys };
        if is_of_another {
            self.of_another_address.push(profile);
        } else if is_stranger {
            self.in_another_case.push(profile);
        } else {
            self.merge(profile);
        }
    }

    /// Whether an answer has listed this already.
    pub(super) fn covers(&self, key: &ProfileKey) -> bool {
        self.known.iter().any(|profile| profile.keys.contains(key))
    }

    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.known.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn n_without_user_id(&self) -> usize {
        let has_user_id =
            |profile: &&Profile| profile.listed.iter().any(|it| it.kind == IdentifierKind::UserId);
        self.known.len() - self.known.iter().filter(has_user_id).count()
    }

    /// Whether a look-up led to a profile that is known by nothing but a value in another case.
    pub(super) fn is_there_another_case(&self) -> bool {
        !self.in_another_case.iter().all(|profile| self.knows(profile))
    }

    /// Whether a user id made from an address led to a profile that is known by nothing else.
    pub(super) fn is_there_another_address(&self) -> bool {
        !self.of_another_address.iter().all(|profile| self.knows(profile))
    }

    fn knows(&self, profile: &Profile) -> bool {
        profile.keys.iter().any(|key| self.covers(key))
    }

    /// Everything that the profiles are listed under.
    pub(super) fn listed(&self) -> impl Iterator<Item = &Listed> {
        self.known.iter().flat_map(|profile| &profile.listed)
    }

    /// The same, as found in a place, each once.
    pub(super) fn found(&self, place: &str) -> Vec<FoundIdentifier> {
        let mut seen = BTreeSet::new();
        self.listed()
            .filter(|it| seen.insert((&it.kind, &it.value)))
            .map(|it| FoundIdentifier {
                kind: it.kind.clone(),
                value: it.value.clone(),
                place: place.to_owned(),
            })
            .collect()
    }

    fn merge(&mut self, mut profile: Profile) {
        let (same, other): (Vec<_>, Vec<_>) = std::mem::take(&mut self.known)
            .into_iter()
            .partition(|known| !known.keys.is_disjoint(&profile.keys));
        self.known = other;
        for mut known in same {
            known.listed.append(&mut profile.listed);
            known.keys.append(&mut profile.keys);
            profile = known;
        }
        self.known.push(profile);
    }
}
