//! Carrying out: the plan that was shown, checked before anything, each change once and journalled.

use domain::connection::{CheckReport, PermissionResult, Verdict};
use domain::{Event, Gate, Mode};

use super::*;
use crate::operator::principals::{self, NewPrincipal};
use crate::operator::shapes::strict::check;
use crate::operator::{connections, controls};

#[tokio::test]
async fn applying_twice_changes_everything_once() {
    let office = office().await;
    let first = carried(&office, &whole(), false).await;
    assert_eq!((first.done.len(), first.left.len(), first.failed.is_none()), (5, 0, true));
    check(&first);
    let files = office.store.connection_by_name("files").await.unwrap().unwrap();
    assert_eq!((files.switches.mode, files.switches.guard), (Mode::Act, Some(500)));
    assert!(files.paused.is_none() && files.check.is_some());
    assert_eq!(office.store.secrets(files.id).await.unwrap()["key"].expose(), "s3cret");
    assert_eq!(controls::respond_within(&office.store).await.unwrap(), 45);
    let ann = principals::view(&office.store, "ann", office.desk().now).await.unwrap();
    assert_eq!(ann.reach, Reach::Brands(["shop".to_owned()].into()));
    let set = office.journal(Event::ConnectionSet).await;
    assert_eq!(set.len(), 4, "each switch has its entry: {set:?}");
    assert!(set.iter().all(|entry| entry.contains(r#""operator":"ops""#)));
    let again = carried(&office, &whole(), false).await;
    assert!(again.done.is_empty());
    for (event, n) in [
        (Event::ConfigApplied, 1),
        (Event::ConnectionAdded, 1),
        (Event::PrincipalAdded, 2),
        (Event::SettingChanged, 2),
    ] {
        assert_eq!(office.journal(event).await.len(), n, "{event}");
    }
}

#[tokio::test]
async fn another_plan_than_the_one_that_was_shown_is_not_carried_out() {
    let office = office().await;
    let shown = planned(&office, whole()).await.digest;
    controls::set(&office.desk(), "respond_within", "45").await.unwrap();
    let prepared = prepare(&office.desk(), config(whole()), false, shown).await;
    assert!(matches!(prepared, Err(OperatorError::ChangedMeanwhile)));
}

#[tokio::test]
async fn a_bad_check_changes_nothing_at_all() {
    let office = office().await;
    let desk = office.desk();
    let shown = planned(&office, whole()).await.digest;
    let prepared = prepare(&desk, config(whole()), false, shown).await.unwrap();
    let lacking = PermissionResult {
        permission: "shelves".into(),
        verdict: Verdict::Missing,
        required: true,
        lost: "everything".into(),
        grant: "Office, Shelves".into(),
    };
    let report = CheckReport { permissions: vec![lacking], ..report("acc_1") };
    let Err(OperatorError::Fault(fault)) = apply(&desk, prepared, vec![report]).await else {
        panic!("refused")
    };
    assert_eq!((fault.field.as_str(), &*fault.code), ("connections.files", "E-SET-004"));
    assert_eq!(planned(&office, whole()).await.changes.len(), 5, "nothing was changed");
}

#[tokio::test]
async fn a_failure_in_the_middle_leaves_what_is_done_and_says_what_is_left() {
    let office = office().await;
    carried(&office, &whole(), false).await;
    let mut wish = whole();
    wish["settings"]["respond_within"] = "60".into();
    wish["principals"]["boss"]["roles"] = json!(["auditor"]);
    wish["connections"]["files"]["switches"]["mode"] = "observe".into();
    let desk = office.desk();
    let (kind, roles) = (PrincipalKind::Person, [Role::SuperAdmin].into());
    let cid = NewPrincipal { name: "cid".into(), kind, roles, reach: Reach::All };
    principals::add(&desk, &cid).await.unwrap();
    let shown = plan(&desk, config(wish.clone()), false).await.unwrap().digest;
    let prepared = prepare(&desk, config(wish.clone()), false, shown).await.unwrap();
    // So boss is the last one by now.
    principals::disable(&desk, "cid").await.unwrap();
    let result = apply(&desk, prepared, Vec::new()).await.unwrap();
    let failed = result.failed.unwrap();
    assert_eq!((failed.field.as_str(), &*failed.code), ("principals.boss", "E-PRN-004"));
    assert_eq!((result.done.len(), result.left.len()), (1, 2));
    assert_eq!(controls::respond_within(&office.store).await.unwrap(), 60);
    principals::enable(&desk, "cid").await.unwrap();
    let rest = planned(&office, wish).await;
    assert_eq!(rest.changes, result.left, "which is what another plan says");
}

#[tokio::test]
async fn who_rules_is_made_before_who_ruled_goes() {
    let office = office().await;
    carried(&office, &whole(), false).await;
    let mut wish = whole();
    wish["principals"]["ann"] = json!({"kind": "person", "roles": ["super_admin"], "reach": "all"});
    wish["principals"]["boss"]["disabled"] = true.into();
    wish["principals"].as_object_mut().unwrap().remove("none");
    let result = carried(&office, &wish, false).await;
    assert!(result.failed.is_none(), "{result:?}");
    let boss = principals::view(&office.store, "boss", office.desk().now).await.unwrap();
    assert!(boss.disabled_at.is_some());
    wish["principals"]["boss"]["disabled"] = false.into();
    carried(&office, &wish, false).await;
    let boss = principals::view(&office.store, "boss", office.desk().now).await.unwrap();
    assert!(boss.disabled_at.is_none());
}

#[tokio::test]
async fn pruning_takes_away_what_is_not_named_and_never_whoever_does_it() {
    let office = office().await;
    carried(&office, &whole(), false).await;
    let auto = [("approval".to_owned(), "auto".to_owned())];
    connections::set(&office.desk(), "files", &auto).await.unwrap();
    let mut few = whole();
    few["principals"].as_object_mut().unwrap().remove("ann");
    let result = carried(&office, &few, true).await;
    assert_eq!(result.done.len(), 2, "{result:?}");
    let files = office.store.connection_by_name("files").await.unwrap().unwrap();
    assert_eq!(files.switches.approval, Gate::Ask);
    let none = carried(&office, &json!({"connections": {}}), true).await;
    assert_eq!(none.ended[0].connection, "files");
    check(&none);
    let boss = domain::Actor::Operator("boss".into());
    let desk = crate::operator::Desk { actor: boss, ..office.desk() };
    let empty = config(json!({"principals": {}}));
    let Err(OperatorError::Faults(faults)) = plan(&desk, empty, true).await else {
        panic!("refused")
    };
    assert_eq!((&*faults[0].field, &*faults[0].code), ("principals.boss", "E-CFG-005"));
}

#[tokio::test]
async fn a_connection_that_is_entered_anew_needs_all_its_secrets_and_stays_as_paused_as_it_was() {
    let office = office().await;
    carried(&office, &whole(), false).await;
    connections::pause(&office.desk(), "files").await.unwrap();
    let mut wish = whole();
    wish["connections"]["files"]["settings"]["room"] = "C 1".into();
    let mut without = wish.clone();
    without["connections"]["files"]["secrets"]["key"] = Value::Null;
    let shown = planned(&office, without.clone()).await.digest;
    let prepared = prepare(&office.desk(), config(without), false, shown).await;
    let Err(OperatorError::Faults(faults)) = prepared else { panic!("refused") };
    let place = "connections.files.secrets.key";
    assert_eq!((&*faults[0].field, &*faults[0].code), (place, "E-CFG-002"));
    carried(&office, &wish, false).await;
    let files = office.store.connection_by_name("files").await.unwrap().unwrap();
    assert_eq!(files.settings["room"], "C 1");
    assert!(files.paused.is_some_and(|pause| pause.by_person), "a person stopped it");
}

#[tokio::test]
async fn what_stands_reads_as_a_configuration_that_changes_nothing() {
    let office = office().await;
    carried(&office, &whole(), false).await;
    let present = present(&office.desk(), Part::ALL).await.unwrap();
    check(&present);
    let json = serde_json::to_value(&present).unwrap();
    assert_eq!(json["connections"]["files"]["secrets"], json!({"key": null}));
    assert_eq!(json["connections"]["files"]["switches"]["until"], "2026-12-31");
    let plan = planned(&office, json).await;
    assert_eq!((plan.changes.len(), plan.left_alone.len()), (0, 0), "{plan:?}");
    assert_eq!(plan.not_compared, ["files.key"]);
    check(&plan);
    check(&planned(&office, whole()).await);
}
