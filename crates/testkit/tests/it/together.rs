//! What is done for many at once: one reading of a list serves all who need it, and a batch that
//! the vendor refuses for one of its members is carried out for the others.

use anyhow::Context as _;
use domain::{Event, Proof, RequestId, Right, TaskState};
use engine::Until;
use engine::operator::decide;
use serde_json::{Value, json};
use testkit::stage::Stage;

const CONFIRMED: &str = "ended, done (1 identifier sent), confirmed by 5 look-ups";

/// A stage with so many regular people, one batch for `batch` of them, and a request for each.
async fn stage_of(
    people: usize,
    batch: usize,
    right: Right,
    settings: &[(&str, &str)],
) -> anyhow::Result<(Stage, Vec<RequestId>)> {
    let options = twins::Options { people, regular_only: true, ..twins::Options::default() };
    let stage = Stage::set_with(options).await?;
    stage
        .connect_with(|new| {
            let settings = settings.iter().map(|(key, value)| ((*key).to_owned(), json!(value)));
            new.settings.extend(settings);
        })
        .await?;
    stage.set_switches(&[("batch", &batch.to_string())]).await?;
    let mut requests = Vec::new();
    for person in stage.everybody().await? {
        let email = person["email"].as_str().context("everybody has an e-mail")?;
        requests.push(stage.submit(right, &[("email", email)]).await?);
    }
    Ok((stage, requests))
}

/// How often an endpoint was asked.
async fn n_calls(stage: &Stage, endpoint: &str) -> anyhow::Result<u64> {
    let calls = stage.control("GET", "/calls", &Value::Null).await?;
    let by_status = calls["segment"][endpoint].as_object().cloned().unwrap_or_default();
    Ok(by_status.values().filter_map(Value::as_u64).sum())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_lost_answers_are_found_out_with_one_reading_of_the_list() -> anyhow::Result<()> {
    let (stage, requests) = stage_of(40, 1, Right::Deletion, &[]).await?;
    let all = json!([{"match": {"method": "POST", "path": "/regulations"}, "fault": "close_after_effect", "count": 40}]);
    stage.faults(&all).await?;
    stage.switch(&json!({"list_order": "oldest_first"})).await?;
    let n_before = n_calls(&stage, "GET /regulations").await?;
    stage.run_days(1).await?;
    let n_pages = n_calls(&stage, "GET /regulations").await? - n_before;
    assert!((8..=17).contains(&n_pages), "8 pages of 5 were read {n_pages} times");
    stage.run_days(40).await?;
    for request in requests {
        assert_eq!(stage.verdict(request).await?, CONFIRMED);
    }
    let findings = stage.facts(Event::IntentReconciled, "answer").await?;
    assert_eq!(findings, ["reconciled: it happened"; 40]);
    assert_eq!(stage.compare_books().await?, 40);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_reading_of_the_suppression_list_confirms_everybody() -> anyhow::Result<()> {
    let (stage, requests) =
        stage_of(250, 250, Right::OptOut, &[("opt_out_by", "suppress_only")]).await?;
    let n_before = n_calls(&stage, "GET /suppressions").await?;
    stage.run_days(3).await?;
    for request in &requests {
        let task = stage.task(*request).await?;
        assert_eq!(task.detail.proof, Some(Proof::Confirmed { n_looks: 1 }), "{task:?}");
    }
    // The list's three pages, and the checks of three days.
    let n_read = n_calls(&stage, "GET /suppressions").await? - n_before;
    assert!(n_read < 10, "the list was read {n_read} times");

    let evidence = stage.store.evidence_of(stage.task(requests[7]).await?.id).await?;
    let look = evidence.iter().find(|one| one.title == "looked again").unwrap();
    let body = stage.store.evidence_body(look.id).await?.unwrap();
    let lines: Value = serde_json::from_slice(&body)?;
    let brief = &lines[0];
    assert_eq!((&brief["n_people"], &brief["read_for_all"]["n_answers"]), (&json!(250), &json!(3)));
    assert_eq!(brief["read_for_all"]["endpoints"], json!(["suppressions"]));
    assert_eq!(lines[1]["looks"].as_array().unwrap().len(), 1, "their own look and nobody else's");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_refused_for_one_member_is_split_although_another_was_cancelled_meanwhile()
-> anyhow::Result<()> {
    let (stage, requests) = stage_of(6, 6, Right::Deletion, &[]).await?;
    let culprit = 3;
    let user_id = stage.everybody().await?[culprit]["user_id"].clone();
    stage.switch(&json!({"refused_ids": [user_id], "latency_ms": 150})).await?;
    let engine = stage.engine("stage")?;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let running = tokio::spawn(async move { engine.run(Until::Stopped(stopped)).await });
    while stage.entries(Event::LeaseTaken).await?.is_empty() {
        tokio::task::yield_now().await;
    }
    // The second intent is of a part: its members are on their way, the others can be stopped.
    let mut cancelled = None;
    while cancelled.is_none() {
        if stage.entries(Event::IntentWritten).await?.len() < 2 {
            tokio::task::yield_now().await;
            continue;
        }
        for (n, request) in requests.iter().enumerate().filter(|(n, _)| *n != culprit) {
            let task = stage.task(*request).await?;
            if task.state == TaskState::Acting && task.detail.sending.is_none() {
                decide::cancel(&stage.desk(), *request, "taken back").await?;
                cancelled = Some(n);
                break;
            }
        }
    }
    stop.send(true)?;
    running.await??;
    stage.switch(&json!({"latency_ms": 0})).await?;
    stage.run_days(40).await?;
    for (n, request) in requests.iter().enumerate() {
        let expected = match n {
            n if n == culprit => {
                "deciding, waits for an operator: the vendor refuses it: “create_regulation” was answered with status 422"
            }
            n if Some(n) == cancelled => "ended, cancelled",
            _ => CONFIRMED,
        };
        assert_eq!(stage.verdict(*request).await?, expected, "person {n}");
    }
    assert_eq!(stage.regulated().await?.len(), 4);
    stage.compare_books().await?;
    Ok(())
}
