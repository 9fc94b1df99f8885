//! A transition is written whole, with its journal, or not at all.

use domain::request::{ClosedAs, Closing};
use domain::task::{Command, Found};
use domain::{Actor, Event, IdentifierKind, Outcome, RequestState, Right, Task, TaskState};

use super::setup::{entry, now, setup};
use crate::{Applied, From, JournalFilter, Transition, Which};

#[tokio::test]
async fn everything_of_a_transition_is_there_afterwards_and_reads_back_as_written() {
    let setup = setup().await;
    let connection = setup.connection("segment-eu").await;
    let task = setup.task(&connection, "a@example.org").await;
    let mut changed = task.clone();
    changed.state = TaskState::Planned;
    changed.detail.n_attempts = 3;
    let found = setup.identifier(IdentifierKind::UserId, "User-1");
    let (evidence, body) = setup.evidence(&task, "{}");
    let job = setup.job(&connection);
    setup
        .done(Transition {
            tasks: vec![changed.clone()],
            new_identifiers: vec![(task.request, found.clone())],
            evidence: vec![(evidence.clone(), body)],
            new_jobs: vec![job.clone()],
            journal: vec![entry(&task)],
            ..Default::default()
        })
        .await;

    let store = setup.again().await;
    changed.version += 1;
    assert_eq!(store.task(task.id).await.unwrap().unwrap(), changed);
    let identifiers = store.identifiers_of(&[task.request]).await.unwrap();
    assert!(identifiers.contains(&(task.request, found)));
    let all = store.evidence_of(task.id).await.unwrap();
    assert!(all == std::slice::from_ref(&evidence));
    assert_eq!(store.evidence_body(evidence.id).await.unwrap().unwrap(), b"{}");
    assert_eq!(store.job(job.id).await.unwrap().unwrap(), job);
    assert_eq!(store.connection_by_name("segment-eu").await.unwrap().unwrap(), connection);
    let filter = JournalFilter { task: Some(task.id), ..Default::default() };
    let journal = store.journal(From::After(0), &filter, 10).await.unwrap();
    assert_eq!(journal.iter().map(|(_, entry)| entry.clone()).collect::<Vec<_>>(), [entry(&task)]);
}

#[tokio::test]
async fn findings_stay_while_their_task_moves_and_later_ones_replace_them() {
    let setup = setup().await;
    let connection = setup.connection("segment-eu").await;
    let mut task = setup.task(&connection, "a@example.org").await;
    for n_profiles in [1, 2] {
        task.findings.set_found(Found { n_profiles, ..Found::default() });
        setup.done(Transition { tasks: vec![task], ..Default::default() }).await;
        task = setup
            .again()
            .await
            .tasks_of_connection(connection.id, Which::All, None, 1)
            .await
            .unwrap()
            .remove(0);
        assert!(!task.findings.is_changed());
        task.detail.n_attempts += 1;
        setup.done(Transition { tasks: vec![task.clone()], ..Default::default() }).await;
        task = setup.store.task(task.id).await.unwrap().unwrap();
        assert_eq!(task.findings.found().map(|found| found.n_profiles), Some(n_profiles));
        let brief = setup.store.tasks_in_brief(&[task.request]).await.unwrap();
        let whole = Task { findings: Default::default(), ..task.clone() };
        assert_eq!(brief, [whole], "the same, but for what is long");
    }
}

#[tokio::test]
async fn a_transition_that_loses_leaves_no_trace() {
    let setup = setup().await;
    let connection = setup.connection("segment-eu").await;
    let task = setup.task(&connection, "a@example.org").await;
    let mut stale = task.clone();
    stale.version += 7;
    let rows = setup.store.row_counts().await.unwrap();
    let (evidence, body) = setup.evidence(&task, "{}");
    let lost = Transition {
        tasks: vec![stale],
        new_tasks: vec![],
        new_identifiers: vec![(task.request, setup.identifier(IdentifierKind::UserId, "u"))],
        new_jobs: vec![setup.job(&connection)],
        evidence: vec![(evidence, body)],
        journal: vec![entry(&task)],
        approved_today: vec![(connection.id, "2026-11-22".into(), 1)],
        ..Default::default()
    };
    assert_eq!(setup.apply(lost).await.unwrap(), [Applied::Lost]);
    assert_eq!(setup.store.row_counts().await.unwrap(), rows);
    assert!(setup.store.deletions_per_day(connection.id, 30).await.unwrap().is_empty());
    assert_eq!(setup.store.task(task.id).await.unwrap().unwrap(), task);
}

#[tokio::test]
async fn the_state_of_a_request_follows_its_tasks_and_is_journalled() {
    let setup = setup().await;
    let connection = setup.connection("segment-eu").await;
    let task = setup.task(&connection, "a@example.org").await;
    let request = || async { setup.store.request(task.request).await.unwrap().unwrap() };
    assert_eq!(request().await.state, RequestState::InProgress);

    let by = Command::Settle { by: "ops".into(), done: false, note: "n".into() };
    let (over, told) = task.apply(by, &Actor::Operator("ops".into()), now()).unwrap();
    assert!(matches!(over.detail.outcome, Some(Outcome::Settled { .. })));
    setup.done(Transition { tasks: vec![over], journal: vec![told], ..Default::default() }).await;
    assert_eq!(request().await.state, RequestState::Answering);

    let mut closed = request().await;
    let how = ClosedAs::FulfilledInPart;
    closed.closing =
        Some(Closing { how, at: now(), by: "ops".into(), note: String::new(), purged: None });
    setup.done(Transition { requests: vec![closed], ..Default::default() }).await;
    assert_eq!(request().await.state, RequestState::Closed);

    let filter = JournalFilter { event: Some(Event::RequestMoved), ..Default::default() };
    let moves = setup.store.journal(From::After(0), &filter, 10).await.unwrap();
    let moves: Vec<_> = moves.iter().map(|(_, entry)| entry).collect();
    let to: Vec<_> = moves.iter().filter_map(|entry| entry.facts["to"].as_str()).collect();
    assert_eq!(to, ["in progress", "answering", "closed"]);
    assert_eq!(moves[1].actor, Actor::Operator("ops".into()), "the actor of the first entry");
}

#[tokio::test]
async fn a_task_that_waits_early_counts_with_the_other_tasks_of_its_request() {
    let setup = setup().await;
    let (one, two) = (setup.connection("one").await, setup.connection("two").await);
    let task = setup.task(&one, "a@example.org").await;
    let mut other = task.clone();
    other.id = domain::TaskId::new(&*setup.ids);
    other.connection = Some(two.id);
    setup.done(Transition { new_tasks: vec![other.clone()], ..Default::default() }).await;
    let mut over = task.clone();
    over.state = TaskState::Ended;
    setup.done(Transition { tasks: vec![over], ..Default::default() }).await;
    let request = setup.store.request(task.request).await.unwrap().unwrap();
    assert_eq!(request.state, RequestState::InProgress, "the other task is still open");
    assert_eq!(request.right, Right::Deletion);
}
