//! Which profile an event belongs to, and what it changes there (contract 4.5 and 8).
//!
//! Matching is flat: no profile with any of the event's ids makes a new one, one takes the event,
//! several are merged. An id of low priority is left out where a profile would get more ids of a
//! type than it may have.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::ids::base62;
use super::spaces::{
    Account, AccountLink, Class, Event, ExternalId, IdType, Origin, Profile, Space, Trait, id_type,
};
use super::state::Segment;
use super::tracking_api::Message;

/// The event that carries a person's consent (5).
const CONSENT_EVENT: &str = "Segment Consent Preference Updated";

/// An event on its way into the space of its source.
pub(super) struct Arrival {
    pub(super) source: usize,
    pub(super) kind: String,
    pub(super) message_id: Arc<str>,
    pub(super) at: Timestamp,
    pub(super) message: Message,
}

/// Puts an event into the profile that it belongs to.
pub(super) fn take_in(state: &mut Segment, arrival: Arrival) {
    let Some(number) = state.sources[arrival.source].space else { return };
    let now = state.now;
    let lag = state.switches.visible_after.map_or(SignedDuration::ZERO, |set| set.0);
    let visible_at = now.checked_add(lag).unwrap_or(Timestamp::MAX);
    let segment_id = format!("use_{}", base62(&mut state.arrivals, 27));
    let space = &mut state.spaces[number];
    let mut ids = ids_of(&arrival.message);
    let slots = matching(space, &mut ids);
    let origin = Origin { message_id: Arc::clone(&arrival.message_id), source: arrival.source };
    let slot = match slots.split_first() {
        None => space.insert(new_profile(segment_id, origin.clone(), now, visible_at)),
        Some((first, others)) => {
            merge(space, *first, others);
            *first
        }
    };
    for (kind, id) in &ids {
        if space.find(kind, id).is_none() {
            let (kind, id) = (kind.clone(), id.clone());
            space.add_id(slot, ExternalId { id, kind, origin: origin.clone(), created_at: now });
        }
    }
    join_account(space, slot, &arrival, now);
    if let Some(profile) = space.profile_mut(slot) {
        profile.updated_at = now;
        profile.last = origin;
        record(profile, arrival, ids, now);
    }
}

/// The external ids that an event carries, by priority: user id, e-mail, then alphabetical.
fn ids_of(message: &Message) -> Vec<(IdType, String)> {
    let of_context = message.context.as_ref().and_then(|context| context.get("traits"));
    let places = [message.traits.as_ref(), of_context.and_then(Value::as_object)];
    let text = |object: Option<&Map<String, Value>>, name: &str| {
        let text = object?.get(name)?.as_str()?;
        (!text.is_empty()).then(|| text.to_owned())
    };
    let trait_of = |name: &str| places.iter().find_map(|place| text(*place, name));
    let email = trait_of("email").or_else(|| text(message.properties.as_ref(), "email"));
    [
        ("user_id", message.user_id.clone()),
        ("email", email),
        ("anonymous_id", message.anonymous_id.clone()),
        ("phone", trait_of("phone")),
    ]
    .into_iter()
    .filter_map(|(kind, id)| Some((id_type(kind), id?)))
    .collect()
}

/// The profiles that an event joins, oldest first; ids that would break a limit leave `ids`.
fn matching(space: &Space, ids: &mut Vec<(IdType, String)>) -> Vec<usize> {
    loop {
        let slots: BTreeSet<usize> =
            ids.iter().filter_map(|(kind, id)| space.find(kind, id)).collect();
        if ids.len() <= 1 || keeps_limits(space, &slots, ids) {
            return slots.into_iter().collect();
        }
        ids.pop();
    }
}

