//! One person asked about twice, under different identifiers: found while locating, shown at
//! approval, sent once.

use std::io::Cursor;

use domain::{Event, RequestId, Right};
use engine::operator::import::{self, Options};
use engine::operator::{approve as gates, decide};
use serde_json::json;
use testkit::stage::Stage;

const CONFIRMED: &str = "ended, done (1 identifier sent), confirmed by 5 look-ups";

/// Imports a file of one row, and returns the request.
async fn import(stage: &Stage, right: Right, kind: &str, value: &str) -> anyhow::Result<RequestId> {
    import_file(stage, format!("right,{kind}\n{right},{value}\n")).await
}

async fn import_file(stage: &Stage, file: String) -> anyhow::Result<RequestId> {
    let mut rows = Vec::new();
    let mut tell = |more| rows.extend(more);
    import::import(&stage.desk(), Cursor::new(file), &Options::default(), &mut tell).await?;
    let id = rows.first().and_then(|row| row.request);
    id.ok_or_else(|| anyhow::anyhow!("no request in {rows:?}"))
}

/// A stage where the same person is asked about by e-mail and by user id, in two imports.
async fn asked_twice() -> anyhow::Result<(Stage, RequestId, RequestId)> {
    let stage = Stage::small().await?;
    stage.connect().await?;
    stage.set_switches(&[("approval", "ask")]).await?;
    let by_email =
        import(&stage, Right::Deletion, "email", &stage.value("regular", "email")?).await?;
    let by_user_id =
        import(&stage, Right::Deletion, "user_id", &stage.value("regular", "user_id")?).await?;
    stage.run().await?;
    Ok((stage, by_email, by_user_id))
}

/// Approves what one request waits with.
async fn approve(stage: &Stage, request: RequestId) -> anyhow::Result<()> {
    let pending = stage.pending().await?;
    let of_request: Vec<_> = pending.into_iter().filter(|one| one.request == request).collect();
    assert_eq!(of_request.len(), 1);
    gates::approve(&stage.desk(), &of_request).await?;
    Ok(())
}

/// Both requests ended as they would have alone, and the vendor was told once.
async fn check_sent_once(stage: &Stage, requests: [RequestId; 2]) -> anyhow::Result<()> {
    for request in requests {
        assert_eq!(stage.verdict(request).await?, CONFIRMED);
    }
    assert_eq!((stage.compare_books().await?, stage.regulated().await?.len()), (1, 1));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_person_in_two_imports_is_shown_at_approval_and_sent_once() -> anyhow::Result<()> {
    let (stage, by_email, by_user_id) = asked_twice().await?;
    let pending = stage.pending().await?;
    for (one, other) in [(by_email, by_user_id), (by_user_id, by_email)] {
        let shown = pending.iter().find(|pending| pending.request == one).unwrap();
        assert_eq!(shown.same_person, [other]);
    }
    approve(&stage, by_email).await?;
    stage.run_days(1).await?;
    assert_eq!(stage.regulated().await?.len(), 1, "the first is at the vendor");

    approve(&stage, by_user_id).await?;
    stage.run_days(40).await?;
    check_sent_once(&stage, [by_email, by_user_id]).await?;
    let joined = stage.entries(Event::TaskJoined).await?;
    assert_eq!(joined.len(), 1);
    assert_eq!(joined[0].request, Some(by_user_id));
    assert_eq!(joined[0].facts["begun_for"], json!(by_email.to_string()));
    let task = stage.task(by_user_id).await?;
    assert_eq!(stage.store.carried_of(task.id).await?.len(), 1);
    let evidence = stage.store.evidence_of(task.id).await?;
    assert!(evidence.iter().any(|one| one.title == "looked again"), "it has looks of its own");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn approved_after_the_first_was_deleted_the_second_is_only_looked_up_again()
-> anyhow::Result<()> {
    let (stage, by_email, by_user_id) = asked_twice().await?;
    approve(&stage, by_email).await?;
    stage.run_days(30).await?;
    assert_eq!(stage.verdict(by_email).await?, CONFIRMED);

    approve(&stage, by_user_id).await?;
    stage.run_days(2).await?;
    check_sent_once(&stage, [by_email, by_user_id]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_answer_to_the_first_is_lost_the_second_waits() -> anyhow::Result<()> {
    let (stage, by_email, by_user_id) = asked_twice().await?;
    stage
        .faults(&json!([{
            "match": {"method": "POST", "path": "/regulations"},
            "fault": "close_after_effect", "count": 1,
        }]))
        .await?;
    approve(&stage, by_email).await?;
    stage.jump(stage.now().checked_add(jiff::SignedDuration::from_secs(3))?).await;
    stage.run().await?;
    assert_eq!(stage.entries(Event::IntentLost).await?.len(), 1);

    approve(&stage, by_user_id).await?;
    stage.jump(stage.now().checked_add(jiff::SignedDuration::from_secs(3))?).await;
    stage.run().await?;
    let waits = stage.verdict(by_user_id).await?;
    assert!(waits.contains("is being found out"), "{waits}");
    stage.run_days(40).await?;
    check_sent_once(&stage, [by_email, by_user_id]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_batches_that_go_out_at_once_only_one_sends_a_person() -> anyhow::Result<()> {
    let (stage, by_email, by_user_id) = asked_twice().await?;
    stage.set_switches(&[("batch", "1")]).await?;
    stage.approve().await?;
    stage.run_days(40).await?;
    check_sent_once(&stage, [by_email, by_user_id]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_comes_after_the_first_is_over_is_sent_again() -> anyhow::Result<()> {
    let (stage, by_email) = Stage::asked(Right::Deletion, "regular").await?;
    stage.run_days(30).await?;
    assert_eq!(stage.verdict(by_email).await?, CONFIRMED);
    decide::answer(&stage.desk(), by_email, "by post").await?;
    import(&stage, Right::Deletion, "user_id", &stage.value("regular", "user_id")?).await?;
    stage.run_days(30).await?;
    assert_eq!((stage.compare_books().await?, stage.regulated().await?.len()), (2, 2));
    assert_eq!(stage.entries(Event::TaskJoined).await?, []);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sent_in_another_scope_is_not_taken_for_the_same() -> anyhow::Result<()> {
    let stage = Stage::small().await?;
    stage.connect().await?;
    stage.set_switches(&[("approval", "ask")]).await?;
    let email = stage.value("regular", "email")?;
    let user_id = stage.value("regular", "user_id")?;
    let sale = format!("right,scope,email\nopt_out,sale,{email}\n");
    let sale = import_file(&stage, sale).await?;
    let sharing = format!("right,scope,user_id\nopt_out,sharing,{user_id}\n");
    let sharing = import_file(&stage, sharing).await?;
    stage.run().await?;
    approve(&stage, sale).await?;
    stage.run_days(1).await?;
    approve(&stage, sharing).await?;
    stage.run_days(1).await?;
    assert_eq!(stage.entries(Event::TaskJoined).await?, []);
    let calls = stage.entries(Event::IntentAnswered).await?;
    assert_eq!(calls.len(), 2, "each has a call of its own");
    Ok(())
}
