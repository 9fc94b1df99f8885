//! The conformance suite: what every connector must show against its twin, with the real engine,
//! store and sockets, in virtual time.
//!
//! A connector joins with a [`Candidate`] and a line, `testkit::conformance!(CANDIDATE);`, which
//! makes a test of every scenario. A scenario knows no vendor; what is a vendor's own (its
//! oddities, the words of its verdicts) belongs into stories of its own.

pub mod calls;
pub mod connecting;
pub mod ends;
mod log;
pub mod manifest;
pub mod secrets;
#[cfg(test)]
mod tests;
mod watched;

use std::time::Duration;

use domain::{RequestId, Right};
use serde_json::{Value, json};

use crate::candidate::{Calls, Candidate};
use crate::stage::Stage;

/// Joins the suite: a test per scenario.
#[macro_export]
macro_rules! conformance {
    ($candidate:expr) => {
        $crate::conformance! { $candidate;
            connecting: credentials_that_the_vendor_refuses_save_nothing;
            connecting: credentials_of_another_region_save_nothing;
            connecting: credentials_of_another_account_save_nothing;
            connecting: a_required_permission_that_is_missing_is_named_with_its_click_path_and_saves_nothing;
            connecting: an_optional_permission_that_is_missing_is_named_with_what_is_lost;
            connecting: credentials_refused_in_the_middle_pause_and_lose_nothing;
            connecting: credentials_that_come_to_lead_to_another_account_send_nothing;
            calls: a_429_with_a_hint_is_waited_for;
            calls: a_429_without_a_hint_is_backed_off_from;
            calls: a_5xx_on_a_read_is_no_verdict;
            calls: a_cut_connection_on_a_read_is_no_verdict;
            calls: an_unreadable_answer_to_a_read_is_no_absence;
            calls: unreadable_answers_without_end_come_before_a_person;
            calls: a_change_that_was_not_made_is_made_once;
            calls: a_time_out_without_effect_is_made_up_for_once;
            calls: a_time_out_after_the_effect_does_not_delete_twice;
            calls: a_lost_answer_does_not_delete_twice;
            calls: an_unreadable_answer_does_not_delete_twice;
            ends: a_person_whom_nobody_knows_ends_as_nothing_found_and_says_where;
            ends: a_job_that_never_ends_expires_visibly;
            ends: partial_success_names_what_is_left_and_leaves_it_to_a_person;
            ends: running_again_when_all_is_done_changes_nothing;
            manifest: every_call_and_every_refusal_is_known_to_the_manifest;
            secrets: no_secret_is_in_a_log_line_an_error_the_journal_or_the_evidence;
        }
    };
    ($candidate:expr; $($group:ident: $scenario:ident;)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() -> anyhow::Result<()> {
                $crate::conformance::$group::$scenario(&$candidate).await
            }
        )+
    };
}

/// A small stage of the candidate's, with nothing connected.
async fn stage(candidate: &Candidate) -> anyhow::Result<Stage> {
    let options = twins::Options { people: 60, ..twins::Options::default() };
    Stage::set_for(candidate, options).await
}

/// A small stage with the twin connected, and a request for the deletion of the first known person.
async fn deletion(candidate: &Candidate) -> anyhow::Result<(Stage, RequestId)> {
    let stage = stage(candidate).await?;
    stage.connect().await?;
    let request = ask(&stage, Right::Deletion, candidate.known, 0).await?;
    Ok((stage, request))
}

/// A request for the `n`th person of a kind.
async fn ask(stage: &Stage, right: Right, kind: &str, n: usize) -> anyhow::Result<RequestId> {
    let by = stage.candidate.known_by;
    let people = stage.subjects(kind);
    let value = people.get(n).and_then(|person| person[by].as_str());
    let value = value.ok_or_else(|| anyhow::anyhow!("person {n} of kind {kind} has no {by}"))?;
    stage.submit(right, &[(by, value)]).await
}

/// Until after the longest time the vendor grants itself, and the looks after it.
async fn run_long_enough(stage: &Stage) -> anyhow::Result<()> {
    stage.run_days(days_of_a_job(&stage.candidate) + 10).await
}

/// The longest time the vendor grants itself, in days begun.
fn days_of_a_job(candidate: &Candidate) -> i64 {
    days(candidate.manifest().longest)
}

/// A time in days begun.
fn days(time: Duration) -> i64 {
    i64::try_from(time.as_secs().div_ceil(86_400)).unwrap_or(i64::MAX)
}

/// An entry of the list of faults.
fn fault(calls: Calls, fault: &str, count: u32) -> Value {
    json!({"match": {"method": calls.method, "path": calls.path}, "fault": fault, "count": count})
}

/// The deletion was carried out as if nothing had gone wrong, by one changing call.
async fn is_carried_out(stage: &Stage, request: RequestId) -> anyhow::Result<()> {
    let verdict = stage.verdict(request).await?;
    anyhow::ensure!(verdict == stage.candidate.carried_out, "it came to: {verdict}");
    has_changed(stage, 1).await
}

/// The twin has taken so many changing calls, and the journal knows each.
async fn has_changed(stage: &Stage, n_expected: usize) -> anyhow::Result<()> {
    let n_changes = stage.compare_books().await?;
    anyhow::ensure!(n_changes == n_expected, "{n_changes} changing calls, not {n_expected}");
    Ok(())
}

/// A permission by the manifest's name. One that each place grants by itself is reported per place,
/// as `NAME in PLACE`.
fn of_the_manifest(permission: &str) -> &str {
    permission.split_once(" in ").map_or(permission, |(name, _)| name)
}
