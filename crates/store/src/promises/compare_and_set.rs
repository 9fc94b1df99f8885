//! Of two who change the same row, the second loses, and nobody else in his group does.

use domain::{Connection, Task, TaskState};

use super::setup::{Setup, entry, setup};
use crate::{Applied, Transition};

fn moved(task: &Task, state: TaskState) -> Transition {
    let changed = Task { state, ..task.clone() };
    Transition { tasks: vec![changed], journal: vec![entry(task)], ..Default::default() }
}

async fn three(setup: &Setup) -> (Connection, Vec<Task>) {
    let connection = setup.connection("segment-eu").await;
    let mut tasks = Vec::new();
    for email in ["a@example.org", "b@example.org", "c@example.org"] {
        tasks.push(setup.task(&connection, email).await);
    }
    (connection, tasks)
}

#[tokio::test]
async fn the_second_of_two_writers_loses() {
    let setup = setup().await;
    let (_, tasks) = three(&setup).await;
    setup.done(moved(&tasks[0], TaskState::Planned)).await;
    let second = setup.again().await;
    let lost = second.apply(None, &[moved(&tasks[0], TaskState::Ended)]).await.unwrap();
    assert_eq!(lost, [Applied::Lost]);
    let task = setup.store.task(tasks[0].id).await.unwrap().unwrap();
    assert_eq!((task.state, task.version), (TaskState::Planned, tasks[0].version + 1));
}

#[tokio::test]
async fn a_group_commits_with_its_one_loser_left_out() {
    let setup = setup().await;
    let (_, tasks) = three(&setup).await;
    setup.done(moved(&tasks[1], TaskState::Planned)).await;
    let entries =
        |counts: Vec<(&str, u64)>| counts.iter().find(|(t, _)| *t == "journal").unwrap().1;
    let before = entries(setup.store.row_counts().await.unwrap());
    let group: Vec<_> = tasks.iter().map(|task| moved(task, TaskState::Acting)).collect();
    let applied = setup.store.apply(None, &group).await.unwrap();
    assert_eq!(applied, [Applied::Done, Applied::Lost, Applied::Done]);
    let ids: Vec<_> = tasks.iter().map(|task| task.id).collect();
    let states: Vec<_> =
        setup.store.tasks(&ids).await.unwrap().iter().map(|task| task.state).collect();
    assert_eq!(states, [TaskState::Acting, TaskState::Planned, TaskState::Acting]);
    let after = entries(setup.store.row_counts().await.unwrap());
    assert_eq!(after - before, 2, "the loser's entry is not in the journal");
}

#[tokio::test]
async fn two_changes_of_one_row_in_a_group_follow_each_other() {
    let setup = setup().await;
    let (_, tasks) = three(&setup).await;
    let first = moved(&tasks[0], TaskState::Planned);
    let mut second = moved(&tasks[0], TaskState::Acting);
    second.tasks[0].version += 1;
    let stale = moved(&tasks[0], TaskState::Ended);
    let applied = setup.store.apply(None, &[first, second, stale]).await.unwrap();
    assert_eq!(applied, [Applied::Done, Applied::Done, Applied::Lost]);
    let task = setup.store.task(tasks[0].id).await.unwrap().unwrap();
    assert_eq!((task.state, task.version), (TaskState::Acting, tasks[0].version + 2));
}

#[tokio::test]
async fn a_second_living_connection_of_a_name_loses() {
    let setup = setup().await;
    let (first, _) = three(&setup).await;
    let mut second = first.clone();
    second.id = domain::ConnectionId::new(&*setup.ids);
    let add = Transition { new_connections: vec![second], ..Default::default() };
    assert_eq!(setup.apply(add.clone()).await.unwrap(), [Applied::Lost]);
    let removed = Connection { removed_at: Some(super::setup::now()), ..first };
    setup.done(Transition { connections: vec![removed], ..Default::default() }).await;
    setup.done(add).await;
}

#[tokio::test]
async fn five_thousand_tasks_move_in_one_transition() {
    let setup = setup().await;
    let connection = setup.connection("segment-eu").await;
    let task = setup.task(&connection, "a@example.org").await;
    let job = setup.job(&connection);
    let many: Vec<Task> =
        (0..5000).map(|_| Task { id: domain::TaskId::new(&*setup.ids), ..task.clone() }).collect();
    setup.done(Transition { new_tasks: many.clone(), ..Default::default() }).await;
    let carried = many.iter().map(|task| domain::job::Carried {
        job: job.id,
        task: task.id,
        request: task.request,
        round: 1,
        identifiers: Vec::new(),
    });
    let carried: Vec<_> = carried.collect();
    let tasks =
        many.iter().map(|task| Task { state: TaskState::Waiting, version: 0, ..task.clone() });
    setup
        .done(Transition {
            tasks: tasks.collect(),
            new_jobs: vec![job.clone()],
            carried: carried.clone(),
            ..Default::default()
        })
        .await;
    let (first, rest) = (
        setup.store.carried_by(job.id, None, 3000).await.unwrap(),
        setup.store.carried_by(job.id, Some(carried[2999].task), 3000).await.unwrap(),
    );
    assert_eq!([first, rest].concat(), carried);
}

#[tokio::test]
async fn of_decisions_at_the_same_moment_only_the_one_that_came_late_loses() {
    let setup = setup().await;
    let (_, tasks) = three(&setup).await;
    let mut deciding = tokio::task::JoinSet::new();
    for (index, state) in [0, 1, 2, 0].into_iter().zip([TaskState::Planned; 4]) {
        let (store, decision) = (setup.store.clone(), moved(&tasks[index], state));
        deciding.spawn(async move { (index, store.apply(None, &[decision]).await.unwrap()) });
    }
    let mut of_first = Vec::new();
    while let Some(decided) = deciding.join_next().await {
        match decided.unwrap() {
            (0, applied) => of_first.extend(applied),
            (_, applied) => assert_eq!(applied, [Applied::Done]),
        }
    }
    assert_eq!(of_first.iter().filter(|one| **one == Applied::Done).count(), 1);
    assert_eq!(of_first.len(), 2, "each is told what became of its own");
}
