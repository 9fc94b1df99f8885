//! On PostgreSQL, where transactions could overlap: who commits later has the higher numbers, so that whoever
//! reads on from a number misses nothing.

use domain::Right;
use sqlx::{Connection as _, PgConnection, Row as _};

use super::setup::{now, on_postgres};
use crate::From;

#[tokio::test]
async fn whoever_reads_on_misses_nothing_of_a_transaction_that_takes_long() {
    let Some((setup, server)) = on_postgres().await else { return };
    let (early, late) = (&setup.store, setup.again().await);
    let read = async |from: i64| {
        let found = early.journal(From::After(from), &Default::default(), 1000).await.unwrap();
        found.into_iter().map(|(seq, _)| seq).collect::<Vec<_>>()
    };
    setup.request(Right::Access, &["a@example.com"]).await;
    let before = *read(0).await.last().unwrap();

    // The first has its number, and does not commit yet.
    let mut tx = early.db().begin().await.unwrap();
    let entry = "INSERT INTO journal (at, actor, event) SELECT at, actor, event FROM journal
        ORDER BY seq LIMIT 1 RETURNING seq";
    let first: i64 = tx.fetch(entry, []).await.unwrap()[0].get("seq").unwrap();

    // The second wants to be quicker.
    let new = setup.new_request(Right::Access, &["b@example.com"]);
    let second = tokio::spawn(async move { late.add_requests(vec![new], now()).await });
    let mut admin = PgConnection::connect_with(&server).await.unwrap();
    let waiting = "SELECT COUNT(*) AS n FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    while !second.is_finished() {
        if sqlx::query(waiting).fetch_one(&mut admin).await.unwrap().get::<i64, _>("n") > 0 {
            break;
        }
    }
    assert!(!second.is_finished());
    assert!(read(before).await.is_empty());

    tx.commit().await.unwrap();
    second.await.unwrap().unwrap();
    let all = read(before).await;
    assert_eq!(all.first(), Some(&first));
    assert!(all.len() > 1 && all.is_sorted());
}
