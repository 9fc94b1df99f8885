//! A principal changes under compare-and-set, a token is known by its digest alone and made once, and
//! its text stands in no file.

use std::collections::BTreeSet;
use std::path::Path;

use domain::principal::PrincipalKind;
use domain::{
    Actor, Digest, Entry, Event, Principal, PrincipalId, Reach, Right, Role, Token, TokenId,
};

use super::setup::{Setup, now, on_sqlite, setup};
use crate::seal::{new_token, token_digest};
use crate::{Applied, From, JournalFilter, NewToken, RequestFilter, Secret, Transition};

const PREFIX: &str = "habeas_";

fn principal(setup: &Setup, name: &str) -> Principal {
    Principal {
        id: PrincipalId::new(&*setup.ids),
        name: name.into(),
        kind: PrincipalKind::Person,
        roles: BTreeSet::from([Role::Auditor]),
        reach: Reach::Brands(BTreeSet::from(["shop".to_owned()])),
        disabled_at: None,
        made_at: now(),
        version: 0,
    }
}

fn token(setup: &Setup, of: &Principal, digest: Digest) -> NewToken {
    let token = Token {
        id: TokenId::new(&*setup.ids),
        principal: of.id,
        label: "laptop".into(),
        roles: None,
        reach: None,
        made_at: now(),
        expires_at: Some(now()),
        revoked_at: None,
    };
    NewToken { token, digest, idempotency: None }
}

/// A principal with a token, both in the store, and the token's text.
async fn ann(setup: &Setup) -> (Principal, Token, Secret) {
    let (ann, (text, digest)) = (principal(setup, "ann"), new_token(PREFIX).unwrap());
    let new = token(setup, &ann, digest);
    let made = new.token.clone();
    setup
        .done(Transition {
            new_principals: vec![ann.clone()],
            new_tokens: vec![new],
            journal: vec![Entry::new(now(), Actor::Operator("ops".into()), Event::TokenMade)],
            ..Default::default()
        })
        .await;
    (ann, made, text)
}

/// Whether a text stands in any file below a folder.
fn stands_in(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return stands_in(&path, text);
        }
        let content = std::fs::read(&path).unwrap();
        content.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[tokio::test]
async fn a_token_is_found_by_the_digest_of_its_secret_and_by_no_other() {
    let setup = setup().await;
    let (ann, made, text) = ann(&setup).await;
    let digest = token_digest(PREFIX, text.expose()).unwrap();
    let found = setup.store.token_by_digest(&digest).await.unwrap();
    assert_eq!(found, Some((ann.clone(), made.clone())));
    let (_, other) = new_token(PREFIX).unwrap();
    assert_eq!(setup.store.token_by_digest(&other).await.unwrap(), None);
    let prefix = &made.id.to_string()[..12];
    assert_eq!(setup.store.token_by_prefix(prefix).await.unwrap(), [made.id]);
    assert_eq!(setup.store.tokens(Some(ann.id)).await.unwrap(), [made]);
}

#[tokio::test]
async fn the_text_of_a_token_stands_in_no_byte_of_the_data_folder_and_is_never_printed() {
    let setup = on_sqlite().await;
    let (_, made, text) = ann(&setup).await;
    let secret = text.expose().strip_prefix(PREFIX).unwrap();
    assert!(stands_in(&setup.data(), &made.id.to_string()), "its id is there to be found");
    assert!(!stands_in(&setup.data(), secret), "beside the open store");
    setup.store.close().await;
    assert!(!stands_in(&setup.data(), secret), "after closing");
    assert!(!stands_in(&setup.options().keys, secret), "in the key folder");
    assert!(!format!("{text:?}").contains(secret));
}

