//! Faults on order: which calls go wrong, how, how often.
//!
//! `PUT /faults/{vendor}` replaces the vendor's list. The first entry that matches a call, has count
//! left and wins its throw of the (seeded) dice decides; the others are not asked.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::Method;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Fault {
    /// Throttled, in the vendor's own form. No effect.
    #[serde(rename = "429")]
    Throttled,
    /// An error of the server, in the vendor's own form. No effect.
    #[serde(rename = "500")]
    ServerError,
    /// The service is not available. No effect.
    #[serde(rename = "503")]
    Unavailable,
    /// The credentials are suddenly refused. No effect.
    #[serde(rename = "401")]
    Unauthorized,
    /// There is no such thing, or nothing of that kind for this account. No effect.
    #[serde(rename = "404")]
    NotFound,
    /// No answer within 120 s. No effect.
    #[serde(rename = "timeout")]
    Timeout,
    /// The connection closes without an answer. No effect.
    #[serde(rename = "close")]
    Close,
    /// The call takes effect; then no answer within 120 s.
    #[serde(rename = "timeout_after_effect")]
    TimeoutAfterEffect,
    /// The call takes effect; then the connection closes without an answer.
    #[serde(rename = "close_after_effect")]
    CloseAfterEffect,
    /// The call takes effect; the answer ends in the middle of its body.
    #[serde(rename = "cut_body")]
    CutBody,
    /// The call takes effect; a page of HTML with status 200 comes in place of the answer.
    #[serde(rename = "html")]
    Html,
    /// The call takes effect; the body is no valid JSON, though its length is right.
    #[serde(rename = "malformed_json")]
    MalformedJson,
    /// The call takes effect and the answer comes whole, two seconds late.
    #[serde(rename = "slow")]
    Slow,
}

/// One entry of a vendor's list.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    #[serde(default, rename = "match")]
    pattern: Pattern,
    fault: Fault,
    /// The share of the matching calls that is hit.
    #[serde(default = "always")]
    rate: f64,
    /// How many calls are hit in all; none given means without end.
    #[serde(default)]
    count: Option<u64>,
}

/// Which calls an entry is about; what is left out matches everything.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pattern {
    #[serde(default)]
    method: Option<String>,
    /// A prefix of the path as sent, or a pattern for the whole of it where it holds a `*`.
    #[serde(default)]
    path: Option<String>,
}

fn always() -> f64 {
    1.0
}

/// The lists of all vendors.
pub(crate) struct Faults {
    seed: u64,
    inner: Mutex<Inner>,
}

struct Inner {
    plans: BTreeMap<String, Vec<Plan>>,
    dice: ChaCha8Rng,
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Faults {
        Faults { seed, inner: Mutex::new(Inner::new(seed)) }
    }

    pub(crate) fn replace(&self, vendor: &str, plans: Vec<Plan>) {
        self.lock().plans.insert(vendor.to_owned(), plans);
    }

    pub(crate) fn list(&self, vendor: &str) -> Vec<Plan> {
        self.lock().plans.get(vendor).cloned().unwrap_or_default()
    }

    pub(crate) fn reset(&self) {
        *self.lock() = Inner::new(self.seed);
    }

    /// The fault that hits this call, if one does.
    pub(crate) fn draw(&self, vendor: &str, method: &Method, path: &str) -> Option<Fault> {
        let Inner { plans, dice } = &mut *self.lock();
        for plan in plans.get_mut(vendor)? {
            if plan.count == Some(0) || !plan.pattern.matches(method, path) {
                continue;
            }
            if plan.rate < 1.0 && dice.random::<f64>() >= plan.rate {
                continue;
            }
            plan.count = plan.count.map(|left| left - 1);
            return Some(plan.fault);
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn new(seed: u64) -> Inner {
        Inner { plans: BTreeMap::new(), dice: ChaCha8Rng::seed_from_u64(seed) }
    }
}

impl Pattern {
    fn matches(&self, method: &Method, path: &str) -> bool {
        let method_fits = match self.method.as_deref() {
            None | Some("*") => true,
            Some(wanted) => wanted.eq_ignore_ascii_case(method.as_str()),
        };
        let path_fits = match self.path.as_deref() {
            None => true,
            Some(pattern) if pattern.contains('*') => fits_glob(pattern, path),
            Some(prefix) => path.starts_with(prefix),
        };
        method_fits && path_fits
    }
}

/// Whether `path` is `pattern`, with each `*` standing for any run of characters.
fn fits_glob(pattern: &str, path: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == path };
    let Some(rest) = path.strip_prefix(head) else { return false };
    rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| fits_glob(tail, &rest[at..]))
}
