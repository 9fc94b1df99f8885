//! Limits: when the next call may go.
//!
//! A documented limit is spread over small ticks, so that no window of the vendor's sees more
//! than it allows. The limiter never sleeps: it says "not before".

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::time::Duration;

use connector_api::manifest::LimitRule;
use connector_api::{Limit, Manifest, VendorError};
use domain::{Instant, Right};

/// The limits of one connection's credentials.
pub struct Limits {
    rules: HashMap<&'static str, Rule>,
    gates: Mutex<HashMap<(&'static str, String), Gate>>,
}

/// Where a limit stands, of all its instances the one that has the least left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its name in the manifest.
    pub limit: &'static str,
    /// Calls that may still go in this tick of it; nothing where no number is documented.
    pub left: Option<u32>,
    /// How long the next call has to wait.
    pub wait: Duration,
}

/// So many calls in each tick.
#[derive(Clone, Copy)]
struct Rule {
    calls: u32,
    tick: Duration,
}

/// Where one instance of a limit stands.
struct Gate {
    tick: Instant,
    used: u32,
}

impl Rule {
    fn new(rule: &LimitRule, raised: Option<u32>) -> Self {
        let calls = raised.unwrap_or(rule.calls).max(1);
        let in_a_tick = (calls / 10).max(1);
        Self { calls: in_a_tick, tick: rule.per.mul_f64(f64::from(in_a_tick) / f64::from(calls)) }
    }
}

impl Limits {
    /// The manifest's limits, with those the vendor has changed for this account.
    pub fn new(manifest: &Manifest, changed: &BTreeMap<String, u32>) -> Self {
        let rules = manifest
            .limits
            .iter()
            .map(|rule| (rule.name, Rule::new(rule, changed.get(rule.name).copied())))
            .collect();
        Self { rules, gates: Mutex::default() }
    }

    /// Takes the next free place, if it is not later than `patience` from now; otherwise says
    /// when to come back.
    pub fn reserve(
        &self,
        limit: &'static str,
        instance: &str,
        now: Instant,
        patience: Duration,
    ) -> Result<Instant, Instant> {
        let rule = self.rules.get(limit).copied();
        let mut gates = self.gates.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let gate = gates.entry((limit, instance.to_owned())).or_insert(Gate { tick: now, used: 0 });
        let Some(rule) = rule else {
            // No documented limit: only a rest that an answer asked for counts.
            return if gate.tick <= add(now, patience) {
                Ok(gate.tick.max(now))
            } else {
                Err(gate.tick)
            };
        };
        if gate.used >= rule.calls {
            gate.tick = add(gate.tick, rule.tick);
            gate.used = 0;
        }
        if add(gate.tick, rule.tick) <= now {
            gate.tick = now;
            gate.used = 0;
        }
        if gate.tick > add(now, patience) {
            return Err(gate.tick);
        }
        gate.used += 1;
        Ok(gate.tick.max(now))
    }

    /// Where each limit stands.
    pub fn standing(&self, now: Instant) -> Vec<Standing> {
        let mut all: BTreeMap<&'static str, Standing> = BTreeMap::new();
        let gates = self.gates.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for ((limit, _), gate) in &*gates {
            let rule = self.rules.get(limit);
            let is_over = rule.is_none_or(|rule| add(gate.tick, rule.tick) <= now);
            let left = rule.map(|rule| if is_over { rule.calls } else { rule.calls - gate.used });
            let begins = match rule.filter(|_| left == Some(0)) {
                Some(rule) => add(gate.tick, rule.tick),
                None => gate.tick,
            };
            let wait = begins.duration_since(now).try_into().unwrap_or_default();
            let standing = all.entry(limit).or_insert(Standing { limit, left, wait });
            standing.left = standing.left.min(left);
            standing.wait = standing.wait.max(wait);
        }
        all.into_values().collect()
    }

    /// Lets a limit rest until then: the vendor said so.
    pub fn rest(&self, limit: &'static str, instance: &str, until: Instant) {
        let mut gates = self.gates.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let gate =
            gates.entry((limit, instance.to_owned())).or_insert(Gate { tick: until, used: 0 });
        if gate.tick < until {
            *gate = Gate { tick: until, used: 0 };
        }
    }
}

/// How long a quota that is used up is not asked about again. Somebody may raise it.
const USED_UP_FOR: Duration = Duration::from_secs(5 * 60);

/// The quotas of which the vendor said that they are used up, by right and way of doing it: what else
/// comes under one need not be sent to be refused.
#[derive(Default)]
pub struct Quotas(Mutex<HashMap<(Right, String), (Instant, VendorError)>>);

impl Quotas {
    /// Notes a refusal, if it is one for a quota.
    pub fn note(&self, right: Right, variant: &str, error: &VendorError, now: Instant) {
        if matches!(error, VendorError::Throttled { limit: Limit::Quota(_), .. }) {
            let mut used_up = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            used_up.insert((right, variant.to_owned()), (now, error.clone()));
        }
    }

    /// The refusal that was seen a moment ago.
    pub fn refusal(&self, right: Right, variant: &str, now: Instant) -> Option<VendorError> {
        let used_up = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (at, error) = used_up.get(&(right, variant.to_owned()))?;
        let is_over = matches!(error, VendorError::Throttled { until: Some(it), .. } if *it <= now);
        (!is_over && now < add(*at, USED_UP_FOR)).then(|| error.clone())
    }
}

/// An instant some time later; the end of time if that is too late to be named.
pub fn add(at: Instant, duration: Duration) -> Instant {
    jiff::SignedDuration::try_from(duration)
        .ok()
        .and_then(|duration| at.checked_add(duration).ok())
        .unwrap_or(Instant::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_that_is_used_up_is_not_asked_about_for_a_while_and_only_where_it_counts() {
        let at = |seconds| Instant::from_second(seconds).unwrap();
        let used_up =
            VendorError::Throttled { limit: Limit::Quota("a quota"), until: Some(at(90_000)) };
        let quotas = Quotas::default();
        quotas.note(Right::Deletion, "DELETE", &used_up, at(0));
        let refusal = |right, variant, now| quotas.refusal(right, variant, at(now));
        assert_eq!(refusal(Right::Deletion, "DELETE", 299), Some(used_up.clone()));
        assert_eq!(refusal(Right::Deletion, "DELETE", 300), None, "it may have been raised");
        assert_eq!(refusal(Right::Deletion, "SUPPRESS", 0), None);
        assert_eq!(refusal(Right::OptOut, "DELETE", 0), None);

        quotas.note(Right::Deletion, "DELETE", &used_up, at(89_900));
        assert_eq!(refusal(Right::Deletion, "DELETE", 90_000), None, "its period is over");
        let rate = VendorError::Throttled { limit: Limit::Rate, until: Some(at(90_000)) };
        quotas.note(Right::OptOut, "DELETE", &rate, at(0));
        assert_eq!(refusal(Right::OptOut, "DELETE", 1), None, "a rate is no quota");
    }
}
