//! What goes wrong in Segment's own ways, one story each, with the verdict in words. What goes
//! wrong at every vendor is in the conformance suite.

use domain::{Event, Right};
use serde_json::json;
use testkit::stage::Stage;

const CONFIRMED: &str = "ended, done (1 identifier sent), confirmed by 5 look-ups";

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
    stage.set_switches(&[("batch", "1")]).await?;
    let people = stage.subjects("regular");
    for person in people.iter().take(6) {
        stage.submit(Right::Deletion, &[("email", person["email"].as_str().unwrap())]).await?;
    }
    stage.run_days(1).await?;
    stage.switch(&json!({"cursor_repeats": true, "list_order": "oldest_first"})).await?;
    stage
        .faults(&json!([{"match": {"method": "POST", "path": "/regulations"}, "fault": "close_after_effect", "count": 1}]))
        .await?;
    let email = people[6]["email"].as_str().unwrap();
    let request = stage.submit(Right::Deletion, &[("email", email)]).await?;
    stage.run_days(2).await?;
    assert_eq!(
        stage.verdict(request).await?,
        "deciding, waits for an operator: it may have been sent, and the vendor's answers don't tell (the vendor broke its contract: a page's cursor repeats); find out at the vendor, then retry it or settle it"
    );
    assert_eq!(stage.changes().await?.len(), 7, "the lost one was made, once");
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
