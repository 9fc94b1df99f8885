//! Gates: what is shown, and that nothing else goes through.

use domain::connection::Pause;
use domain::task::{Command, Found};
use domain::{Event, IdentifierKind, Outcome, Task};

use super::*;
use crate::operator::office::{Office, carried, now, office, put};

async fn pending(office: &Office, ids: &[String]) -> Vec<Pending> {
    let selection = Selection { ids: ids.to_vec(), ..Selection::default() };
    preview(&office.desk(), &selection).await.unwrap()
}

#[tokio::test]
async fn what_is_shown_can_be_approved() {
    let office = office().await;
    let connection = office.connection().await;
    let id = office.request("deletion", "ada@lovelace.org").await;
    let task = office.planned(id, &connection).await;
    let [one] = &pending(&office, &[id.to_string()]).await[..] else { panic!("one") };
    assert_eq!((one.task, one.what, one.gate), (task, Passing::Act, GateName::Approval));
    assert_eq!(one.sends, [Sent { kind: IdentifierKind::Email, n: 1 }]);
    assert_eq!(one.n_profiles, Some(1));
    assert_eq!(one.side_effects, ["the file is gone for ever"]);
    assert_eq!(one.identifiers[0].masked, "a***@***.org");
    assert!(!serde_json::to_string(one).unwrap().contains("lovelace"));
    let approved = approve(&office.desk(), std::slice::from_ref(one)).await.unwrap();
    assert_eq!(approved, [Approved { task, not: None }]);
    let task = office.load(task).await;
    assert_eq!(task.state, TaskState::Acting);
    assert_eq!(task.detail.approved.unwrap().by, "ops");
    let days = office.store.deletions_per_day(connection.id, 30).await.unwrap();
    assert_eq!(days, [("2026-11-22".to_owned(), 1)]);
}

#[tokio::test]
async fn a_plan_that_changed_since_it_was_shown_is_not_approved() {
    let office = office().await;
    let connection = office.connection().await;
    let id = office.request("deletion", "ada@lovelace.org").await;
    let task = office.planned(id, &connection).await;
    let shown = pending(&office, &[]).await;
    let mut changed = office.load(task).await;
    let plan = changed.findings.plan().unwrap().clone();
    changed.findings.set_plan(Plan { variant: "BURN".into(), ..plan });
    office.write(Transition { tasks: vec![changed], ..Transition::default() }).await;
    let approved = approve(&office.desk(), &shown).await.unwrap();
    let Some(NotApproved::PlanChanged(changes)) = &approved[0].not else { panic!("refused") };
    assert_eq!(changes, &["it would be done in another way"]);
    assert_eq!(office.load(task).await.state, TaskState::Approving);
    let shown = pending(&office, &[]).await;
    assert!(approve(&office.desk(), &shown).await.unwrap()[0].not.is_none());
    let again = approve(&office.desk(), &shown).await.unwrap();
    assert_eq!(again[0].not, Some(NotApproved::NotWaiting));
}

#[tokio::test]
async fn filters_select_by_gate_connection_and_right() {
    let office = office().await;
    let connection = office.connection().await;
    let deletion = office.request("deletion", "ada@lovelace.org").await;
    office.planned(deletion, &connection).await;
    let access = office.request("access", "ada@lovelace.org").await;
    let reviewing = office.task(access, &connection, |task| put(task, TaskState::Reviewing)).await;
    let count =
        async |selection: Selection| preview(&office.desk(), &selection).await.unwrap().len();
    let all = Selection::default;
    assert_eq!(count(all()).await, 2);
    assert_eq!(count(Selection { gate: Some(GateName::Review), ..all() }).await, 1);
    assert_eq!(count(Selection { right: Some(Right::Deletion), ..all() }).await, 1);
    assert_eq!(count(Selection { connection: Some("files".into()), ..all() }).await, 2);
    let short = reviewing.to_string().chars().take(36).collect::<String>();
    assert_eq!(count(Selection { ids: vec![short], ..all() }).await, 1);
    let nobody = Selection { connection: Some("nobody".into()), ..all() };
    assert!(preview(&office.desk(), &nobody).await.is_err());
    let reviewed = pending(&office, &[access.to_string()]).await;
    approve(&office.desk(), &reviewed).await.unwrap();
    assert_eq!(office.load(reviewing).await.state, TaskState::Locating);
}

