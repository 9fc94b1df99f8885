//! The list: rows that say where tasks stand, what holds them, and where the next page begins.

use domain::connection::Pause;
use domain::task::Whom;
use domain::{Reach, TaskState};
use store::{From, Transition};

use super::*;
use crate::operator::office::{draft, now, office, put};
use crate::operator::show::request_view;
use crate::operator::{Draft, intake, journal};

#[tokio::test]
async fn a_page_says_after_what_the_next_one_begins_and_the_last_that_none_does() {
    let office = office().await;
    let mut ids = Vec::new();
    for name in ["ada", "bob", "cyd"] {
        ids.push(office.request("deletion", &format!("{name}@example.com")).await);
    }
    let (desk, all) = (office.desk(), Filter::default());
    let first = page(&desk, &all, None, 2).await.unwrap();
    assert_eq!((first.requests.len(), first.next), (2, Some(ids[1])));
    let last = page(&desk, &all, first.next, 2).await.unwrap();
    assert_eq!((last.requests[0].id, last.next), (ids[2], None));
    assert_eq!(page(&desk, &all, None, 3).await.unwrap().next, None, "it holds all there are");
}

#[tokio::test]
async fn a_broken_connection_makes_its_tasks_wait_for_a_person_and_says_what_helps() {
    let office = office().await;
    let mut connection = office.connection().await;
    let id = office.request("deletion", "ada@example.com").await;
    office.task(id, &connection, |task| put(task, TaskState::Acting)).await;
    let needs_me = Filter { needs_me: true, ..Filter::default() };
    let list = page(&office.desk(), &needs_me, None, 9).await.unwrap();
    assert!(list.requests.is_empty() && list.held.is_empty());
    let (why, remedy) = ("its token was refused".to_owned(), "enter another".to_owned());
    connection.paused = Some(Pause { why, remedy, since: now(), by_person: false });
    let connections = vec![connection];
    office.write(Transition { connections, ..Transition::default() }).await;
    let list = page(&office.desk(), &needs_me, None, 9).await.unwrap();
    let task = &list.requests[0].tasks[0];
    assert!(task.is_held && task.needs_a_person, "{task:?}");
    assert_eq!(task.standing, "acting (waits for you: the connection is paused)");
    assert_eq!(list.held[0].command.as_deref(), Some("habeas connections test files"));
}

#[tokio::test]
async fn a_row_says_what_its_task_waits_for_or_came_to() {
    let office = office().await;
    let connection = office.connection().await;
    let id = office.request("deletion", "ada@example.com").await;
    office
        .task(id, &connection, |task| {
            put(task, TaskState::Waiting);
            task.wait_for(Whom::Vendor, "it is at work".into(), None, now());
        })
        .await;
    office
        .task(id, &connection, |task| {
            put(task, TaskState::Ended);
            task.detail.outcome = Some(Outcome::AlreadyGone);
            task.detail.proof = Some(Proof::Confirmed { n_looks: 1 });
        })
        .await;
    let filter = Filter { connection: Some("files".into()), ..Filter::default() };
    let list = page(&office.desk(), &filter, None, 9).await.unwrap();
    let standings: Vec<_> = list.requests[0].tasks.iter().map(|task| &*task.standing).collect();
    assert_eq!(standings, ["waiting on vendor (it is at work)", "already gone, confirmed"]);
}

#[tokio::test]
async fn what_is_out_of_reach_is_neither_listed_nor_in_the_journal() {
    let office = office().await;
    let of_shop = Draft { brand: Some("shop".into()), ..draft("deletion", "ada@example.com") };
    let taken = intake::submit(&office.desk(), &[of_shop], None).await.unwrap();
    let own = taken[0].as_ref().unwrap().request;
    office.request("deletion", "bob@example.com").await;
    let reach = Reach::Brands(BTreeSet::from(["shop".to_owned()]));
    let bound = Desk { reach, ..office.desk() };
    let list = page(&bound, &Filter::default(), None, 1).await.unwrap();
    assert_eq!((list.requests.len(), list.requests[0].id, list.next), (1, own, None));
    let all = journal::Filter::default();
    let told = journal::page(&bound, &all, From::After(0), 100).await.unwrap();
    assert!(!told.entries.is_empty());
    assert!(told.entries.iter().all(|one| one.entry.request.is_none_or(|id| id == own)));
}

#[tokio::test]
async fn what_is_out_of_reach_is_not_named_beside_a_request() {
    let office = office().await;
    let branded =
        |right, brand: &str| Draft { brand: Some(brand.into()), ..draft(right, "ada@example.com") };
    let drafts = [branded("opt_out", "shop"), branded("opt_out", "other")];
    let mut ids = Vec::new();
    for (one, scope) in drafts.into_iter().zip(["sale", "sharing"]) {
        let one = Draft { scope: scope.into(), ..one };
        let taken = intake::submit(&office.desk(), &[one], None).await.unwrap();
        ids.push(taken[0].as_ref().unwrap().request);
    }
    let shown = request_view(&office.desk(), ids[0], true).await.unwrap();
    assert_eq!(shown.asked.same_person, [ids[1]]);
    let reach = Reach::Brands(["shop".to_owned()].into());
    let bound = Desk { reach, ..office.desk() };
    let shown = request_view(&bound, ids[0], true).await.unwrap();
    assert!(shown.asked.same_person.is_empty());
}
