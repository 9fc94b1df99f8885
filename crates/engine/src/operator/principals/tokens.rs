//! Tokens of principals: making, listing and revoking them, and letting in whoever comes with one.
//!
//! The text of a token is there once, in the answer to whoever made it. A token may be narrower than
//! its principal, and always ends by itself.

use std::collections::{BTreeMap, BTreeSet};

use domain::principal::{Access, NoAccess, access};
use domain::{Event, Instant, Principal, PrincipalId, Reach, Role, Token, TokenId};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use store::seal::{new_token, token_digest};
use store::{Secret, Store, StoreError, Transition};
use utoipa::ToSchema;

use super::{fault, refuse_empty, refuse_more, told, words};
use crate::operator::desk::{Desk, OperatorError};
use crate::operator::find;

/// What the text of every token begins with, so that a scanner for leaked secrets knows it.
const PREFIX: &str = "habeas_";
/// Days until a token ends, if nothing else is said.
const DEFAULT_DAYS: u32 = 90;
/// The most days.
const MOST_DAYS: u32 = 365;
/// The longest label, in characters.
const LONGEST_LABEL: usize = 60;

/// A token to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What it is for, in up to 60 characters.
    #[schema(min_length = 1)]
    pub label: String,
    /// The roles it is narrowed to; all of its principal's if absent.
    #[serde(default)]
    pub roles: Option<BTreeSet<Role>>,
    /// The reach it is narrowed to; all of its principal's if absent.
    #[serde(default)]
    pub reach: Option<Reach>,
    /// Days until it ends by itself, 1 to 365; 90 if absent.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 365)]
    pub days: Option<u32>,
}

domain::words! {
    /// Whether a token is accepted.
    TokenState: "state of a token" {
        /// It is.
        Good = "good",
        /// Its principal is disabled.
        Disabled = "disabled",
        /// Its time is over.
        Expired = "expired",
        /// Somebody ended it.
        Revoked = "revoked",
    }
}

/// A token as it is shown: everything but its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenView {
    /// Its id.
    pub id: TokenId,
    /// The name of the principal whose it is.
    pub principal: String,
    /// What it is for.
    pub label: String,
    /// The roles it is narrowed to; all of its principal's if absent.
    pub roles: Option<BTreeSet<Role>>,
    /// The reach it is narrowed to; all of its principal's if absent.
    pub reach: Option<Reach>,
    /// Whether it is accepted now.
    pub state: TokenState,
    /// When it was made.
    #[schema(value_type = Timestamp)]
    pub made_at: Instant,
    /// When it ends by itself.
    #[schema(value_type = Option<Timestamp>)]
    pub expires_at: Option<Instant>,
    /// When somebody ended it.
    #[schema(value_type = Option<Timestamp>)]
    pub revoked_at: Option<Instant>,
}

/// A token that was made, with its text: the one time that it is there to be seen.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct MadeToken {
    /// The token.
    pub token: TokenView,
    /// Its text, `habeas_` and 43 characters. Absent if it had been made before, by the same key.
    #[serde(with = "crate::operator::shown")]
    #[schema(value_type = Option<String>)]
    pub secret: Option<Secret>,
}

/// Why a token was not accepted. Towards whoever sent it this is one text for every reason, so that
/// nobody learns which tokens exist; the reason is for our log.
#[derive(Debug, thiserror::Error)]
pub enum NotAccepted {
    /// It leads nowhere.
    #[error("the token is not accepted")]
    Token {
        /// Why, for the log.
        why: Why,
        /// Which, if it exists.
        token: Option<TokenId>,
    },
    /// The store failed.
    #[error("the store could not be used")]
    Store(#[from] StoreError),
}

impl NotAccepted {
    /// The code whose page says what to do.
    pub const CODE: &'static str = "E-AUTH-001";
}

/// What speaks against a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// The text is not one of a token.
    #[error("the text is no token")]
    NoToken,
    /// There is none with this text.
    #[error("no such token exists")]
    Unknown,
    /// It ended, or its principal is disabled.
    #[error("{0}")]
    Ended(NoAccess),
}

