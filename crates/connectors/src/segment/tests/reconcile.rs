//! Finding out whether a regulation exists whose answer was lost.

use connector_api::{Answer, Call, Flow, FlowState, Input, Reconciled, Report, Step, VendorError};
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
) -> Result<Reconciled, VendorError> {
    let mut all = reconcile_all(case, std::slice::from_ref(memory), vendor)?;
    assert_eq!(all.len(), 1);
    Ok(all.swap_remove(0))
}

fn reconcile_all(
    case: &Case,
    lost: &[FlowState],
    vendor: impl Fn(&Call) -> Answer,
) -> Result<Vec<Reconciled>, VendorError> {
    let turn = case.step(Flow::Reconcile, None, Input::Lost(lost))?;
    match case.answer(Flow::Reconcile, turn, vendor)?.step {
        Step::Done(Report::Reconciled(all)) => Ok(all),
        other => panic!("not reconciled: {other:?}"),
    }
}

fn entry(id: &str, subjects: &[&str], created_at: &str) -> Value {
    json!({"id": id, "subjectType": "USER_ID", "subjects": subjects, "status": "RUNNING",
           "createdAt": created_at, "regulationType": "SUPPRESS_WITH_DELETE"})
}

fn list(entries: &[Value], next: Option<&str>) -> Answer {
    ok(&json!({"data": {"regulations": entries, "pagination": {"current": "MA==", "next": next}}}))
}

fn happened(reconciled: Reconciled) -> Option<Answer> {
    match reconciled {
        Reconciled::Happened(answer) => Some(answer),
        _ => None,
    }
}

fn is_second_page(call: &Call) -> bool {
    call.query.iter().any(|(key, _)| key == "pagination.cursor")
}

#[test]
fn a_regulation_with_the_same_ids_is_found_and_the_job_goes_on_with_it() {
    let case = Case::new();
    let memory = lost(&case, &["cust-10045"]);
    let found = reconcile(&case, &memory, |_| ok(&fixture!("regulations.txt"))).unwrap();
    let answer = happened(found).unwrap();
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
        let found =
            reconcile(&case, &memory, |_| list(std::slice::from_ref(&entry), None)).unwrap();
        assert_eq!(happened(found).is_some(), is_ours, "{entry}");
    }
}

#[test]
fn not_there_yet_is_looked_for_again_three_times() {
    let mut case = Case::new();
    let mut memory = lost(&case, &["a"]);
    for _ in 0..3 {
        let found = reconcile(&case, &memory, |_| list(&[], None)).unwrap();
        let Reconciled::NotYet { at, memory: next } = found else { panic!("{found:?}") };
        assert!(at > case.now);
        (case.now, memory) = (at, next);
    }
    let found = reconcile(&case, &memory, |_| list(&[], None)).unwrap();
    assert_eq!(found, Reconciled::NotThere);
}

/// Segment documents no order: what is older may stand before what we look for.
#[test]
fn the_list_is_read_to_its_end_however_old_its_first_page_is() {
    let case = Case::new();
    let memory = lost(&case, &["a"]);
    let old = entry("x", &["z"], "2026-08-01T00:00:00.000000Z");
    let older = entry("y", &["z"], "2026-07-01T00:00:00.000000Z");
    let ours = entry("ours", &["a"], "2026-09-01T08:15:40.000000Z");
    let found = reconcile(&case, &memory, |call| match is_second_page(call) {
        true => list(std::slice::from_ref(&ours), None),
        false => list(&[old.clone(), older.clone()], Some("Mg==")),
    });
    assert!(happened(found.unwrap()).is_some());
    assert_eq!(case.sent.borrow().len(), 2);
}

