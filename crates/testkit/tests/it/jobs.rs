//! What a vendor says of its jobs, and what is believed of it.

use domain::{Event, IdentifierKind, RequestState, Right, Task, TaskState};
use engine::operator::decide;
use serde_json::json;
use store::{Applied, Transition};
use testkit::stage::Stage;

const CONFIRMED: &str = "ended, done (1 identifier sent), confirmed by 5 look-ups";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_fails_comes_before_a_person_and_can_be_tried_again() -> anyhow::Result<()> {
    let (stage, request) = Stage::asked(Right::Deletion, "regular").await?;
    stage.switch(&json!({"job_fails": true})).await?;
    stage.run_days(40).await?;
    assert_eq!(
        stage.verdict(request).await?,
        "deciding, failed (Segment reports FAILED and names no destination as the cause), \
         waits for an operator: the vendor could not do it: Segment reports FAILED and names no destination as the cause"
    );
    assert_eq!(stage.compare_books().await?, 1);

    stage.switch(&json!({"job_fails": false})).await?;
    stage.retry(request).await?;
    stage.run_days(40).await?;
    assert_eq!(stage.verdict(request).await?, CONFIRMED);
    assert_eq!(stage.task(request).await?.round, 2);
    assert_eq!(stage.compare_books().await?, 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_submission_that_a_stop_left_unnoted_is_noted_at_the_first_poll() -> anyhow::Result<()> {
    let (stage, request) = Stage::asked(Right::Deletion, "regular").await?;
    stage.run().await?;
    let submitted = stage.task(request).await?;
    assert_eq!(submitted.state, TaskState::Waiting);
    let job = stage.store.carried_of(submitted.id).await?[0].job;

    let mut unnoted = Task { state: TaskState::Acting, due_at: None, ..submitted };
    unnoted.detail.sending = Some(job);
    let put_back = Transition { tasks: vec![unnoted], ..Transition::default() };
    assert_eq!(stage.store.apply(None, &[put_back]).await?, [Applied::Done]);
    let first_poll = stage.store.job(job).await?.unwrap().due_at.unwrap();
    stage.faults(&json!([{"match": {"method": "GET"}, "fault": "503", "count": 1000}])).await?;
    stage.jump(first_poll).await;
    stage.run().await?;
    assert!(!stage.entries(Event::JobPollFailed).await?.is_empty());
    assert_eq!(stage.task(request).await?.state, TaskState::Waiting, "though the vendor failed");
    stage.faults(&json!([])).await?;
    stage.run_days(40).await?;
    assert_eq!(stage.verdict(request).await?, CONFIRMED);
    assert_eq!(stage.compare_books().await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_goes_back_from_its_end_changes_nothing() -> anyhow::Result<()> {
    let (stage, request) = Stage::asked(Right::Deletion, "regular").await?;
    stage.switch(&json!({"goes_back": true})).await?;
    stage.run_days(40).await?;
    assert_eq!(stage.verdict(request).await?, CONFIRMED);
    assert_eq!(stage.compare_books().await?, 1);
    assert_eq!(stage.entries(Event::JobEnded).await?.len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_status_word_is_shown_and_is_no_verdict() -> anyhow::Result<()> {
    let (stage, request) = Stage::asked(Right::Deletion, "regular").await?;
    stage.switch(&json!({"unknown_status": "ARCHIVING"})).await?;
    stage.run_days(25).await?;
    assert_eq!(stage.task(request).await?.state, TaskState::Waiting);
    assert!(
        stage.facts(Event::JobReported, "vendor_says").await?.contains(&"ARCHIVING".to_owned())
    );
    stage.switch(&json!({"unknown_status": null})).await?;
    stage.run_days(10).await?;
    assert_eq!(stage.verdict(request).await?, CONFIRMED);
    assert_eq!(stage.compare_books().await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn done_while_the_data_is_there_is_refuted_and_a_person_decides() -> anyhow::Result<()> {
    let (stage, request) = Stage::asked(Right::Deletion, "regular").await?;
    let user_id = stage.value("regular", "user_id")?;
    stage.switch(&json!({"lies_about": [user_id]})).await?;
    stage.run_days(40).await?;
    let space =
        stage.twins["segment"]["credentials"]["full"]["spaces"][0]["space_id"].as_str().unwrap();
    assert_eq!(
        stage.verdict(request).await?,
        format!(
            "deciding, refuted (still there in {space}), waits for an operator: the vendor says done, but the person is still there in {space}; begin another round, or settle it with a note"
        )
    );
    let looks = stage.facts(Event::Looked, "n_present").await?;
    assert_eq!(looks, ["5"; 6], "the whole schedule of looks");

    stage.switch(&json!({"lies_about": []})).await?;
    stage.retry(request).await?;
    stage.run_days(40).await?;
    assert_eq!(stage.verdict(request).await?, CONFIRMED);
    assert_eq!((stage.task(request).await?.round, stage.compare_books().await?), (2, 2));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn residue_names_the_destination_and_leaves_it_to_a_person() -> anyhow::Result<()> {
    let (stage, request) = Stage::asked(Right::Deletion, "residue").await?;
    stage.run_days(40).await?;
    assert_eq!(
        stage.verdict(request).await?,
        "ended, done with residue (left in: Google Analytics 4 Web), confirmed by 5 look-ups"
    );
    let works = stage.hand_works(request).await?;
    assert_eq!(works.len(), 1, "{works:?}");
    assert_eq!(works[0].place, "Google Analytics 4 Web");
    assert!(
        works[0].what.contains("delete the person in Google Analytics 4 Web itself"),
        "{works:?}"
    );
    assert_eq!(stage.compare_books().await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_that_fails_is_named_with_what_to_do() -> anyhow::Result<()> {
    let (stage, request) = Stage::asked(Right::Deletion, "failing_destination").await?;
    stage.run_days(40).await?;
    let verdict = stage.verdict(request).await?;
    assert_eq!(verdict, "ended, done with residue (left in: Amplitude), confirmed by 5 look-ups");
    let works = stage.hand_works(request).await?;
    assert!(works.iter().any(|work| work.what.contains("FAILED for Amplitude")), "{works:?}");
    assert_eq!(stage.compare_books().await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_back_opens_another_round_that_a_person_lets_through() -> anyhow::Result<()> {
    let (stage, request) = Stage::asked(Right::Deletion, "regular").await?;
    stage.switch(&json!({"deletion_takes": "P1D", "reappear_after": "P5D"})).await?;
    stage.run_days(4).await?;
    assert_eq!(stage.verdict(request).await?, CONFIRMED);
    stage.switch(&json!({"reappear_after": null})).await?;
    stage.run_days(8).await?;
    assert_eq!(
        stage.verdict(request).await?,
        "approving, waits for an operator: what had been deleted was found again: look before it is deleted once more"
    );
    assert_eq!(stage.compare_books().await?, 1);
    stage.approve().await?;
    stage.run_days(40).await?;
    let task = stage.task(request).await?;
    assert_eq!((task.round, stage.verdict(request).await?.as_str()), (2, CONFIRMED));
    assert_eq!(stage.facts(Event::Looked, "reappeared").await?, ["true"]);
    assert_eq!(stage.compare_books().await?, 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_submission_it_counts_early_unproven_and_is_upgraded() -> anyhow::Result<()> {
    let stage = Stage::small().await?;
    stage.connect().await?;
    stage.set_switches(&[("completion", "on_submission")]).await?;
    let email = stage.value("regular", "email")?;
    let request = stage.submit(Right::Deletion, &[("email", &email)]).await?;
    stage.run().await?;
    stage.jump(stage.now().checked_add(jiff::SignedDuration::from_secs(10))?).await;
    stage.run().await?;
    assert_eq!(
        stage.verdict(request).await?,
        "waiting on vendor, unproven: the vendor has accepted it but not finished, waits for the vendor: the vendor is at work"
    );
    let state = stage.store.request(request).await?.unwrap().state;
    assert_eq!(state, RequestState::Answering, "it counts for the request");
    stage.run_days(40).await?;
    assert_eq!(stage.verdict(request).await?, CONFIRMED);
    assert_eq!(stage.compare_books().await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_submission_a_failure_counts_no_longer() -> anyhow::Result<()> {
    let stage = Stage::small().await?;
    stage.connect().await?;
    stage.set_switches(&[("completion", "on_submission")]).await?;
    stage.switch(&json!({"job_fails": true})).await?;
    let email = stage.value("regular", "email")?;
    let request = stage.submit(Right::Deletion, &[("email", &email)]).await?;
    stage.run_days(40).await?;
    assert_eq!(
        stage.verdict(request).await?,
        "deciding, failed (Segment reports FAILED and names no destination as the cause), waits for an operator: the vendor could not do it: Segment reports FAILED and names no destination as the cause"
    );
    let state = stage.store.request(request).await?.unwrap().state;
    assert_eq!(state, RequestState::InProgress);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_submission_a_failure_after_the_answer_opens_the_request_again() -> anyhow::Result<()> {
    let stage = Stage::small().await?;
    stage.connect().await?;
    stage.set_switches(&[("completion", "on_submission")]).await?;
    stage.switch(&json!({"job_fails": true})).await?;
    let email = stage.value("regular", "email")?;
    let request = stage.submit(Right::Deletion, &[("email", &email)]).await?;
    stage.run().await?;
    decide::answer(&stage.desk(), request, "told").await?;
    let state =
        async || Ok::<_, anyhow::Error>(stage.store.request(request).await?.map(|one| one.state));
    assert_eq!(state().await?, Some(RequestState::Closed));
    stage.run_days(40).await?;
    assert_eq!(state().await?, Some(RequestState::InProgress));
    assert_eq!(stage.entries(Event::RequestReopened).await?.len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_withdrawn_request_begins_nothing_new() -> anyhow::Result<()> {
    let (stage, request) = Stage::asked(Right::Deletion, "regular").await?;
    stage.run().await?;
    stage.add_identifier(request, IdentifierKind::UserId, "someone-else-1").await?;
    decide::cancel(&stage.desk(), request, "taken back").await?;
    stage.run_days(40).await?;
    assert_eq!(stage.verdict(request).await?, "ended, cancelled");
    assert_eq!(stage.compare_books().await?, 1);
    Ok(())
}