/// Lets in whoever comes with the text of a token. Nothing here compares a secret: the text is
/// digested, and the digest is looked up.
pub async fn authenticate(store: &Store, text: &str, now: Instant) -> Result<Access, NotAccepted> {
    let no = |why, token| NotAccepted::Token { why, token };
    let digest = token_digest(PREFIX, text).ok_or_else(|| no(Why::NoToken, None))?;
    let found = store.token_by_digest(&digest).await?;
    let (principal, token) = found.ok_or_else(|| no(Why::Unknown, None))?;
    access(&principal, &token, now).map_err(|why| no(Why::Ended(why), Some(token.id)))
}

/// Whether what somebody was let in with still holds. Whoever owns the folder needs nothing for that.
pub async fn is_good_still(
    store: &Store,
    given: &Access,
    now: Instant,
) -> Result<bool, OperatorError> {
    let Some(id) = given.token else { return Ok(true) };
    let Some(token) = store.token(id).await? else { return Ok(false) };
    let Some(principal) = store.principal(token.principal).await? else { return Ok(false) };
    Ok(access(&principal, &token, now).is_ok_and(|now| now == *given))
}

/// Makes a token for a principal. With a key of the caller's, asking again by the same key returns
/// the token that was made then, without its text.
pub async fn add(
    desk: &Desk<'_>,
    principal: &str,
    new: &NewToken,
    key: Option<&str>,
) -> Result<MadeToken, OperatorError> {
    let label = read_label(&new.label)?;
    let expires_at = end(desk.now, new.days.unwrap_or(DEFAULT_DAYS))?;
    let principal = find::principal(desk.store, principal).await?;
    // Whoever may not give everything gives what the principal has now, and no part of what somebody
    // else gives it later.
    let rules_all = desk.roles.contains(&Role::SuperAdmin) && desk.reach == Reach::All;
    let now_or = |is_given: bool| !rules_all && !is_given;
    let token = Token {
        id: TokenId::new(desk.ids),
        principal: principal.id,
        label,
        roles: match now_or(new.roles.is_some()) {
            true => Some(principal.roles.clone()),
            false => new.roles.clone(),
        },
        reach: match now_or(new.reach.is_some()) {
            true => Some(principal.reach.clone()),
            false => new.reach.clone(),
        },
        made_at: desk.now,
        expires_at: Some(expires_at),
        revoked_at: None,
    };
    refuse_wide(desk, &principal, &token)?;
    // The same key of another caller is another key.
    let key = key.map(|key| format!("{}\n{key}", desk.name()));
    desk.write_fresh(|| async {
        let known = match &key {
            Some(key) => desk.store.token_asked_for(key).await?,
            None => None,
        };
        if let Some(known) = known {
            let view = TokenView::of(known.clone(), &principal, desk.now);
            return match is_same(&known, &token) {
                true => Ok((Transition::default(), MadeToken { token: view, secret: None })),
                false => Err(fault("", "E-TOK-002", "the key was used for another token")),
            };
        }
        make(desk, &principal, token.clone(), key.clone())
    })
    .await
}

/// The transition that makes a token, and what its maker is shown.
pub(super) fn make(
    desk: &Desk<'_>,
    principal: &Principal,
    token: Token,
    idempotency: Option<String>,
) -> Result<(Transition, MadeToken), OperatorError> {
    let (secret, digest) = new_token(PREFIX).map_err(StoreError::from)?;
    let mut entry = desk
        .entry(Event::TokenMade)
        .fact("token", token.id.to_string())
        .fact("principal", &*principal.name)
        .fact("label", &*token.label)
        .fact("expires_at", token.expires_at.map(|at| at.to_string()));
    if let Some(roles) = &token.roles {
        entry = entry.fact("roles", words(roles));
    }
    if let Some(reach) = &token.reach {
        entry = entry.fact("reach", told(reach));
    }
    let view = TokenView::of(token.clone(), principal, desk.now);
    let transition = Transition {
        new_tokens: vec![store::NewToken { token, digest, idempotency }],
        journal: vec![entry],
        ..Transition::default()
    };
    Ok((transition, MadeToken { token: view, secret: Some(secret) }))
}

/// Tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenList {
    /// The oldest first; without their texts.
    pub tokens: Vec<TokenView>,
}

