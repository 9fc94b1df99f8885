//! Settling and retrying single tasks.

use domain::plan::HandWork;
use domain::task::Found;
use domain::{Outcome, RequestState, TaskState};

use super::*;
use crate::operator::office::{office, put};

#[tokio::test]
async fn settling_needs_a_note_and_ends_the_task() {
    let office = office().await;
    let connection = office.connection().await;
    let id = office.request("deletion", "ada@lovelace.org").await;
    let task = office
        .task(id, &connection, |task| {
            put(task, TaskState::ByHand);
            task.detail.hand = Some(HandWork { place: "mail".into(), what: "delete".into() });
        })
        .await;
    let empty = settle(&office.desk(), task, Settle::Done, "  ").await;
    assert!(matches!(empty, Err(OperatorError::Fault(fault)) if fault.code == "E-REQ-050"));
    let settled = settle(&office.desk(), task, Settle::Done, "ticket 4711").await.unwrap();
    let Some(Outcome::Settled { by, done: true, note }) = &settled.outcome else {
        panic!("settled")
    };
    assert_eq!((by.as_str(), note.as_str()), ("ops", "ticket 4711"));
    let request = office.store.request(id).await.unwrap().unwrap();
    assert_eq!(request.state, RequestState::Answering);
    let again = settle(&office.desk(), task, Settle::Skip, "why").await;
    let answer = format!("habeas request answer {id}");
    assert!(
        matches!(again, Err(OperatorError::Refused { instead, .. }) if instead.contains(&answer))
    );
    let retried = retry(&office.desk(), task).await;
    assert!(
        matches!(retried, Err(OperatorError::Refused { instead, .. }) if instead.contains(&answer))
    );
}

#[tokio::test]
async fn an_ended_task_is_not_settled_but_can_have_another_round() {
    let office = office().await;
    let connection = office.connection().await;
    let id = office.request("deletion", "ada@lovelace.org").await;
    let task = office.task(id, &connection, |task| put(task, TaskState::Ended)).await;
    let Err(OperatorError::Refused { instead, .. }) =
        settle(&office.desk(), task, Settle::Skip, "why").await
    else {
        panic!("refused")
    };
    assert!(instead.contains(&format!("habeas task retry {task}")), "{instead}");
    assert!(retry(&office.desk(), task).await.is_ok(), "what is named works");
}

#[tokio::test]
async fn a_retry_begins_another_round_and_lifts_the_fan_out_bound() {
    let office = office().await;
    let connection = office.connection().await;
    let id = office.request("deletion", "ada@lovelace.org").await;
    let many = office
        .task(id, &connection, |task| {
            put(task, TaskState::Deciding);
            task.findings.set_found(Found { n_profiles: FAN_OUT + 1, ..Found::default() });
        })
        .await;
    let few = office.task(id, &connection, |task| put(task, TaskState::Deciding)).await;
    assert_eq!(retry(&office.desk(), many).await.unwrap().state, TaskState::Locating);
    let task = office.load(many).await;
    assert_eq!((task.state, task.round), (TaskState::Locating, 2));
    assert!(task.detail.fan_out_accepted > 0);
    assert!(retry(&office.desk(), few).await.is_ok());
    assert_eq!(office.load(few).await.detail.fan_out_accepted, 0);
    assert!(retry(&office.desk(), few).await.is_err());
}

#[tokio::test]
async fn nothing_is_retried_in_a_system_that_was_removed() {
    let office = office().await;
    let connection = office.connection().await;
    let id = office.request("deletion", "ada@lovelace.org").await;
    let task = office.task(id, &connection, |task| put(task, TaskState::Deciding)).await;
    crate::operator::connections::remove(&office.desk(), "files").await.unwrap();
    assert!(matches!(retry(&office.desk(), task).await, Err(OperatorError::NotFound { .. })));
}
