//! Finding people.

use connector_api::{Flow, Located, Report, Step, Turn, VendorError};
use domain::IdentifierKind::{self, AnonymousId, Cookie, Email, Phone, UserId};
use serde_json::json;

use super::case::{Case, SPACE, answer, fixture, ids_page, nobody, ok};
use crate::segment::flows::NO_USER_ID;
use crate::segment::mapping;

fn located(turn: Turn) -> Located {
    match turn.step {
        Step::Done(Report::Located(mut all)) if all.len() == 1 => all.remove(0),
        other => panic!("not located: {other:?}"),
    }
}

fn values(located: &Located) -> Vec<String> {
    located.found.iter().map(|it| format!("{} {} in {}", it.kind, it.value, it.place)).collect()
}

#[test]
fn a_person_given_by_an_email_costs_one_look_up() {
    let case = Case::new();
    let subject = case.subject(vec![case.given(Email, "ana@example.com")]);
    let turn = case.run(Flow::Locate, &[subject], |_| ok(&fixture!("external_ids.txt"))).unwrap();
    let located = located(turn);
    assert_eq!(case.sent.borrow().len(), 1);
    assert_eq!(located.n_profiles, 1);
    assert_eq!(located.searched, [SPACE]);
    assert_eq!(
        values(&located),
        [
            format!("user_id cust-10045 in {SPACE}"),
            format!("email ana@example.com in {SPACE}"),
            format!("anonymous_id 23adfd82-aa0f-45a7-a756-24f2a7a4c895 in {SPACE}"),
        ]
    );
}

#[test]
fn an_identifier_that_an_answer_listed_is_not_looked_up_again() {
    let case = Case::new();
    let subject = case.subject(vec![
        case.given(Email, "ana@example.com"),
        case.given(UserId, "cust-10045"),
        case.given(Phone, "+12025550143"),
    ]);
    let turn = case.run(Flow::Locate, &[subject], |call| {
        if call.path.contains("phone") { nobody() } else { ok(&fixture!("external_ids.txt")) }
    });
    let located = located(turn.unwrap());
    assert_eq!(case.sent.borrow().len(), 3, "the user id, and the phone under both its names");
    assert_eq!(located.n_profiles, 1);
    assert!(!values(&located).iter().any(|it| it.starts_with("phone")), "nobody knows it");
}

#[test]
fn user_ids_made_from_an_address_are_tried_and_sent_only_where_a_profile_has_them() {
    let digests = [
        ("md5", "cdb9d6a1dddc375a09cc83e3001598dc"),
        ("sha256", "8e43ca37701228e74983efdbd0cff5c16b3b1e5d4e29a7c05626d4d25a018e11"),
        ("email", "Ana@example.com"),
    ];
    for (way, user_id) in digests {
        let case = Case::new().set("user_id_from_email", json!(way));
        let subject = || case.subject(vec![case.given(Email, "Ana@example.com")]);
        let page = ids_page(&[("user_id", user_id)], None);
        let turn = case.run(Flow::Locate, &[subject()], |call| {
            if call.path.contains("/user_id:") { page.clone() } else { nobody() }
        });
        assert_eq!(values(&located(turn.unwrap())), [format!("user_id {user_id} in {SPACE}")]);
        let turn = case.run(Flow::Locate, &[subject()], |_| nobody());
        assert_eq!(values(&located(turn.unwrap())), [""; 0]);
    }
}

#[test]
fn a_user_id_made_from_an_address_may_be_that_of_somebody_who_left_the_address() {
    let case = Case::new().set("user_id_from_email", json!("email"));
    let subject = case.subject(vec![case.given(Email, "ana@example.com")]);
    let page = ids_page(&[("user_id", "ana@example.com"), ("email", "bea@example.com")], None);
    let turn = case.run(Flow::Locate, &[subject], |call| {
        if call.path.contains("/user_id:") { page.clone() } else { nobody() }
    });
    let located = located(turn.unwrap());
    assert_eq!((located.n_profiles, values(&located)), (0, Vec::<String>::new()));
    assert!(located.by_hand[0].what.contains("lists other addresses"), "{located:?}");
}

