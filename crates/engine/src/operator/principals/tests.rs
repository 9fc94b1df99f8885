//! Who may be made, changed and let in, by whom, and what the journal says of it.

use super::tokens::{self, Why};
use super::*;
use crate::operator::office::{Office, now, office};
use crate::operator::shapes::strict::check;

const DAY: i64 = 24 * 60 * 60;

fn later(seconds: i64) -> Instant {
    now().checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap()
}

fn brands(names: &[&str]) -> Reach {
    Reach::Brands(names.iter().map(|name| (*name).to_owned()).collect())
}

fn new(name: &str, roles: &[Role], reach: Reach) -> NewPrincipal {
    NewPrincipal {
        name: name.into(),
        kind: PrincipalKind::Person,
        roles: roles.iter().copied().collect(),
        reach,
    }
}

fn label(label: &str) -> NewToken {
    NewToken { label: label.into(), ..NewToken::default() }
}

/// A desk at which somebody with these roles sits.
fn desk_of<'a>(office: &'a Office, roles: &[Role], reach: Reach) -> Desk<'a> {
    Desk { roles: roles.iter().copied().collect(), reach, ..office.desk() }
}

fn code<T: std::fmt::Debug>(result: Result<T, OperatorError>) -> String {
    match result {
        Err(OperatorError::Fault(fault) | OperatorError::Forbidden(fault)) => {
            fault.code.to_string()
        }
        other => panic!("no fault: {other:?}"),
    }
}

async fn why(office: &Office, text: &str, at: Instant) -> Option<Why> {
    match authenticate(&office.store, text, at).await {
        Ok(_) => None,
        Err(NotAccepted::Token { why, .. }) => Some(why),
        Err(NotAccepted::Store(error)) => panic!("{error}"),
    }
}

fn text(made: &MadeToken) -> String {
    made.secret.as_ref().unwrap().expose().to_owned()
}

#[tokio::test]
async fn a_principal_is_made_once_and_a_name_given_once() {
    let office = office().await;
    let desk = office.desk();
    let ann = new("ann", &[Role::Auditor], Reach::All);
    let made = add(&desk, &ann).await.unwrap();
    assert_eq!(add(&desk, &ann).await.unwrap(), made, "asked again, it stands as it is");
    let other = new("ann", &[Role::Approver], Reach::All);
    assert_eq!(code(add(&desk, &other).await), "E-PRN-001");
    for name in ["", "Ann", "ann@example.com", "engine"] {
        assert_eq!(code(add(&desk, &new(name, &[Role::Auditor], Reach::All)).await), "E-PRN-001");
    }
    assert_eq!(code(add(&desk, &new("bob", &[], Reach::All)).await), "E-PRN-002");
    assert_eq!(code(add(&desk, &new("bob", &[Role::Auditor], brands(&[]))).await), "E-PRN-002");
    assert_eq!(view(&office.store, &made.id.to_string(), now()).await.unwrap(), made);
    assert_eq!(list(&office.store, now()).await.unwrap().principals, [made]);
    let journal = office.journal(Event::PrincipalAdded).await;
    assert_eq!(journal.len(), 1);
    let said = r#""facts":{"kind":"person","principal":"ann","reach":"all","roles":["auditor"]}"#;
    assert!(journal[0].contains(said), "{}", journal[0]);
}

#[tokio::test]
async fn a_token_lets_its_principal_in_until_it_ends() {
    let office = office().await;
    let desk = office.desk();
    add(&desk, &new("ann", &[Role::Auditor, Role::Approver], Reach::All)).await.unwrap();
    let made = tokens::add(&desk, "ann", &label("laptop"), None).await.unwrap();
    let token = text(&made);
    let access = authenticate(&office.store, &token, now()).await.unwrap();
    assert_eq!((&*access.name, &access.reach), ("ann", &Reach::All));
    assert!(access.allows(domain::Permission::RequestsApprove));
    assert_eq!(why(&office, &token, later(90 * DAY - 1)).await, None);
    let ended = Some(Why::Ended(domain::principal::NoAccess::Expired));
    assert_eq!(why(&office, &token, later(90 * DAY)).await, ended);
    assert_eq!(why(&office, "habeas_", now()).await, Some(Why::NoToken));
    let (stranger, _) = store::seal::new_token("habeas_").unwrap();
    assert_eq!(why(&office, stranger.expose(), now()).await, Some(Why::Unknown));
    let told = |why| NotAccepted::Token { why, token: None }.to_string();
    assert_eq!(told(Why::Unknown), told(Why::NoToken), "outside, every reason reads the same");
}

