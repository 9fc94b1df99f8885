//! What the engine asks again and again finds its rows by an index, however long the history.

use sqlx::Row as _;

use super::setup::{on_postgres, on_sqlite};
use crate::db::{Db, Tx};
use crate::{
    collected, delivery, due, gauges, identifier, intent, job, notice, principal, purge, request,
    rotation, task,
};

fn frequent() -> Vec<&'static str> {
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
    nouns.concat()
}

#[tokio::test]
async fn no_frequent_statement_reads_or_sorts_a_table_whole() {
    let setup = on_sqlite().await;
    let Db::Sqlite(database) = setup.store.db() else { unreachable!() };
    let mut tx = database.begin_as_is().await.unwrap();
    for sql in frequent() {
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
    let mut n_places = 0;
    let mut numbered = String::new();
    for part in sql.split_inclusive('?') {
        numbered.push_str(part.trim_end_matches('?'));
        if part.ends_with('?') {
            n_places += 1;
            numbered.push_str(&format!("${n_places}"));
        }
    }
    let named = (1..20).filter(|n| sql.contains(&format!("${n}"))).max().unwrap_or(n_places);
    let values = vec!["NULL"; named].join(", ");
    let values = if named == 0 { String::new() } else { format!("({values})") };
    let numbered = numbered.replace("AS BLOB", "AS BYTEA");
    let prepare = format!("PREPARE told AS {numbered}");
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
    tx.run_script("SET LOCAL plan_cache_mode = force_generic_plan").await.unwrap();
    for sql in frequent() {
        let plan = plan(&mut tx, sql).await;
        let told = sql.rsplit("?)").next().unwrap_or(sql);
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
