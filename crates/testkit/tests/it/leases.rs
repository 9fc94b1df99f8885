//! Who may run the engine, what becomes of work whose holder is gone, and time that jumps.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use domain::{Event, RequestId, Right, TaskState};
use engine::{EngineError, Holder, Until};
use serde_json::{Value, json};
use store::LeaseTime;
use testkit::stage::Stage;

const CONFIRMED: &str = "ended, done (1 identifier sent), confirmed by 5 look-ups";

/// Longer than any lease and any call.
const LONG: u64 = 60_000;

/// A stage whose engine died while it waited for the answer to its call, which took effect or did
/// not.
async fn abandoned(is_there: bool) -> anyhow::Result<(Stage, RequestId)> {
    let (stage, request) = Stage::asked(Right::Deletion, "regular").await?;
    let fault = if is_there { "timeout_after_effect" } else { "timeout" };
    stage
        .faults(&json!([{"match": {"method": "POST", "path": "/regulations"}, "fault": fault, "count": 1}]))
        .await?;
    let first = stage.engine("first")?;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let running = tokio::spawn(async move { first.run(Until::Stopped(stopped)).await });
    while stage.control("GET", "/faults/segment", &Value::Null).await?[0]["count"] != 0 {
        tokio::task::yield_now().await;
    }
    while is_there && stage.changes().await?.is_empty() {
        tokio::task::yield_now().await;
    }
    running.abort();
    assert!(running.await.is_err_and(|error| error.is_cancelled()), "it died in its call");
    drop(stop);
    stage.lease_millis.fetch_add(LONG, Ordering::SeqCst);
    Ok((stage, request))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_successor_finds_out_that_the_call_of_a_dead_holder_took_place() -> anyhow::Result<()> {
    let (stage, request) = abandoned(true).await?;
    stage.run_days(40).await?;
    assert_eq!(stage.verdict(request).await?, CONFIRMED);
    assert_eq!(stage.compare_books().await?, 1);
    assert_eq!(stage.facts(Event::IntentReconciled, "answer").await?, ["reconciled: it happened"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_successor_finds_out_that_the_call_of_a_dead_holder_did_not_take_place()
-> anyhow::Result<()> {
    let (stage, request) = abandoned(false).await?;
    stage.run_days(40).await?;
    assert_eq!(stage.verdict(request).await?, CONFIRMED);
    assert_eq!(stage.compare_books().await?, 1);
    assert_eq!(
        stage.facts(Event::IntentReconciled, "answer").await?,
        ["reconciled: it did not happen"]
    );
    Ok(())
}

/// An engine that is stopped for a minute at its `n`th look at the time of its leases, and then
/// goes on. Returns how many intents it wrote and how many regulations the twin took from it.
async fn stopped_at(n: u32) -> anyhow::Result<(usize, usize)> {
    let (stage, request) = Stage::asked(Right::Deletion, "regular").await?;
    let holder = stage.holder("first");
    let (time, n_looks) = (holder.machine.clone(), AtomicU32::new(0));
    let stopped = Arc::new(move || {
        let stop = if n_looks.fetch_add(1, Ordering::SeqCst) < n { 0 } else { 60_000 };
        let now = time();
        LeaseTime { millis: now.millis + stop, ..now }
    });
    stage.engine_of(Holder { machine: stopped, ..holder })?.run(Until::NothingDue).await.ok();
    stage.jump(stage.now().checked_add(jiff::SignedDuration::from_secs(3))?).await;
    let counts = (stage.entries(Event::IntentWritten).await?.len(), stage.changes().await?.len());

    stage.lease_millis.fetch_add(2 * LONG, Ordering::SeqCst);
    stage.run_days(40).await?;
    assert_eq!(stage.verdict(request).await?, CONFIRMED, "stopped at look {n}");
    assert_eq!(stage.compare_books().await?, 1, "stopped at look {n}");
    Ok(counts)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_was_stopped_between_intent_and_call_does_not_call() -> anyhow::Result<()> {
    let mut seen = Vec::new();
    for n in 1..6 {
        seen.push(stopped_at(n).await?);
    }
    assert!(seen.contains(&(1, 0)), "no stop fell between intent and call: {seen:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_engine_is_told_who_holds_the_right_since_when() -> anyhow::Result<()> {
    let (stage, request) = Stage::asked(Right::Deletion, "regular").await?;
    let began_at = stage.now();
    let first = stage.engine("first")?;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let running = tokio::spawn(async move { first.run(Until::Stopped(stopped)).await });
    while stage.entries(Event::LeaseTaken).await?.is_empty() {
        tokio::task::yield_now().await;
    }
    let second = stage.engine("second")?.run(Until::NothingDue).await;
    let Err(EngineError::HeldBy(row)) = second else { panic!("{second:?}") };
    assert_eq!((row.info.as_str(), row.since), ("first of the test", began_at));

    stop.send(true)?;
    running.await??;
    stage.run_days(40).await?;
    assert_eq!(stage.verdict(request).await?, CONFIRMED);
    assert_eq!(stage.compare_books().await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_forty_days_loses_nothing_and_sends_nothing_twice() -> anyhow::Result<()>
{
    let (stage, request) = Stage::asked(Right::Deletion, "regular").await?;
    stage.run_days(1).await?;
    assert_eq!(stage.task(request).await?.state, TaskState::Waiting);
    stage.jump(stage.now().checked_add(jiff::SignedDuration::from_hours(24 * 40))?).await;
    stage.run_days(40).await?;
    assert_eq!(stage.verdict(request).await?, CONFIRMED);
    assert_eq!(stage.compare_books().await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deletions_that_arrive_at_once_share_full_batches() -> anyhow::Result<()> {
    let options = twins::Options { people: 300, regular_only: true, ..twins::Options::default() };
    let stage = Stage::set_with(options).await?;
    stage.connect().await?;
    stage.set_switches(&[("batch", "100"), ("guard", "1000")]).await?;
    let emails: Vec<_> = stage
        .everybody()
        .await?
        .iter()
        .map(|one| one["email"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(emails.len(), 300);
    stage.submit_many(Right::Deletion, &emails).await?;
    stage.run_days(40).await?;
    assert_eq!(stage.compare_books().await?, 3);
    let mut regulated = stage.regulated().await?;
    let n = regulated.len();
    regulated.sort();
    regulated.dedup();
    assert_eq!((n, regulated.len()), (300, 300));
    let confirmed = stage.facts(Event::TaskMoved, "proof").await?;
    assert_eq!(confirmed.iter().filter(|proof| *proof == "confirmed").count(), 300);
    Ok(())
}
