//! The derived state and the closing, line by line of their tables.

use super::*;
use crate::deadline::deadline;
use crate::id::TimedIds;
use crate::{ConnectionId, Gate, TaskId};

fn request() -> Request {
    let at = Instant::UNIX_EPOCH;
    let ids = TimedIds::new(|| Instant::UNIX_EPOCH, || [7; 8]);
    Request {
        id: RequestId::new(&ids),
        right: Right::Deletion,
        scope: Scope::default(),
        received_at: at,
        deadline: deadline(at, None, 30),
        jurisdiction: None,
        brand: None,
        subject_kind: None,
        external_id: None,
        verified: Some(Verified { by: "ops".into(), at }),
        routed: Some(Vec::new()),
        closing: None,
        state: RequestState::Received,
        version: 0,
    }
}

fn task(state: TaskState, outcome: Option<Outcome>) -> Task {
    let ids = TimedIds::new(|| Instant::UNIX_EPOCH, || [9; 8]);
    let mut task = Task::for_connection(
        TaskId::new(&ids),
        request().id,
        Right::Deletion,
        ConnectionId::new(&ids),
        Gate::Auto,
        Instant::UNIX_EPOCH,
    );
    task.state = state;
    task.detail.outcome = outcome;
    task
}

#[test]
fn the_state_follows_from_the_tasks() {
    let check = |request: &Request, states: &[TaskState], expected: RequestState| {
        let tasks: Vec<_> = states.iter().map(|state| task(*state, None)).collect();
        assert_eq!(state(request, &tasks), expected, "{states:?}");
    };
    let open = request();
    check(&open, &[TaskState::Reviewing, TaskState::Ended], RequestState::Reviewing);
    check(&open, &[TaskState::Reviewing, TaskState::Locating], RequestState::InProgress);
    check(&open, &[TaskState::Ended, TaskState::ByHand], RequestState::InProgress);
    check(&open, &[TaskState::Ended, TaskState::Ended], RequestState::Answering);
    check(&open, &[], RequestState::Answering);
    check(&Request { routed: None, ..request() }, &[], RequestState::Received);
    check(&Request { verified: None, ..request() }, &[], RequestState::Verifying);
    let at = Instant::UNIX_EPOCH;
    let closing =
        Closing { how: ClosedAs::Denied, at, by: "ops".into(), note: String::new(), purged: None };
    check(
        &Request { closing: Some(closing), ..request() },
        &[TaskState::Acting],
        RequestState::Closed,
    );
}

#[test]
fn a_task_that_counts_early_does_not_hold_the_request_back() {
    let mut early = task(TaskState::Waiting, None);
    early.detail.counts_early = true;
    assert_eq!(state(&request(), &[early.clone()]), RequestState::Answering);
    early.state = TaskState::Deciding;
    assert_eq!(state(&request(), &[early]), RequestState::InProgress);
}

#[test]
fn it_closes_as_its_tasks_ended() {
    let nothing = || Outcome::NothingFound { searched: vec![], not_searchable: vec![] };
    let done = || Outcome::Done { counts: String::new() };
    let residue = || Outcome::DoneWithResidue { residue: vec![] };
    let check = |outcomes: Vec<Outcome>, expected: ClosedAs| {
        let tasks: Vec<_> =
            outcomes.into_iter().map(|outcome| task(TaskState::Ended, Some(outcome))).collect();
        assert_eq!(closes_as(&tasks), expected, "{tasks:?}");
    };
    check(vec![nothing(), nothing()], ClosedAs::NoDataFound);
    check(vec![nothing(), done()], ClosedAs::Fulfilled);
    check(vec![Outcome::AlreadyGone, done()], ClosedAs::Fulfilled);
    check(vec![residue(), done()], ClosedAs::FulfilledInPart);
    check(vec![Outcome::Expired], ClosedAs::FulfilledInPart);
    let left = || Outcome::LeftToPeople { works: vec![] };
    let by_hand = |done| Outcome::Settled { by: "ann".into(), done, note: "so".into() };
    check(vec![left(), by_hand(true)], ClosedAs::Fulfilled);
    check(vec![left(), by_hand(false)], ClosedAs::FulfilledInPart);
    check(vec![left()], ClosedAs::FulfilledInPart);
}
