//! The guards: what stops by itself for a person, and goes on when a person has looked.

use domain::{Event, Right, TaskState};
use engine::operator::controls;
use serde_json::json;
use testkit::stage::Stage;

const CONFIRMED: &str = "ended, done (1 identifier sent), confirmed by 5 look-ups";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn identifiers_of_more_than_five_profiles_stop_for_a_person() -> anyhow::Result<()> {
    let stage = Stage::small().await?;
    stage.connect().await?;
    let subjects = stage.subjects("regular");
    let emails: Vec<_> =
        subjects.iter().take(6).map(|one| ("email", one["email"].as_str().unwrap())).collect();
    let request = stage.submit(Right::Deletion, &emails).await?;
    stage.run_days(2).await?;
    assert_eq!(
        stage.verdict(request).await?,
        "deciding, waits for an operator: the identifiers lead to 6 profiles, more than 5; make sure that they are all one person's, then retry the task"
    );
    assert_eq!(stage.facts(Event::GuardTripped, "guard").await?, ["fan-out"]);
    assert_eq!(stage.compare_books().await?, 0);

    stage.retry(request).await?;
    stage.run_days(40).await?;
    assert_eq!(
        stage.verdict(request).await?,
        "ended, done (6 identifiers sent), confirmed by 30 look-ups"
    );
    assert_eq!((stage.compare_books().await?, stage.regulated().await?.len()), (1, 6));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_deletions_in_a_day_than_the_guard_stop_at_approval() -> anyhow::Result<()> {
    let stage = Stage::small().await?;
    stage.connect().await?;
    stage.set_switches(&[("guard", "3")]).await?;
    let emails: Vec<_> = stage
        .subjects("regular")
        .iter()
        .take(5)
        .map(|one| one["email"].as_str().unwrap().to_owned())
        .collect();
    stage.submit_many(Right::Deletion, &emails).await?;
    stage.run_days(1).await?;
    let pending = stage.pending().await?;
    assert_eq!(pending.len(), 2);
    assert!(
        pending
            .iter()
            .all(|one| one.why.contains("more deletions today than the daily guard of 3"))
    );
    assert_eq!(stage.facts(Event::GuardTripped, "guard").await?, ["daily", "daily"]);
    assert_eq!(stage.regulated().await?.len(), 3);

    let approved = stage.approve().await?;
    assert!(approved.iter().all(|one| one.not.is_none()), "{approved:?}");
    stage.run_days(1).await?;
    assert_eq!((stage.compare_books().await?, stage.regulated().await?.len()), (2, 5));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn observe_mode_changes_nothing_says_what_it_would_and_goes_on_when_told()
-> anyhow::Result<()> {
    let stage = Stage::small().await?;
    stage.connect().await?;
    stage.set_switches(&[("mode", "observe")]).await?;
    let request =
        stage.submit(Right::Deletion, &[("email", &stage.value("regular", "email")?)]).await?;
    stage.run_days(5).await?;
    assert_eq!(
        stage.verdict(request).await?,
        "planned, waits for an operator: the connection is in observe mode; it would have sent 1 identifier as SUPPRESS_WITH_DELETE"
    );
    assert_eq!(stage.entries(Event::WouldHaveSent).await?.len(), 1);
    assert_eq!(stage.compare_books().await?, 0);

    stage.set_switches(&[("mode", "act")]).await?;
    stage.run_days(40).await?;
    assert_eq!(stage.verdict(request).await?, CONFIRMED);
    assert_eq!(stage.compare_books().await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn observe_mode_holds_what_had_been_approved_before() -> anyhow::Result<()> {
    let stage = Stage::small().await?;
    stage.connect().await?;
    stage.set_switches(&[("approval", "ask")]).await?;
    let request =
        stage.submit(Right::Deletion, &[("email", &stage.value("regular", "email")?)]).await?;
    stage.run().await?;
    stage.approve().await?;
    stage.set_switches(&[("mode", "observe")]).await?;
    stage.run_days(3).await?;
    assert_eq!(stage.compare_books().await?, 0);
    stage.set_switches(&[("mode", "act")]).await?;
    stage.run_days(40).await?;
    assert_eq!(stage.verdict(request).await?, CONFIRMED);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn placeholder_values_in_a_profile_lead_nowhere() -> anyhow::Result<()> {
    let stage = Stage::small().await?;
    stage.connect().await?;
    let user_id = stage.value("regular", "user_id")?;
    let desk = stage.desk();
    controls::set(&desk, "placeholders", &user_id).await?;
    let request =
        stage.submit(Right::Deletion, &[("email", &stage.value("regular", "email")?)]).await?;
    stage.run_days(3).await?;
    assert!(stage.facts(Event::GuardTripped, "guard").await?.contains(&"placeholder".to_owned()));
    assert_eq!(stage.compare_books().await?, 0, "{}", stage.verdict(request).await?);
    let identifiers = stage.store.identifiers_of(&[request]).await?;
    assert!(identifiers.iter().all(|(_, one)| one.given != user_id));
    assert_eq!(
        stage.verdict(request).await?,
        "ended, left to a person (nothing was done there: the workspace)"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pausing_everything_stops_changing_calls_and_nothing_else() -> anyhow::Result<()> {
    let (stage, request) = Stage::asked(Right::Deletion, "regular").await?;
    controls::pause_all(&stage.desk()).await?;
    stage.run_days(2).await?;
    assert_eq!(stage.task(request).await?.state, TaskState::Acting, "it was located and approved");
    assert_eq!(stage.compare_books().await?, 0);
    controls::resume_all(&stage.desk()).await?;
    stage.run_days(40).await?;
    assert_eq!(stage.verdict(request).await?, CONFIRMED);
    assert_eq!(stage.compare_books().await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_holds_for_the_plan_that_was_shown_and_no_other() -> anyhow::Result<()> {
    let stage = Stage::small().await?;
    let connection = stage.connect().await?;
    stage.set_switches(&[("approval", "ask")]).await?;
    let request =
        stage.submit(Right::Deletion, &[("email", &stage.value("regular", "email")?)]).await?;
    stage.run().await?;
    assert_eq!(
        stage.verdict(request).await?,
        "approving, waits for an operator: waits at the approval gate"
    );
    stage.approve().await?;
    let mut changed = stage.store.connection(connection.id).await?.unwrap();
    changed.settings.insert("deletion_type".to_owned(), json!("DELETE_ONLY"));
    let transition =
        store::Transition { connections: vec![changed], ..store::Transition::default() };
    stage.store.apply(None, &[transition]).await?;
    stage.run_days(2).await?;
    assert_eq!(
        stage.verdict(request).await?,
        "approving, waits for an operator: the plan changed since it was approved: it would be done in another way; the connection's settings have changed; the side effects have changed"
    );
    assert_eq!(stage.compare_books().await?, 0);

    stage.approve().await?;
    stage.run_days(40).await?;
    assert_eq!(stage.verdict(request).await?, CONFIRMED);
    assert_eq!(stage.changes().await?[0]["type"], "DELETE_ONLY");
    assert_eq!(stage.compare_books().await?, 1);
    Ok(())
}
