//! What the engine asks again and again finds its rows by an index, however long the history.

use sqlx::Row as _;

use super::setup::{on_postgres, on_sqlite};
use crate::db::{Db, Dialect, Tx};
use crate::{
    collected, delivery, due, gauges, identifier, intent, job, notice, principal, purge, request,
    rotation, task,
};

fn frequent(dialect: Dialect) -> Vec<&'static str> {
    let nouns = [
        due::frequent(),
        task::frequent(dialect),
        job::frequent(dialect),
        intent::frequent(dialect),
        identifier::frequent(dialect),
        request::frequent(dialect),
        principal::frequent(),
        purge::frequent(dialect),
        rotation::frequent(dialect),
        delivery::frequent(dialect),
        gauges::frequent(),
        notice::frequent(dialect),
        collected::frequent(dialect),
    ];
    nouns.concat()
}

#[tokio::test]
async fn no_frequent_statement_reads_or_sorts_a_table_whole() {
    let setup = on_sqlite().await;
    let Db::Sqlite(database) = setup.store.db() else { unreachable!() };
    let mut tx = database.begin_as_is().await.unwrap();
    for sql in frequent(Dialect::Sqlite) {
        let told = sql.rsplit("(?)").next().unwrap_or(sql);
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
        for row in sqlx::query(explain).fetch_all(&mut *tx.tx).await.unwrap() {
            let step: String = row.get("detail");
            let is_own = step.starts_with("SCAN v") || step.ends_with("CONSTANT ROWS");
            // `dues` are the two rows of a sub-query, `bounded` the rows of one that ends at a limit; the
            // others are steps of a look-up.
            let names = ["dues", "bounded", "mine", "shared", "asked", "tasks"];
            let is_own = is_own || names.iter().any(|name| step == format!("SCAN {name}"));
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

/// The plan that a connection keeps for a statement, made while all tables are empty.
async fn plan(tx: &mut Tx, sql: &str) -> String {
    let n_places = (1..20).filter(|n| sql.contains(&format!("${n}"))).max().unwrap_or(0);
    let values = vec!["NULL"; n_places].join(", ");
    let values = if n_places == 0 { String::new() } else { format!("({values})") };
    let prepare = format!("PREPARE told AS {sql}");
    tx.run_script(prepare.leak()).await.unwrap();
    let explain = format!("EXPLAIN (COSTS OFF) EXECUTE told {values}");
    let rows = tx.fetch(explain.leak(), []).await.unwrap();
    tx.run_script("DEALLOCATE told").await.unwrap();
    let lines: Vec<&str> = rows.iter().map(|row| row.get("QUERY PLAN").unwrap()).collect();
    lines.join("\n")
}

#[tokio::test]
async fn a_plan_that_postgres_made_while_tables_were_empty_reads_none_whole_when_they_have_grown() {
    let Some((setup, _)) = on_postgres().await else { return };
    let Db::Postgres(database) = setup.store.db() else { unreachable!() };
    if !database.prepares() {
        return;
    }
    let mut tx = setup.store.db().begin().await.unwrap();
    for sql in frequent(Dialect::Postgres) {
        let plan = plan(&mut tx, sql).await;
        let told = sql.rsplit("[]))").next().unwrap_or(sql);
        let steps = plan.lines().map(|line| line.trim_start_matches([' ', '-', '>']));
        let steps: Vec<_> = steps.collect();
        for (n, step) in steps.iter().enumerate() {
            let reads =
                step.starts_with("Seq Scan") || step.contains("Index") && step.contains("Scan");
            let is_bounded = steps.get(n + 1).is_some_and(|next| next.starts_with("Index Cond:"));
            // What is open is all that these hold; the others are read to a bound.
            let is_open = ["intent_open", "notice_open"].iter().any(|index| step.contains(index));
            let ends = ["task_held", "delivery_ended", "identifier_older"];
            let ends = ends.iter().any(|index| step.contains(index)) && plan.contains("Limit");
            assert!(!reads || is_bounded || is_open || ends, "{step}: {told}\n{plan}");
        }
    }
}
