//! Principals: who may do what. Making them, changing their roles and reach, disabling them; their
//! tokens are in [`tokens`], the very first one comes by [`setup`].
//!
//! None is ever removed, since the journal names them; what is no longer needed is disabled.

pub mod setup;
#[cfg(test)]
mod tests;
pub mod tokens;

use std::collections::BTreeSet;

use domain::access::may_give;
use domain::principal::PrincipalKind;
use domain::{Entry, Event, Instant, Principal, PrincipalId, Reach, Role};
use serde::{Deserialize, Serialize};
use store::{Store, Transition};
use utoipa::ToSchema;

use super::desk::{Desk, OperatorError};
use super::fault::Fault;
use super::find;
pub use tokens::{MadeToken, NewToken, NotAccepted, TokenState, TokenView, authenticate};

/// A principal to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPrincipal {
    /// Its name, as the journal will say it: up to 40 small letters, digits, `-`, `_` and `.`.
    #[schema(pattern = "^[a-z0-9_.-]{1,40}$")]
    pub name: String,
    /// What it is.
    pub kind: PrincipalKind,
    /// What it is trusted with.
    #[schema(min_items = 1)]
    pub roles: BTreeSet<Role>,
    /// In which requests.
    pub reach: Reach,
}

/// What is to change in a principal. What is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = PrincipalChanges)]
pub struct Changes {
    /// What it is trusted with from now on.
    pub roles: Option<BTreeSet<Role>>,
    /// In which requests from now on.
    pub reach: Option<Reach>,
}

/// A principal as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PrincipalView {
    /// Its id.
    pub id: PrincipalId,
    /// Its name, as the journal says it.
    pub name: String,
    /// What it is.
    pub kind: PrincipalKind,
    /// What it is trusted with.
    pub roles: BTreeSet<Role>,
    /// In which requests.
    pub reach: Reach,
    /// Since when it may do nothing any more.
    #[schema(value_type = Option<Timestamp>)]
    pub disabled_at: Option<Instant>,
    /// When it was made.
    #[schema(value_type = Timestamp)]
    pub made_at: Instant,
    /// How many of its tokens are accepted now.
    pub n_tokens: u32,
}

/// The principals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PrincipalList {
    /// All of them, by name.
    pub principals: Vec<PrincipalView>,
}

/// All principals, by name.
pub async fn list(store: &Store, now: Instant) -> Result<PrincipalList, OperatorError> {
    let tokens = store.tokens(None).await?;
    let principals = store.principals().await?.into_iter();
    let principals = principals.map(|one| PrincipalView::of(one, &tokens, now)).collect();
    Ok(PrincipalList { principals })
}

/// One principal, by its name or id.
pub async fn view(store: &Store, name: &str, now: Instant) -> Result<PrincipalView, OperatorError> {
    let principal = find::principal(store, name).await?;
    let tokens = store.tokens(Some(principal.id)).await?;
    Ok(PrincipalView::of(principal, &tokens, now))
}

/// Makes a principal. One that stands already, just so, is returned: asking again changes nothing.
pub async fn add(desk: &Desk<'_>, new: &NewPrincipal) -> Result<PrincipalView, OperatorError> {
    refuse_name(&new.name)?;
    refuse_empty(&new.roles, &new.reach)?;
    refuse_more(desk, &new.roles, &new.reach)?;
    desk.write_fresh(|| async {
        let Some(known) = desk.store.principal_by_name(&new.name).await? else {
            let principal = principal(desk, new);
            let entry = about(desk.entry(Event::PrincipalAdded), &principal);
            let transition = Transition {
                new_principals: vec![principal],
                journal: vec![entry.fact("kind", new.kind.word())],
                ..Transition::default()
            };
            return Ok((transition, ()));
        };
        let is_same = known.kind == new.kind
            && known.roles == new.roles
            && known.reach == new.reach
            && known.disabled_at.is_none();
        if !is_same {
            return Err(fault("name", "E-PRN-001", "is taken by another principal"));
        }
        Ok((Transition::default(), ()))
    })
    .await?;
    view(desk.store, &new.name, desk.now).await
}

/// Gives a principal other roles, or another reach. Its tokens follow at once.
pub async fn set(
    desk: &Desk<'_>,
    name: &str,
    changes: &Changes,
) -> Result<PrincipalView, OperatorError> {
    change(desk, name, |principal| {
        let before = principal.clone();
        principal.roles = changes.roles.clone().unwrap_or_else(|| before.roles.clone());
        principal.reach = changes.reach.clone().unwrap_or_else(|| before.reach.clone());
        refuse_empty(&principal.roles, &principal.reach)?;
        let entry = about(desk.entry(Event::PrincipalSet), principal);
        Ok((*principal != before).then_some(entry))
    })
    .await
}

/// Lets a principal do nothing any more. Its tokens are accepted again when it is enabled.
pub async fn disable(desk: &Desk<'_>, name: &str) -> Result<PrincipalView, OperatorError> {
    change(desk, name, |principal| {
        let was_enabled = principal.disabled_at.is_none();
        principal.disabled_at.get_or_insert(desk.now);
        let entry = desk.entry(Event::PrincipalDisabled).fact("principal", &*principal.name);
        Ok(was_enabled.then_some(entry))
    })
    .await
}