#[test]
fn identifiers_of_two_profiles_are_two_profiles_and_of_one_are_one() {
    let case = Case::new();
    let subject = case.subject(vec![
        case.given(Email, "a@example.com"),
        case.given(UserId, "two"),
        case.given(AnonymousId, "three"),
    ]);
    let turn = case.run(Flow::Locate, &[subject], |call| {
        if call.path.contains("user_id:two") {
            ids_page(&[("user_id", "two")], None)
        } else if call.path.contains("three") {
            ids_page(&[("anonymous_id", "three"), ("email", "A@example.com")], None)
        } else {
            ids_page(&[("email", "a@example.com"), ("user_id", "one")], None)
        }
    });
    assert_eq!(located(turn.unwrap()).n_profiles, 2);
}

#[test]
fn pages_are_followed_to_the_last_and_a_cursor_that_repeats_is_refused() {
    let case = Case::new();
    let subject = || case.subject(vec![case.given(Email, "a@example.com")]);
    let turn = case.run(Flow::Locate, &[subject()], |call| {
        match call.query.iter().find(|(key, _)| key == "next") {
            None => ids_page(&[("email", "a@example.com")], Some("p2")),
            Some((_, cursor)) if cursor == "p2" => ids_page(&[("user_id", "u1")], Some("p3")),
            Some(_) => ids_page(&[("user_id", "u2")], None),
        }
    });
    let located = located(turn.unwrap());
    assert_eq!(located.n_profiles, 1);
    assert_eq!(located.found.len(), 3);
    let error = case
        .run(Flow::Locate, &[subject()], |_| ids_page(&[("email", "a@example.com")], Some("p2")))
        .unwrap_err();
    assert_eq!(error, VendorError::ContractBroken { what: "a page's cursor repeats".into() });
}

#[test]
fn nothing_found_names_the_spaces_and_what_cant_be_searched() {
    let case = Case::new().with_space("spa_2").without("profile_token.spa_2");
    let subject = case.subject(vec![case.given(Email, "a@example.com"), case.given(Cookie, "c")]);
    let located = located(case.run(Flow::Locate, &[subject], |_| nobody()).unwrap());
    assert_eq!((located.n_profiles, located.found.len()), (0, 0));
    assert_eq!(located.searched, [SPACE]);
    assert_eq!(located.not_taken, [Cookie]);
    assert_eq!(
        located.not_searchable,
        [
            "Segment's archives, connected warehouses and S3 copies can't be searched",
            "space spa_2 can't be searched: it has no working profile token",
        ]
    );
}

#[test]
fn without_a_profile_token_nothing_is_searched_and_that_is_said() {
    let case = Case::new().blind();
    let subject = case.subject(vec![case.given(Email, "a@example.com")]);
    let located = located(case.run(Flow::Locate, &[subject], |_| nobody()).unwrap());
    assert!(case.sent.borrow().is_empty() && located.searched.is_empty());
    assert!(located.not_searchable.iter().any(|it| it.contains("no space can be searched")));
}

#[test]
fn a_profile_without_user_id_is_left_to_a_person() {
    let case = Case::new();
    let subject = case.subject(vec![case.given(Email, "a@example.com")]);
    let turn =
        case.run(Flow::Locate, &[subject], |_| ids_page(&[("email", "a@example.com")], None));
    let located = located(turn.unwrap());
    assert_eq!(located.n_profiles, 1);
    assert_eq!(
        (located.by_hand[0].place.as_str(), located.by_hand[0].what.as_str()),
        (SPACE, NO_USER_ID)
    );
}

#[test]
fn a_user_id_listed_in_another_case_may_be_a_strangers() {
    let case = Case::new();
    let subject = case.subject(vec![case.given(UserId, "cust-a")]);
    let turn = case.run(Flow::Locate, &[subject], |_| {
        ids_page(&[("user_id", "Cust-A"), ("email", "b@example.com")], None)
    });
    let located = located(turn.unwrap());
    assert_eq!((located.n_profiles, located.found.len()), (0, 0));
    assert!(located.by_hand[0].what.contains("upper and lower case"));
    // Known by another identifier as well, it is the person's.
    let subject =
        case.subject(vec![case.given(UserId, "cust-a"), case.given(Email, "b@example.com")]);
    let turn = case.run(Flow::Locate, &[subject], |_| {
        ids_page(&[("user_id", "Cust-A"), ("email", "b@example.com")], None)
    });
    let located = self::located(turn.unwrap());
    assert_eq!((located.n_profiles, located.by_hand.len()), (1, 0));
    assert_eq!(values(&located)[0], format!("user_id Cust-A in {SPACE}"), "exactly as listed");
}

