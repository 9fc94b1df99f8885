//! A connection: one configured account of a connector, with its switches and its last check.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{ConnectionId, Digest, Instant, Right, words};

words! {
    /// Whether a connection may make changing calls.
    Mode: "mode" {
        /// Everything but changing calls; reports what it would have sent.
        Observe = "observe",
        /// Carries out what is approved.
        Act = "act",
    }
}

words! {
    /// What a gate does when a task reaches it.
    Gate: "gate setting" {
        /// Waits for a person.
        Ask = "ask",
        /// Passes by itself.
        Auto = "auto",
    }
}

words! {
    /// When an asynchronous deletion counts as complete for its request.
    Completion: "asynchronous deletion behaviour" {
        /// When the vendor has finished and we have looked again.
        OnCompletion = "on_completion",
        /// When the vendor has accepted it; shown unproven until it is finished.
        OnSubmission = "on_submission",
    }
}

/// One configured account of a connector. Secrets are not part of it: the store seals them
/// apart, and only their names are listed here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Connection {
    /// Its row.
    pub id: ConnectionId,
    /// Its name, as operators type it.
    pub name: String,
    /// The connector's name.
    pub connector: String,
    /// Settings that are no secret, by the manifest's keys.
    pub settings: BTreeMap<String, Value>,
    /// Names of the secrets held for it.
    pub secrets: BTreeSet<String>,
    /// Base URLs that replace the region's, by the manifest's names.
    pub base_urls: BTreeMap<String, String>,
    /// Whether base URLs may be on loopback.
    pub allow_loopback: bool,
    /// The switches an operator may set.
    pub switches: Switches,
    /// What keeps it from working, if anything.
    pub paused: Option<Pause>,
    /// What the last check found.
    pub check: Option<CheckReport>,
    /// When it is checked again.
    pub check_due_at: Instant,
    /// Set when the connection was removed; its history stays.
    pub removed_at: Option<Instant>,
    /// Counts its changes; every write compares it.
    pub version: i64,
}

/// The switches of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Switches {
    /// Whether changing calls are made.
    pub mode: Mode,
    /// The gate before anything runs.
    pub review: Gate,
    /// The gate before what can't be undone.
    pub approval: Gate,
    /// Deletions a day above which they stop at approval; the learnt bound if absent.
    pub guard: Option<u32>,
    /// The day after which `guard` no longer holds.
    #[schema(value_type = Option<Timestamp>)]
    pub guard_until: Option<Instant>,
    /// When an asynchronous deletion counts as complete.
    pub completion: Completion,
    /// The most people in one batch; the connector's own bound if absent.
    pub batch: Option<u32>,
    /// Limits the vendor has raised (or lowered) for this account, by the manifest's names:
    /// calls in the documented period.
    #[serde(default)]
    pub limits: BTreeMap<String, u32>,
    /// Which requests it serves.
    pub serves: Serves,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            mode: Mode::Observe,
            review: Gate::Ask,
            approval: Gate::Ask,
            guard: None,
            guard_until: None,
            completion: Completion::OnCompletion,
            batch: None,
            limits: BTreeMap::new(),
            serves: Serves::default(),
        }
    }
}

/// Which requests a connection serves. An empty list means all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Serves {
    /// Rights.
    pub rights: Vec<Right>,
    /// Brands.
    pub brands: Vec<String>,
    /// Jurisdictions.
    pub jurisdictions: Vec<String>,
    /// Kinds of subject (customer, employee, …).
    pub subject_kinds: Vec<String>,
}

/// Why a connection does not work, and who has to do something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Pause {
    /// What happened, for a person.
    pub why: String,
    /// What to do about it, for a person.
    pub remedy: String,
    /// Since when.
    #[schema(value_type = Timestamp)]
    pub since: Instant,
    /// Whether a person paused it, as opposed to a failed call or check.
    pub by_person: bool,
}

/// What a check of a connection found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CheckReport {
    /// When.
    #[schema(value_type = Timestamp)]
    pub at: Instant,
    /// What the credentials lead to.
    pub account: Option<Account>,
    /// Each permission.
    pub permissions: Vec<PermissionResult>,
    /// Each right, and whether this connection can serve it.
    pub capabilities: Vec<CapabilityState>,
    /// Anything a person should know (what the plan lacks, what can't be looked up).
    pub notes: Vec<String>,
    /// What later steps need to know of the account, in the connector's own words; no secrets.
    pub facts: Value,
}

impl CheckReport {
    /// Permissions that are lacking and were not before, and those that were lacking and are there.
    pub fn changed_since<'a>(&'a self, before: &'a Self) -> (Vec<&'a str>, Vec<&'a str>) {
        let lacks = |report: &Self, name: &str| {
            let mut results = report.permissions.iter();
            results.any(|one| one.permission == name && one.verdict == Verdict::Missing)
        };
        let names = self.permissions.iter().map(|one| one.permission.as_str());
        let lost = names.clone().filter(|name| lacks(self, name) && !lacks(before, name));
        let granted = names.clone().filter(|name| !lacks(self, name) && lacks(before, name));
        (lost.collect(), granted.collect())
    }
}

/// What credentials lead to: a workspace, a brand, a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Account {
    /// The vendor's id of it.
    pub id: String,
    /// Its name at the vendor.
    pub name: String,
}

/// One permission, tried by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PermissionResult {
    /// The permission, by the manifest's name.
    pub permission: String,
    /// What trying it showed.
    pub verdict: Verdict,
    /// Whether the connection is of no use without it.
    pub required: bool,
    /// What is lost without it.
    pub lost: String,
    /// Where it is granted, as a click path at the vendor.
    pub grant: String,
}

words! {
    /// What trying a permission showed.
    Verdict: "verdict" {
        /// It works.
        Granted = "granted",
        /// It is lacking.
        Missing = "missing",
        /// Only a changing call would tell; the first real one does.
        Untestable = "can't be tested without writing",
    }
}

/// Whether a connection can serve a right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CapabilityState {
    /// The right.
    pub right: Right,
    /// Absent if it can; why it can't if it can't.
    pub lacking: Option<String>,
}

impl Connection {
    /// Why this connection can't serve a right, if it can't.
    pub fn lacks(&self, right: Right) -> Option<String> {
        let Some(check) = &self.check else {
            return Some("it has not been checked yet".to_owned());
        };
        match check.capabilities.iter().find(|state| state.right == right) {
            Some(state) => state.lacking.clone(),
            None => Some(format!("its connector does not serve {right}")),
        }
    }

    /// Why a right that its connector serves can't be served as the connection stands.
    pub fn cannot_now(&self, right: Right) -> Option<String> {
        match &self.check {
            None => self.lacks(right),
            Some(check) => check
                .capabilities
                .iter()
                .find(|state| state.right == right)
                .and_then(|state| state.lacking.clone()),
        }
    }

    /// What the last check said the credentials lead to.
    pub fn account(&self) -> Option<&Account> {
        self.check.as_ref().and_then(|check| check.account.as_ref())
    }

    /// The digest of everything that shapes a plan: connector, settings and where it points.
    pub fn settings_digest(&self) -> Digest {
        Digest::of_json(&(&self.connector, &self.settings, &self.base_urls, &self.secrets))
    }
}