#[tokio::test]
async fn of_two_who_change_a_principal_the_second_loses_and_journals_nothing() {
    let setup = setup().await;
    let (ann, ..) = ann(&setup).await;
    let disabled = Principal { disabled_at: Some(now()), ..ann.clone() };
    let journal = vec![Entry::new(now(), Actor::Engine, Event::PrincipalDisabled)];
    let change = Transition { principals: vec![disabled], journal, ..Default::default() };
    setup.done(change.clone()).await;
    assert_eq!(setup.again().await.apply(None, &[change]).await.unwrap(), [Applied::Lost]);
    let now_is = setup.store.principal_by_name("ann").await.unwrap().unwrap();
    assert_eq!((now_is.disabled_at, now_is.version), (Some(now()), 1));
    let of_event =
        JournalFilter { event: Some(Event::PrincipalDisabled), ..JournalFilter::default() };
    assert_eq!(setup.store.journal(From::After(0), &of_event, 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_name_is_given_once() {
    let setup = setup().await;
    ann(&setup).await;
    let again = Transition { new_principals: vec![principal(&setup, "ann")], ..Default::default() };
    assert_eq!(setup.apply(again).await.unwrap(), [Applied::Lost]);
    assert_eq!(setup.store.principals().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_token_that_is_asked_for_twice_is_made_once() {
    let setup = setup().await;
    let (ann, ..) = ann(&setup).await;
    let ask = || {
        let (_, digest) = new_token(PREFIX).unwrap();
        let idempotency = Some("ops:7".to_owned());
        let new = NewToken { idempotency, ..token(&setup, &ann, digest) };
        (new.token.id, Transition { new_tokens: vec![new], ..Default::default() })
    };
    let (first, once) = ask();
    setup.done(once).await;
    assert_eq!(setup.apply(ask().1).await.unwrap(), [Applied::Lost]);
    let known = setup.store.token_asked_for("ops:7").await.unwrap().unwrap();
    assert_eq!(known.id, first);
    assert_eq!(setup.store.token_asked_for("ops:8").await.unwrap(), None);
    // Tokens that nobody asked for by a key don't stand in each other's way.
    let two = (0..2).map(|_| token(&setup, &ann, new_token(PREFIX).unwrap().1));
    setup.done(Transition { new_tokens: two.collect(), ..Default::default() }).await;
}

#[tokio::test]
async fn a_token_is_revoked_once_and_stays_so() {
    let setup = setup().await;
    let (_, made, _) = ann(&setup).await;
    let revoke = || Transition { revoked_tokens: vec![(made.id, now())], ..Transition::default() };
    setup.done(revoke()).await;
    assert_eq!(setup.apply(revoke()).await.unwrap(), [Applied::Lost]);
    let token = setup.store.token(made.id).await.unwrap().unwrap();
    assert_eq!(token.revoked_at, Some(now()));
}

#[test]
fn only_the_very_text_of_a_token_is_read_as_one() {
    let (text, digest) = new_token(PREFIX).unwrap();
    let secret = text.expose().strip_prefix(PREFIX).unwrap().to_owned();
    assert_eq!(secret.len(), 43);
    assert_eq!(token_digest(PREFIX, text.expose()), Some(digest));
    for bad in [
        "",
        PREFIX,
        &secret,
        &format!("{PREFIX}{}", &secret[1..]),
        &format!("{PREFIX}{secret}="),
        &format!("{PREFIX}{secret}A"),
        &format!(" {PREFIX}{secret}"),
        &format!("{PREFIX}{}+", &secret[1..]),
    ] {
        assert!(token_digest(PREFIX, bad).is_none(), "{bad}");
    }
}

#[tokio::test]
async fn a_list_that_is_bound_to_brands_holds_theirs_and_no_others() {
    let setup = setup().await;
    for brand in [None, Some("Shop"), Some("shop two"), Some("100%"), Some("s_op"), Some("")] {
        let mut new = setup.new_request(Right::Access, &["a@example.org"]);
        new.request.brand = brand.map(str::to_owned);
        setup.store.add_requests(vec![new], now()).await.unwrap();
    }
    let check = async |brands: &[&str], expected: &[&str]| {
        let brands = Some(brands.iter().map(|brand| (*brand).to_owned()).collect());
        let filter = RequestFilter { brands, ..RequestFilter::default() };
        let found = setup.store.requests(&filter, None, 10).await.unwrap();
        let found: Vec<_> = found.iter().map(|one| one.brand.as_deref().unwrap()).collect();
        assert_eq!(found, expected, "{:?}", filter.brands);
    };
    check(&["shop"], &["Shop"]).await;
    check(&["SHOP TWO", "shop"], &["Shop", "shop two"]).await;
    check(&["100%"], &["100%"]).await;
    check(&["%", "s%", "s_op", "_"], &["s_op"]).await;
    check(&["other"], &[]).await;
    check(&[], &[]).await;
    let all = setup.store.requests(&RequestFilter::default(), None, 10).await.unwrap();
    assert_eq!(all.len(), 6);
}

#[tokio::test]
async fn a_journal_that_is_bound_to_brands_leaves_out_the_requests_of_others() {
    let setup = setup().await;
    let mut of_brand = Vec::new();
    for brand in [Some("Shop"), Some("other"), None] {
        let mut new = setup.new_request(Right::Access, &["a@example.org"]);
        new.request.brand = brand.map(str::to_owned);
        of_brand.push(new.request.id);
        setup.store.add_requests(vec![new], now()).await.unwrap();
    }
    let about_none = Entry::new(now(), Actor::Engine, Event::EnginePaused);
    setup.store.set_setting("key", "value", &about_none).await.unwrap();
    let brands = Some(BTreeSet::from(["shop".to_owned()]));
    let filter = JournalFilter { brands, ..JournalFilter::default() };
    let entries = setup.store.journal(From::After(0), &filter, 100).await.unwrap();
    let about: Vec<_> = entries.iter().map(|(_, entry)| entry.request).collect();
    assert_eq!(about, [Some(of_brand[0]), None]);
    let other = JournalFilter { request: Some(of_brand[1]), ..filter };
    assert!(setup.store.journal(From::Before(i64::MAX), &other, 100).await.unwrap().is_empty());
}
