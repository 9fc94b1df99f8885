//! Finding out whether a regulation exists whose answer was lost.

use connector_api::{
    Answer, Call, Flow, FlowState, Input, Reconciled, Report, Step, Turn, VendorError,
};
use domain::IdentifierKind::UserId;
use domain::Right;
use serde_json::{Value, json};

use super::case::{Case, SPACE, fixture, ok};

/// The memory of a deletion whose answer was lost.
fn lost(case: &Case, user_ids: &[&str]) -> FlowState {
    let ids = user_ids.iter().map(|id| case.found(UserId, id, &[SPACE]));
    let subject = case.planned(Right::Deletion, ids.collect());
    case.step(Flow::Delete, None, Input::Start(&[subject])).unwrap().memory
}

fn reconcile(
    case: &Case,
    memory: &FlowState,
    vendor: impl Fn(&Call) -> Answer,
) -> Result<Turn, VendorError> {
    let turn = case.step(Flow::Reconcile, Some(memory), Input::Start(&[]))?;
    case.answer(Flow::Reconcile, turn, vendor)
}

fn entry(id: &str, subjects: &[&str], created_at: &str) -> Value {
    json!({"id": id, "subjectType": "USER_ID", "subjects": subjects, "status": "RUNNING",
           "createdAt": created_at, "regulationType": "SUPPRESS_WITH_DELETE"})
}

fn list(entries: &[Value], next: Option<&str>) -> Answer {
    ok(&json!({"data": {"regulations": entries, "pagination": {"current": "MA==", "next": next}}}))
}

fn happened(turn: Turn) -> Option<Answer> {
    match turn.step {
        Step::Done(Report::Reconciled(Reconciled::Happened(answer))) => Some(answer),
        _ => None,
    }
}

#[test]
fn a_regulation_with_the_same_ids_is_found_and_the_job_goes_on_with_it() {
    let case = Case::new();
    let memory = lost(&case, &["cust-10045"]);
    let turn = reconcile(&case, &memory, |_| ok(&fixture!("regulations.txt"))).unwrap();
    let answer = happened(turn).unwrap();
    let turn = case.step(Flow::Delete, Some(&memory), Input::Answers(&[answer])).unwrap();
    assert_eq!(turn.vendor_ref.as_deref(), Some("3GbVn0tqRk2mWz5XyLhJp8QsDcT"));
    assert_eq!(
        case.sent.borrow()[0],
        "GET {public_api}/regulations?regulationTypes.0=SUPPRESS_WITH_DELETE&pagination.count=5 [bearer token; accept: application/vnd.segment.v1+json]"
    );
}

#[test]
fn ours_has_the_same_set_the_same_type_a_fitting_date_and_no_other_owner() {
    let now = "2026-09-01T08:15:31.000000Z";
    let mut other_type = entry("r", &["a", "b"], now);
    other_type["regulationType"] = json!("DELETE_ONLY");
    let mut objects = entry("r", &["a", "b"], now);
    objects["subjectType"] = json!("OBJECT_ID");
    let mut case = Case::new();
    let memory = lost(&case, &["a", "b"]);
    for (entry, is_ours) in [
        (entry("r", &["b", "a", "a"], now), true),
        (entry("r", &["a", "b"], "2026-09-01T08:06:00.000000Z"), true),
        (entry("r", &["a", "b"], "2026-09-01T08:00:00.000000Z"), false),
        (entry("r", &["a"], now), false),
        (entry("r", &["a", "b", "c"], now), false),
        (entry("r", &["A", "b"], now), false),
        (entry("owned", &["a", "b"], now), false),
        (other_type, false),
        (objects, false),
    ] {
        case.owned = vec!["owned".to_owned()];
        let turn = reconcile(&case, &memory, |_| list(std::slice::from_ref(&entry), None)).unwrap();
        assert_eq!(happened(turn).is_some(), is_ours, "{entry}");
    }
}

#[test]
fn not_there_yet_is_looked_for_again_three_times() {
    let mut case = Case::new();
    let mut memory = lost(&case, &["a"]);
    for _ in 0..3 {
        let turn = reconcile(&case, &memory, |_| list(&[], None)).unwrap();
        let Step::AskAgain { at } = turn.step else { panic!("not asked again") };
        assert!(at > case.now);
        (case.now, memory) = (at, turn.memory);
    }
    let turn = case.step(Flow::Reconcile, Some(&memory), Input::Woken).unwrap();
    let turn = case.answer(Flow::Reconcile, turn, |_| list(&[], None)).unwrap();
    assert!(matches!(turn.step, Step::Done(Report::Reconciled(Reconciled::NotThere))));
}

#[test]
fn reading_stops_at_what_is_older_unless_the_list_is_out_of_order() {
    let case = Case::new();
    let memory = lost(&case, &["a"]);
    let old = entry("x", &["z"], "2026-08-01T00:00:00.000000Z");
    let turn =
        reconcile(&case, &memory, |_| list(std::slice::from_ref(&old), Some("Mg=="))).unwrap();
    assert!(matches!(turn.step, Step::AskAgain { .. }));
    assert_eq!(case.sent.borrow().len(), 1);
    // Out of order: what we look for lies on the second page.
    let older = entry("y", &["z"], "2026-07-01T00:00:00.000000Z");
    let ours = entry("ours", &["a"], "2026-09-01T08:15:40.000000Z");
    let turn = reconcile(&case, &memory, |call| {
        if call.query.iter().any(|(key, _)| key == "pagination.cursor") {
            list(std::slice::from_ref(&ours), None)
        } else {
            list(&[older.clone(), old.clone()], Some("Mg=="))
        }
    });
    assert!(happened(turn.unwrap()).is_some());
}

#[test]
fn a_cursor_that_repeats_is_refused_and_never_walked_in_circles() {
    let case = Case::new();
    let memory = lost(&case, &["a"]);
    let young = entry("x", &["z"], "2026-09-01T08:15:40.000000Z");
    let error = reconcile(&case, &memory, |_| list(std::slice::from_ref(&young), Some("Mg==")))
        .unwrap_err();
    assert_eq!(error, VendorError::ContractBroken { what: "a page's cursor repeats".into() });
}

#[test]
fn a_batch_of_events_cant_be_listed() {
    let case = Case::new();
    let subject = case.planned(Right::OptOut, vec![case.found(UserId, "u", &[SPACE])]);
    let memory = case.step(Flow::OptOut, None, Input::Start(&[subject])).unwrap().memory;
    let turn = reconcile(&case, &memory, |_| list(&[], None)).unwrap();
    assert!(matches!(turn.step, Step::Done(Report::Reconciled(Reconciled::CantTell))));
}
