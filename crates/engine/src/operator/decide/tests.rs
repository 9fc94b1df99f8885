//! Decisions on requests.

use domain::{TaskState, identifier::Origin};

use super::*;
use crate::operator::office::{office, put};

#[tokio::test]
async fn cancelling_stops_what_was_not_sent_and_names_the_rest() {
    let office = office().await;
    let connection = office.connection().await;
    let id = office.request("deletion", "ada@lovelace.org").await;
    let waiting = office.planned(id, &connection).await;
    let sent = office.task(id, &connection, |task| put(task, TaskState::Waiting)).await;
    let stopped = cancel(&office.desk(), id, "taken back by phone").await.unwrap();
    assert_eq!(stopped.cancelled, [waiting]);
    assert_eq!(stopped.cant_be_stopped[0].task, sent);
    let request = office.store.request(id).await.unwrap().unwrap();
    assert_eq!(request.state, RequestState::Closed);
    assert_eq!(request.closing.unwrap().how, ClosedAs::Withdrawn);
    assert_eq!(office.load(waiting).await.detail.outcome, Some(Outcome::Cancelled));
    assert_eq!(office.journal(Event::RequestCancelled).await.len(), 1);
    assert!(cancel(&office.desk(), id, "").await.is_err());
}

#[tokio::test]
async fn what_was_carried_out_is_not_denied_and_a_withdrawal_tells_of_it() {
    let office = office().await;
    let connection = office.connection().await;
    let id = office.request("deletion", "ada@lovelace.org").await;
    office.planned(id, &connection).await;
    let done = office
        .task(id, &connection, |task| {
            put(task, TaskState::Ended);
            task.detail.outcome = Some(Outcome::Done { counts: "1 user id".into() });
            task.detail.proof = Some(domain::Proof::Confirmed { n_looks: 3 });
        })
        .await;
    let denied = deny(&office.desk(), id, "not our customer").await;
    let Err(error @ OperatorError::CarriedOut { .. }) = denied else { panic!("refused") };
    assert!(error.to_string().contains("files done (1 user id), confirmed by 3 look-ups"));
    let request = office.store.request(id).await.unwrap().unwrap();
    assert_eq!((request.closing, request.state), (None, RequestState::InProgress));
    let stopped = cancel(&office.desk(), id, "").await.unwrap();
    assert_eq!((stopped.cancelled.len(), stopped.carried_out[0].task), (1, done));
    let entry = office.journal(Event::RequestCancelled).await.remove(0);
    assert!(entry.contains("\"n_carried_out\":1"), "{entry}");
}

#[tokio::test]
async fn what_is_over_and_was_carried_out_is_not_shown_as_withdrawn() {
    let office = office().await;
    let connection = office.connection().await;
    let id = office.request("deletion", "ada@lovelace.org").await;
    let done = |task: &mut Task| {
        put(task, TaskState::Ended);
        task.detail.outcome = Some(Outcome::Done { counts: "1 user id".into() });
    };
    let access = office.request("access", "ada@lovelace.org").await;
    office.task(access, &connection, done).await;
    assert!(cancel(&office.desk(), access, "").await.is_ok(), "reading changed nothing");
    office.task(id, &connection, done).await;
    let Err(error @ OperatorError::CarriedOut { .. }) = cancel(&office.desk(), id, "").await else {
        panic!("refused")
    };
    assert!(error.to_string().starts_with("it can't be withdrawn any more"), "{error}");
    let request = office.store.request(id).await.unwrap().unwrap();
    assert_eq!((request.closing, request.state), (None, RequestState::Answering));
    assert_eq!(office.journal(Event::RequestCancelled).await.len(), 1);
}

#[tokio::test]
async fn what_found_nothing_or_was_left_out_can_still_be_denied() {
    let office = office().await;
    let connection = office.connection().await;
    let id = office.request("deletion", "ada@lovelace.org").await;
    let nothing = Outcome::NothingFound { searched: vec![], not_searchable: vec![] };
    let skipped = Outcome::Settled { by: "ops".into(), done: false, note: "n".into() };
    for outcome in [nothing, skipped, Outcome::AlreadyGone] {
        let over = |task: &mut Task| {
            put(task, TaskState::Ended);
            task.detail.outcome = Some(outcome);
        };
        office.task(id, &connection, over).await;
    }
    let stopped = deny(&office.desk(), id, "not our customer").await.unwrap();
    assert!(stopped.cancelled.is_empty() && stopped.cant_be_stopped.is_empty());
    assert!(stopped.carried_out.is_empty(), "{stopped:?}");
}

