//! Calls that go wrong: whatever happens to them, a person is deleted once, and nothing that was
//! not understood is taken for an answer.

use anyhow::{Context as _, ensure};
use domain::Event;
use serde_json::{Value, json};

use super::{deletion, fault, has_changed, is_carried_out, run_long_enough};
use crate::candidate::Candidate;
use crate::stage::Stage;

/// A 429 that says when to come back.
pub async fn a_429_with_a_hint_is_waited_for(candidate: &Candidate) -> anyhow::Result<()> {
    let faults = json!([fault(candidate.deletion, "429", 3), fault(candidate.look_up, "429", 3)]);
    let stage = undeterred(candidate, &faults).await?;
    let answers = stage.facts(Event::IntentAnswered, "answer").await?;
    ensure!(answers == ["refused", "refused", "refused", "answered"], "{answers:?}");
    Ok(())
}

/// A 429 that does not.
pub async fn a_429_without_a_hint_is_backed_off_from(candidate: &Candidate) -> anyhow::Result<()> {
    let (stage, request) = deletion(candidate).await?;
    stage.switch(&serde_json::from_str(candidate.without_hint)?).await?;
    stage
        .faults(&json!([fault(candidate.deletion, "429", 2), fault(candidate.look_up, "429", 6)]))
        .await?;
    run_long_enough(&stage).await?;
    is_carried_out(&stage, request).await
}

/// A fault of the vendor's own.
pub async fn a_5xx_on_a_read_is_no_verdict(candidate: &Candidate) -> anyhow::Result<()> {
    for word in ["500", "503"] {
        let faults = json!([{"match": {"method": "GET"}, "fault": word, "count": 20}]);
        let stage = undeterred(candidate, &faults).await.context(word)?;
        ensure!(!stage.entries(Event::TaskParked).await?.is_empty(), "{word}: nothing waited");
    }
    Ok(())
}

/// A connection that closes before the answer, or within it.
pub async fn a_cut_connection_on_a_read_is_no_verdict(candidate: &Candidate) -> anyhow::Result<()> {
    for word in ["close", "cut_body"] {
        let faults = json!([{"match": {"method": "GET"}, "fault": word, "count": 6}]);
        undeterred(candidate, &faults).await.context(word)?;
    }
    Ok(())
}

/// A page of HTML with status 200, and half a JSON.
pub async fn an_unreadable_answer_to_a_read_is_no_absence(
    candidate: &Candidate,
) -> anyhow::Result<()> {
    for word in ["html", "malformed_json"] {
        let faults = json!([fault(candidate.look_up, word, 3)]);
        let stage = undeterred(candidate, &faults).await.context(word)?;
        let why = stage.facts(Event::TaskParked, "why").await?;
        let is_told = why.iter().all(|why| why.contains("the vendor broke its contract"));
        ensure!(!why.is_empty() && is_told, "{word}: {why:?}");
    }
    Ok(())
}

/// The same, again and again.
pub async fn unreadable_answers_without_end_come_before_a_person(
    candidate: &Candidate,
) -> anyhow::Result<()> {
    let (stage, request) = deletion(candidate).await?;
    stage.faults(&json!([fault(candidate.look_up, "html", 1_000_000)])).await?;
    stage.run_days(2).await?;
    let verdict = stage.verdict(request).await?;
    let expected = "deciding, waits for an operator: the vendor broke its contract: ";
    ensure!(verdict.starts_with(expected), "{verdict}");
    has_changed(&stage, 0).await
}

/// The answer says nothing, and the call had no effect.
pub async fn a_change_that_was_not_made_is_made_once(candidate: &Candidate) -> anyhow::Result<()> {
    for word in ["500", "503", "close"] {
        found_out(candidate, word, "reconciled: it did not happen").await.context(word)?;
    }
    Ok(())
}

/// The answer does not come in time, and the call had no effect.
pub async fn a_time_out_without_effect_is_made_up_for_once(
    candidate: &Candidate,
) -> anyhow::Result<()> {
    found_out(candidate, "timeout", "reconciled: it did not happen").await.map(|_| ())
}

/// The answer does not come in time, and the call had its effect.
pub async fn a_time_out_after_the_effect_does_not_delete_twice(
    candidate: &Candidate,
) -> anyhow::Result<()> {
    was_made_once(candidate, "timeout_after_effect").await
}

/// The answer is cut off, and the call had its effect.
pub async fn a_lost_answer_does_not_delete_twice(candidate: &Candidate) -> anyhow::Result<()> {
    for word in ["close_after_effect", "cut_body"] {
        was_made_once(candidate, word).await.context(word)?;
    }
    Ok(())
}

/// The answer makes no sense, and the call had its effect.
pub async fn an_unreadable_answer_does_not_delete_twice(
    candidate: &Candidate,
) -> anyhow::Result<()> {
    for word in ["html", "malformed_json"] {
        was_made_once(candidate, word).await.context(word)?;
    }
    Ok(())
}

/// A deletion that is carried out in spite of these faults.
async fn undeterred(candidate: &Candidate, faults: &Value) -> anyhow::Result<Stage> {
    let (stage, request) = deletion(candidate).await?;
    stage.faults(faults).await?;
    run_long_enough(&stage).await?;
    is_carried_out(&stage, request).await?;
    Ok(stage)
}

async fn was_made_once(candidate: &Candidate, word: &str) -> anyhow::Result<()> {
    let stage = found_out(candidate, word, "reconciled: it happened").await?;
    let n_written = stage.entries(Event::IntentWritten).await?.len();
    ensure!(n_written == 1, "{n_written} intents were written");
    Ok(())
}

/// A deletion of which one changing call goes wrong like this; what became of that is found out.
async fn found_out(candidate: &Candidate, word: &str, finding: &str) -> anyhow::Result<Stage> {
    let stage = undeterred(candidate, &json!([fault(candidate.deletion, word, 1)])).await?;
    let n_lost = stage.entries(Event::IntentLost).await?.len();
    ensure!(n_lost == 1, "{n_lost} answers were lost");
    let findings = stage.facts(Event::IntentReconciled, "answer").await?;
    ensure!(findings == [finding], "{findings:?}");
    Ok(stage)
}
