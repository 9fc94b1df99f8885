//! What the engine asks again and again finds its rows by an index, however long the history.

use sqlx::Row as _;

use super::setup::on_sqlite;
use crate::db::Db;
use crate::{
    collected, delivery, due, gauges, identifier, intent, job, notice, principal, purge, request,
    rotation, task,
};

#[tokio::test]
async fn no_frequent_statement_reads_or_sorts_a_table_whole() {
    let setup = on_sqlite().await;
    let Db::Sqlite(database) = setup.store.db() else { unreachable!() };
    let mut tx = database.begin_as_is().await.unwrap();
    let nouns = [
        due::frequent(),
        task::frequent(),
        job::frequent(),
        intent::frequent(),
        identifier::frequent(),
        request::frequent(),
        principal::frequent(),
        purge::frequent(),
        rotation::frequent(),
        delivery::frequent(),
        gauges::frequent(),
        notice::frequent(),
        collected::frequent(),
    ];
    for sql in nouns.concat() {
        let told = sql.rsplit("(?)").next().unwrap_or(sql);
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
        for row in sqlx::query(explain).fetch_all(&mut *tx.tx).await.unwrap() {
            let step: String = row.get("detail");
            let is_own = step.starts_with("SCAN v") || step.ends_with("CONSTANT ROWS");
            // `dues` are the two rows of a sub-query, `bounded` the rows of one that ends at a limit.
            let is_own =
                is_own || ["dues", "bounded"].iter().any(|name| step == format!("SCAN {name}"));
            // What is open is all that these two hold, and it is read to a bound.
            let of_open = ["task_open", "task_held"].map(|index| format!(" INDEX {index}"));
            let is_bounded = of_open.iter().any(|index| step.ends_with(index));
            let is_own = is_own || (is_bounded && sql.contains("LIMIT"));
            assert!(!step.starts_with("SCAN") || is_own, "{step}: {told}");
            // A page in order must come in that order, or every page sorts all that is left.
            let sorts = step.contains("FOR ORDER BY") && sql.contains("LIMIT");
            assert!(!sorts, "{step}: {told}");
        }
    }
}
