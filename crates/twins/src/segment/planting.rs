//! Gives the invented people their profiles: external ids, traits, events, accounts.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::ids::{Purpose, base62, stream};
use super::people::{Home, Person};
use super::spaces::{
    AccountLink, Class, Event, ExternalId, Origin, Profile, Space, Trait, id_type,
};

/// Every so many people have more traits than fit on the largest page.
const MANY_TRAITS_EVERY: usize = 50;
/// Every so many people belong to an account.
const ACCOUNT_EVERY: usize = 10;

/// What all planted people have in common.
pub(super) struct Planter {
    seed: u64,
    start: Timestamp,
    /// The contexts of anonymous and of known events; shared, since there are so many events.
    contexts: [Arc<Value>; 2],
}

impl Planter {
    pub(super) fn new(seed: u64, start: Timestamp) -> Planter {
        let libraries = ["analytics.js", "@segment/analytics-node"];
        let context = |name| json!({"ip": "203.0.113.9", "library": {"name": name}});
        Planter { seed, start, contexts: libraries.map(|name| Arc::new(context(name))) }
    }

    /// Puts the profiles of a person into the spaces.
    pub(super) fn plant(&self, spaces: &mut [Space], person: &Person) {
        // Beside the stream that made the ids, so that neither disturbs the other.
        let rng = &mut stream(self.seed ^ 0x5eed, Purpose::Person(person.n));
        for home in &person.homes {
            let mut profile = profile(person, home, rng, self.start);
            profile.events = self.events(home, rng);
            let Some(space) = spaces.get_mut(home.space) else { continue };
            for link in &profile.accounts {
                let account = space.accounts.entry(link.group_id.clone()).or_default();
                account.traits.insert("name".to_owned(), json!(format!("Club {}", link.group_id)));
                account.traits.insert("industry".to_owned(), json!("retail"));
            }
            space.insert(profile);
        }
    }

    /// Two older events than the Profile API shows, and three of the last 14 days; oldest first.
    fn events(&self, home: &Home, rng: &mut ChaCha8Rng) -> Vec<Event> {
        let hours_ago = [24 * 90, 24 * 15, 24 * 9, 24 * 3, 7];
        let names = ["Account Created", "Order Completed", "Product Viewed", "Cart Viewed"];
        let event = |(at, hours): (usize, i64)| {
            let is_known = at % 2;
            let source = [home.front, home.back][is_known];
            let id = match (is_known, home.user_ids.first()) {
                (1, Some(user_id)) => (id_type("user_id"), user_id.clone()),
                _ => (id_type("anonymous_id"), home.anonymous_ids[0].clone()),
            };
            Event {
                name: names[at % names.len()].to_owned(),
                origin: Origin { message_id: format!("msg-{}", base62(rng, 14)).into(), source },
                at: before(self.start, hours, rng),
                properties: json!({"order_id": base62(rng, 6), "total": rng.random_range(1..300)}),
                context: Arc::clone(&self.contexts[is_known]),
                ids: vec![id],
            }
        };
        hours_ago.into_iter().enumerate().map(event).collect()
    }
}

fn profile(person: &Person, home: &Home, rng: &mut ChaCha8Rng, start: Timestamp) -> Profile {
    let created_at = before(start, rng.random_range(60..900) * 24, rng);
    let updated_at = before(start, rng.random_range(1..48), rng);
    let first: Arc<str> = format!("ajs-{}", base62(rng, 12)).into();
    let known: Arc<str> = format!("node-{}", base62(rng, 12)).into();
    let first = Origin { message_id: first, source: home.front };
    let known = Origin { message_id: known, source: home.back };
    let ids = person.external_ids(home).into_iter();
    let external_ids = ids.map(|(kind, id, source)| ExternalId {
        id,
        kind: id_type(kind),
        origin: if source == home.front { first.clone() } else { known.clone() },
        created_at,
    });
    let accounts = (person.n % ACCOUNT_EVERY == 3).then(|| AccountLink {
        group_id: format!("acct-{}", person.n % 7),
        source: home.back,
        created_at,
    });
    Profile {
        segment_id: format!("use_{}", base62(rng, 27)),
        external_ids: external_ids.collect(),
        traits: traits(person, home, updated_at, rng),
        events: Vec::new(),
        accounts: accounts.into_iter().collect(),
        consent: None,
        created_at,
        updated_at,
        visible_at: created_at,
        first,
        last: known,
        merges: 0,
    }
}

fn traits(
    person: &Person,
    home: &Home,
    updated_at: Timestamp,
    rng: &mut ChaCha8Rng,
) -> BTreeMap<String, Trait> {
    let plain = [
        ("email", json!(person.email)),
        ("phone", json!(person.phone)),
        ("first_name", json!(person.first_name)),
        ("last_name", json!(person.last_name)),
        ("plan", json!(["free", "silver", "gold"][person.n % 3])),
        ("language", json!(["en", "de", "fr", "es"][person.n % 4])),
        ("newsletter", json!(person.n.is_multiple_of(2))),
        ("orders", json!(rng.random_range(0..40))),
        ("address", json!({"city": "Springfield", "postal_code": format!("{:05}", person.n)})),
        ("birthday", json!(format!("19{:02}-05-{:02}", 50 + person.n % 50, 1 + person.n % 28))),
    ];
    let computed = ("lifetime_value", json!(f64::from(rng.random_range(0..200_000)) / 100.0));
    let audience = ("vip_audience", json!(person.n.is_multiple_of(5)));
    let many = if person.n % MANY_TRAITS_EVERY == 7 { 220 } else { 0 };
    let tagged = |class| move |(name, value): (&str, Value)| (name.to_owned(), value, class);
    let all = (plain.into_iter().map(tagged(Class::Plain)))
        .chain([tagged(Class::ComputedTrait)(computed), tagged(Class::Audience)(audience)])
        .chain((0..many).map(|n| (format!("survey_{n:03}"), json!(n % 6), Class::Plain)));
    let given =
        |(name, value, class)| (name, Trait { value, class, source: home.back, updated_at });
    all.map(given).collect()
}

/// About so many hours before `start`, never after it.
fn before(start: Timestamp, hours: i64, rng: &mut ChaCha8Rng) -> Timestamp {
    let ago = SignedDuration::from_hours(hours)
        + SignedDuration::from_micros(rng.random_range(0..3_600_000_000));
    start.checked_sub(ago).unwrap_or(Timestamp::MIN)
}
