//! The door to the Segment twin: one lock around its state, and what the control interface may ask.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::audit::{Audit, AuditedRegulation, AuditedSpace, Effects};
use super::callbacks::Callback;
use super::catalog::SERVER;
use super::ids::{Purpose, base62, stream};
use super::people::{Person, odd_of_each, person};
use super::state::Segment;
use super::switches::BadSwitch;
use super::tokens::Permission;
use crate::options::Options;

/// How many people the description names.
const DESCRIBED: usize = 100;

/// Where the three APIs listen.
#[derive(Debug, Serialize)]
pub(crate) struct BaseUrls {
    pub(crate) public_api: String,
    pub(crate) profile_api: String,
    pub(crate) tracking_api: String,
}

/// See the module's head.
pub(crate) struct Desk {
    state: Mutex<Segment>,
    /// Beside the lock, so that a call waits without asking for it.
    latency_ms: AtomicU64,
    census: Census,
}

/// What it takes to make any person again.
struct Census {
    seed: u64,
    people: usize,
    regular_only: bool,
}

impl Desk {
    pub(crate) fn new(options: &Options) -> Desk {
        let Options { seed, people, regular_only, .. } = *options;
        Desk {
            state: Mutex::new(Segment::new(options)),
            latency_ms: AtomicU64::new(options.latency_ms),
            census: Census { seed, people, regular_only },
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, Segment> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn reset(&self, options: &Options) {
        *self.state() = Segment::new(options);
        self.latency_ms.store(options.latency_ms, Ordering::Relaxed);
    }

    pub(crate) fn latency(&self) -> Option<Duration> {
        let latency_ms = self.latency_ms.load(Ordering::Relaxed);
        (latency_ms > 0).then(|| Duration::from_millis(latency_ms))
    }

    pub(crate) fn next_event(&self) -> Option<Timestamp> {
        self.state().next_event()
    }

    /// Does what is due by `now`; what is to be posted comes back.
    #[must_use]
    pub(crate) fn advance(&self, now: Timestamp) -> Vec<Callback> {
        let mut state = self.state();
        state.advance(now);
        std::mem::take(&mut state.callbacks)
    }

    pub(crate) fn switches(&self) -> Value {
        json!(self.state().switches)
    }

    pub(crate) fn set_switches(&self, changes: &Value, now: Timestamp) -> Result<(), BadSwitch> {
        let mut state = self.state();
        let switches = state.switches.changed(changes)?;
        if changes.get("quota_left").is_some() {
            state.quota.set_left(switches.quota_left, now);
        }
        self.latency_ms.store(switches.latency_ms, Ordering::Relaxed);
        state.switches = switches;
        Ok(())
    }

    pub(crate) fn effects(&self) -> Effects {
        self.state().effects.clone()
    }

    pub(crate) fn audit(&self) -> Audit {
        let state = self.state();
        let living = state.regulations.iter().filter(|regulation| !regulation.is_cancelled);
        let space = |space: &super::spaces::Space| AuditedSpace {
            space_id: space.id.clone(),
            profiles: space.profiles().count(),
        };
        Audit {
            regulations: living.map(AuditedRegulation::of).collect(),
            events: state.accepted_events.clone(),
            spaces: state.spaces.iter().map(space).collect(),
        }
    }

    /// People as JSON lines, each with every external id per space.
    pub(crate) fn population(&self, offset: usize, limit: usize) -> String {
        let end = offset.saturating_add(limit).min(self.census.people);
        let state = self.state();
        (offset..end).map(|n| format!("{}\n", shown(&self.census.person(n), &state))).collect()
    }

    /// The vendor's part of the twins' description.
    pub(crate) fn describe(&self, base_urls: &BaseUrls) -> Value {
        let state = self.state();
        let spaces: Vec<(&str, &str)> =
            state.spaces.iter().map(|space| (&*space.id, &*space.token)).collect();
        // Well-formed secrets that open nothing.
        let rng = &mut stream(self.census.seed, Purpose::Decoys);
        let refused: Vec<String> = spaces.iter().map(|_| base62(rng, 64)).collect();
        let closed: Vec<(&str, &str)> =
            spaces.iter().zip(&refused).map(|((id, _), token)| (*id, token.as_str())).collect();
        let without = |permission| credentials(&state, state.tokens.without(permission), &spaces);
        json!({
            "base_urls": base_urls,
            "credentials": {
                "full": credentials(&state, state.tokens.owner(), &spaces),
                "revoked": credentials(&state, state.tokens.revoked(), &spaces),
                "without": {
                    "privacy": without(Permission::Privacy),
                    "sources": without(Permission::Sources),
                    "destinations": without(Permission::Destinations),
                    "spaces": without(Permission::Spaces),
                    "profile": credentials(&state, state.tokens.owner(), &closed),
                },
            },
            "subjects": self.census.described().map(|n| self.census.person(n).subject())
                .collect::<Vec<_>>(),
        })
    }
}

impl Census {
    fn person(&self, n: usize) -> Person {
        person(self.seed, n, self.people, self.regular_only)
    }

    /// Regular people from the front, then all odd ones.
    fn described(&self) -> impl Iterator<Item = usize> {
        let odd = odd_of_each(self.people, self.regular_only) * 9;
        let regular = (self.people - odd).min(DESCRIBED - odd);
        (0..regular).chain(self.people - odd..self.people)
    }
}

fn credentials(state: &Segment, token: &str, spaces: &[(&str, &str)]) -> Value {
    let space = |(id, token): &(&str, &str)| json!({"space_id": id, "profile_token": token});
    json!({
        "token": token,
        "workspace_id": state.workspace_id,
        "spaces": spaces.iter().map(space).collect::<Vec<_>>(),
        "write_key": state.sources[SERVER].write_key,
        "consent_categories": {
            "sale": "sale-of-data",
            "sharing": "sharing-of-data",
            "targeted_advertising": "targeted-advertising",
            "sensitive_use": "sensitive-data-use",
        },
    })
}

fn shown(person: &Person, state: &Segment) -> Value {
    let mut line = json!(person.subject());
    let home = |home: &super::people::Home| {
        let ids = person.external_ids(home).into_iter();
        let ids: Vec<Value> = ids.map(|(kind, id, _)| json!({"type": kind, "id": id})).collect();
        let sources = [home.front, home.back].map(|source| state.sources[source].id.clone());
        let space_id = state.spaces[home.space].id.clone();
        json!({"space_id": space_id, "external_ids": ids, "source_ids": sources})
    };
    line["n"] = json!(person.n);
    line["user_ids"] = json!(person.homes[0].user_ids);
    line["anonymous_ids"] = json!(person.homes[0].anonymous_ids);
    line["spaces"] = json!(person.homes.iter().map(home).collect::<Vec<_>>());
    line
}