/// All tokens, or those of one principal; the oldest first.
pub async fn list(
    store: &Store,
    principal: Option<&str>,
    now: Instant,
) -> Result<TokenList, OperatorError> {
    let principals = match principal {
        Some(name) => vec![find::principal(store, name).await?],
        None => store.principals().await?,
    };
    let of = principal.and_then(|_| principals.first()).map(|one| one.id);
    let by_id: BTreeMap<PrincipalId, &Principal> =
        principals.iter().map(|one| (one.id, one)).collect();
    let tokens = store.tokens(of).await?.into_iter();
    let tokens = tokens
        .filter_map(|one| Some(TokenView::of(one.clone(), by_id.get(&one.principal)?, now)))
        .collect();
    Ok(TokenList { tokens })
}

/// Ends a token, for good. One that was revoked before stays as it is.
pub async fn revoke(desk: &Desk<'_>, token: &str) -> Result<TokenView, OperatorError> {
    let missing = || OperatorError::NotFound { what: "token" };
    let id = find::token(desk.store, token).await?;
    desk.write_fresh(|| async {
        let token = desk.store.token(id).await?.ok_or_else(missing)?;
        let principal = desk.store.principal(token.principal).await?.ok_or_else(missing)?;
        refuse_more(desk, &principal.roles, &principal.reach)?;
        if token.revoked_at.is_some() {
            return Ok((Transition::default(), TokenView::of(token, &principal, desk.now)));
        }
        let entry = desk
            .entry(Event::TokenRevoked)
            .fact("token", id.to_string())
            .fact("principal", &*principal.name);
        let transition = Transition {
            revoked_tokens: vec![(id, desk.now)],
            journal: vec![entry],
            ..Transition::default()
        };
        let revoked = Token { revoked_at: Some(desk.now), ..token };
        Ok((transition, TokenView::of(revoked, &principal, desk.now)))
    })
    .await
}

fn read_label(text: &str) -> Result<String, OperatorError> {
    let label = text.trim();
    let fits = !label.is_empty()
        && label.chars().count() <= LONGEST_LABEL
        && !label.chars().any(char::is_control);
    if fits {
        return Ok(label.to_owned());
    }
    Err(fault("label", "E-TOK-001", "says in 1 to 60 characters what the token is for"))
}

/// When a token ends that lives for so many days.
pub(super) fn end(now: Instant, days: u32) -> Result<Instant, OperatorError> {
    let length = SignedDuration::from_hours(24 * i64::from(days));
    let end = now.checked_add(length).ok().filter(|_| (1..=MOST_DAYS).contains(&days));
    end.ok_or_else(|| fault("days", "E-TOK-001", "is no number of days between 1 and 365"))
}

/// Refuses a token that would give more than whoever makes it has, or nothing at all, or more than
/// its principal has: that would come to nothing, and is a slip.
fn refuse_wide(desk: &Desk<'_>, of: &Principal, token: &Token) -> Result<(), OperatorError> {
    let roles = token.roles.as_ref().unwrap_or(&of.roles);
    let reach = token.reach.as_ref().unwrap_or(&of.reach);
    refuse_empty(roles, reach)?;
    if !roles.is_subset(&of.roles) {
        return Err(fault("roles", "E-TOK-003", "names a role that the principal does not have"));
    }
    if !of.reach.includes(reach) {
        return Err(fault("reach", "E-TOK-003", "goes beyond the principal's"));
    }
    refuse_more(desk, roles, reach)
}

/// Whether a token that was made before is the one that is asked for now.
fn is_same(known: &Token, asked: &Token) -> bool {
    let wish =
        |one: &Token| (one.principal, one.label.clone(), one.roles.clone(), one.reach.clone());
    let length = |one: &Token| one.expires_at.map(|at| at.duration_since(one.made_at));
    wish(known) == wish(asked) && length(known) == length(asked)
}

impl TokenView {
    fn of(token: Token, principal: &Principal, now: Instant) -> Self {
        let state = match access(principal, &token, now) {
            Ok(_) => TokenState::Good,
            Err(NoAccess::Disabled) => TokenState::Disabled,
            Err(NoAccess::Expired) => TokenState::Expired,
            Err(NoAccess::Revoked) => TokenState::Revoked,
        };
        Self {
            id: token.id,
            principal: principal.name.clone(),
            label: token.label,
            roles: token.roles,
            reach: token.reach,
            state,
            made_at: token.made_at,
            expires_at: token.expires_at,
            revoked_at: token.revoked_at,
        }
    }
}