#[test]
fn one_reading_serves_all_that_were_lost_and_ends_when_all_are_found() {
    let mut case = Case::new();
    let deletion = [lost(&case, &["a"]), lost(&case, &["b"])];
    case = case.set("opt_out_by", json!("suppress_only"));
    let subject = case.planned(Right::OptOut, vec![case.found(UserId, "a", &[SPACE])]);
    let opt_out = case.step(Flow::OptOut, None, Input::Start(&[subject])).unwrap().memory;
    let at = "2026-09-01T08:15:40.000000Z";
    let mut suppression = entry("third", &["a"], at);
    suppression["regulationType"] = json!("SUPPRESS_ONLY");
    let vendor = |call: &Call| match is_second_page(call) {
        true => list(&[entry("second", &["b"], at), suppression.clone()], Some("NQ==")),
        false => list(&[entry("first", &["a"], at)], Some("Mg==")),
    };
    let lost = [&deletion[..], &[opt_out]].concat();
    let found = reconcile_all(&case, &lost, vendor).unwrap();
    for (found, id) in found.into_iter().zip(["first", "second", "third"]) {
        let answer = happened(found).unwrap();
        assert!(String::from_utf8_lossy(&answer.body).contains(id), "{id}");
    }
    let sent = case.sent.borrow();
    assert_eq!(sent.len(), 2, "the third page is not needed");
    assert!(sent[0].contains(
        "regulationTypes.0=SUPPRESS_ONLY&regulationTypes.1=SUPPRESS_WITH_DELETE&pagination.count=5"
    ));
}

#[test]
fn one_regulation_is_never_taken_for_two() {
    let case = Case::new();
    let lost = [lost(&case, &["a"]), lost(&case, &["a"])];
    let ours = entry("ours", &["a"], "2026-09-01T08:15:40.000000Z");
    // The list grew while it was read, and shows its last entry once more.
    let vendor =
        |call: &Call| list(std::slice::from_ref(&ours), (!is_second_page(call)).then_some("Mg=="));
    let found = reconcile_all(&case, &lost, vendor).unwrap();
    assert!(
        matches!(&found[..], [Reconciled::Happened(_), Reconciled::NotYet { .. }]),
        "{found:?}"
    );
}

#[test]
fn a_long_list_leaves_a_small_memory() {
    let case = Case::new();
    let memory = lost(&case, &["a"]);
    let young = entry("x", &["z"], "2026-09-01T08:15:40.000000Z");
    let mut turn =
        case.step(Flow::Reconcile, None, Input::Lost(std::slice::from_ref(&memory))).unwrap();
    for page in 0..2_000 {
        let next = format!("page-{page}");
        let answer = list(std::slice::from_ref(&young), Some(&next));
        let memory = turn.memory;
        turn = case.step(Flow::Reconcile, Some(&memory), Input::Answers(&[answer])).unwrap();
    }
    assert!(turn.memory.body.to_string().len() < 1_000);
    assert!(matches!(turn.step, Step::Calls(_)));
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
    assert_eq!(reconcile(&case, &memory, |_| list(&[], None)).unwrap(), Reconciled::CantTell);
    assert!(case.sent.borrow().is_empty());
}

#[test]
fn a_memory_that_cant_be_read_is_reported_by_itself_and_the_others_are_found() {
    let case = Case::new();
    let later = FlowState { version: 99, body: json!({"way": "regulation"}) };
    let garbled = FlowState { version: 1, body: json!({"way": "by_pigeon"}) };
    let at = "2026-09-01T08:15:40.000000Z";
    let vendor = |_: &Call| list(&[entry("ours", &["a"], at), entry("other", &["z"], at)], None);
    let lost = [later, lost(&case, &["a"]), garbled, lost(&case, &["b"])];
    let found = reconcile_all(&case, &lost, vendor).unwrap();
    assert!(
        matches!(
            &found[..],
            [
                Reconciled::Broken(VendorError::ContractBroken { .. }),
                Reconciled::Happened(_),
                Reconciled::Broken(VendorError::ContractBroken { .. }),
                Reconciled::NotYet { .. },
            ]
        ),
        "{found:?}"
    );
    let found = reconcile(&case, &lost[0], vendor).unwrap();
    assert!(matches!(found, Reconciled::Broken(_)));
    assert_eq!(case.sent.borrow().len(), 1, "for it alone, nothing is read");
}