#[tokio::test]
async fn an_answer_needs_every_system_settled() {
    let office = office().await;
    let connection = office.connection().await;
    let id = office.request("deletion", "ada@lovelace.org").await;
    let task = office.planned(id, &connection).await;
    let early = answer(&office.desk(), id, "by letter").await;
    assert!(matches!(early, Err(OperatorError::WrongState { .. })));
    let untold = answer(&office.desk(), id, " ").await;
    assert!(matches!(untold, Err(OperatorError::Fault(fault)) if fault.code == "E-REQ-050"));
    let mut ended = office.load(task).await;
    put(&mut ended, TaskState::Ended);
    ended.detail.outcome = Some(Outcome::Done { counts: String::new() });
    office.write(Transition { tasks: vec![ended], ..Transition::default() }).await;
    let filter = store::RequestFilter { needs_a_person: true, ..Default::default() };
    let listed = office.store.requests(&filter, None, 9).await.unwrap();
    assert_eq!(listed[0].id, id, "somebody has to tell the person");
    assert_eq!(
        answer(&office.desk(), id, "by letter").await.unwrap().closed_as,
        ClosedAs::Fulfilled
    );
    let request = office.store.request(id).await.unwrap().unwrap();
    assert_eq!(request.closing.unwrap().note, "by letter");
    assert!(office.store.requests(&filter, None, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_note_that_names_the_person_is_refused() {
    let office = office().await;
    let id = office.request("deletion", "ada@lovelace.org").await;
    let answer = deny(&office.desk(), id, "no account for Ada@Lovelace.ORG here").await;
    let Err(OperatorError::Fault(fault)) = answer else { panic!("refused") };
    assert_eq!(fault.code, "E-REQ-051");
    assert!(!fault.to_string().to_lowercase().contains("lovelace"));
}

#[tokio::test]
async fn an_added_identifier_wakes_the_systems_that_can_use_it() {
    let office = office().await;
    let connection = office.connection().await;
    let id = office.request("deletion", "ada@lovelace.org").await;
    let lacking = office
        .task(id, &connection, |task| {
            put(task, TaskState::NeedsIdentifier);
            task.detail.needs = vec![IdentifierKind::UserId];
        })
        .await;
    let by_hand = office
        .task(id, &connection, |task| {
            put(task, TaskState::ByHand);
            task.detail.hand = Some(domain::plan::HandWork { place: "p".into(), what: "w".into() });
        })
        .await;
    let given = [Given::new(IdentifierKind::UserId, " U-77 ")];
    let added = add_identifiers(&office.desk(), id, &given, None).await.unwrap();
    assert_eq!(added, Added { n_new: 1, n_known: 0, tasks: vec![lacking] });
    let task = office.load(lacking).await;
    assert_eq!((task.state, task.round), (TaskState::Locating, 2));
    assert!(!office.load(by_hand).await.detail.again);
    let identifiers = office.store.identifiers_of(&[id]).await.unwrap();
    let added = identifiers.iter().find(|(_, one)| one.origin == Origin::Added).unwrap();
    assert_eq!(added.1.given, "U-77");
    let again = add_identifiers(&office.desk(), id, &given, None).await.unwrap();
    assert_eq!(again, Added { n_new: 0, n_known: 1, tasks: vec![] });
    assert!(!office.journal(Event::IdentifierAdded).await.concat().contains("U-77"));
}

#[tokio::test]
async fn a_bad_identifier_is_refused_before_anything_moves() {
    let office = office().await;
    let id = office.request("deletion", "ada@lovelace.org").await;
    let given = [Given::new(IdentifierKind::UserId, "null")];
    let answer = add_identifiers(&office.desk(), id, &given, None).await;
    let Err(OperatorError::Fault(fault)) = answer else { panic!("refused") };
    assert_eq!((fault.field.as_str(), &*fault.code), ("identifiers[0].value", "E-REQ-016"));
}

#[tokio::test]
async fn opening_again_begins_what_had_been_cancelled_anew() {
    let office = office().await;
    let connection = office.connection().await;
    let id = office.request("deletion", "ada@lovelace.org").await;
    let task = office.planned(id, &connection).await;
    let hand = office
        .task(id, &connection, |task| {
            put(task, TaskState::ByHand);
            task.detail.hand = Some(domain::plan::HandWork { place: "p".into(), what: "w".into() });
        })
        .await;
    deny(&office.desk(), id, "").await.unwrap();
    reopen(&office.desk(), id, "denied by mistake").await.unwrap();
    let request = office.store.request(id).await.unwrap().unwrap();
    assert_eq!((request.state, request.closing), (RequestState::InProgress, None));
    assert_eq!(office.load(task).await.state, TaskState::Locating);
    assert!(office.load(hand).await.is_over());
    let tasks = office.store.tasks_of(&[id]).await.unwrap();
    assert_eq!(tasks.iter().filter(|task| task.state == TaskState::ByHand).count(), 1);
    assert!(reopen(&office.desk(), id, "").await.is_err());
}
