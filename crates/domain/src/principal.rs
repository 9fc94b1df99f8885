//! Principals: people and programs with a name, roles and a reach; and the tokens they come with.
//!
//! A token can be narrower than its principal and never wider: what both have at the moment is what
//! counts, so a role that is taken from a principal is taken from its tokens. The text of a token is
//! not part of it; the store keeps a digest beside it.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::access::{Permission, Reach, Role};
use crate::{Actor, Instant, PrincipalId, TokenId, words};

words! {
    /// What a principal is.
    PrincipalKind: "kind of principal" {
        /// Somebody.
        Person = "person",
        /// A program that acts by itself.
        Program = "program",
    }
}

/// The longest name.
const LONGEST_NAME: usize = 40;

/// A person or a program that may do something. Never removed, since the journal names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// Its row.
    pub id: PrincipalId,
    /// Its name, as the journal says it; no two have the same.
    pub name: String,
    /// What it is.
    pub kind: PrincipalKind,
    /// What it is trusted with.
    pub roles: BTreeSet<Role>,
    /// In which requests.
    pub reach: Reach,
    /// Since when it may do nothing any more.
    pub disabled_at: Option<Instant>,
    /// When it was made.
    pub made_at: Instant,
    /// Counts its changes; every write compares it.
    pub version: i64,
}

impl Principal {
    /// Whether a text may name a principal. An address may not: a name is not a value about a
    /// person. Nor may the engine's own name in the journal.
    pub fn is_name(text: &str) -> bool {
        let plain =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
        let fits = !text.is_empty() && text.len() <= LONGEST_NAME && text.chars().all(plain);
        fits && text != "engine"
    }

    /// Whether it may do everything everywhere. One of these has to stay, or nobody could let
    /// anybody else in.
    pub fn rules_all(&self) -> bool {
        self.disabled_at.is_none()
            && self.roles.contains(&Role::SuperAdmin)
            && self.reach == Reach::All
    }
}

/// What a principal shows to be known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Its row.
    pub id: TokenId,
    /// Whose it is.
    pub principal: PrincipalId,
    /// What it is for, in its maker's words.
    pub label: String,
    /// The roles it is narrowed to; all of its principal's if absent.
    pub roles: Option<BTreeSet<Role>>,
    /// The reach it is narrowed to; all of its principal's if absent.
    pub reach: Option<Reach>,
    /// When it was made.
    pub made_at: Instant,
    /// When it ends by itself.
    pub expires_at: Option<Instant>,
    /// When somebody ended it.
    pub revoked_at: Option<Instant>,
}

/// What somebody may do who was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The name for the journal.
    pub name: String,
    /// By which token; absent for the owner of the data folder.
    pub token: Option<TokenId>,
    /// The roles of both, principal and token.
    pub roles: BTreeSet<Role>,
    /// The reach of both.
    pub reach: Reach,
}

impl Access {
    /// Whoever can open the data folder owns what is in it, and may do everything.
    pub fn of_owner(name: String) -> Self {
        Self { name, token: None, roles: Role::every(), reach: Reach::All }
    }

    /// Who acts, for the journal.
    pub fn actor(&self) -> Actor {
        Actor::Operator(self.name.clone())
    }

    /// Whether one of the roles gives this permission.
    pub fn allows(&self, permission: Permission) -> bool {
        self.roles.iter().any(|role| role.allows(permission))
    }
}

/// Why a token leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAccess {
    /// Somebody ended it.
    #[error("the token was revoked")]
    Revoked,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its principal may do nothing any more.
    #[error("the principal is disabled")]
    Disabled,
}

/// What a principal may do with one of its tokens now.
pub fn access(principal: &Principal, token: &Token, now: Instant) -> Result<Access, NoAccess> {
    if token.revoked_at.is_some() {
        return Err(NoAccess::Revoked);
    }
    if token.expires_at.is_some_and(|at| at <= now) {
        return Err(NoAccess::Expired);
    }
    if principal.disabled_at.is_some() {
        return Err(NoAccess::Disabled);
    }
    let roles = match &token.roles {
        Some(narrower) => &principal.roles & narrower,
        None => principal.roles.clone(),
    };
    let reach = match &token.reach {
        Some(narrower) => principal.reach.and(narrower),
        None => principal.reach.clone(),
    };
    Ok(Access { name: principal.name.clone(), token: Some(token.id), roles, reach })
}
