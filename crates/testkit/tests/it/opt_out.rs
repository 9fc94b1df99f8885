//! Opting out, by suppression and by consent event, and taking it back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::{Event, RequestId, Right};
use serde_json::{Value, json};
use store::crash::{Call, Crash, Moment};
use testkit::stage::Stage;

async fn stage_that_suppresses() -> anyhow::Result<Stage> {
    let stage = Stage::small().await?;
    stage
        .connect_with(|new| {
            new.settings.insert("opt_out_by".to_owned(), json!("suppress_only"));
        })
        .await?;
    Ok(stage)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suppression_is_confirmed_by_the_list_and_taken_back() -> anyhow::Result<()> {
    let stage = stage_that_suppresses().await?;
    let email = stage.value("regular", "email")?;
    let out = stage.submit(Right::OptOut, &[("email", &email)]).await?;
    stage.run_days(10).await?;
    assert_eq!(
        stage.verdict(out).await?,
        "ended, done (1 identifier sent), confirmed by 1 look-up"
    );
    let back = stage.submit(Right::OptIn, &[("email", &email)]).await?;
    stage.run_days(10).await?;
    assert_eq!(
        stage.verdict(back).await?,
        "ended, done (1 identifier sent), confirmed by 1 look-up"
    );
    let types: Vec<_> = stage.changes().await?.iter().map(|one| one["type"].clone()).collect();
    assert_eq!(types, ["SUPPRESS_ONLY", "UNSUPPRESS"]);
    assert_eq!(stage.compare_books().await?, 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suppression_that_takes_weeks_is_confirmed_no_sooner() -> anyhow::Result<()> {
    let stage = stage_that_suppresses().await?;
    stage.switch(&json!({"suppression_takes": "P20D"})).await?;
    let email = stage.value("regular", "email")?;
    let out = stage.submit(Right::OptOut, &[("email", &email)]).await?;
    stage.run_days(15).await?;
    assert_eq!(
        stage.verdict(out).await?,
        "waiting on vendor, waits for the vendor: the vendor is at work"
    );
    stage.run_days(20).await?;
    assert_eq!(
        stage.verdict(out).await?,
        "ended, done (1 identifier sent), confirmed by 1 look-up"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_opt_out_after_its_opposite_is_sent_though_an_older_one_is_at_the_vendor()
-> anyhow::Result<()> {
    let stage = stage_that_suppresses().await?;
    stage.switch(&json!({"suppression_takes": "P20D"})).await?;
    let email = stage.value("regular", "email")?;
    let user_id = stage.value("regular", "user_id")?;
    stage.submit(Right::OptOut, &[("email", &email)]).await?;
    stage.run_days(1).await?;
    stage.submit(Right::OptIn, &[("email", &email)]).await?;
    stage.run_days(1).await?;
    stage.submit(Right::OptOut, &[("user_id", &user_id)]).await?;
    stage.run_days(1).await?;
    let types: Vec<_> = stage.changes().await?.iter().map(|one| one["type"].clone()).collect();
    assert_eq!(types, ["SUPPRESS_ONLY", "UNSUPPRESS", "SUPPRESS_ONLY"]);
    assert_eq!(stage.entries(Event::TaskJoined).await?, []);
    Ok(())
}

async fn consent_of(stage: &Stage) -> anyhow::Result<Vec<Value>> {
    let audit = stage.control("GET", "/audit/segment", &Value::Null).await?;
    let events = audit["events"].as_array().cloned().unwrap_or_default();
    Ok(events.into_iter().map(|event| event["consent"].clone()).collect())
}

async fn is_unproven(stage: &Stage, request: RequestId) -> anyhow::Result<()> {
    assert_eq!(
        stage.verdict(request).await?,
        "ended, done (1 identifier sent), unproven: Segment gives no way to read the recorded consent back; \
         your engineers must have your other websites, apps and servers that send to Segment attach \
         the same choice to the person's events: until they do, Segment treats those as before, so that \
         after an opt-out it still passes them on"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consent_event_is_unproven_and_says_why_and_is_taken_back() -> anyhow::Result<()> {
    let (stage, out) = Stage::asked(Right::OptOut, "regular").await?;
    stage.run_days(2).await?;
    is_unproven(&stage, out).await?;
    let refused = consent_of(&stage).await?;
    assert_eq!(refused.len(), 1);
    let preferences = refused[0]["categoryPreferences"].as_object().unwrap();
    assert!(
        !preferences.is_empty() && preferences.values().all(|value| *value == json!(false)),
        "{refused:?}"
    );

    let back = stage.submit(Right::OptIn, &[("email", &stage.value("regular", "email")?)]).await?;
    stage.run_days(2).await?;
    is_unproven(&stage, back).await?;
    let allowed = consent_of(&stage).await?;
    assert_eq!(allowed.len(), 2);
    assert!(
        allowed[1]["categoryPreferences"]
            .as_object()
            .unwrap()
            .values()
            .all(|value| *value == json!(true))
    );
    assert_eq!(stage.compare_books().await?, 0, "no regulation");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_gets_no_consent_event_since_that_would_make_a_profile() -> anyhow::Result<()> {
    let stage = Stage::small().await?;
    stage.connect().await?;
    let out = stage.submit(Right::OptOut, &[("email", "nobody.knows@example.org")]).await?;
    stage.run_days(2).await?;
    assert!(stage.verdict(out).await?.starts_with("ended, nothing found"));
    assert!(consent_of(&stage).await?.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_to_a_consent_event_is_sent_again_on_record_and_kept_once()
-> anyhow::Result<()> {
    let (stage, out) = Stage::asked(Right::OptOut, "regular").await?;
    stage
        .faults(&json!([{"match": {"method": "POST", "path": "/v1/batch"}, "fault": "close_after_effect", "count": 1}]))
        .await?;
    stage.run_days(2).await?;
    is_unproven(&stage, out).await?;
    assert_eq!(consent_of(&stage).await?.len(), 1, "Segment drops the repeat by its messageId");
    assert_eq!(stage.entries(Event::IntentRepeated).await?.len(), 1);
    assert_eq!(stage.facts(Event::IntentReconciled, "answer").await?, ["can't tell"]);
    Ok(())
}

/// Dies as soon as the outcome of a changing call is written.
#[derive(Default)]
struct AfterOutcome(AtomicBool);

impl Crash for AfterOutcome {
    fn is_dead(&self, moment: Moment, call: Call<'_>) -> bool {
        let is_outcome = matches!(call, Call::Commit(ran) if ran.iter().any(|sql| sql.contains("UPDATE intent")));
        if moment == Moment::After && is_outcome {
            self.0.store(true, Ordering::SeqCst);
        }
        self.0.load(Ordering::SeqCst)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeat_is_on_record_also_where_the_engine_dies_right_after_deciding_on_it()
-> anyhow::Result<()> {
    let (mut stage, out) = Stage::asked(Right::OptOut, "regular").await?;
    stage
        .faults(&json!([{"match": {"method": "POST", "path": "/v1/batch"}, "fault": "close_after_effect", "count": 1}]))
        .await?;
    stage.store.crash_points().set(Arc::new(AfterOutcome::default()));
    assert!(stage.run_days(2).await.is_err(), "it died");
    stage.reopen().await?;
    stage.lease_millis.fetch_add(30_000, Ordering::SeqCst);
    assert_eq!(stage.entries(Event::IntentRepeated).await?.len(), 1);
    stage.run_days(2).await?;
    is_unproven(&stage, out).await
}
