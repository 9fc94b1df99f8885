//! Setting up: the very first principal, by a token that is printed where the program was started.
//!
//! There is no default password. Whoever can read what the program prints has the machine anyway.
//! The set-up token works once, for a day, and only while there is no principal at all; at the shell
//! principals can be made without it.

use std::collections::BTreeSet;

use domain::principal::PrincipalKind;
use domain::{Actor, Digest, Event, Instant, Reach, Role, Token, TokenId};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use store::seal::{new_token, token_digest};
use store::{Secret, Store, StoreError};

use super::{NewPrincipal, about, principal, refuse_name, tokens};
use crate::operator::desk::{Desk, OperatorError};
use crate::operator::fault::Fault;
use tokens::MadeToken;

/// What the text of a set-up token begins with.
const PREFIX: &str = "habeas_setup_";
/// How long it works.
const LASTS: SignedDuration = SignedDuration::from_hours(24);
/// Where its digest lies.
const SETTING: &str = "setup";
/// What makes the first token the only one that a set-up ever makes.
const ONCE: &str = "setup";
/// Days until the first token ends.
const DAYS: u32 = 90;

/// A set-up that has begun.
#[derive(Serialize, Deserialize)]
struct Begun {
    digest: Digest,
    until: Instant,
}

/// Makes a set-up token in place of the one before; nothing if there is a principal already.
pub async fn begin(desk: &Desk<'_>) -> Result<Option<Secret>, OperatorError> {
    if is_over(desk.store).await? {
        return Ok(None);
    }
    let (secret, digest) = new_token(PREFIX).map_err(StoreError::from)?;
    let until = desk.now.checked_add(LASTS).unwrap_or(desk.now);
    let text = serde_json::json!(Begun { digest, until }).to_string();
    let entry = desk.entry(Event::SetupBegun).fact("until", until.to_string());
    desk.store.set_setting(SETTING, &text, &entry).await?;
    Ok(Some(secret))
}

/// Makes the first super admin, and a token for them, out of a set-up token. Works once.
pub async fn finish(desk: &Desk<'_>, text: &str, name: &str) -> Result<MadeToken, OperatorError> {
    if !fits(desk, text).await? {
        return Err(refused());
    }
    refuse_name(name)?;
    // Nobody is known yet; what is done here is done by whoever is being made.
    let desk = Desk {
        store: desk.store,
        connectors: desk.connectors,
        ids: desk.ids,
        actor: Actor::Operator(name.to_owned()),
        roles: Role::every(),
        reach: Reach::All,
        now: desk.now,
    };
    desk.write_fresh(|| async {
        if is_over(desk.store).await? {
            return Err(refused());
        }
        let new = NewPrincipal {
            name: name.to_owned(),
            kind: PrincipalKind::Person,
            roles: BTreeSet::from([Role::SuperAdmin]),
            reach: Reach::All,
        };
        let first = principal(&desk, &new);
        let token = Token {
            id: TokenId::new(desk.ids),
            principal: first.id,
            label: "set-up".to_owned(),
            roles: None,
            reach: None,
            made_at: desk.now,
            expires_at: Some(tokens::end(desk.now, DAYS)?),
            revoked_at: None,
        };
        let (mut transition, made) = tokens::make(&desk, &first, token, Some(ONCE.to_owned()))?;
        let added = about(desk.entry(Event::PrincipalAdded), &first);
        transition.journal.insert(0, added.fact("kind", new.kind.word()));
        transition.journal.insert(0, desk.entry(Event::SetupFinished));
        transition.new_principals.push(first);
        Ok((transition, made))
    })
    .await
}

/// Whether a text is the set-up token that works now.
async fn fits(desk: &Desk<'_>, text: &str) -> Result<bool, OperatorError> {
    let begun = desk.store.setting(SETTING).await?;
    let begun = begun.and_then(|text| serde_json::from_str::<Begun>(&text).ok());
    let (Some(begun), Some(digest)) = (begun, token_digest(PREFIX, text)) else {
        return Ok(false);
    };
    Ok(begun.digest == digest && desk.now < begun.until && !is_over(desk.store).await?)
}

async fn is_over(store: &Store) -> Result<bool, OperatorError> {
    Ok(!store.principals().await?.is_empty())
}

fn refused() -> OperatorError {
    let message = "the set-up token is not accepted: it works once, for a day, and only while \
                   there is no principal; `habeas principals add` works without one";
    OperatorError::Forbidden(Fault::new("", "E-AUTH-002", message))
}
