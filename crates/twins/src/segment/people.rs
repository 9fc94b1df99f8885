//! The invented people: who exists, under which identifiers, in which space.
//!
//! Person `n` follows from the seed and `n` alone. Regular people come first; the odd ones, a few of
//! each [`Kind`], close the list.

use serde::Serialize;

use super::catalog::{ANDROID, IOS, PORTAL, SERVER, WEB};
use super::ids::{Purpose, stream, uuid};

/// What is odd about a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// One user id, two anonymous ids, one e-mail address, one phone number, in the first space.
    Regular,
    /// The user id has capitals.
    MixedCase,
    /// The e-mail address has a `+`.
    Plus,
    /// The user id has slashes.
    Slash,
    /// The user id has colons.
    Colon,
    /// Known in both spaces, under different user ids and anonymous ids.
    TwoSpaces,
    /// Known by e-mail address, phone and anonymous ids only.
    NoUserId,
    /// One profile with two user ids.
    TwoUserIds,
    /// Has data in the iOS source, one of whose destinations can't delete.
    Residue,
    /// Has data in the Android source, whose destination fails until it is configured.
    FailingDestination,
}

const ODD: [Kind; 9] = [
    Kind::MixedCase,
    Kind::Plus,
    Kind::Slash,
    Kind::Colon,
    Kind::TwoSpaces,
    Kind::NoUserId,
    Kind::TwoUserIds,
    Kind::Residue,
    Kind::FailingDestination,
];

const FIRST_NAMES: [&str; 16] = [
    "Ana", "Boris", "Chiara", "Dmitri", "Elif", "Femi", "Greta", "Hugo", "Ines", "Jonas", "Keiko",
    "Lars", "Mina", "Noor", "Olga", "Pavel",
];
const LAST_NAMES: [&str; 16] = [
    "Quill", "Rowan", "Sorrel", "Tansy", "Umber", "Vetch", "Willow", "Yarrow", "Zinnia", "Alder",
    "Birch", "Cedar", "Dahlia", "Elder", "Fennel", "Gorse",
];
const DOMAINS: [&str; 3] = ["example.com", "example.org", "example.net"];

/// One person.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) n: usize,
    pub(super) kind: Kind,
    pub(super) first_name: &'static str,
    pub(super) last_name: &'static str,
    pub(super) email: String,
    pub(super) phone: String,
    pub(super) homes: Vec<Home>,
}

/// A person's profile in one space.
#[derive(Clone, Debug)]
pub(super) struct Home {
    pub(super) space: usize,
    pub(super) user_ids: Vec<String>,
    pub(super) anonymous_ids: Vec<String>,
    /// Where anonymous visits and where known events come from.
    pub(super) front: usize,
    pub(super) back: usize,
}

/// How many people of each odd kind there are in a population.
pub(super) fn odd_of_each(people: usize, regular_only: bool) -> usize {
    match people {
        _ if regular_only => 0,
        0..18 => 0,
        18..60 => 1,
        _ => 3,
    }
}

/// Person `n` of `people`.
pub(super) fn person(seed: u64, n: usize, people: usize, regular_only: bool) -> Person {
    let each = odd_of_each(people, regular_only);
    let n_regular = people - each * ODD.len();
    let odd = n.checked_sub(n_regular).and_then(|at| ODD.get(at / each.max(1)));
    let kind = odd.copied().unwrap_or(Kind::Regular);
    let (first_name, last_name) = (FIRST_NAMES[n % 16], LAST_NAMES[n / 16 % 16]);
    let local = format!("{first_name}.{last_name}.{n}").to_lowercase();
    let local = if kind == Kind::Plus { format!("{local}+shop") } else { local };
    let email = format!("{local}@{}", DOMAINS[n % 3]);
    let homes = homes(seed, n, kind);
    Person { n, kind, first_name, last_name, email, phone: phone(n), homes }
}

fn homes(seed: u64, n: usize, kind: Kind) -> Vec<Home> {
    let rng = &mut stream(seed, Purpose::Person(n));
    let mut anonymous_ids = || vec![uuid(rng), uuid(rng)];
    let number = 100_000 + n;
    let user_ids = match kind {
        Kind::MixedCase => vec![format!("Cust-{number}-AbC")],
        Kind::Slash => vec![format!("crm/eu/{number}")],
        Kind::Colon => vec![format!("shop:{number}:eu")],
        Kind::NoUserId => vec![],
        Kind::TwoUserIds => vec![format!("cust-{number}"), format!("legacy-{number}")],
        _ => vec![format!("cust-{number}")],
    };
    let front = match kind {
        Kind::Residue => IOS,
        Kind::FailingDestination => ANDROID,
        _ => WEB,
    };
    let shop = Home { space: 0, user_ids, anonymous_ids: anonymous_ids(), front, back: SERVER };
    if kind != Kind::TwoSpaces {
        return vec![shop];
    }
    let dealer = Home {
        space: 1,
        user_ids: vec![format!("dealer-{number}")],
        anonymous_ids: anonymous_ids(),
        front: PORTAL,
        back: PORTAL,
    };
    vec![shop, dealer]
}

/// A number of the ranges that are kept free for fiction: 555-01xx under each area code.
fn phone(n: usize) -> String {
    let mut areas = (201..990).filter(|area| area / 10 % 10 != 9 && area % 100 != 11);
    let count = areas.clone().count();
    let area = areas.nth(n / 100 % count).unwrap_or(201);
    let exchange = 555 + n / (100 * count);
    format!("+1{area}{exchange}01{:02}", n % 100)
}

/// A person as `subjects` and `/population` show them.
#[derive(Serialize)]
pub(super) struct Subject {
    kind: Kind,
    email: String,
    user_id: Option<String>,
    anonymous_id: Option<String>,
    phone: String,
}

impl Person {
    pub(super) fn subject(&self) -> Subject {
        let home = &self.homes[0];
        Subject {
            kind: self.kind,
            email: self.email.clone(),
            user_id: home.user_ids.first().cloned(),
            anonymous_id: home.anonymous_ids.first().cloned(),
            phone: self.phone.clone(),
        }
    }

    /// Every external id of one home, with the place of its source.
    pub(super) fn external_ids(&self, home: &Home) -> Vec<(&'static str, String, usize)> {
        let mut ids = Vec::with_capacity(6);
        ids.extend(home.user_ids.iter().map(|id| ("user_id", id.clone(), home.back)));
        ids.push(("email", self.email.clone(), home.back));
        ids.push(("phone", self.phone.clone(), home.back));
        ids.extend(home.anonymous_ids.iter().map(|id| ("anonymous_id", id.clone(), home.front)));
        ids
    }
}
