//! How it ends: nobody there, no end at all, an end in part, and nothing after the end.

use anyhow::ensure;
use domain::{Event, Outcome, Right, TaskState};
use engine::Until;

use super::{
    ask, days, days_of_a_job, deletion, has_changed, is_carried_out, run_long_enough, stage,
};
use crate::candidate::Candidate;

/// A stranger is neither deleted nor read, and it is said where we looked.
pub async fn a_person_whom_nobody_knows_ends_as_nothing_found_and_says_where(
    candidate: &Candidate,
) -> anyhow::Result<()> {
    let stage = stage(candidate).await?;
    stage.connect().await?;
    for right in [Right::Deletion, Right::Access] {
        let request = stage.submit(right, &[(candidate.known_by, candidate.unknown)]).await?;
        stage.run_days(2).await?;
        let task = stage.task(request).await?;
        let names_places = matches!(
            &task.detail.outcome,
            Some(Outcome::NothingFound { searched, .. }) if !searched.is_empty()
        );
        let verdict = stage.verdict(request).await?;
        ensure!(task.state == TaskState::Ended && names_places, "{right}: {verdict}");
        ensure!(stage.store.collected_of(request).await?.is_empty(), "something was collected");
    }
    has_changed(&stage, 0).await
}

/// A job stays open as long as the vendor grants itself, and then is not taken for done.
pub async fn a_job_that_never_ends_expires_visibly(candidate: &Candidate) -> anyhow::Result<()> {
    let (stage, request) = deletion(candidate).await?;
    stage.switch(&serde_json::from_str(candidate.never_ends)?).await?;
    let alarm = days(candidate.manifest().alarm);
    stage.run_days(alarm - 1).await?;
    let verdict = stage.verdict(request).await?;
    let expected = "waiting on vendor, waits for the vendor: the vendor is at work";
    ensure!(verdict == expected, "while it takes no longer than others: {verdict}");
    stage.run_days(days_of_a_job(candidate) - alarm).await?;
    let verdict = stage.verdict(request).await?;
    let expected = "waiting on vendor, waits for the vendor: the vendor has been at work for";
    ensure!(verdict.starts_with(expected), "before it expires: {verdict}");
    ensure!(stage.facts(Event::JobOverdue, "since").await?.len() == 1, "it was not told once");
    stage.run_days(2).await?;
    let verdict = stage.verdict(request).await?;
    ensure!(verdict == "ended, expired", "{verdict}");
    let expired = stage.facts(Event::JobEnded, "expired").await?;
    ensure!(expired == ["true"], "{expired:?}");
    has_changed(&stage, 1).await
}

/// What the vendor could not delete is neither a failure nor a success.
pub async fn partial_success_names_what_is_left_and_leaves_it_to_a_person(
    candidate: &Candidate,
) -> anyhow::Result<()> {
    let stage = stage(candidate).await?;
    stage.connect().await?;
    let request = ask(&stage, Right::Deletion, candidate.left_in_part, 0).await?;
    run_long_enough(&stage).await?;
    let task = stage.task(request).await?;
    let verdict = stage.verdict(request).await?;
    let Some(Outcome::DoneWithResidue { residue }) = &task.detail.outcome else {
        anyhow::bail!("it came to: {verdict}");
    };
    let is_told = |text: &String| !text.is_empty();
    let all_told =
        residue.iter().all(|it| [&it.place, &it.what, &it.to_do].into_iter().all(is_told));
    ensure!(!residue.is_empty() && all_told, "{residue:?}");
    let works = stage.hand_works(request).await?;
    let is_left = |place: &str| works.iter().any(|work| work.place == place);
    ensure!(residue.iter().all(|it| is_left(&it.place)), "{residue:?} and {works:?}");
    has_changed(&stage, 1).await
}

/// Nothing is sent again: not by the same engine, not by its successor, not weeks later.
pub async fn running_again_when_all_is_done_changes_nothing(
    candidate: &Candidate,
) -> anyhow::Result<()> {
    let (stage, request) = deletion(candidate).await?;
    run_long_enough(&stage).await?;
    is_carried_out(&stage, request).await?;
    for holder in ["stage", "successor"] {
        stage.engine(holder)?.run(Until::NothingDue).await?;
    }
    run_long_enough(&stage).await?;
    is_carried_out(&stage, request).await
}
