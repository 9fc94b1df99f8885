//! Purges by hand.

use domain::request::ClosedAs;
use domain::{IdentifierKind, Outcome, TaskState};

use super::*;
use crate::operator::decide::{answer, reopen};
use crate::operator::office::{Office, now, office, put};
use crate::operator::show::{request_view, reveal};
use crate::operator::{Given, decide, tasks};

/// A deletion that was carried out and answered, and is to be looked at again.
async fn answered(office: &Office) -> (RequestId, Task) {
    let connection = office.connection().await;
    let id = office.request("deletion", "ada@lovelace.org").await;
    let done = office
        .task(id, &connection, |task| {
            put(task, TaskState::Ended);
            task.detail.outcome = Some(Outcome::Done { counts: "1 user id".into() });
            task.due_at = Some(now());
        })
        .await;
    answer(&office.desk(), id, "told by letter").await.unwrap();
    (id, office.load(done).await)
}

#[tokio::test]
async fn only_what_is_closed_and_done_with_is_purged() {
    let office = office().await;
    let connection = office.connection().await;
    let id = office.request("deletion", "ada@lovelace.org").await;
    office.task(id, &connection, |task| put(task, TaskState::Waiting)).await;
    let refused = purge(&office.desk(), id).await.unwrap_err();
    assert!(refused.to_string().contains("only a closed request"), "{refused}");
    decide::cancel(&office.desk(), id, "").await.unwrap();
    let refused = purge(&office.desk(), id).await.unwrap_err();
    assert!(refused.to_string().contains("still at work"), "{refused}");
    assert!(office.store.purged_lines().unwrap().is_empty());
    assert_eq!(office.store.identifiers_of(&[id]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_purge_leaves_the_record_and_nothing_by_which_its_person_could_be_found() {
    let office = office().await;
    let (id, task) = answered(&office).await;
    let desk = office.desk();
    let view = purge(&desk, id).await.unwrap();
    assert_eq!((view.was_purged, view.n_looks_given_up), (false, 1));
    assert_eq!(office.load(task.id).await.due_at, None, "nothing is left to look for");
    assert!(office.store.identifiers_of(&[id]).await.unwrap().is_empty());
    let email = [(IdentifierKind::Email, "ada@lovelace.org".to_owned())];
    assert!(office.store.requests_sharing(&email).await.unwrap().is_empty());
    assert_eq!(office.journal(Event::RequestPurged).await.len(), 1);

    let shown = request_view(&desk, id, true).await.unwrap();
    let closing = shown.asked.closing.unwrap();
    assert_eq!(closing.purged.unwrap().by, "ops");
    assert_eq!(shown.systems.len(), 1, "what was done stays on record");
    assert!(shown.advice[0].what.starts_with("It was purged"), "{:?}", shown.advice);
    assert_eq!(shown.advice[0].command, None);

    assert!(purge(&desk, id).await.unwrap().was_purged, "once more changes nothing");
    assert_eq!(office.store.purged_lines().unwrap().len(), 1);
}

#[tokio::test]
async fn nothing_is_done_with_a_purged_request_any_more() {
    let office = office().await;
    let (id, task) = answered(&office).await;
    let desk = office.desk();
    purge(&desk, id).await.unwrap();
    let given = [Given::new(IdentifierKind::Email, "ada@lovelace.org")];
    assert!(matches!(reopen(&desk, id, "").await, Err(OperatorError::WrongState { .. })));
    assert!(matches!(reveal(&desk, id).await, Err(OperatorError::WrongState { .. })));
    assert!(decide::add_identifiers(&desk, id, &given, None).await.is_err());
    assert!(tasks::retry(&desk, task.id).await.is_err());
}

/// What stands beside the keys of a purge of a request as it is now, or some versions later.
async fn line(office: &Office, request: RequestId, later: i64) -> PurgedLine {
    let version = office.store.request(request).await.unwrap().unwrap().version + later;
    let (at, how) = (now(), ClosedAs::FulfilledInPart);
    PurgedLine { request, at, how, version, by: "ann".to_owned() }
}

#[tokio::test]
async fn a_purge_that_a_crash_broke_off_after_the_list_was_written_is_finished() {
    let office = office().await;
    let (id, _) = answered(&office).await;
    office.note_purged(&line(&office, id, 0).await);
    assert_eq!(finish(&office.desk()).await.unwrap(), 1);
    assert_eq!(finish(&office.desk()).await.unwrap(), 0);
    assert!(office.store.identifiers_of(&[id]).await.unwrap().is_empty());
    let closing = office.store.request(id).await.unwrap().unwrap().closing.unwrap();
    assert_eq!((closing.how, closing.purged.unwrap().by.as_str()), (ClosedAs::Fulfilled, "ann"));
}

#[tokio::test]
async fn a_purge_that_was_refused_is_not_carried_out_by_a_later_start() {
    let office = office().await;
    let (id, _) = answered(&office).await;
    let mut stale = office.store.request(id).await.unwrap().unwrap();
    stale.version += 1;
    let lost = Transition { requests: vec![stale], ..Transition::default() };
    let begun = line(&office, id, 0).await;
    assert_eq!(office.store.purge(&begun, lost).await.unwrap(), Applied::Lost);
    assert!(office.store.purged_lines().unwrap().is_empty(), "its line is struck out");
    assert_eq!(finish(&office.desk()).await.unwrap(), 0);
    // Where a crash left the line, and it was opened and answered again.
    office.note_purged(&begun);
    reopen(&office.desk(), id, "not yet").await.unwrap();
    assert_eq!(finish(&office.desk()).await.unwrap(), 0);
    answer(&office.desk(), id, "told again").await.unwrap();
    assert_eq!(finish(&office.desk()).await.unwrap(), 0);
    assert_eq!(office.store.identifiers_of(&[id]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_open_in_a_store_older_than_the_list_is_closed_as_the_list_says_and_purged() {
    let office = office().await;
    let connection = office.connection().await;
    let id = office.request("deletion", "ada@lovelace.org").await;
    let task = office.task(id, &connection, |task| put(task, TaskState::Waiting)).await;
    office.note_purged(&line(&office, id, 3).await);
    assert_eq!(finish(&office.desk()).await.unwrap(), 1);
    let closing = office.store.request(id).await.unwrap().unwrap().closing.unwrap();
    assert_eq!((closing.how, closing.by.as_str()), (ClosedAs::FulfilledInPart, "ann"));
    assert!(closing.purged.is_some());
    assert_eq!(office.load(task).await.state, TaskState::Ended, "nothing is sent for it");
    assert!(office.store.identifiers_of(&[id]).await.unwrap().is_empty());
}
