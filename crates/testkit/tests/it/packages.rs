//! What may leave the house: the files for a person hold what was released to them, and nothing of
//! a request that was denied, or of a system that was left out.

use domain::{RequestId, Right};
use engine::operator::tasks::Settle;
use engine::operator::{decide, tasks};
use packaging::{PackageError, Summary};
use testkit::stage::Stage;

/// A stage on which an access was collected and waits to be released.
async fn collected() -> anyhow::Result<(Stage, RequestId)> {
    let stage = Stage::small().await?;
    stage.connect().await?;
    stage.set_switches(&[("approval", "ask")]).await?;
    let email = stage.value("regular", "email")?;
    let request = stage.submit(Right::Access, &[("email", &email)]).await?;
    stage.run_days(1).await?;
    assert!(!stage.store.collected_of(request).await?.is_empty());
    Ok((stage, request))
}

async fn package(stage: &Stage, request: RequestId) -> Result<Summary, PackageError> {
    let desk = stage.desk();
    let written = packaging::write(&stage.store, request, &desk.actor, desk.now, Vec::new());
    Ok(written.await?.0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_a_denied_access_is_packaged() -> anyhow::Result<()> {
    let (stage, request) = collected().await?;
    decide::deny(&stage.desk(), request, "not the person they say").await?;
    let refused = package(&stage, request).await;
    assert!(matches!(refused, Err(PackageError::Closed { .. })), "{refused:?}");
    stage.run_days(40).await?;
    assert_eq!(stage.verdict(request).await?, "ended, cancelled");
    assert!(package(&stage, request).await.is_err());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_released_is_packaged_for_review_only_and_says_so() -> anyhow::Result<()> {
    let (stage, request) = collected().await?;
    let draft = package(&stage, request).await?;
    assert_eq!(draft.reservations, ["this is for review only (answers not released: 1 of 1)"]);
    let answered = decide::answer(&stage.desk(), request, "sent").await;
    assert!(answered.is_err(), "a draft is no answer: {answered:?}");
    stage.approve().await?;
    let whole = package(&stage, request).await?;
    assert_eq!((whole.reservations.len(), whole.n_records), (0, draft.n_records));
    decide::answer(&stage.desk(), request, "sent").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_person_left_out_is_not_packaged() -> anyhow::Result<()> {
    let (stage, request) = collected().await?;
    let task = stage.task(request).await?;
    tasks::settle(&stage.desk(), task.id, Settle::Skip, "concerns somebody else").await?;
    let written = package(&stage, request).await?;
    assert_eq!((written.n_files, written.n_records), (0, 0));
    Ok(())
}
