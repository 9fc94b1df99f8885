//! Work is found when it is due, and what waits is a row.

use domain::job::JobState;
use domain::plan::{Plan, Weight};
use domain::{Digest, Right, Scope, Task, TaskState};
use jiff::SignedDuration;

use super::setup::{now, setup};
use crate::{Transition, Which};

#[tokio::test]
async fn due_tasks_come_by_state_the_longest_due_first_and_not_before_their_time() {
    let setup = setup().await;
    let connection = setup.connection("segment-eu").await;
    let hour = SignedDuration::from_hours(1);
    let mut tasks = Vec::new();
    for (email, due_at) in
        [("a", Some(now())), ("b", Some(now() - hour)), ("c", Some(now() + hour)), ("d", None)]
    {
        let task = setup.task(&connection, &format!("{email}@example.org")).await;
        let changed = Task { due_at, ..task };
        setup.done(Transition { tasks: vec![changed.clone()], ..Default::default() }).await;
        tasks.push(changed.id);
    }
    let due = |states: &'static [TaskState], at| {
        let store = setup.store.clone();
        async move {
            let due = store.due_tasks(connection.id, states, at, 10).await.unwrap();
            due.iter().map(|due| due.task).collect::<Vec<_>>()
        }
    };
    assert_eq!(due(&[TaskState::Locating], now()).await, [tasks[1], tasks[0]]);
    assert_eq!(due(&[TaskState::Locating], now() + hour).await, [tasks[1], tasks[0], tasks[2]]);
    assert!(due(&[TaskState::Acting, TaskState::Planned], now()).await.is_empty());
    assert_eq!(setup.store.next_due(connection.id).await.unwrap(), Some(now() - hour));
    let open = setup.store.tasks_of_connection(connection.id, Which::Open, Some(tasks[1]), 10);
    let open: Vec<_> = open.await.unwrap().iter().map(|task| task.id).collect();
    assert_eq!(open, [tasks[2], tasks[3]]);
    assert_eq!(setup.store.n_on_the_way(connection.id, Right::Deletion).await.unwrap(), 4);
    assert_eq!(setup.store.n_on_the_way(connection.id, Right::OptOut).await.unwrap(), 0);
}

#[tokio::test]
async fn approved_tasks_queue_until_a_job_carries_them() {
    let setup = setup().await;
    let connection = setup.connection("segment-eu").await;
    let mut task = setup.task(&connection, "a@example.org").await;
    setup.task(&connection, "b@example.org").await;
    task.state = TaskState::Acting;
    task.findings.set_plan(Plan {
        connection: connection.id,
        account: "ws_1".into(),
        right: Right::Deletion,
        scope: Scope::default(),
        variant: "SUPPRESS_WITH_DELETE".into(),
        acts_on: Vec::new(),
        confirms_by: Vec::new(),
        n_profiles: 1,
        side_effects: Vec::new(),
        by_hand: Vec::new(),
        weight: Weight { items: 2, bytes: 80 },
        can_be_stopped: false,
        settings: Digest::of(b"settings"),
    });
    setup.done(Transition { tasks: vec![task.clone()], ..Default::default() }).await;
    let queue = setup.store.batch_queue(connection.id, now(), None, 10).await.unwrap();
    assert_eq!(queue.len(), 1);
    let queued = &queue[0];
    assert_eq!((queued.task, queued.request, queued.right), (task.id, task.request, task.right));
    assert_eq!((&*queued.variant, queued.n_items, queued.n_bytes), ("SUPPRESS_WITH_DELETE", 2, 80));
    let job = setup.job(&connection);
    task.version += 1;
    task.detail.sending = Some(job.id);
    setup.done(Transition { tasks: vec![task], new_jobs: vec![job], ..Default::default() }).await;
    let queue = setup.store.batch_queue(connection.id, now(), None, 10).await.unwrap();
    assert!(queue.is_empty());
}

#[tokio::test]
async fn a_queue_of_many_pages_is_whole_also_where_all_came_at_once() {
    let setup = setup().await;
    let connection = setup.connection("segment-eu").await;
    let mut ids = Vec::new();
    for n in 0..5 {
        let task = setup.task(&connection, &format!("{n}@example.org")).await;
        ids.push(task.id);
        let acting = Task { state: TaskState::Acting, ..task };
        setup.done(Transition { tasks: vec![acting], ..Default::default() }).await;
    }
    for size in [1, 2, 5, 6] {
        let (mut queued, mut last) = (Vec::new(), None);
        loop {
            let page = setup.store.batch_queue(connection.id, now(), last.as_ref(), size).await;
            let page = page.unwrap();
            queued.extend(page.iter().map(|queued| queued.task));
            last = page.last().cloned();
            if last.is_none() {
                break;
            }
        }
        assert_eq!(queued, ids, "by pages of {size}");
    }
}