#[tokio::test]
async fn what_is_taken_from_a_principal_is_taken_from_its_tokens_at_once() {
    let office = office().await;
    let desk = office.desk();
    add(&desk, &new("ann", &[Role::RequestManager], Reach::All)).await.unwrap();
    let token = text(&tokens::add(&desk, "ann", &label("laptop"), None).await.unwrap());
    let changes =
        Changes { roles: Some(BTreeSet::from([Role::Auditor])), reach: Some(brands(&["shop"])) };
    set(&desk, "ann", &changes).await.unwrap();
    let access = authenticate(&office.store, &token, now()).await.unwrap();
    assert!(!access.allows(domain::Permission::RequestsWrite));
    assert_eq!(access.reach, brands(&["shop"]));
    let disabled = disable(&desk, "ann").await.unwrap();
    assert_eq!((disabled.disabled_at, disabled.n_tokens), (Some(now()), 0));
    let ended = Some(Why::Ended(domain::principal::NoAccess::Disabled));
    assert_eq!(why(&office, &token, now()).await, ended);
    disable(&desk, "ann").await.unwrap();
    assert_eq!(enable(&desk, "ann").await.unwrap().n_tokens, 1);
    assert_eq!(why(&office, &token, now()).await, None);
    for (event, n) in [
        (Event::PrincipalSet, 1),
        (Event::PrincipalDisabled, 1),
        (Event::PrincipalEnabled, 1),
        (Event::TokenMade, 1),
    ] {
        assert_eq!(office.journal(event).await.len(), n, "{event}");
    }
}

#[tokio::test]
async fn a_token_is_revoked_by_the_beginning_of_its_id_and_for_good() {
    let office = office().await;
    let desk = office.desk();
    add(&desk, &new("ann", &[Role::Auditor], Reach::All)).await.unwrap();
    let made = tokens::add(&desk, "ann", &label("laptop"), None).await.unwrap();
    let id = made.token.id.to_string();
    let revoked = tokens::revoke(&desk, &id[..30]).await.unwrap();
    assert_eq!((revoked.state, revoked.revoked_at), (TokenState::Revoked, Some(now())));
    let ended = Some(Why::Ended(domain::principal::NoAccess::Revoked));
    assert_eq!(why(&office, &text(&made), now()).await, ended);
    assert_eq!(tokens::revoke(&desk, &id).await.unwrap(), revoked, "once is enough");
    assert_eq!(office.journal(Event::TokenRevoked).await.len(), 1);
    let listed = tokens::list(&office.store, Some("ann"), now()).await.unwrap();
    assert_eq!(listed.tokens, [revoked]);
}

#[tokio::test]
async fn a_token_asked_for_twice_by_one_key_is_one_token_and_its_text_is_told_once() {
    let office = office().await;
    let desk = office.desk();
    add(&desk, &new("ann", &[Role::Auditor], Reach::All)).await.unwrap();
    let ask = async |label: NewToken| tokens::add(&desk, "ann", &label, Some("k")).await;
    let first = ask(label("laptop")).await.unwrap();
    assert!(first.secret.is_some());
    let again = ask(label("laptop")).await.unwrap();
    assert_eq!(again.token, first.token);
    assert!(again.secret.is_none());
    assert_eq!(code(ask(label("phone")).await), "E-TOK-002");
    let other = Desk { actor: domain::Actor::Operator("bob".into()), ..office.desk() };
    let of_other = tokens::add(&other, "ann", &label("laptop"), Some("k")).await.unwrap();
    assert_ne!(of_other.token.id, first.token.id, "another caller's key is another key");
    assert_eq!(office.journal(Event::TokenMade).await.len(), 2);
}

