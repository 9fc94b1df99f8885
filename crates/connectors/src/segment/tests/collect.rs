//! Copies.

use connector_api::report::Collected;
use connector_api::{Answer, Call, Flow, Report, Step, Turn};
use domain::IdentifierKind::{AnonymousId, Email, UserId};
use domain::Right;
use serde_json::json;

use super::case::{Case, SPACE, fixture, ids_page, nobody, ok};

/// One profile with two pages of traits.
fn profile(call: &Call) -> Answer {
    let is_later = call.query.iter().any(|(key, _)| key == "next");
    match call.endpoint.name {
        "external_ids" => ok(&fixture!("external_ids.txt")),
        "traits" if is_later => ok(
            &json!({"traits": {"city": {"value": "Lyon"}}, "cursor": {"has_more": false, "next": ""}}),
        ),
        "traits" => ok(&fixture!("traits.txt")),
        "events" => ok(&fixture!("events.txt")),
        "links" => ok(&fixture!("links.txt")),
        "metadata" => ok(&fixture!("metadata.txt")),
        other => panic!("{other} is not read"),
    }
}

fn collected(turn: Turn) -> Collected {
    match turn.step {
        Step::Done(Report::Collected(collected)) => collected,
        other => panic!("not collected: {other:?}"),
    }
}

fn files(case: &Case) -> Vec<String> {
    let mut files: Vec<_> = case.records.borrow().iter().map(|it| it.file.clone()).collect();
    files.dedup();
    files.sort();
    files.dedup();
    files
}

#[test]
fn every_route_of_a_profile_is_read_to_its_last_page() {
    let case = Case::new();
    let ids = vec![
        case.found(Email, "ana@example.com", &[SPACE]),
        case.found(UserId, "cust-10045", &[SPACE]),
        case.found(AnonymousId, "23adfd82-aa0f-45a7-a756-24f2a7a4c895", &[SPACE]),
    ];
    let subject = case.planned(Right::Access, ids);
    let collected = collected(case.run(Flow::Collect, &[subject], profile).unwrap());
    assert_eq!(
        collected.counts,
        "6 traits, 3 external ids, 1 event, 1 link, from 1 profile in 1 space"
    );
    assert!(collected.notes[0].contains("last 14 days"));
    let names = ["events", "external_ids", "links", "metadata", "traits"];
    assert_eq!(files(&case), names.map(|name| format!("{SPACE}/{name}")));
    insta::assert_snapshot!("calls_of_a_copy", case.sent.borrow().join("\n"));
}

#[test]
fn two_profiles_of_a_space_lie_in_two_folders_and_each_is_read_once() {
    let case = Case::new();
    let ids = vec![
        case.found(Email, "a@example.com", &[SPACE]),
        case.found(AnonymousId, "other", &[SPACE]),
        case.found(UserId, "u", &[SPACE]),
    ];
    let subject = case.planned(Right::Access, ids);
    let turn = case.run(Flow::Collect, &[subject], |call| match call.endpoint.name {
        "external_ids" if call.path.contains("other") => {
            ids_page(&[("anonymous_id", "other")], None)
        }
        "external_ids" => ids_page(&[("email", "a@example.com"), ("user_id", "u")], None),
        "traits" => ok(&json!({"traits": {"x": 1}, "cursor": {"has_more": false, "next": ""}})),
        _ => ok(&json!({"data": []})),
    });
    assert_eq!(
        collected(turn.unwrap()).counts,
        "2 traits, 3 external ids, 0 events, 0 links, from 2 profiles in 1 space"
    );
    assert!(files(&case).contains(&format!("{SPACE}/profile-2/traits")));
    assert_eq!(case.sent.borrow().len(), 10);
}

#[test]
fn a_profile_that_has_gone_meanwhile_is_told() {
    let case = Case::new();
    let subject = case.planned(Right::Access, vec![case.found(UserId, "u", &[SPACE])]);
    let collected = collected(case.run(Flow::Collect, &[subject], |_| nobody()).unwrap());
    assert!(collected.notes.iter().any(|it| it.contains("has gone")));
}