#[tokio::test]
async fn collected_data_is_released() {
    let office = office().await;
    let connection = office.connection().await;
    let id = office.request("access", "ada@lovelace.org").await;
    let plan = office.plan(id, &connection).await;
    let task = office
        .task(id, &connection, |task| {
            let made = Command::MakePlan { plan: Box::new(plan), found: Found::default() };
            let planned = carried(task, made);
            let outcome = Some(Outcome::Done { counts: "3 records".into() });
            *task = carried(&planned, Command::AskApproval { why: "collected".into(), outcome });
        })
        .await;
    let shown = pending(&office, &[]).await;
    assert_eq!(shown[0].what, Passing::Release);
    assert_eq!(shown[0].collected.as_deref(), Some("3 records"));
    approve(&office.desk(), &shown).await.unwrap();
    assert!(office.load(task).await.is_over());
}

#[tokio::test]
async fn a_deletion_shows_the_open_access_of_the_same_person_and_what_hinders_it() {
    let office = office().await;
    let mut connection = office.connection().await;
    let access = office.request("access", "ada@lovelace.org").await;
    office.task(access, &connection, |_: &mut Task| {}).await;
    let deletion = office.request("deletion", "ada@lovelace.org").await;
    office.planned(deletion, &connection).await;
    let why = "the credentials were rejected".to_owned();
    let remedy = String::new();
    connection.paused = Some(Pause { why, remedy, since: now(), by_person: false });
    office.write(Transition { connections: vec![connection], ..Transition::default() }).await;
    let shown = pending(&office, &[deletion.to_string()]).await;
    assert_eq!(shown[0].open_accesses, [access]);
    assert!(shown[0].hindered.as_ref().unwrap().contains("rejected"));
}

#[tokio::test]
async fn many_are_approved_at_once() {
    let office = office().await;
    let connection = office.connection().await;
    for n in 0..20 {
        let id = office.request("deletion", &format!("p{n}@lovelace.org")).await;
        office.planned(id, &connection).await;
    }
    let shown = pending(&office, &[]).await;
    assert_eq!(shown.len(), 20);
    let approved = approve(&office.desk(), &shown).await.unwrap();
    assert!(approved.iter().all(|one| one.not.is_none()));
    assert!(pending(&office, &[]).await.is_empty());
    assert_eq!(office.journal(Event::TaskMoved).await.len(), 20);
}

#[tokio::test]
async fn one_person_behind_two_requests_is_shown() {
    let office = office().await;
    let connection = office.connection().await;
    let first = office.request("deletion", "ada@lovelace.org").await;
    let second = office.request("deletion", "ada@work.org").await;
    for id in [first, second] {
        let mut found = office.store.identifiers_of(&[id]).await.unwrap().remove(0).1;
        found.id = domain::IdentifierId::new(&*office.ids);
        found.kind = IdentifierKind::UserId;
        found.normalised = "U-77".into();
        let new_identifiers = vec![(id, found)];
        office.write(Transition { new_identifiers, ..Transition::default() }).await;
        office.planned(id, &connection).await;
    }
    let other = office.request("deletion", "bob@lovelace.org").await;
    office.planned(other, &connection).await;
    let same = |shown: &[Pending], id| {
        shown.iter().find(|one| one.request == id).unwrap().same_person.clone()
    };
    let together = pending(&office, &[]).await;
    assert_eq!(same(&together, first), [second]);
    assert_eq!(same(&together, second), [first]);
    assert_eq!(same(&together, other), []);
    let alone = pending(&office, &[first.to_string()]).await;
    assert_eq!(same(&alone, first), [second]);
}
