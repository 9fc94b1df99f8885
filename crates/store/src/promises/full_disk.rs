//! A disk that is full is told, loses nothing, and works on once there is room.

use domain::{IdentifierKind, Right, TaskState};

use super::setup::{Setup, on_sqlite};
use crate::db::Db;
use crate::{StoreError, Transition};

/// Bounds the database to a few pages more than it has, as a full disk does.
async fn leave_room(setup: &Setup, pages: &'static str) {
    let Db::Sqlite(database) = setup.store.db() else { unreachable!() };
    let mut tx = database.begin_as_is().await.unwrap();
    let row = sqlx::query("PRAGMA page_count").fetch_one(&mut *tx.tx).await.unwrap();
    let used: i64 = sqlx::Row::get(&row, 0);
    let room: i64 = pages.parse().unwrap();
    let bound = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {}", used + room));
    sqlx::query(bound).execute(&mut *tx.tx).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_full_disk_is_told_and_what_was_committed_stays() {
    let setup = on_sqlite().await;
    let connection = setup.connection("segment-eu").await;
    let task = setup.task(&connection, "a@example.org").await;
    let rows = setup.store.row_counts().await.unwrap();
    leave_room(&setup, "2").await;
    let mut changed = task.clone();
    changed.state = TaskState::Ended;
    let found = (0..500)
        .map(|n| (task.request, setup.identifier(IdentifierKind::UserId, &format!("user-{n}"))));
    let large =
        Transition { tasks: vec![changed], new_identifiers: found.collect(), ..Default::default() };
    let refused = setup.apply(large.clone()).await;
    assert!(matches!(refused, Err(StoreError::DiskFull { .. })), "{refused:?}");
    assert_eq!(setup.store.row_counts().await.unwrap(), rows);
    assert_eq!(setup.store.task(task.id).await.unwrap().unwrap(), task);
    let requests =
        (0..200).map(|n| setup.new_request(Right::Access, &[&format!("u{n}@example.org")]));
    let refused = setup.store.add_requests(requests.collect(), super::setup::now()).await;
    assert!(matches!(refused, Err(StoreError::DiskFull { .. })));
    assert_eq!(setup.store.row_counts().await.unwrap(), rows);

    leave_room(&setup, "100000").await;
    setup.done(large).await;
    assert_eq!(setup.store.identifiers_of(&[task.request]).await.unwrap().len(), 501);
}

#[tokio::test]
async fn a_transaction_that_the_database_ended_by_itself_does_not_stop_the_next() {
    let setup = on_sqlite().await;
    let connection = setup.connection("segment-eu").await;
    let mut tx = setup.store.db().begin().await.unwrap();
    // What SQLite does by itself on some failures of the disk.
    tx.execute("ROLLBACK", []).await.unwrap();
    drop(tx);
    setup.task(&connection, "a@example.org").await;
}

#[tokio::test]
async fn a_transaction_that_is_dropped_never_happened() {
    let setup = on_sqlite().await;
    let mut tx = setup.store.db().begin().await.unwrap();
    tx.execute("INSERT INTO setting (key, value) VALUES ('key', 'value')", []).await.unwrap();
    drop(tx);
    assert_eq!(setup.store.setting("key").await.unwrap(), None);
    setup.connection("segment-eu").await;
    assert_eq!(setup.store.setting("key").await.unwrap(), None);
}
