//! What an operator is told of: once for each cause, until it is mended.

use domain::notice::NoticeKind;
use domain::{Event, Right};
use engine::operator::notices::{self, Filter};
use engine::operator::{controls, decide};
use serde_json::json;
use testkit::stage::Stage;

/// The notices so far, the oldest first, each with whether it is mended.
async fn told(stage: &Stage) -> anyhow::Result<Vec<(NoticeKind, bool)>> {
    let page = notices::page(&stage.desk(), Filter::default(), 100).await?;
    let told = page.notices.iter().rev();
    Ok(told.map(|notice| (notice.kind, notice.mended_at.is_some())).collect())
}

async fn minutes_pass(stage: &Stage, minutes: i64) -> anyhow::Result<()> {
    stage.jump(stage.now().checked_add(jiff::SignedDuration::from_mins(minutes))?).await;
    stage.run().await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_connection_is_told_of_once_and_again_when_it_works() -> anyhow::Result<()> {
    let (stage, _) = Stage::asked(Right::Deletion, "regular").await?;
    let refused = json!([{"fault": "401", "count": 1000}]);
    stage.faults(&refused).await?;
    stage.run().await?;
    assert_eq!(told(&stage).await?[0], (NoticeKind::ConnectionBroken, false));
    minutes_pass(&stage, 61).await?;
    minutes_pass(&stage, 61).await?;
    stage.faults(&json!([])).await?;
    minutes_pass(&stage, 61).await?;
    let both = [NoticeKind::ConnectionBroken, NoticeKind::PermissionLost].map(|kind| (kind, true));
    assert_eq!(told(&stage).await?, both, "each once, and mended");
    let raised = stage.facts(Event::NoticeRaised, "kind").await?;
    assert_eq!(raised, ["connection_broken", "permission_lost"]);
    assert_eq!(stage.facts(Event::NoticeMended, "kind").await?.len(), 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_past_its_deadline_is_told_of_until_it_is_closed() -> anyhow::Result<()> {
    let stage = Stage::small().await?;
    let request = stage.submit(Right::Access, &[("email", "nobody@example.com")]).await?;
    stage.run().await?;
    assert!(told(&stage).await?.is_empty());
    minutes_pass(&stage, 31 * 24 * 60).await?;
    assert_eq!(told(&stage).await?, [(NoticeKind::RequestOverdue, false)]);
    minutes_pass(&stage, 20).await?;
    decide::deny(&stage.desk(), request, "not theirs").await?;
    minutes_pass(&stage, 20).await?;
    assert_eq!(told(&stage).await?, [(NoticeKind::RequestOverdue, true)]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_of_everything_is_told_of_and_a_connection_that_a_person_paused_is_not()
-> anyhow::Result<()> {
    let stage = Stage::small().await?;
    stage.connect().await?;
    engine::operator::connections::pause(&stage.desk(), "segment").await?;
    controls::pause_all(&stage.desk()).await?;
    stage.run().await?;
    assert_eq!(told(&stage).await?, [(NoticeKind::EnginePaused, false)]);
    controls::resume_all(&stage.desk()).await?;
    stage.run().await?;
    controls::pause_all(&stage.desk()).await?;
    controls::resume_all(&stage.desk()).await?;
    stage.run().await?;
    assert_eq!(told(&stage).await?, [(NoticeKind::EnginePaused, true)]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_takes_long_is_told_of_until_it_is_over() -> anyhow::Result<()> {
    let (stage, _) = Stage::asked(Right::Deletion, "regular").await?;
    stage.switch(&json!({"deletion_takes": "P28D"})).await?;
    stage.run_days(26).await?;
    assert!(told(&stage).await?.contains(&(NoticeKind::JobOverdue, false)));
    stage.run_days(10).await?;
    let told = told(&stage).await?;
    let jobs = told.iter().filter(|(kind, _)| *kind == NoticeKind::JobOverdue);
    assert_eq!(jobs.collect::<Vec<_>>(), [&(NoticeKind::JobOverdue, true)], "{told:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_back_is_told_of_until_it_is_gone_again() -> anyhow::Result<()> {
    let (stage, _) = Stage::asked(Right::Deletion, "regular").await?;
    stage.switch(&json!({"deletion_takes": "P1D", "reappear_after": "P5D"})).await?;
    stage.run_days(4).await?;
    stage.switch(&json!({"reappear_after": null})).await?;
    stage.run_days(8).await?;
    assert_eq!(told(&stage).await?, [(NoticeKind::DataReappeared, false)]);
    stage.approve().await?;
    stage.run_days(10).await?;
    minutes_pass(&stage, 20).await?;
    assert!(told(&stage).await?.contains(&(NoticeKind::DataReappeared, true)));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tripped_guard_is_told_of_once_for_its_connection_until_a_person_has_decided()
-> anyhow::Result<()> {
    let stage = Stage::small().await?;
    stage.connect().await?;
    stage.set_switches(&[("guard", "3")]).await?;
    let subjects = stage.subjects("regular");
    let emails = subjects.iter().take(5).filter_map(|one| one["email"].as_str());
    stage.submit_many(Right::Deletion, &emails.map(str::to_owned).collect::<Vec<_>>()).await?;
    stage.run_days(1).await?;
    assert_eq!(stage.facts(Event::GuardTripped, "guard").await?, ["daily", "daily"]);
    assert_eq!(told(&stage).await?, [(NoticeKind::GuardTripped, false)]);
    minutes_pass(&stage, 61).await?;
    assert_eq!(told(&stage).await?, [(NoticeKind::GuardTripped, false)], "nobody has decided");
    stage.approve().await?;
    minutes_pass(&stage, 20).await?;
    assert_eq!(told(&stage).await?, [(NoticeKind::GuardTripped, true)]);
    assert_eq!(stage.facts(Event::NoticeRaised, "kind").await?, ["guard_tripped"]);
    Ok(())
}
