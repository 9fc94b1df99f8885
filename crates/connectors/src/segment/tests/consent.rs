//! Consent events.

use std::sync::Arc;

use connector_api::{Body, Change, Flow, Input, Report, Step, Subject};
use domain::IdentifierKind::UserId;
use domain::outcome::Share;
use domain::{Right, Scope};
use serde_json::{Value, json};

use super::case::{Case, SPACE, UnwrapPlan, ok, print};

fn person(case: &Case, right: Right, scope: &str) -> Subject {
    let mut subject = case.subject(vec![case.found(UserId, "Cust-1", &[SPACE])]);
    let found = connector_api::Located {
        n_profiles: 1,
        searched: vec![SPACE.into()],
        ..Default::default()
    };
    let scope = Scope::parse(right, scope).unwrap();
    subject.plan = Some(Arc::new(case.plan_in(right, &scope, &subject, &found).unwrap_plan()));
    subject
}

fn change(case: &Case, flow: Flow, people: &[Subject]) -> (Box<Change>, connector_api::FlowState) {
    let turn = case.step(flow, None, Input::Start(people)).unwrap();
    match turn.step {
        Step::Change(change) => (change, turn.memory),
        other => panic!("no change: {other:?}"),
    }
}

fn events(change: &Change) -> Vec<Value> {
    let Body::Json(body) = &change.call.body else { panic!("no body") };
    body["batch"].as_array().unwrap().clone()
}

#[test]
fn an_opt_out_sends_one_event_per_profile_with_our_key() {
    let case = Case::new();
    let subject = person(&case, Right::OptOut, "sale|sharing");
    let (change, memory) = change(&case, Flow::OptOut, std::slice::from_ref(&subject));
    assert!(print(&change.call).starts_with("POST {tracking_api}/v1/batch [basic write_key; ] "));
    let [event] = &events(&change)[..] else { panic!("one event") };
    assert_eq!(event["event"], "Segment Consent Preference Updated");
    assert_eq!(event["userId"], "Cust-1");
    assert_eq!(
        event["context"],
        json!({"consent": {"categoryPreferences": {"C0002": false, "C0004": false}}})
    );
    let message_id = event["messageId"].as_str().unwrap();
    assert!(message_id.len() <= 100 && message_id.starts_with(&subject.task.to_string()));
    let done =
        case.step(Flow::OptOut, Some(&memory), Input::Answers(&[ok(&json!({"success": true}))]));
    let Step::Done(Report::Settled(settled)) = done.unwrap().step else { panic!("not settled") };
    assert_eq!(settled.share, Share::Done);
    assert!(settled.unprovable.unwrap().contains("no way to read"));
}

#[test]
fn an_opt_in_allows_what_an_opt_out_refused() {
    let case = Case::new();
    let subject = person(&case, Right::OptIn, "sale");
    let (change, _) = change(&case, Flow::OptIn, &[subject]);
    assert_eq!(
        events(&change)[0]["context"]["consent"]["categoryPreferences"],
        json!({"C0002": true})
    );
}

#[test]
fn the_same_batch_has_the_same_keys_so_that_a_repeat_is_harmless() {
    let mut case = Case::new();
    let subjects = [person(&case, Right::OptOut, "sale"), person(&case, Right::OptOut, "sharing")];
    let (first, _) = change(&case, Flow::OptOut, &subjects);
    case.now = "2026-09-02T00:00:00Z".parse().unwrap();
    let (again, _) = change(&case, Flow::OptOut, &subjects);
    assert!(first.key.is_some() && first.key == again.key);
    let keys = |change: &Change| -> Vec<Value> {
        events(change).into_iter().map(|it| it["messageId"].clone()).collect()
    };
    assert_eq!(keys(&first), keys(&again));
    assert_ne!(keys(&first)[0], keys(&first)[1]);
}

#[test]
fn the_weight_of_events_keeps_a_full_batch_within_the_tracking_apis_limits() {
    let case = Case::new();
    let subject = person(&case, Right::OptOut, "sale");
    let weight = subject.plan.as_ref().unwrap().weight;
    let batch = &crate::segment::manifest::MANIFEST.batch;
    let (change, _) = change(&case, Flow::OptOut, &[subject]);
    let size = u32::try_from(events(&change)[0].to_string().len()).unwrap() + 1;
    let fitting = (batch.items / weight.items).min(batch.bytes / weight.bytes);
    assert!(fitting <= 2_500 && fitting * size + 100 <= 500_000, "{fitting} of {size} bytes");
}
