//! Yesterday's backup is put back: the vendor's state wins, and nothing is sent twice.

use std::path::PathBuf;

use domain::{Event, RequestId, RequestState, Right, TaskState};
use engine::operator::keys::{self, KeyPurpose};
use engine::operator::{controls, decide, purge, show};
use serde_json::json;
use testkit::stage::Stage;

const CONFIRMED: &str = "ended, done (1 identifier sent), confirmed by 5 look-ups";

/// A stage with deletions that wait for approval, and a backup of that moment.
async fn waiting(n: usize) -> anyhow::Result<(Stage, Vec<RequestId>, PathBuf)> {
    let stage = Stage::small().await?;
    stage.connect().await?;
    stage.set_switches(&[("approval", "ask")]).await?;
    let mut requests = Vec::new();
    for subject in stage.subjects("regular").iter().take(n) {
        let email = subject["email"].as_str().unwrap_or_default();
        requests.push(stage.submit(Right::Deletion, &[("email", email)]).await?);
    }
    stage.run_days(0).await?;
    let backup = stage.back_up("backup").await?;
    Ok((stage, requests, backup))
}

async fn changes_are_allowed(stage: &Stage) -> anyhow::Result<()> {
    assert!(controls::resume_all(&stage.desk()).await?.was_paused, "it starts paused");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sent_after_the_backup_is_found_at_the_vendor_and_not_sent_again()
-> anyhow::Result<()> {
    let (mut stage, requests, backup) = waiting(3).await?;
    stage.approve().await?;
    stage.run_days(1).await?;
    assert_eq!(stage.changes().await?.len(), 1, "one call for all three");
    assert_eq!(stage.task(requests[0]).await?.state, TaskState::Waiting);

    let told = stage.put_back(&backup).await?;
    assert_eq!((told.generation, told.n_jobs), (1, 0));
    assert_eq!(stage.task(requests[0]).await?.state, TaskState::Approving);
    let paused = controls::paused(&stage.store).await?.unwrap();
    assert!(paused.why.unwrap().starts_with("put back from the backup of "));
    stage.approve().await?;
    stage.run_days(1).await?;
    assert_eq!(stage.changes().await?.len(), 1, "nothing is sent while it is paused");
    changes_are_allowed(&stage).await?;
    stage.run_days(40).await?;
    for request in requests {
        assert_eq!(stage.verdict(request).await?, CONFIRMED);
    }
    assert_eq!(stage.changes().await?.len(), 1, "and not after");
    assert_eq!(stage.compare_books().await?, 1);
    assert_eq!(stage.facts(Event::JobFound, "n_tasks").await?, ["3"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sent_before_a_first_restore_is_found_after_a_second_one() -> anyhow::Result<()> {
    let (mut stage, requests, backup) = waiting(1).await?;
    stage.approve().await?;
    stage.run_days(1).await?;
    assert_eq!(stage.changes().await?.len(), 1);
    stage.put_back(&backup).await?;
    stage.run_days(1).await?;
    assert_eq!(stage.task(requests[0]).await?.state, TaskState::Approving, "still at its gate");
    let later = stage.now().checked_add(jiff::SignedDuration::from_hours(24))?;
    stage.jump(later).await;
    let second = stage.back_up("second").await?;
    assert_eq!(stage.put_back(&second).await?.generation, 2);
    changes_are_allowed(&stage).await?;
    stage.approve().await?;
    stage.run_days(40).await?;
    assert_eq!(stage.verdict(requests[0]).await?, CONFIRMED);
    assert_eq!(stage.changes().await?.len(), 1, "it is not sent again");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_sent_before_or_after_the_backup_is_sent_once_it_may() -> anyhow::Result<()> {
    let (mut stage, requests, backup) = waiting(2).await?;
    let sent = stage.pending().await?.remove(0);
    engine::operator::approve::approve(&stage.desk(), &[sent]).await?;
    stage.run_days(1).await?;
    assert_eq!(stage.changes().await?.len(), 1);
    stage.put_back(&backup).await?;
    changes_are_allowed(&stage).await?;
    stage.approve().await?;
    stage.run_days(40).await?;
    for request in requests {
        assert_eq!(stage.verdict(request).await?, CONFIRMED);
    }
    assert_eq!(stage.compare_books().await?, 2, "each person was sent once");
    let mut regulated = stage.regulated().await?;
    regulated.sort();
    regulated.dedup();
    assert_eq!(regulated.len(), 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_the_backup_knew_is_asked_about_while_everything_is_paused() -> anyhow::Result<()>
{
    let (mut stage, requests, _) = waiting(1).await?;
    stage.approve().await?;
    stage.run_days(1).await?;
    let backup = stage.back_up("later").await?;
    stage.run_days(40).await?;
    assert_eq!(stage.verdict(requests[0]).await?, CONFIRMED);
    let told = stage.put_back(&backup).await?;
    assert_eq!(told.n_jobs, 1);
    assert_eq!(stage.task(requests[0]).await?.state, TaskState::Waiting);
    stage.run_days(1).await?;
    assert_eq!(stage.verdict(requests[0]).await?, CONFIRMED, "looking is no changing call");
    assert_eq!(stage.compare_books().await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_whose_answer_the_backup_did_not_know_is_found_out_and_not_sent_again()
-> anyhow::Result<()> {
    let (mut stage, requests, _) = waiting(1).await?;
    stage.switch(&json!({"regulations_listed_after": "PT4M"})).await?;
    stage
        .faults(&json!([{"match": {"method": "POST", "path": "/regulations"}, "fault": "close_after_effect", "count": 1}]))
        .await?;
    stage.approve().await?;
    stage.run().await?;
    assert_eq!(stage.facts(Event::IntentWritten, "endpoint").await?.len(), 1);
    assert_eq!(stage.facts(Event::IntentReconciled, "answer").await?, Vec::<String>::new());
    let backup = stage.back_up("open").await?;
    stage.run_days(40).await?;
    assert_eq!(stage.verdict(requests[0]).await?, CONFIRMED);

    let told = stage.put_back(&backup).await?;
    assert_eq!(told.n_jobs, 1);
    stage.run_days(1).await?;
    assert_eq!(
        stage.facts(Event::IntentReconciled, "answer").await?.len(),
        1,
        "while it is paused"
    );
    changes_are_allowed(&stage).await?;
    stage.run_days(40).await?;
    assert_eq!(stage.verdict(requests[0]).await?, CONFIRMED);
    assert_eq!(stage.changes().await?.len(), 1, "nothing was sent again");
    assert_eq!(stage.compare_books().await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_purged_after_the_backup_is_purged_again_though_the_backup_knew_it_as_open()
-> anyhow::Result<()> {
    let (mut stage, requests, backup) = waiting(2).await?;
    stage.approve().await?;
    stage.run_days(40).await?;
    let desk = stage.desk();
    decide::answer(&desk, requests[0], "told by letter").await?;
    purge::purge(&desk, requests[0]).await?;
    let told = stage.put_back(&backup).await?;
    assert_eq!(told.n_purged, 1);
    assert!(stage.store.identifiers_of(&[requests[0]]).await?.is_empty());
    let view = show::request_view(&stage.desk(), requests[0], true).await?;
    assert_eq!(view.asked.state, RequestState::Closed);
    assert_eq!(view.asked.closing.unwrap().how.word(), "fulfilled");
    changes_are_allowed(&stage).await?;
    stage.approve().await?;
    stage.run_days(40).await?;
    assert_eq!(stage.verdict(requests[1]).await?, CONFIRMED, "the other one goes on");
    assert_eq!(stage.changes().await?.len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_window_no_backup_opens_what_was_purged() -> anyhow::Result<()> {
    let (mut stage, requests, backup) = waiting(2).await?;
    let email = stage.subjects("regular")[0]["email"].as_str().unwrap_or_default().to_owned();
    let old = "epoch-2026-09";
    let has = |stage: &Stage| stage.store.key_names().iter().any(|key| key.as_str() == old);
    decide::deny(&stage.desk(), requests[0], "not theirs").await?;
    purge::purge(&stage.desk(), requests[0]).await?;
    keys::rotate(&stage.desk(), Some(KeyPurpose::Epoch)).await?;
    stage.run().await?;
    assert_eq!(stage.facts(Event::KeyRetired, "key").await?, [old], "the other request has moved");

    days_pass(&stage, 34).await?;
    assert!(has(&stage), "a backup of those days may still be put back");
    days_pass(&stage, 2).await?;
    assert!(!has(&stage));
    assert_eq!(stage.facts(Event::KeyDestroyed, "key").await?, [old]);
    days_pass(&stage, 2).await?;
    assert_eq!(stage.facts(Event::KeyDestroyed, "key").await?.len(), 1);
    let left = std::fs::read_dir(stage.folder.path().join("keys"))?;
    let names = left.map(|file| Ok(file?.file_name().to_string_lossy().into_owned()));
    let names = names.collect::<std::io::Result<Vec<_>>>()?;
    assert!(names.iter().all(|name| !name.starts_with(&format!("{old}."))), "{names:?}");
    let identifiers = stage.store.identifiers_of(&requests).await?;
    assert!(identifiers.iter().any(|(request, _)| *request == requests[1]), "moved, and opens");

    let refused = stage.put_back(&backup).await;
    anyhow::ensure!(refused.is_err(), "an open request of that day can't be read any more");
    let mut files = vec![backup];
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(&path)?.map(|file| file.unwrap().path()));
            continue;
        }
        let bytes = std::fs::read(&path)?;
        let has_mark = bytes.windows(email.len()).any(|at| at == email.as_bytes());
        assert!(!has_mark, "{}", path.display());
    }
    Ok(())
}

async fn days_pass(stage: &Stage, days: i64) -> anyhow::Result<()> {
    stage.jump(stage.now().checked_add(jiff::SignedDuration::from_hours(24 * days))?).await;
    stage.run().await.map(drop)
}