#[tokio::test]
async fn what_was_put_off_is_in_the_queue_when_its_time_comes() {
    let setup = setup().await;
    let connection = setup.connection("segment-eu").await;
    let task = setup.task(&connection, "a@example.org").await;
    let at = now().checked_add(SignedDuration::from_hours(1)).unwrap();
    let acting = Task { state: TaskState::Acting, due_at: Some(at), ..task };
    setup.done(Transition { tasks: vec![acting], ..Default::default() }).await;
    let queue = |now| setup.store.batch_queue(connection.id, now, None, 10);
    assert_eq!(queue(now()).await.unwrap(), []);
    assert_eq!(setup.store.batch_queue_later(connection.id, now()).await.unwrap(), Some(at));
    assert_eq!(queue(at).await.unwrap().len(), 1);
    assert_eq!(setup.store.batch_queue_later(connection.id, at).await.unwrap(), None);
}

#[tokio::test]
async fn a_task_that_changed_since_it_was_seen_to_be_due_is_left_for_the_next_look() {
    let setup = setup().await;
    let connection = setup.connection("segment-eu").await;
    let task = setup.task(&connection, "a@example.org").await;
    let other = setup.task(&connection, "b@example.org").await;
    let states = &[TaskState::Locating];
    let due = setup.store.due_tasks(connection.id, states, now(), 10).await.unwrap();
    setup.done(Transition { tasks: vec![task], ..Default::default() }).await;
    let tasks = setup.store.tasks_as_due(&due).await.unwrap();
    assert_eq!(tasks.iter().map(|task| task.id).collect::<Vec<_>>(), [other.id]);
}

#[tokio::test]
async fn a_job_is_due_until_it_is_not() {
    let setup = setup().await;
    let connection = setup.connection("segment-eu").await;
    let mut job = setup.job(&connection);
    setup.done(Transition { new_jobs: vec![job.clone()], ..Default::default() }).await;
    assert_eq!(setup.store.due_jobs(connection.id, now(), 9).await.unwrap(), [job.clone()]);
    job.due_at = None;
    job.state = JobState::Running;
    job.vendor_ref = Some("reg_1".into());
    setup.done(Transition { jobs: vec![job.clone()], ..Default::default() }).await;
    job.version += 1;
    assert!(setup.store.due_jobs(connection.id, now(), 9).await.unwrap().is_empty());
    assert_eq!(setup.store.jobs(connection.id, JobState::Running).await.unwrap(), [job]);
    assert!(setup.store.jobs(connection.id, JobState::Sending).await.unwrap().is_empty());
    assert_eq!(setup.store.vendor_refs(connection.id).await.unwrap(), ["reg_1"]);
}

#[tokio::test]
async fn counts_add_up() {
    let setup = setup().await;
    let connection = setup.connection("segment-eu").await;
    let mut task = setup.task(&connection, "a@example.org").await;
    setup.task(&connection, "b@example.org").await;
    task.state = TaskState::Ended;
    task.detail.outcome = Some(domain::Outcome::AlreadyGone);
    let approved = (connection.id, "2026-11-22".to_owned(), 2);
    let approved_today = vec![approved.clone(), approved];
    setup.done(Transition { tasks: vec![task], approved_today, ..Default::default() }).await;
    let counts = setup.store.counts().await.unwrap();
    use domain::RequestState::{Answering, InProgress};
    assert_eq!(counts.requests, [(Answering, 1), (InProgress, 1)]);
    assert_eq!(counts.tasks, [(TaskState::Locating, 1)]);
    assert_eq!(counts.outcomes, [("already gone".to_owned(), 1)]);
    let days = setup.store.deletions_per_day(connection.id, 30).await.unwrap();
    assert_eq!(days, [("2026-11-22".to_owned(), 4)]);
}

#[tokio::test]
async fn what_stands_still_with_its_plan_is_listed_in_pages() {
    let setup = setup().await;
    let connection = setup.connection("segment-eu").await;
    let mut still = Vec::new();
    for (email, due_at) in [("a", None), ("b", Some(now())), ("c", None)] {
        let mut task = setup.task(&connection, &format!("{email}@example.org")).await;
        (task.state, task.due_at) = (TaskState::Planned, due_at);
        setup.done(Transition { tasks: vec![task.clone()], ..Default::default() }).await;
        still.extend(due_at.is_none().then_some(task.id));
    }
    let mut listed = Vec::new();
    while let [task] =
        &*setup.store.observed(connection.id, listed.last().copied(), 1).await.unwrap()
    {
        listed.push(task.id);
    }
    assert_eq!(listed, still);
}
