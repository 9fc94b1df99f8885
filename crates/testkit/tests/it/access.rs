//! Access: everything that is there is collected, and a deletion waits for it.

use anyhow::Context as _;
use domain::{Event, Outcome, Right, TaskState};
use engine::operator::decide;
use testkit::stage::Stage;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_of_a_person_with_many_traits_is_collected() -> anyhow::Result<()> {
    let stage = Stage::small().await?;
    stage.connect().await?;
    let subject = stage.subjects("regular").swap_remove(7);
    let email = subject["email"].as_str().unwrap();
    let request = stage.submit(Right::Access, &[("email", email)]).await?;
    stage.run_days(1).await?;
    let task = stage.task(request).await?;
    let Some(Outcome::Done { counts }) = &task.detail.outcome else { panic!("{task:?}") };
    assert_eq!(counts, "232 traits, 5 external ids, 3 events, 0 links, from 1 profile in 1 space");
    let collected = stage.store.collected_of(request).await?;
    assert_eq!(collected.len(), 1);
    let lines = stage.lines(request).await?;
    let data = lines.iter().filter(|line| !line.contains(r#""file":"notes""#));
    assert_eq!(data.count() as u64, collected[0].n_records, "one line a record, notes apart");
    assert!(lines.iter().any(|line| line.contains("survey_219")));
    assert!(lines.iter().any(|line| line.contains("last 14 days only")));
    assert_eq!(stage.compare_books().await?, 0);
    assert_eq!(stage.entries(Event::IntentWritten).await?.len(), 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_collected_waits_at_the_gate_before_it_is_answered() -> anyhow::Result<()> {
    let stage = Stage::small().await?;
    stage.connect().await?;
    stage.set_switches(&[("approval", "ask")]).await?;
    let email = stage.value("two_spaces", "email")?;
    let request = stage.submit(Right::Access, &[("email", &email)]).await?;
    stage.run_days(1).await?;
    let verdict = stage.verdict(request).await?;
    assert!(
        verdict.starts_with("approving, done (") && verdict.contains("from 2 profiles in 2 spaces"),
        "{verdict}"
    );
    assert!(
        verdict.ends_with(
            "waits for an operator: collected; waits for approval before the person is answered"
        ),
        "{verdict}"
    );
    stage.approve().await?;
    assert_eq!(stage.task(request).await?.state, TaskState::Ended);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_access_to_nobody_ends_as_nothing_found() -> anyhow::Result<()> {
    let stage = Stage::small().await?;
    stage.connect().await?;
    let request = stage.submit(Right::Access, &[("email", "nobody.knows@example.org")]).await?;
    stage.run_days(1).await?;
    assert!(stage.verdict(request).await?.starts_with("ended, nothing found (searched: spa_"));
    assert!(stage.store.collected_of(request).await?.is_empty());
    Ok(())
}

/// Deletion and access of one person; the deletion acts after the collection, whichever came first.
async fn both(first: Right, second: Right) -> anyhow::Result<()> {
    let stage = Stage::small().await?;
    stage.connect().await?;
    let email = stage.value("regular", "email")?;
    let one = stage.submit(first, &[("email", &email)]).await?;
    let two = stage.submit(second, &[("email", &email)]).await?;
    let access = if first == Right::Access { one } else { two };
    let deletion = if first == Right::Access { two } else { one };
    stage.run_days(40).await?;
    let collected = stage.verdict(access).await?;
    assert!(
        collected.starts_with("ended, done (") && collected.contains("5 external ids"),
        "{collected}"
    );
    assert_eq!(
        stage.verdict(deletion).await?,
        "ended, done (1 identifier sent), confirmed by 5 look-ups"
    );
    assert_eq!(stage.compare_books().await?, 1);
    let collected_at = stage.entries(Event::Looked).await?;
    let collected_at = collected_at
        .iter()
        .find(|entry| entry.facts.contains_key("n_records"))
        .context("collected")?
        .at;
    assert!(stage.entries(Event::IntentWritten).await?[0].at >= collected_at);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_that_came_after_an_access_waits_for_it() -> anyhow::Result<()> {
    both(Right::Access, Right::Deletion).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_that_came_before_an_access_but_was_not_sent_waits_for_it() -> anyhow::Result<()>
{
    both(Right::Deletion, Right::Access).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_says_for_which_access_it_waits_and_acts_when_that_is_collected()
-> anyhow::Result<()> {
    let stage = Stage::small().await?;
    stage.connect().await?;
    stage.set_switches(&[("review", "ask")]).await?;
    let email = stage.value("regular", "email")?;
    let access = stage.submit(Right::Access, &[("email", &email)]).await?;
    stage.run().await?;
    stage.set_switches(&[("review", "auto")]).await?;
    let deletion = stage.submit(Right::Deletion, &[("email", &email)]).await?;
    stage.run_days(2).await?;
    assert_eq!(
        stage.verdict(deletion).await?,
        format!(
            "acting, waits for another request: waits until an access request of the same person has been collected"
        )
    );
    assert_eq!(stage.compare_books().await?, 0);
    stage.approve().await?;
    let approved_at = stage.now();
    stage.run_days(40).await?;
    assert!(stage.verdict(access).await?.starts_with("ended, done ("));
    assert_eq!(
        stage.verdict(deletion).await?,
        "ended, done (1 identifier sent), confirmed by 5 look-ups"
    );
    assert_eq!(stage.compare_books().await?, 1);
    let waited = stage.entries(Event::IntentWritten).await?[0].at.duration_since(approved_at);
    assert!(waited.as_secs() < 60, "the collection woke it: {waited}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_goes_on_at_once_when_the_access_it_waits_for_is_taken_back()
-> anyhow::Result<()> {
    let stage = Stage::small().await?;
    stage.connect().await?;
    stage.set_switches(&[("review", "ask")]).await?;
    let email = stage.value("regular", "email")?;
    let access = stage.submit(Right::Access, &[("email", &email)]).await?;
    stage.run().await?;
    stage.set_switches(&[("review", "auto")]).await?;
    let deletion = stage.submit(Right::Deletion, &[("email", &email)]).await?;
    stage.run_days(1).await?;
    assert_eq!(stage.compare_books().await?, 0);
    decide::cancel(&stage.desk(), access, "").await?;
    stage.run().await?;
    assert_eq!(stage.task(deletion).await?.state, TaskState::Waiting);
    assert_eq!(stage.compare_books().await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_that_was_already_sent_is_named_in_a_later_access() -> anyhow::Result<()> {
    let (stage, deletion) = Stage::asked(Right::Deletion, "regular").await?;
    stage.run().await?;
    assert_eq!(stage.task(deletion).await?.state, TaskState::Waiting);
    let email = stage.value("regular", "email")?;
    let access = stage.submit(Right::Access, &[("email", &email)]).await?;
    stage.run().await?;
    let collected = stage.store.collected_of(access).await?;
    let blob = collected.first().context("collected")?.blob;
    let mut body = stage.store.blob_reader(access, blob).await?.context("a body")?;
    let mut lines = String::new();
    std::io::Read::read_to_string(&mut body, &mut lines)?;
    let told =
        format!("a deletion of the same person ({deletion}) had been sent before this was read");
    assert!(lines.contains(&told), "{lines}");
    Ok(())
}