#[tokio::test]
async fn a_token_that_would_be_more_than_its_principal_or_nothing_is_refused() {
    let office = office().await;
    let desk = office.desk();
    add(&desk, &new("ann", &[Role::Auditor], brands(&["shop"]))).await.unwrap();
    let base = label("laptop");
    for (new, expected) in [
        (NewToken { label: " ".into(), ..base.clone() }, "E-TOK-001"),
        (NewToken { label: "x".repeat(61), ..base.clone() }, "E-TOK-001"),
        (NewToken { days: Some(0), ..base.clone() }, "E-TOK-001"),
        (NewToken { days: Some(366), ..base.clone() }, "E-TOK-001"),
        (NewToken { roles: Some(BTreeSet::new()), ..base.clone() }, "E-PRN-002"),
        (NewToken { roles: Some(BTreeSet::from([Role::Approver])), ..base.clone() }, "E-TOK-003"),
        (NewToken { reach: Some(Reach::All), ..base.clone() }, "E-TOK-003"),
    ] {
        assert_eq!(code(tokens::add(&desk, "ann", &new, None).await), expected, "{new:?}");
    }
    let year = NewToken { days: Some(365), ..base };
    let made = tokens::add(&desk, "ann", &year, None).await.unwrap();
    assert_eq!(made.token.expires_at, Some(later(365 * DAY)));
}

#[tokio::test]
async fn nobody_gives_or_touches_more_than_they_have() {
    let office = office().await;
    let root = office.desk();
    add(&root, &new("boss", &[Role::SuperAdmin], Reach::All)).await.unwrap();
    let boss = tokens::add(&root, "boss", &label("laptop"), None).await.unwrap();
    let scoped = desk_of(&office, &[Role::SuperAdmin], brands(&["shop"]));
    add(&scoped, &new("ann", &[Role::Approver], brands(&["shop"]))).await.unwrap();
    let wide = new("bob", &[Role::Approver], Reach::All);
    assert_eq!(code(add(&scoped, &wide).await), "E-PRN-003");
    let all = Changes { reach: Some(Reach::All), ..Changes::default() };
    assert_eq!(code(set(&scoped, "ann", &all).await), "E-PRN-003");
    assert_eq!(code(disable(&scoped, "boss").await), "E-PRN-003");
    assert_eq!(code(tokens::add(&scoped, "boss", &label("x"), None).await), "E-PRN-003");
    assert_eq!(code(tokens::revoke(&scoped, &boss.token.id.to_string()).await), "E-PRN-003");
    let auditor = desk_of(&office, &[Role::Auditor], Reach::All);
    let admin = new("eve", &[Role::SuperAdmin], Reach::All);
    assert_eq!(code(add(&auditor, &admin).await), "E-PRN-003");
    assert_eq!(office.journal(Event::PrincipalAdded).await.len(), 2);
}

#[tokio::test]
async fn the_last_super_admin_stays() {
    let office = office().await;
    let desk = office.desk();
    add(&desk, &new("one", &[Role::SuperAdmin], Reach::All)).await.unwrap();
    add(&desk, &new("narrow", &[Role::SuperAdmin], brands(&["shop"]))).await.unwrap();
    let auditor = Changes { roles: Some(BTreeSet::from([Role::Auditor])), ..Changes::default() };
    let narrow = Changes { reach: Some(brands(&["shop"])), ..Changes::default() };
    assert_eq!(code(disable(&desk, "one").await), "E-PRN-004");
    assert_eq!(code(set(&desk, "one", &auditor).await), "E-PRN-004");
    assert_eq!(code(set(&desk, "one", &narrow).await), "E-PRN-004");
    add(&desk, &new("two", &[Role::SuperAdmin], Reach::All)).await.unwrap();
    let (first, second) = tokio::join!(disable(&desk, "one"), disable(&desk, "two"));
    assert_eq!(u8::from(first.is_ok()) + u8::from(second.is_ok()), 1, "one of the two stays");
    let ruling = office.store.principals().await.unwrap();
    assert_eq!(ruling.iter().filter(|one| one.rules_all()).count(), 1);
}

