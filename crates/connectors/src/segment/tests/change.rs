//! Regulations: what is sent, how the answers are read, what is remembered.

use std::sync::Arc;

use connector_api::{
    Answer, Flow, FlowState, Input, Report, Settled, Step, Subject, Turn, VendorError,
};
use domain::IdentifierKind::{Email, UserId};
use domain::Right;
use domain::outcome::Share;
use serde_json::{Value, json};

use super::case::{Case, SPACE, answer, fixture, ok, print};

const REGULATION: &str = "3GbVn0tqRk2mWz5XyLhJp8QsDcT";

fn person(case: &Case, user_ids: &[&str]) -> Subject {
    let ids = user_ids.iter().map(|id| case.found(UserId, id, &[SPACE]));
    case.planned(Right::Deletion, ids.collect())
}

/// A regulation that Segment has accepted.
fn accepted(case: &Case, people: &[Subject]) -> Turn {
    let turn = case.step(Flow::Delete, None, Input::Start(people)).unwrap();
    assert!(matches!(turn.step, Step::Change(_)));
    let created = ok(&json!({"data": {"regulateId": REGULATION}}));
    case.step(Flow::Delete, Some(&turn.memory), Input::Answers(&[created])).unwrap()
}

fn poll(case: &Case, memory: &FlowState, answer: &Answer) -> Result<Turn, VendorError> {
    let turn = case.step(Flow::Delete, Some(memory), Input::Woken)?;
    case.answer(Flow::Delete, turn, |_| answer.clone())
}

/// What a regulation of this status comes to.
fn verdict(overall: &str, destinations: &[(&str, &str)]) -> Turn {
    let case = Case::new().checked(json!({"knows_destinations": true, "destinations": [
        {"id": "amp", "name": "Amplitude", "source": "s", "can_delete": true},
        {"id": "old", "name": "Old Tool", "source": "s", "can_delete": false},
    ]}));
    let accepted = accepted(&case, &[person(&case, &["u"])]);
    let entries: Vec<Value> = destinations
        .iter()
        .map(|(name, status)| json!({"name": name, "id": "", "status": status, "errString": "user 4711 ana@example.com unknown", "finishedAt": ""}))
        .collect();
    let body = json!({"data": {"regulation": {
        "id": REGULATION, "workspaceId": "w", "overallStatus": overall,
        "createdAt": "2026-09-01T08:15:30.123456Z", "finishedAt": null,
        "streamStatus": [{"id": "s", "destinationStatus": entries}, {"id": "t", "destinationStatus": []}],
    }}});
    poll(&case, &accepted.memory, &ok(&body)).unwrap()
}

fn settled(turn: Turn) -> Settled {
    match turn.step {
        Step::Done(Report::Settled(settled)) => settled,
        other => panic!("not settled: {other:?}"),
    }
}

fn share(overall: &str, destinations: &[(&str, &str)]) -> String {
    match settled(verdict(overall, destinations)).share {
        Share::Residue { residue } => {
            let left: Vec<_> = residue
                .into_iter()
                .map(|it| format!("{}: {} → {}", it.place, it.what, it.to_do))
                .collect();
            left.join("\n")
        }
        Share::Failed { why } => format!("failed: {why}"),
        other => format!("{other:?}"),
    }
}

