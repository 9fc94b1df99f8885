//! What comes of a principal and one of its tokens, and what may be a name.

use proptest::prelude::*;

use super::*;
use crate::id::TimedIds;

const NOW: Instant = Instant::UNIX_EPOCH;

fn after(seconds: i64) -> Option<Instant> {
    Some(Instant::from_second(seconds).unwrap())
}

fn principal(roles: &[Role], reach: Reach) -> Principal {
    Principal {
        id: PrincipalId::new(&TimedIds::new(|| NOW, || [1; 8])),
        name: "ann".into(),
        kind: PrincipalKind::Person,
        roles: roles.iter().copied().collect(),
        reach,
        disabled_at: None,
        made_at: NOW,
        version: 0,
    }
}

fn token(of: &Principal) -> Token {
    Token {
        id: TokenId::new(&TimedIds::new(|| NOW, || [2; 8])),
        principal: of.id,
        label: "laptop".into(),
        roles: None,
        reach: None,
        made_at: NOW,
        expires_at: after(10),
        revoked_at: None,
    }
}

fn brands(names: &[&str]) -> Reach {
    Reach::Brands(names.iter().map(|name| (*name).to_owned()).collect())
}

#[test]
fn a_token_that_ended_or_whose_principal_is_disabled_leads_nowhere() {
    let ann = principal(&[Role::SuperAdmin], Reach::All);
    let disabled = Principal { disabled_at: after(0), ..ann.clone() };
    let good = token(&ann);
    let revoked = Token { revoked_at: after(0), ..good.clone() };
    let endless = Token { expires_at: None, ..good.clone() };
    for (principal, token, at, expected) in [
        (&ann, &good, 0, None),
        (&ann, &good, 9, None),
        (&ann, &good, 10, Some(NoAccess::Expired)),
        (&ann, &endless, 1_000_000, None),
        (&ann, &revoked, 0, Some(NoAccess::Revoked)),
        (&disabled, &good, 0, Some(NoAccess::Disabled)),
        (&disabled, &revoked, 20, Some(NoAccess::Revoked)),
    ] {
        let came = access(principal, token, after(at).unwrap());
        assert_eq!(came.err(), expected, "at {at}");
    }
}

#[test]
fn a_token_is_never_wider_than_its_principal() {
    let ann = principal(&[Role::Approver, Role::Auditor], brands(&["a", "b"]));
    let wide = Token { roles: Some(Role::every()), reach: Some(Reach::All), ..token(&ann) };
    let came = access(&ann, &wide, NOW).unwrap();
    assert_eq!((&came.roles, &came.reach), (&ann.roles, &ann.reach));
    let narrow = Token {
        roles: Some(BTreeSet::from([Role::Auditor, Role::SuperAdmin])),
        reach: Some(brands(&["b", "c"])),
        ..token(&ann)
    };
    let came = access(&ann, &narrow, NOW).unwrap();
    assert_eq!((came.roles, came.reach), (BTreeSet::from([Role::Auditor]), brands(&["b"])));
}

#[test]
fn a_role_that_is_taken_from_a_principal_is_taken_from_its_tokens() {
    let before = principal(&[Role::RequestManager], Reach::All);
    let narrowed = Token { roles: Some(before.roles.clone()), ..token(&before) };
    let after = Principal { roles: BTreeSet::from([Role::Auditor]), ..before };
    let came = access(&after, &narrowed, NOW).unwrap();
    assert!(Permission::ALL.iter().all(|permission| !came.allows(*permission)));
}

#[test]
fn the_owner_of_the_data_folder_may_do_everything_under_their_own_name() {
    let owner = Access::of_owner("ops".into());
    assert!(Permission::ALL.iter().all(|permission| owner.allows(*permission)));
    assert_eq!((owner.reach.clone(), owner.actor()), (Reach::All, Actor::Operator("ops".into())));
}

#[test]
fn a_name_is_plain_and_neither_an_address_nor_the_engines() {
    for name in ["ann", "crm-sync", "a.b_c-1", "0"] {
        assert!(Principal::is_name(name), "{name}");
    }
    let long = "a".repeat(41);
    for name in ["", "Ann", "ann@example.com", "ann lee", "engine", "ä", &long] {
        assert!(!Principal::is_name(name), "{name}");
    }
}

#[test]
fn only_an_enabled_super_admin_of_everything_rules_all() {
    let admin = principal(&[Role::SuperAdmin], Reach::All);
    assert!(admin.rules_all());
    assert!(!Principal { disabled_at: after(0), ..admin }.rules_all());
    assert!(!principal(&[Role::SuperAdmin], brands(&["a"])).rules_all());
    assert!(!principal(&[Role::Auditor], Reach::All).rules_all());
}

proptest! {
    #[test]
    fn an_access_allows_what_principal_and_token_both_allow(
        own in prop::collection::btree_set(prop::sample::select(Role::ALL), 0..4),
        narrower in prop::option::of(prop::collection::btree_set(prop::sample::select(Role::ALL), 0..4)),
    ) {
        let ann = Principal { roles: own.clone(), ..principal(&[], Reach::All) };
        let came = access(&ann, &Token { roles: narrower.clone(), ..token(&ann) }, NOW).unwrap();
        for permission in Permission::ALL {
            let gives = |role: &&Role| role.allows(*permission);
            let is_kept = |role: &&Role| narrower.as_ref().is_none_or(|roles| roles.contains(role));
            let expected = own.iter().filter(is_kept).any(|role| gives(&role));
            prop_assert_eq!(came.allows(*permission), expected);
        }
    }
}
