//! What happens in a run, generated from its seed.

use domain::Right;
use jiff::SignedDuration;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

/// Until when somebody asks and something breaks; after that it only has to come to its end.
const BUSY_HOURS: i64 = 30 * 24;

/// How long a run lasts.
const WHOLE_HOURS: i64 = 120 * 24;

/// The kinds of people, as the twin calls them; most are regular.
const KINDS: &[&str] = &[
    "regular",
    "regular",
    "regular",
    "regular",
    "mixed_case",
    "plus",
    "slash",
    "colon",
    "two_spaces",
    "no_user_id",
    "two_user_ids",
    "residue",
    "failing_destination",
];

const RIGHTS: &[Right] = &[
    Right::Deletion,
    Right::Deletion,
    Right::Deletion,
    Right::Access,
    Right::OptOut,
    Right::OptIn,
];

/// What goes wrong with a call. What takes two minutes of real time is left to the conformance suite.
const FAULTS: &[&str] = &[
    "429",
    "500",
    "503",
    "401",
    "close",
    "close_after_effect",
    "cut_body",
    "html",
    "malformed_json",
];

/// Which calls go wrong, and how. That a job is unknown says nothing of the person; that a profile is,
/// would be believed.
const STRUCK: &[(&str, &str, &[&str])] = &[
    ("POST", "/regulations", FAULTS),
    ("GET", "/regulations", FAULTS),
    ("GET", "/regulations/", &["404"]),
    ("GET", "/v1/spaces", FAULTS),
    ("*", "/", FAULTS),
];

/// A run.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Where everything comes from.
    pub seed: u64,
    /// Whether a person approves, or the engine acts without asking.
    pub approval: &'static str,
    /// How people are opted out.
    pub opt_out_by: &'static str,
    /// The twin's switches.
    pub switches: Value,
    /// What the twin does to the last user id of the first who asks, if anything: a switch that takes
    /// user ids.
    pub against_first: Option<&'static str>,
    /// What happens, each so long after the beginning; in order.
    pub acts: Vec<(SignedDuration, Act)>,
    /// How long it lasts.
    pub length: SignedDuration,
}

/// Something that happens.
#[derive(Debug, Clone)]
pub enum Act {
    /// A person asks.
    Ask {
        /// For what.
        right: Right,
        /// What kind of person, as the twin calls it.
        kind: &'static str,
        /// Which of that kind.
        nth: usize,
    },
    /// Calls to the twin fail from now on, until the faults are used up.
    Faults(Value),
}

impl Scenario {
    /// The run of a seed.
    pub fn of(seed: u64) -> Self {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let mut acts = Vec::new();
        for _ in 0..rng.random_range(3..9) {
            let right = pick(rng, RIGHTS);
            let (kind, nth) = (pick(rng, KINDS), rng.random_range(0..3));
            acts.push((moment(rng), Act::Ask { right, kind, nth }));
        }
        for _ in 0..rng.random_range(0..5) {
            acts.push((moment(rng), Act::Faults(faults(rng))));
        }
        let against_first = pick(rng, &[None, None, Some("lies_about"), Some("refused_ids")]);
        if against_first.is_some() {
            let kind = pick(rng, &["regular", "two_spaces"]);
            acts.push((SignedDuration::ZERO, Act::Ask { right: Right::Deletion, kind, nth: 0 }));
        }
        acts.sort_by_key(|(at, _)| *at);
        Self {
            seed,
            approval: pick(rng, &["auto", "ask"]),
            opt_out_by: pick(rng, &["consent_event", "suppress_only"]),
            switches: switches(rng),
            against_first,
            acts,
            length: SignedDuration::from_hours(WHOLE_HOURS),
        }
    }
}

/// Most things happen on few days, so that they meet.
fn moment(rng: &mut ChaCha8Rng) -> SignedDuration {
    let day = pick(rng, &[0, 0, 1, 9, BUSY_HOURS / 24 - 1]);
    SignedDuration::from_hours(24 * day) + SignedDuration::from_mins(rng.random_range(0..180))
}

fn faults(rng: &mut ChaCha8Rng) -> Value {
    let one = |rng: &mut ChaCha8Rng| {
        let (method, path, faults) = pick(rng, STRUCK);
        json!({
            "match": {"method": method, "path": path},
            "fault": pick(rng, faults),
            "rate": pick(rng, &[0.3, 1.0]),
            "count": rng.random_range(1..4),
        })
    };
    (0..rng.random_range(1..3)).map(|_| one(rng)).collect()
}

/// A few switches, each set to something that a vendor may do.
fn switches(rng: &mut ChaCha8Rng) -> Value {
    let choices: &[(&str, Value)] = &[
        ("list_order", json!("shuffled")),
        ("list_order", json!("oldest_first")),
        ("rate_hint", json!("none")),
        ("public_rate_per_minute", json!(30)),
        ("aggregate", json!("partial")),
        ("forbidden_status", json!(403)),
        ("deletion_configured", json!(true)),
        ("job_fails", json!(true)),
        ("goes_back", json!(true)),
        ("deletion_takes", json!("PT2H")),
        ("deletion_takes", json!("P25D")),
        ("suppression_takes", json!("P2D")),
        ("regulations_listed_after", json!("PT5M")),
        ("anonymous_id_enabled", json!(true)),
        ("reappear_after", json!("P5D")),
        ("reappear_after", json!("P20D")),
    ];
    let n = rng.random_range(0..4);
    let chosen = choices.choose_multiple(rng, n);
    Value::Object(chosen.map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
}

fn pick<T: Copy>(rng: &mut ChaCha8Rng, choices: &[T]) -> T {
    choices[rng.random_range(0..choices.len())]
}