/// Whether the profiles together, with the event's ids, stay within the limits: one user id, five of
/// any other type. A profile that is allowed more already (seeded so) may keep what it has.
fn keeps_limits(space: &Space, slots: &BTreeSet<usize>, ids: &[(IdType, String)]) -> bool {
    let mut together: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut largest: BTreeMap<&str, usize> = BTreeMap::new();
    for profile in slots.iter().filter_map(|slot| space.profile(*slot)) {
        let mut own: BTreeMap<&str, usize> = BTreeMap::new();
        for held in &profile.external_ids {
            together.entry(&held.kind).or_default().insert(&held.id);
            *own.entry(&held.kind).or_default() += 1;
        }
        for (kind, count) in own {
            let most = largest.entry(kind).or_default();
            *most = count.max(*most);
        }
    }
    for (kind, id) in ids {
        together.entry(kind).or_default().insert(id);
    }
    let limit = |kind: &str| if kind == "user_id" { 1 } else { 5 };
    together.iter().all(|(kind, ids)| {
        let allowed = limit(kind).max(largest.get(kind).copied().unwrap_or(0));
        ids.len() <= allowed
    })
}

fn new_profile(
    segment_id: String,
    origin: Origin,
    now: Timestamp,
    visible_at: Timestamp,
) -> Profile {
    Profile {
        segment_id,
        external_ids: Vec::new(),
        traits: BTreeMap::new(),
        events: Vec::new(),
        accounts: Vec::new(),
        consent: None,
        created_at: now,
        updated_at: now,
        visible_at,
        first: origin.clone(),
        last: origin,
        merges: 0,
    }
}

/// Merges profiles into the first, which keeps its segment id; of two traits the later one stays.
fn merge(space: &mut Space, first: usize, others: &[usize]) {
    for other in others {
        let Some(gone) = space.remove(*other) else { continue };
        for external_id in gone.external_ids {
            space.add_id(first, external_id);
        }
        let Some(profile) = space.profile_mut(first) else { continue };
        profile.merges += 1 + gone.merges;
        profile.events.extend(gone.events);
        profile.events.sort_by_key(|event| event.at);
        profile.accounts.extend(gone.accounts);
        profile.consent = profile.consent.take().or(gone.consent);
        for (name, held) in gone.traits {
            let is_newer = |known: &Trait| known.updated_at >= held.updated_at;
            if !profile.traits.get(&name).is_some_and(is_newer) {
                profile.traits.insert(name, held);
            }
        }
    }
}

/// What a group call does: the account gets its traits, the person a link.
fn join_account(space: &mut Space, slot: usize, arrival: &Arrival, now: Timestamp) {
    let Some(group_id) = arrival.message.group_id.clone().filter(|_| arrival.kind == "group")
    else {
        return;
    };
    let account: &mut Account = space.accounts.entry(group_id.clone()).or_default();
    account.traits.extend(arrival.message.traits.clone().unwrap_or_default());
    if let Some(profile) = space.profile_mut(slot)
        && profile.accounts.iter().all(|link| link.group_id != group_id)
    {
        profile.accounts.push(AccountLink { group_id, source: arrival.source, created_at: now });
    }
}

/// Keeps traits, the event and the consent of an arrival on its profile.
fn record(profile: &mut Profile, arrival: Arrival, ids: Vec<(IdType, String)>, now: Timestamp) {
    let Arrival { source, kind, message_id, at, message } = arrival;
    let context = message.context.unwrap_or_default();
    if message.event.as_deref() == Some(CONSENT_EVENT) {
        profile.consent = context.get("consent").cloned();
    }
    match kind.as_str() {
        "identify" => {
            for (name, value) in message.traits.unwrap_or_default() {
                // Null takes a trait away (5); an empty text does not.
                if value.is_null() {
                    profile.traits.remove(&name);
                } else {
                    let held = Trait { value, class: Class::Plain, source, updated_at: now };
                    profile.traits.insert(name, held);
                }
            }
        }
        // Pages and screens leave no trace that the Profile API would tell (4.3).
        "track" => {
            let name = message.event.unwrap_or_default();
            let properties = Value::Object(message.properties.unwrap_or_default());
            let origin = Origin { message_id, source };
            let context = Arc::new(Value::Object(context));
            profile.events.push(Event { name, origin, at, properties, context, ids });
        }
        _ => {}
    }
}