#[test]
fn one_regulation_carries_the_user_ids_of_many_people_exactly_as_listed() {
    let case = Case::new();
    let people =
        [person(&case, &["Cust-1A/b:C", "second"]), person(&case, &["cust-1a/b:c", "second"])];
    let turn = case.step(Flow::Delete, None, Input::Start(&people)).unwrap();
    let Step::Change(change) = turn.step else { panic!("no change") };
    assert_eq!((change.n_members, change.key), (2, None));
    insta::assert_snapshot!(print(&change.call), @r#"POST {public_api}/regulations [bearer token; accept: application/vnd.segment.v1+json] {"regulationType":"SUPPRESS_WITH_DELETE","subjectIds":["Cust-1A/b:C","second","cust-1a/b:c"],"subjectType":"USER_ID"}"#);
}

#[test]
fn a_name_that_would_lead_to_another_endpoint_is_no_regulation() {
    let case = Case::new();
    let sent = case.step(Flow::Delete, None, Input::Start(&[person(&case, &["u"])])).unwrap();
    for name in ["", ".", ".."] {
        let created = ok(&json!({"data": {"regulateId": name}}));
        let read = case.step(Flow::Delete, Some(&sent.memory), Input::Answers(&[created]));
        assert!(matches!(read, Err(VendorError::AnswerLost { .. })), "{name:?}");
    }
}

#[test]
fn the_first_poll_is_after_an_hour_then_every_six_then_daily() {
    let mut case = Case::new();
    let accepted = accepted(&case, &[person(&case, &["u"])]);
    assert_eq!(accepted.vendor_ref.as_deref(), Some(REGULATION));
    let mut due = Vec::new();
    let mut turn = accepted;
    for _ in 0..20 {
        let Step::AskAgain { at } = turn.step else { panic!("not asked again") };
        due.push((at.as_second() - super::case::now().as_second()) / 3600);
        case.now = at;
        turn = poll(&case, &turn.memory, &ok(&fixture!("regulation_running.txt"))).unwrap();
        assert_eq!(turn.vendor_says.as_deref(), Some("RUNNING"));
    }
    assert_eq!(due[..16], [1, 7, 13, 19, 25, 31, 37, 43, 49, 55, 61, 67, 73, 97, 121, 145]);
    assert_eq!(
        case.sent.borrow()[0],
        format!(
            "GET {{public_api}}/regulations/{REGULATION} [bearer token; accept: application/vnd.segment.v1+json]"
        )
    );
}

#[test]
fn every_row_of_the_status_table_is_read_as_the_contract_says() {
    let rows: &[(&str, &[(&str, &str)])] = &[
        ("FINISHED", &[]),
        ("FINISHED", &[("Amplitude", "FINISHED")]),
        ("FINISHED", &[("Amplitude", "FINISHED"), ("Old Tool", "NOT_SUPPORTED")]),
        ("FINISHED", &[("Amplitude", "RUNNING")]),
        ("FAILED", &[("Amplitude", "FINISHED"), ("Any", "NOT_SUPPORTED")]),
        ("FAILED", &[("Old Tool", "FAILED")]),
        ("FAILED", &[("Amplitude", "FAILED"), ("Any", "NOT_SUPPORTED")]),
        ("FAILED", &[("Amplitude", "FINISHED")]),
        ("FAILED", &[]),
        ("PARTIAL_SUCCESS", &[("Any", "NOT_SUPPORTED")]),
        ("PARTIAL_SUCCESS", &[("Amplitude", "RUNNING")]),
        ("PARTIAL_SUCCESS", &[]),
        ("INVALID", &[]),
        ("NOT_SUPPORTED", &[("Any", "NOT_SUPPORTED")]),
    ];
    let table: Vec<_> = rows
        .iter()
        .map(|row| format!("{} {:?}\n{}\n", row.0, row.1, share(row.0, row.1)))
        .collect();
    insta::assert_snapshot!("status_table", table.join("\n"));
}

#[test]
fn an_open_or_unknown_status_is_no_verdict() {
    for (status, says) in [
        ("INITIALIZED", "INITIALIZED"),
        ("RUNNING", "RUNNING"),
        ("PAUSED_BY_OPERATOR", "PAUSED_BY_OPERATOR"),
        ("user ana@example.com waits", "a status that is no word"),
    ] {
        let turn = verdict(status, &[("Old Tool", "NOT_SUPPORTED")]);
        assert!(matches!(turn.step, Step::AskAgain { .. }), "{status}");
        assert_eq!(turn.vendor_says.as_deref(), Some(says));
    }
}

#[test]
fn evidence_keeps_the_answer_without_the_vendors_free_text_about_a_person() {
    let evidence = settled(verdict("FAILED", &[("Any", "NOT_SUPPORTED")])).evidence.to_string();
    assert!(evidence.contains("NOT_SUPPORTED") && evidence.contains(REGULATION));
    assert!(!evidence.contains("4711") && !evidence.contains("ana@"));
    assert!(evidence.contains("user … … unknown"));
}

#[test]
fn a_job_that_goes_back_from_done_is_asked_about_again() {
    let case = Case::new();
    let accepted = accepted(&case, &[person(&case, &["u"])]);
    let body = |status: &str| {
        let mut body = fixture!("regulation_running.txt");
        body["data"]["regulation"]["overallStatus"] = json!(status);
        body["data"]["regulation"]["streamStatus"] = json!([]);
        ok(&body)
    };
    let done = poll(&case, &accepted.memory, &body("FINISHED")).unwrap();
    let memory = done.memory.clone();
    assert_eq!(settled(done).share, Share::Done);
    let back = poll(&case, &memory, &body("RUNNING")).unwrap();
    assert!(matches!(back.step, Step::AskAgain { .. }));
    assert_eq!(back.vendor_says.as_deref(), Some("RUNNING, after it had said FINISHED"));
}

#[test]
fn a_regulation_that_cant_be_found_is_no_verdict_before_ninety_days() {
    let mut case = Case::new();
    let accepted = accepted(&case, &[person(&case, &["u"])]);
    let missing = answer(404, &json!({"errors": [{"type": "not-found"}]}));
    let turn = poll(&case, &accepted.memory, &missing).unwrap();
    assert!(matches!(turn.step, Step::AskAgain { .. }));
    assert!(turn.vendor_says.unwrap().starts_with("not found"));
    case.now = "2026-12-05T00:00:00Z".parse().unwrap();
    let turn = poll(&case, &accepted.memory, &missing).unwrap();
    assert!(matches!(settled(turn).share, Share::Failed { .. }));
}

#[test]
fn an_http_error_on_a_poll_leaves_the_job_as_it_was() {
    let case = Case::new();
    let accepted = accepted(&case, &[person(&case, &["u"])]);
    for status in [500, 502, 503, 504, 429, 401] {
        assert!(poll(&case, &accepted.memory, &answer(status, &json!({}))).is_err());
    }
}

#[test]
fn five_thousand_ids_leave_a_small_memory_and_no_value_in_it() {
    let case = Case::new();
    let ids: Vec<String> = (0..5_000).map(|n| format!("customer-{n}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let person = person(&case, &ids);
    let turn = accepted(&case, std::slice::from_ref(&person));
    let memory = turn.memory.body.to_string();
    assert!(memory.len() < 1_024, "{} bytes", memory.len());
    assert!(!memory.contains("customer-"));
    let mut more = ids.clone();
    more.push("one-more");
    let too_many = self::person(&case, &more);
    let error = case.step(Flow::Delete, None, Input::Start(&[too_many])).unwrap_err();
    assert!(matches!(error, VendorError::Invalid { .. }));
}

#[test]
fn a_created_answer_that_names_no_regulation_is_a_lost_answer() {
    let case = Case::new();
    let turn = case.step(Flow::Delete, None, Input::Start(&[person(&case, &["u"])])).unwrap();
    let error = case
        .step(Flow::Delete, Some(&turn.memory), Input::Answers(&[ok(&json!({"data": {}}))]))
        .unwrap_err();
    assert!(matches!(error, VendorError::AnswerLost { .. }));
}

#[test]
fn a_person_with_nothing_to_send_settles_alone_and_is_parted_from_company() {
    let case = Case::new();
    let mut idle = case.subject(vec![case.found(Email, "a@example.com", &[SPACE])]);
    let found = connector_api::Located {
        n_profiles: 1,
        searched: vec![SPACE.into()],
        by_hand: vec![domain::plan::HandWork {
            place: SPACE.into(),
            what: crate::segment::flows::NO_USER_ID.into(),
        }],
        ..Default::default()
    };
    use super::case::UnwrapPlan;
    idle.plan = Some(Arc::new(case.plan(Right::Deletion, &idle, &found).unwrap_plan()));
    let alone = case.step(Flow::Delete, None, Input::Start(std::slice::from_ref(&idle))).unwrap();
    let settled = settled(alone);
    assert!(matches!(&settled.exceptions[0].1, Share::Residue { residue } if residue.len() == 1));
    let company = [person(&case, &["u"]), idle];
    let error = case.step(Flow::Delete, None, Input::Start(&company)).unwrap_err();
    assert!(matches!(error, VendorError::Invalid { members, .. } if members == [1]));
}
