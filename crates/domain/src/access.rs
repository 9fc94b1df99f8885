//! What people and programs may do: roles give permissions, and a reach says in which requests.
//!
//! Which role gives which permission is the one table in [`Role::allows`]; `docs/permissions.md` shows
//! the same one, and a test compares the two. Who has which roles is `principal`'s.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::words;

words! {
    /// What somebody is trusted with.
    Role: "role" {
        /// Everything, also saying who else may do what.
        SuperAdmin = "super_admin",
        /// The connected systems and the switch that stops them; no requests.
        ConnectionsManager = "connections_manager",
        /// Requests from the entry to the answer, but for the decisions at the gates.
        RequestManager = "request_manager",
        /// The decisions at the gates, and denying; enters nothing.
        Approver = "approver",
        /// Reads everything but values in plain, and changes nothing.
        Auditor = "auditor",
    }
}

words! {
    /// One thing that somebody may do, or may not.
    Permission: "permission" {
        /// See requests and their tasks, with values masked.
        RequestsRead = "requests.read",
        /// Enter and import requests, add identifiers, settle and retry tasks, answer, cancel, reopen.
        RequestsWrite = "requests.write",
        /// See values in plain, and write packages.
        RequestsReveal = "requests.reveal",
        /// Let tasks through both gates, and deny requests.
        RequestsApprove = "requests.approve",
        /// Destroy the values of closed requests for good.
        RequestsPurge = "requests.purge",
        /// See connections, what they can do and what they lack.
        ConnectionsRead = "connections.read",
        /// Make, test, set and remove connections, their gates and guards among the switches.
        ConnectionsWrite = "connections.write",
        /// See which keys there are, by name.
        KeysRead = "keys.read",
        /// Make new keys in place of old ones.
        KeysRotate = "keys.rotate",
        /// Read the journal.
        JournalRead = "journal.read",
        /// See the settings.
        SettingsRead = "settings.read",
        /// Change the settings.
        SettingsWrite = "settings.write",
        /// Stop changing calls, everywhere or on one connection, and allow them again.
        EnginePause = "engine.pause",
        /// Read the measurements of the running program.
        MetricsRead = "metrics.read",
        /// See principals and their tokens.
        PrincipalsRead = "principals.read",
        /// Make, set, disable and enable principals; make and revoke tokens.
        PrincipalsWrite = "principals.write",
        /// See webhooks, and what became of what they were told.
        WebhooksRead = "webhooks.read",
        /// Make, set, try and remove webhooks and recipients of mail, and tell them things again.
        WebhooksWrite = "webhooks.write",
    }
}

impl Role {
    /// Every role at once: whoever owns the data folder.
    pub fn every() -> BTreeSet<Self> {
        Self::ALL.iter().copied().collect()
    }

    /// Whether this role gives a permission.
    pub fn allows(self, permission: Permission) -> bool {
        use Permission as P;
        match self {
            Self::SuperAdmin => true,
            Self::ConnectionsManager => matches!(
                permission,
                P::ConnectionsRead
                    | P::ConnectionsWrite
                    | P::SettingsRead
                    | P::EnginePause
                    | P::WebhooksRead
                    | P::WebhooksWrite
                    | P::MetricsRead
            ),
            Self::RequestManager => matches!(
                permission,
                P::RequestsRead
                    | P::RequestsWrite
                    | P::RequestsReveal
                    | P::ConnectionsRead
                    | P::SettingsRead
            ),
            Self::Approver => {
                matches!(permission, P::RequestsRead | P::RequestsApprove | P::ConnectionsRead)
            }
            Self::Auditor => matches!(
                permission,
                P::RequestsRead
                    | P::ConnectionsRead
                    | P::KeysRead
                    | P::JournalRead
                    | P::SettingsRead
                    | P::MetricsRead
                    | P::PrincipalsRead
                    | P::WebhooksRead
            ),
        }
    }
}

/// Which requests somebody sees and acts on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// All of them.
    All,
    /// Those of these brands, in capital or small letters. A request without a brand is not among them.
    Brands(BTreeSet<String>),
}

impl Reach {
    /// Whether a request of this brand lies within.
    pub fn covers(&self, brand: Option<&str>) -> bool {
        match self {
            Self::All => true,
            Self::Brands(brands) => {
                brand.is_some_and(|brand| brands.iter().any(|one| one.eq_ignore_ascii_case(brand)))
            }
        }
    }

    /// Whether everything that the other covers lies within.
    pub fn includes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, _) => true,
            (Self::Brands(_), Self::All) => false,
            (Self::Brands(_), Self::Brands(others)) => {
                others.iter().all(|brand| self.covers(Some(brand)))
            }
        }
    }

    /// What lies within both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::All, one) | (one, Self::All) => one.clone(),
            (Self::Brands(own), Self::Brands(_)) => {
                let both = own.iter().filter(|brand| other.covers(Some(brand)));
                Self::Brands(both.cloned().collect())
            }
        }
    }

    /// The brands that it is bound to; nothing if it is not bound.
    pub fn brands(&self) -> Option<&BTreeSet<String>> {
        match self {
            Self::All => None,
            Self::Brands(brands) => Some(brands),
        }
    }
}

/// Whether who has these roles within this reach may give those to somebody. Nobody gives what they
/// don't have; a super admin has every role.
pub fn may_give(
    roles: &BTreeSet<Role>,
    reach: &Reach,
    given_roles: &BTreeSet<Role>,
    given_reach: &Reach,
) -> bool {
    let has_roles = roles.contains(&Role::SuperAdmin) || given_roles.is_subset(roles);
    has_roles && reach.includes(given_reach)
}