#[test]
fn what_one_space_lists_is_looked_up_in_the_others_but_not_what_people_share() {
    let case = Case::new().with_space("spa_2");
    let subject = case.subject(vec![case.given(Email, "a@example.com")]);
    let turn = case.run(Flow::Locate, &[subject], |call| {
        if call.limit_of == SPACE {
            ids_page(&[("email", "a@example.com"), ("user_id", "U1"), ("ios.idfa", "dev")], None)
        } else if call.path.contains("user_id:u1") {
            ids_page(&[("user_id", "U1"), ("phone", "+1")], None)
        } else {
            nobody()
        }
    });
    let located = located(turn.unwrap());
    assert_eq!(located.n_profiles, 2);
    let paths = case.sent.borrow().join("\n");
    assert!(!paths.contains("idfa"), "a device may be shared");
    assert!(paths.contains("phone:%2B1"), "the second space's phone goes to the first");
    assert!(located.found.iter().any(|it| it.kind == Phone && it.place == "spa_2"));
}

/// Whoever used the device before or after is found under the same values.
#[test]
fn no_kind_of_id_that_names_a_browser_or_a_device_leads_on() {
    let of_devices = [
        ("anonymous_id", "anon-1"),
        ("ios.idfa", "idfa-1"),
        ("android.idfa", "idfa-2"),
        ("ios.id", "ios-1"),
        ("android.id", "android-1"),
        ("ios.push_token", "push-1"),
        ("android.push_token", "push-2"),
        ("ga_client_id", "ga-1"),
        ("cross_domain_id", "cross-1"),
    ];
    let case = Case::new().with_space("spa_2");
    let listed = [&[("email", "a@example.com")], &of_devices[..]].concat();
    let subject = case.subject(vec![case.given(Email, "a@example.com")]);
    let turn = case.run(Flow::Locate, &[subject], |call| {
        if call.limit_of == SPACE { ids_page(&listed, None) } else { nobody() }
    });
    assert_eq!(located(turn.unwrap()).found.len(), listed.len(), "they belong to the profile");
    assert_eq!(case.sent.borrow().len(), 2, "one look-up by e-mail in each space: {:?}", case.sent);

    // Another system listed them: they are not looked up here either.
    let found = located_kinds(&case, &of_devices);
    let with_email = [vec![case.given(Email, "a@example.com")], found].concat();
    case.sent.borrow_mut().clear();
    case.run(Flow::Locate, &[case.subject(with_email)], |_| nobody()).unwrap();
    assert_eq!(case.sent.borrow().len(), 2);
}

fn located_kinds(case: &Case, ids: &[(&str, &str)]) -> Vec<domain::Identifier> {
    let kinds = ids.iter().filter_map(|(id_type, value)| Some((mapping::kind_of(id_type)?, value)));
    kinds.map(|(kind, value)| case.found(kind, value, &[])).collect()
}

#[test]
fn a_phone_number_is_found_under_either_of_its_names() {
    let case = Case::new();
    let subject = case.subject(vec![case.given(Phone, "+12025550143")]);
    let turn = case.run(Flow::Locate, &[subject], |call| {
        if call.path.contains("/phone_number:%2B12025550143/") {
            ids_page(&[("phone_number", "+12025550143"), ("user_id", "u1")], None)
        } else {
            nobody()
        }
    });
    let located = located(turn.unwrap());
    assert_eq!(located.n_profiles, 1);
    assert_eq!(
        values(&located),
        [format!("id.phone_number +12025550143 in {SPACE}"), format!("user_id u1 in {SPACE}")]
    );
}

#[test]
fn an_accounts_id_is_not_a_persons() {
    let case = Case::new();
    let subject = case.subject(vec![case.given(Email, "a@example.com")]);
    let turn = case.run(Flow::Locate, &[subject], |_| {
        ids_page(&[("email", "a@example.com"), ("group_id", "acme"), ("braze_id", "b1")], None)
    });
    let located = located(turn.unwrap());
    let kinds: Vec<_> = located.found.iter().map(|it| it.kind.clone()).collect();
    assert_eq!(kinds, [Email, IdentifierKind::Custom("braze_id".into())]);
}

#[test]
fn a_proxys_404_is_not_absence() {
    let case = Case::new();
    let subject = case.subject(vec![case.given(Email, "a@example.com")]);
    let mut page = answer(404, &serde_json::Value::Null);
    page.body = "<html>not found</html>".into();
    let error = case.run(Flow::Locate, &[subject], |_| page.clone()).unwrap_err();
    assert!(matches!(error, VendorError::ContractBroken { .. }));
}
