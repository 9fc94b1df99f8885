//! What goes wrong in Segment's own ways, one story each, with the verdict in words. What goes
//! wrong at every vendor is in the conformance suite.

use domain::{Event, RequestId, Right};
use serde_json::json;
use testkit::stage::Stage;

const CONFIRMED: &str = "ended, done (1 identifier sent), confirmed by 5 look-ups";

/// Has this many people deleted, each by a regulation of their own.
async fn delete_one_by_one(stage: &Stage, n_people: usize) -> anyhow::Result<()> {
    stage.set_switches(&[("batch", "1")]).await?;
    for person in stage.subjects("regular").iter().take(n_people) {
        let email = person["email"].as_str().unwrap_or_default();
        stage.submit(Right::Deletion, &[("email", email)]).await?;
    }
    stage.run_days(1).await
}

/// Has one more person deleted; the vendor does it, and its answer is lost.
async fn lose_an_answer(stage: &Stage, nth: usize) -> anyhow::Result<RequestId> {
    stage
        .faults(&json!([{"match": {"method": "POST", "path": "/regulations"}, "fault": "close_after_effect", "count": 1}]))
        .await?;
    let email = &stage.subjects("regular")[nth]["email"];
    stage.submit(Right::Deletion, &[("email", email.as_str().unwrap_or_default())]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_looked_for_again_until_the_list_shows_it() -> anyhow::Result<()> {
    let (stage, request) = Stage::asked(Right::Deletion, "regular").await?;
    stage.switch(&json!({"regulations_listed_after": "PT4M", "list_order": "shuffled"})).await?;
    stage
        .faults(&json!([{"match": {"method": "POST", "path": "/regulations"}, "fault": "close_after_effect", "count": 1}]))
        .await?;
    stage.run_days(40).await?;
    assert_eq!(stage.verdict(request).await?, CONFIRMED);
    assert_eq!(stage.compare_books().await?, 1);
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
        "deciding, waits for an operator: the vendor broke its contract: a page's cursor repeats"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_lists_cursor_repeats_a_lost_answer_is_not_sent_again() -> anyhow::Result<()> {
    let stage = Stage::small().await?;
    stage.connect().await?;
    delete_one_by_one(&stage, 6).await?;
    stage.switch(&json!({"cursor_repeats": true, "list_order": "oldest_first"})).await?;
    let request = lose_an_answer(&stage, 6).await?;
    stage.run_days(2).await?;
    assert_eq!(
        stage.verdict(request).await?,
        "deciding, waits for an operator: it may have been sent, and the vendor's answers don't tell (the vendor broke its contract: a page's cursor repeats); find out at the vendor, then retry it or settle it"
    );
    assert_eq!(stage.changes().await?.len(), 7, "the lost one was made, once");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_longer_than_the_rate_allows_in_one_go_is_read_to_its_end() -> anyhow::Result<()> {
    let stage = Stage::small().await?;
    stage.connect().await?;
    delete_one_by_one(&stage, 15).await?;
    // The list has four pages, and ours is on the last.
    stage.switch(&json!({"public_rate_per_minute": 2, "list_order": "oldest_first"})).await?;
    let request = lose_an_answer(&stage, 15).await?;
    stage.run_days(1).await?;
    assert_eq!(stage.facts(Event::IntentReconciled, "answer").await?, ["reconciled: it happened"]);
    stage.switch(&json!({"public_rate_per_minute": 6000})).await?;
    stage.run_days(40).await?;
    assert_eq!(stage.verdict(request).await?, CONFIRMED);
    assert_eq!(stage.compare_books().await?, 16, "nothing was sent twice");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_is_never_let_be_read_comes_before_a_person_and_nothing_is_sent_again()
-> anyhow::Result<()> {
    for fault in ["429", "503"] {
        let (stage, request) = Stage::asked(Right::Deletion, "regular").await?;
        stage
            .faults(&json!([
                {"match": {"method": "POST", "path": "/regulations"}, "fault": "close_after_effect", "count": 1},
                {"match": {"method": "GET", "path": "/regulations"}, "fault": fault},
            ]))
            .await?;
        stage.run_days(2).await?;
        let verdict = stage.verdict(request).await?;
        assert!(
            verdict.starts_with("deciding, waits for an operator: it may have been sent"),
            "{fault}: {verdict}"
        );
        assert_eq!(stage.changes().await?.len(), 1, "{fault}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workspace_that_knows_no_regulations_is_asked_once_and_the_batch_stays_whole()
-> anyhow::Result<()> {
    let stage = Stage::small().await?;
    stage.connect().await?;
    stage
        .faults(&json!([{"match": {"method": "POST", "path": "/regulations"}, "fault": "404", "count": 1}]))
        .await?;
    for person in stage.subjects("regular").iter().take(8) {
        let email = person["email"].as_str().unwrap_or_default();
        stage.submit(Right::Deletion, &[("email", email)]).await?;
    }
    // The check of the paused connection finds that it works again.
    stage.run_days(2).await?;
    assert_eq!(stage.entries(Event::ConnectionPaused).await?.len(), 1);
    assert_eq!(stage.entries(Event::IntentWritten).await?.len(), 2, "one refused, one taken");
    assert_eq!((stage.compare_books().await?, stage.regulated().await?.len()), (1, 8));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exhausted_quota_parks_until_the_month_is_over() -> anyhow::Result<()> {
    let (stage, request) = Stage::asked(Right::Deletion, "regular").await?;
    stage.switch(&json!({"quota_left": {"segment_and_destination": 0}})).await?;
    stage.run_days(1).await?;
    let task = stage.task(request).await?;
    let until = task.detail.wait.as_ref().and_then(|wait| wait.until);
    assert_eq!(until, Some("2026-10-01T00:00:00Z".parse()?), "{:?}", task.detail.wait);
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
async fn answers_that_are_lost_again_and_again_come_before_a_person() -> anyhow::Result<()> {
    let (stage, request) = Stage::asked(Right::Deletion, "regular").await?;
    let always = json!([{"match": {"method": "POST", "path": "/regulations"}, "fault": "500"}]);
    stage.faults(&always).await?;
    stage.run_days(3).await?;
    assert_eq!(
        stage.verdict(request).await?,
        "deciding, waits for an operator: the vendor's answer was lost 5 times and nothing had happened; look at the vendor whether something is broken there, then retry it"
    );
    assert_eq!(stage.entries(Event::IntentWritten).await?.len(), 5);
    assert_eq!(stage.compare_books().await?, 0);
    Ok(())
}
