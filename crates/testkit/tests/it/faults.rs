//! What goes wrong at the vendor, one story each, with the verdict in words.

use domain::{Event, Right};
use serde_json::json;
use testkit::stage::Stage;

const CREATE: &str = "/regulations";

/// One person's deletion, while this goes wrong with a call.
async fn deletion_with_fault(
    method: &str,
    path: &str,
    fault: &str,
    count: u32,
) -> anyhow::Result<(Stage, domain::RequestId)> {
    let (stage, request) = Stage::asked(Right::Deletion, "regular").await?;
    let plan = json!([{"match": {"method": method, "path": path}, "fault": fault, "count": count}]);
    stage.faults(&plan).await?;
    stage.run_days(40).await?;
    Ok((stage, request))
}

const CONFIRMED: &str = "ended, done (1 identifier sent), confirmed by 5 look-ups";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_429_with_a_hint_is_waited_for() -> anyhow::Result<()> {
    let (stage, request) = deletion_with_fault("POST", CREATE, "429", 3).await?;
    assert_eq!(stage.verdict(request).await?, CONFIRMED);
    assert_eq!(stage.compare_books().await?, 1);
    let answers = stage.facts(Event::IntentAnswered, "answer").await?;
    assert_eq!(answers, ["refused", "refused", "refused", "answered"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_429_without_a_hint_is_backed_off_from() -> anyhow::Result<()> {
    let (stage, request) = Stage::asked(Right::Deletion, "regular").await?;
    stage.switch(&json!({"rate_hint": "none"})).await?;
    stage
        .faults(&json!([
            {"match": {"method": "POST", "path": CREATE}, "fault": "429", "count": 2},
            {"match": {"method": "GET", "path": "/v1/spaces"}, "fault": "429", "count": 6},
        ]))
        .await?;
    stage.run_days(40).await?;
    assert_eq!(stage.verdict(request).await?, CONFIRMED);
    assert_eq!(stage.compare_books().await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_500_on_a_read_is_no_verdict() -> anyhow::Result<()> {
    let (stage, request) = deletion_with_fault("GET", "*", "500", 20).await?;
    assert_eq!(stage.verdict(request).await?, CONFIRMED);
    assert_eq!(stage.compare_books().await?, 1);
    assert!(!stage.entries(Event::TaskParked).await?.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_500_on_a_change_is_reconciled_before_it_is_sent_again() -> anyhow::Result<()> {
    let (stage, request) = deletion_with_fault("POST", CREATE, "500", 1).await?;
    assert_eq!(stage.verdict(request).await?, CONFIRMED);
    assert_eq!(stage.compare_books().await?, 1);
    assert_eq!(stage.entries(Event::IntentLost).await?.len(), 1);
    let found_out = stage.facts(Event::IntentReconciled, "answer").await?;
    assert_eq!(found_out, ["reconciled: it did not happen"]);
    Ok(())
}

/// The call took effect; its answer did not come. Listing finds it; nothing is sent twice.
async fn is_reconciled(fault: &str) -> anyhow::Result<()> {
    let (stage, request) = deletion_with_fault("POST", CREATE, fault, 1).await?;
    assert_eq!(stage.verdict(request).await?, CONFIRMED);
    assert_eq!(stage.compare_books().await?, 1);
    assert_eq!(stage.entries(Event::IntentWritten).await?.len(), 1);
    let found_out = stage.facts(Event::IntentReconciled, "answer").await?;
    assert_eq!(found_out, ["reconciled: it happened"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_out_after_the_effect_does_not_delete_twice() -> anyhow::Result<()> {
    is_reconciled("timeout_after_effect").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_closed_after_the_effect_does_not_delete_twice() -> anyhow::Result<()> {
    is_reconciled("close_after_effect").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_body_after_the_effect_does_not_delete_twice() -> anyhow::Result<()> {
    is_reconciled("cut_body").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn html_after_the_effect_does_not_delete_twice() -> anyhow::Result<()> {
    is_reconciled("html").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_json_after_the_effect_does_not_delete_twice() -> anyhow::Result<()> {
    is_reconciled("malformed_json").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_looked_for_again_until_the_list_shows_it() -> anyhow::Result<()> {
    let (stage, request) = Stage::asked(Right::Deletion, "regular").await?;
    stage.switch(&json!({"regulations_listed_after": "PT4M", "list_order": "shuffled"})).await?;
    stage
        .faults(&json!([{"match": {"method": "POST", "path": CREATE}, "fault": "close_after_effect", "count": 1}]))
        .await?;
    stage.run_days(40).await?;
    assert_eq!(stage.verdict(request).await?, CONFIRMED);
    assert_eq!(stage.compare_books().await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_body_of_a_read_is_read_again() -> anyhow::Result<()> {
    let (stage, request) = deletion_with_fault("GET", "*", "cut_body", 6).await?;
    assert_eq!(stage.verdict(request).await?, CONFIRMED);
    assert_eq!(stage.compare_books().await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn html_for_json_is_no_profile_and_no_absence() -> anyhow::Result<()> {
    let (stage, request) = deletion_with_fault("GET", "/v1/spaces", "html", 3).await?;
    assert_eq!(stage.verdict(request).await?, CONFIRMED);
    assert_eq!(stage.compare_books().await?, 1);
    let why = stage.facts(Event::TaskParked, "why").await?;
    assert!(why.iter().all(|why| why.contains("no JSON")) && !why.is_empty(), "{why:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn html_for_json_without_end_comes_before_a_person() -> anyhow::Result<()> {
    let (stage, request) = Stage::asked(Right::Deletion, "regular").await?;
    stage.faults(&json!([{"match": {"path": "/v1/spaces"}, "fault": "html"}])).await?;
    stage.run_days(2).await?;
    assert_eq!(
        stage.verdict(request).await?,
        "deciding, waits for an operator: the vendor broke its contract: the answer to “external_ids” is no JSON"
    );
    assert_eq!(stage.compare_books().await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_that_repeats_is_not_followed_for_ever() -> anyhow::Result<()> {
    let stage = Stage::small().await?;
    stage.connect().await?;
    stage.switch(&json!({"cursor_repeats": true})).await?;
    let many_traits = stage.subjects("regular").swap_remove(7);
    let email = many_traits["email"].as_str().unwrap();
    let request = stage.submit(Right::Access, &[("email", email)]).await?;
    stage.run_days(2).await?;
    assert_eq!(
        stage.verdict(request).await?,
        "deciding, waits for an operator: the vendor broke its contract: a page says that there is more, and not where"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exhausted_quota_parks_until_the_month_is_over() -> anyhow::Result<()> {
    let (stage, request) = Stage::asked(Right::Deletion, "regular").await?;
    stage.switch(&json!({"quota_left": {"segment_and_destination": 0}})).await?;
    stage.run_days(1).await?;
    let task = stage.task(request).await?;
    let until = task.detail.wait.as_ref().and_then(|wait| wait.until);
    assert_eq!(until, Some("2026-09-30T23:59:59Z".parse()?), "{:?}", task.detail.wait);
    let verdict = stage.verdict(request).await?;
    assert!(
        verdict.starts_with("acting, waits for a point in time:")
            && verdict.contains("monthly quota"),
        "{verdict}"
    );
    assert_eq!(stage.compare_books().await?, 0);

    stage.run_days(70).await?;
    assert_eq!(stage.verdict(request).await?, CONFIRMED);
    assert_eq!(stage.compare_books().await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_refused_in_the_middle_pause_and_lose_nothing() -> anyhow::Result<()> {
    let (stage, request) = deletion_with_fault("*", "*", "401", 4).await?;
    assert_eq!(stage.verdict(request).await?, CONFIRMED);
    assert_eq!(stage.compare_books().await?, 1);
    assert_eq!(stage.entries(Event::ConnectionPaused).await?.len(), 1);
    assert_eq!(stage.entries(Event::ConnectionResumed).await?.len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_that_lead_to_another_workspace_send_nothing() -> anyhow::Result<()> {
    let (stage, request) = Stage::asked(Right::Deletion, "regular").await?;
    stage.switch(&json!({"workspace_swapped": true})).await?;
    stage.run_days(3).await?;
    assert_eq!(
        stage.verdict(request).await?,
        "approving, waits for an operator: the plan changed since it was approved: the credentials lead to another account"
    );
    assert_eq!(stage.compare_books().await?, 0);
    let why = stage.facts(Event::ConnectionPaused, "why").await?;
    assert_eq!(why.len(), 1, "{why:?}");
    let n_resumed = stage.entries(Event::ConnectionResumed).await?.len();
    assert_eq!(n_resumed, 0, "a check does not make another workspace ours");
    Ok(())
}