#[tokio::test]
async fn a_set_up_token_makes_one_super_admin_once() {
    let office = office().await;
    let desk = office.desk();
    let older = setup::begin(&desk).await.unwrap().unwrap();
    let token = setup::begin(&desk).await.unwrap().unwrap();
    assert_eq!(code(setup::finish(&desk, older.expose(), "ann").await), "E-AUTH-002");
    assert_eq!(code(setup::finish(&desk, "habeas_setup_x", "ann").await), "E-AUTH-002");
    assert_eq!(code(setup::finish(&desk, token.expose(), "A n n").await), "E-PRN-001");
    let at_once = async |name| setup::finish(&office.desk(), token.expose(), name).await;
    let (ann, bob) = tokio::join!(at_once("ann"), at_once("bob"));
    assert_eq!(u8::from(ann.is_ok()) + u8::from(bob.is_ok()), 1, "it works once");
    let made = ann.or(bob).unwrap();
    let access = authenticate(&office.store, &text(&made), now()).await.unwrap();
    assert_eq!(access.roles, BTreeSet::from([Role::SuperAdmin]));
    assert_eq!(office.store.principals().await.unwrap().len(), 1);
    assert!(setup::begin(&desk).await.unwrap().is_none());
    assert_eq!(code(setup::finish(&desk, token.expose(), "eve").await), "E-AUTH-002");
    assert_eq!(office.journal(Event::SetupBegun).await.len(), 2);
    let finished = office.journal(Event::SetupFinished).await;
    assert!(finished[0].contains(&format!(r#""operator":"{}""#, access.name)), "{finished:?}");
}

#[tokio::test]
async fn a_set_up_token_works_for_a_day_and_not_where_somebody_is_there_already() {
    let office = office().await;
    let token = setup::begin(&office.desk()).await.unwrap().unwrap();
    let next_day = Desk { now: later(DAY), ..office.desk() };
    assert_eq!(code(setup::finish(&next_day, token.expose(), "ann").await), "E-AUTH-002");
    add(&office.desk(), &new("bob", &[Role::Auditor], Reach::All)).await.unwrap();
    assert_eq!(code(setup::finish(&office.desk(), token.expose(), "ann").await), "E-AUTH-002");
}

#[tokio::test]
async fn no_text_of_a_token_stands_in_the_journal_or_in_what_is_printed() {
    let office = office().await;
    let set_up = setup::begin(&office.desk()).await.unwrap().unwrap();
    let made = setup::finish(&office.desk(), set_up.expose(), "ann").await.unwrap();
    let secrets = [text(&made), set_up.expose().to_owned()];
    let all = store::JournalFilter::default();
    let entries = office.store.journal(store::From::After(0), &all, 100).await.unwrap();
    let entries = serde_json::to_string(&entries).unwrap();
    let printed = format!("{entries} {made:?} {set_up:?}");
    for secret in &secrets {
        assert!(!printed.contains(secret.trim_start_matches("habeas_setup_")));
        assert!(!printed.contains(secret.trim_start_matches("habeas_")));
    }
    check(&made);
    let told = serde_json::to_value(&made).unwrap();
    assert_eq!(told["secret"], secrets[0], "it is told once, to whoever made it");
    let read: MadeToken = serde_json::from_value(told).unwrap();
    assert_eq!(text(&read), secrets[0]);
}

#[tokio::test]
async fn what_is_taken_and_told_is_what_the_schemas_say() {
    let office = office().await;
    let desk = office.desk();
    let ann = new("ann", &[Role::Auditor, Role::Approver], brands(&["shop"]));
    check(&ann);
    check(&add(&desk, &ann).await.unwrap());
    check(&new("bob", &[Role::Auditor], Reach::All));
    check(&Changes::default());
    check(&Changes { roles: Some(Role::every()), reach: Some(Reach::All) });
    let wish = NewToken {
        label: "laptop".into(),
        roles: Some(BTreeSet::from([Role::Auditor])),
        reach: Some(brands(&["shop"])),
        days: Some(1),
    };
    check(&wish);
    let made = tokens::add(&desk, "ann", &wish, Some("k")).await.unwrap();
    check(&made);
    check(&tokens::add(&desk, "ann", &wish, Some("k")).await.unwrap());
    check(&tokens::revoke(&desk, &made.token.id.to_string()).await.unwrap());
    check(&disable(&desk, "ann").await.unwrap());
    assert!(serde_json::from_str::<Changes>(r#"{"role": ["auditor"]}"#).is_err(), "a slip");
}
