//! Looking again.

use std::sync::Arc;

use connector_api::{Answer, Call, Flow, Report, Step, Subject};
use domain::IdentifierKind::{AdvertisingId, AnonymousId, Email, UserId};
use domain::Right;
use domain::outcome::Look;
use domain::plan::HandWork;
use serde_json::json;

use super::case::{Case, SPACE, fixture, ids_page, nobody, ok};
use crate::segment::flows::NO_USER_ID;

fn looks(case: &Case, subject: &Subject, vendor: impl Fn(&Call) -> Answer) -> Vec<Look> {
    match case.run(Flow::Confirm, std::slice::from_ref(subject), vendor).unwrap().step {
        Step::Done(Report::Looked(all)) if all.len() == 1 => {
            all.into_iter().flatten().map(|it| it.look).collect()
        }
        other => panic!("not looked: {other:?}"),
    }
}

fn person(case: &Case) -> Subject {
    let ids = vec![
        case.found(Email, "Ana+Shop@Example.com", &[SPACE]),
        case.found(UserId, "Cust/A:1", &[SPACE]),
        case.found(AnonymousId, "23ADFD82", &[SPACE]),
    ];
    case.planned(Right::Deletion, ids)
}

#[test]
fn a_deletion_is_confirmed_by_every_identifier_in_lower_case() {
    let case = Case::new();
    assert_eq!(looks(&case, &person(&case), |_| nobody()), vec![Look::Absent; 3]);
    insta::assert_snapshot!("calls_of_a_confirmation", case.sent.borrow().join("\n"));
}

/// As the Profile API does it: a value in another case finds nothing, although the person is
/// there.
#[test]
fn a_look_up_in_the_wrong_case_cant_pass_for_a_proof() {
    let case = Case::new();
    let still_there = |call: &Call| {
        let key = call.path.split("/profiles/").nth(1).unwrap().split('/').next().unwrap();
        let in_lower_case =
            ["email:ana%2Bshop%40example.com", "user_id:cust%2Fa%3A1", "anonymous_id:23adfd82"];
        if in_lower_case.contains(&key) {
            ids_page(&[("user_id", "Cust/A:1")], None)
        } else {
            nobody()
        }
    };
    let present = Look::Present { place: SPACE.to_owned() };
    assert_eq!(looks(&case, &person(&case), still_there), vec![present; 3]);
}

#[test]
fn an_identifier_that_was_never_seen_proves_nothing() {
    let case = Case::new();
    let subject = case.planned(Right::Deletion, vec![case.given(UserId, "u")]);
    let looks = looks(&case, &subject, |_| nobody());
    assert!(
        matches!(&looks[..], [Look::CantTell { why }] if why.contains("known in no space before"))
    );
    assert!(case.sent.borrow().is_empty());
}

#[test]
fn without_a_profile_token_nothing_can_be_told() {
    let case = Case::new().blind();
    let seen = case.planned(Right::Deletion, vec![case.found(UserId, "u", &[SPACE])]);
    assert!(
        matches!(&looks(&case, &seen, |_| nobody())[..], [Look::CantTell { why }] if why.contains("can't be read any more"))
    );
    let given = case.planned(Right::Deletion, vec![case.given(UserId, "u")]);
    assert!(
        matches!(&looks(&case, &given, |_| nobody())[..], [Look::CantTell { why }] if why.contains("no working profile token"))
    );
}

#[test]
fn one_device_id_is_looked_up_on_both_platforms_and_counts_once() {
    let case = Case::new();
    let ids = vec![case.found(UserId, "u", &[SPACE]), case.found(AdvertisingId, "dev", &[SPACE])];
    let subject = case.planned(Right::Deletion, ids);
    let looks = looks(&case, &subject, |call| {
        if call.path.contains("android") { ids_page(&[("user_id", "u")], None) } else { nobody() }
    });
    assert_eq!(looks, [Look::Absent, Look::Present { place: SPACE.into() }]);
    assert_eq!(case.sent.borrow().len(), 3);
}

#[test]
fn a_profile_without_user_id_that_no_regulation_reaches_does_not_refute_the_vendor() {
    let case = Case::new();
    let mut subject = person(&case);
    let email_only = |call: &Call| {
        if call.path.contains("email") { ids_page(&[], None) } else { nobody() }
    };
    let present = Look::Present { place: SPACE.into() };
    assert_eq!(looks(&case, &subject, email_only), [present, Look::Absent, Look::Absent]);
    let work = HandWork { place: SPACE.into(), what: NO_USER_ID.into() };
    Arc::make_mut(subject.plan.as_mut().unwrap()).by_hand = vec![work];
    let looks = looks(&case, &subject, email_only);
    assert!(matches!(&looks[0], Look::CantTell { why } if why.contains("without user id")));
}

#[test]
fn another_person_whose_user_id_differs_in_case_only_does_not_refute_the_vendor() {
    let case = Case::new();
    let subject = case.planned(Right::Deletion, vec![case.found(UserId, "Cust-A", &[SPACE])]);
    let looks = looks(&case, &subject, |_| ids_page(&[("user_id", "cust-a")], None));
    assert!(matches!(&looks[..], [Look::CantTell { why }] if why.contains("upper and lower case")));
}

#[test]
fn a_suppression_is_confirmed_by_the_list_and_its_end_by_its_absence() {
    let case = Case::new().set("opt_out_by", json!("suppress_only"));
    let list = |_: &Call| ok(&fixture!("suppressions.txt"));
    for (right, user_id, is_right) in [
        (Right::OptOut, "cust-10045", true),
        (Right::OptOut, "cust-1", false),
        (Right::OptIn, "cust-10045", false),
        (Right::OptIn, "cust-1", true),
        (Right::OptOut, "CUST-10045", false),
    ] {
        let subject = case.planned(right, vec![case.found(UserId, user_id, &[SPACE])]);
        let looks = looks(&case, &subject, list);
        assert_eq!(looks[0] == Look::Absent, is_right, "{right} of {user_id}: {looks:?}");
    }
}

#[test]
fn the_suppression_list_is_read_once_for_all_and_only_as_far_as_needed() {
    let case = Case::new().set("opt_out_by", json!("suppress_only"));
    let one = case.planned(Right::OptOut, vec![case.found(UserId, "cust-10045", &[SPACE])]);
    let two = case.planned(Right::OptOut, vec![case.found(UserId, "late", &[SPACE])]);
    let turn = case.run(Flow::Confirm, &[one, two], |call| {
        let cursor = call.query.iter().find(|(key, _)| key == "pagination.cursor");
        let mut body = fixture!("suppressions.txt");
        match cursor.map(|(_, value)| value.as_str()) {
            None => body["data"]["pagination"]["next"] = json!("Mg=="),
            Some(_) => {
                body["data"]["suppressed"] =
                    json!([{"subjectType": "USER_ID", "subjectIds": ["late"]}]);
                body["data"]["pagination"]["next"] = json!("Mw==");
            }
        }
        ok(&body)
    });
    let Step::Done(Report::Looked(all)) = turn.unwrap().step else { panic!("not looked") };
    assert!(all.iter().flatten().all(|it| it.look == Look::Absent) && all.len() == 2);
    assert_eq!(case.sent.borrow().len(), 2);
}

#[test]
fn a_consent_event_cant_be_read_back() {
    let case = Case::new();
    let subject = case.planned(Right::OptOut, vec![case.found(UserId, "u", &[SPACE])]);
    let looks = looks(&case, &subject, |_| nobody());
    assert!(
        matches!(&looks[..], [Look::CantTell { why }] if why.contains("must have your other websites"))
    );
}