/// Lets a principal do again what its roles allow.
pub async fn enable(desk: &Desk<'_>, name: &str) -> Result<PrincipalView, OperatorError> {
    change(desk, name, |principal| {
        let was_disabled = principal.disabled_at.take().is_some();
        let entry = about(desk.entry(Event::PrincipalEnabled), principal);
        Ok(was_disabled.then_some(entry))
    })
    .await
}

/// Changes a principal; without an entry to journal nothing is written.
async fn change(
    desk: &Desk<'_>,
    name: &str,
    with: impl Fn(&mut Principal) -> Result<Option<Entry>, OperatorError>,
) -> Result<PrincipalView, OperatorError> {
    desk.write_fresh(|| async {
        let found = find::principal(desk.store, name).await?;
        refuse_more(desk, &found.roles, &found.reach)?;
        let mut changed = found.clone();
        let Some(entry) = with(&mut changed)? else { return Ok((Transition::default(), ())) };
        refuse_more(desk, &changed.roles, &changed.reach)?;
        let mut principals = Vec::new();
        if found.rules_all() && !changed.rules_all() {
            principals.push(who_stays(desk, &found).await?);
        }
        principals.push(changed);
        Ok((Transition { principals, journal: vec![entry], ..Transition::default() }, ()))
    })
    .await?;
    view(desk.store, name, desk.now).await
}

/// Another one who rules all, to be written with the change as they are: if they are changed at the
/// same moment, one of the two changes loses, so that somebody always stays.
async fn who_stays(desk: &Desk<'_>, goes: &Principal) -> Result<Principal, OperatorError> {
    let others = desk.store.principals().await?.into_iter();
    let stays = others.filter(|one| one.id != goes.id).find(Principal::rules_all);
    stays.ok_or_else(|| {
        let message = format!(
            "{} is the last super admin who is enabled and reaches everything; make another one first",
            goes.name
        );
        OperatorError::Forbidden(Fault::new("", "E-PRN-004", message))
    })
}

fn principal(desk: &Desk<'_>, new: &NewPrincipal) -> Principal {
    Principal {
        id: PrincipalId::new(desk.ids),
        name: new.name.clone(),
        kind: new.kind,
        roles: new.roles.clone(),
        reach: new.reach.clone(),
        disabled_at: None,
        made_at: desk.now,
        version: 0,
    }
}

pub(super) fn refuse_name(name: &str) -> Result<(), OperatorError> {
    if Principal::is_name(name) {
        return Ok(());
    }
    let message = "is no name: use up to 40 small letters, digits, `-`, `_` and `.`; \
                   `engine` is the engine's own";
    Err(fault("name", "E-PRN-001", message))
}

/// Refuses what would allow nothing at all.
fn refuse_empty(roles: &BTreeSet<Role>, reach: &Reach) -> Result<(), OperatorError> {
    empty(roles, reach).map_or(Ok(()), |fault| Err(OperatorError::Fault(fault)))
}

/// What is wrong where nothing at all would be allowed: no role is a slip, and no brand too.
pub(super) fn empty(roles: &BTreeSet<Role>, reach: &Reach) -> Option<Fault> {
    let is_nowhere =
        reach.brands().is_some_and(|brands| brands.iter().all(|brand| brand.trim().is_empty()));
    let (field, message) = match (roles.is_empty(), is_nowhere) {
        (true, _) => ("roles", "names no role, so nothing would be allowed"),
        (_, true) => ("reach", "names no brand, so no request would be covered"),
        _ => return None,
    };
    Some(Fault::new(field, "E-PRN-002", message))
}

/// Refuses to give, or to touch, what the person does not have.
pub(super) fn refuse_more(
    desk: &Desk<'_>,
    roles: &BTreeSet<Role>,
    reach: &Reach,
) -> Result<(), OperatorError> {
    if may_give(&desk.roles, &desk.reach, roles, reach) {
        return Ok(());
    }
    let message = "goes beyond what you have yourself: nobody gives a role or a reach that is not \
                   theirs, nor changes who has more";
    Err(OperatorError::Forbidden(Fault::new("", "E-PRN-003", message)))
}

/// An entry with what a principal is and may do.
fn about(entry: Entry, principal: &Principal) -> Entry {
    let entry = entry.fact("principal", &*principal.name);
    let entry = entry.fact("roles", words(&principal.roles));
    entry.fact("reach", told(&principal.reach))
}

fn words(roles: &BTreeSet<Role>) -> Vec<&'static str> {
    roles.iter().map(|role| role.word()).collect()
}

/// A reach as a fact: `all`, or the brands.
fn told(reach: &Reach) -> serde_json::Value {
    match reach.brands() {
        None => "all".into(),
        Some(brands) => brands.iter().cloned().collect(),
    }
}

fn fault(field: &str, code: &'static str, message: &str) -> OperatorError {
    OperatorError::Fault(Fault::new(field, code, message))
}

impl PrincipalView {
    /// A principal with those of these tokens that are its own.
    fn of(one: Principal, tokens: &[domain::Token], now: Instant) -> Self {
        let own = tokens.iter().filter(|token| token.principal == one.id);
        let good = own.filter(|token| domain::principal::access(&one, token, now).is_ok());
        Self {
            n_tokens: u32::try_from(good.count()).unwrap_or(u32::MAX),
            id: one.id,
            name: one.name,
            kind: one.kind,
            roles: one.roles,
            reach: one.reach,
            disabled_at: one.disabled_at,
            made_at: one.made_at,
        }
    }
}
