//! Connecting, and what becomes of a connection whose credentials change under it.

use anyhow::{Context as _, ensure};
use connector_api::check::missing_required;
use connector_api::manifest::{Field, FieldKind};
use domain::Event;
use domain::connection::{CheckReport, Verdict};
use engine::operator::connections::{self, NewConnection};
use serde_json::{Value, json};

use super::{deletion, has_changed, is_carried_out, of_the_manifest, run_long_enough, stage};
use crate::candidate::{Candidate, FULL, REVOKED};
use crate::stage::Stage;

/// Credentials that are mistyped or were revoked.
pub async fn credentials_that_the_vendor_refuses_save_nothing(
    candidate: &Candidate,
) -> anyhow::Result<()> {
    let stage = stage(candidate).await?;
    let entered = candidate.entered(&stage.twins, REVOKED)?;
    is_refused(&stage, entered).await.map(|_| ())
}

/// Credentials that are good elsewhere: here, nobody has ever seen them.
pub async fn credentials_of_another_region_save_nothing(
    candidate: &Candidate,
) -> anyhow::Result<()> {
    let elsewhere = twins::Options { people: 60, seed: 2, ..twins::Options::default() };
    let elsewhere = Stage::set_for(candidate, elsewhere).await?;
    let stage = stage(candidate).await?;
    let here = candidate.entered(&stage.twins, FULL)?;
    let mut entered = candidate.entered(&elsewhere.twins, FULL)?;
    entered.base_urls = here.base_urls;
    is_refused(&stage, entered).await.map(|_| ())
}

/// Good credentials, but not of the account that was entered.
pub async fn credentials_of_another_account_save_nothing(
    candidate: &Candidate,
) -> anyhow::Result<()> {
    let stage = stage(candidate).await?;
    stage.switch(&serde_json::from_str(candidate.other_account)?).await?;
    let entered = candidate.entered(&stage.twins, FULL)?;
    is_refused(&stage, entered).await.map(|_| ())
}

/// Every required permission that the twin has credentials without.
pub async fn a_required_permission_that_is_missing_is_named_with_its_click_path_and_saves_nothing(
    candidate: &Candidate,
) -> anyhow::Result<()> {
    let stage = stage(candidate).await?;
    for (name, required) in lacking(&stage)? {
        if !required {
            continue;
        }
        let entered = candidate.entered(&stage.twins, &format!("/without/{name}"))?;
        let report = is_refused(&stage, entered).await.context(name.clone())?;
        let named: Vec<_> =
            missing_required(&report).iter().map(|it| of_the_manifest(&it.permission)).collect();
        ensure!(named == [name.as_str()], "without {name}, {named:?} are named");
    }
    Ok(())
}

/// Every optional permission that the twin has credentials without, and every optional secret.
pub async fn an_optional_permission_that_is_missing_is_named_with_what_is_lost(
    candidate: &Candidate,
) -> anyhow::Result<()> {
    let first = stage(candidate).await?;
    for (name, _) in lacking(&first)?.into_iter().filter(|(_, required)| !required) {
        let stage = stage(candidate).await?;
        let entered = candidate.entered(&stage.twins, &format!("/without/{name}"))?;
        let report = is_saved(&stage, entered).await.context(name.clone())?;
        let missing = report.permissions.iter().filter(|it| it.verdict == Verdict::Missing);
        let missing: Vec<_> = missing.collect();
        let is_told =
            missing.iter().all(|it| of_the_manifest(&it.permission) == name && !it.lost.is_empty());
        ensure!(!missing.is_empty() && is_told, "without {name}: {missing:?}");
    }
    for field in candidate.manifest().fields.iter().filter(|field| is_optional_secret(field)) {
        let stage = stage(candidate).await?;
        let mut entered = candidate.entered(&stage.twins, FULL)?;
        entered.secrets.retain(|name, _| name.split('.').next() != Some(field.key));
        let report = is_saved(&stage, entered).await.context(field.key)?;
        let mut missing = report.permissions.iter().filter(|it| it.verdict == Verdict::Missing);
        let is_told = missing.any(|it| !it.lost.is_empty()) || !report.notes.is_empty();
        ensure!(is_told, "nobody is told what is lost without {}", field.key);
    }
    Ok(())
}

/// Credentials that stop working for a moment, in the middle of the work.
pub async fn credentials_refused_in_the_middle_pause_and_lose_nothing(
    candidate: &Candidate,
) -> anyhow::Result<()> {
    let (stage, request) = deletion(candidate).await?;
    stage.faults(&json!([{"fault": "401", "count": 4}])).await?;
    run_long_enough(&stage).await?;
    let n_paused = stage.entries(Event::ConnectionPaused).await?.len();
    let n_resumed = stage.entries(Event::ConnectionResumed).await?.len();
    ensure!((n_paused, n_resumed) == (1, 1), "paused {n_paused} times, resumed {n_resumed} times");
    is_carried_out(&stage, request).await
}

/// Credentials that lead to another account than when they were entered.
pub async fn credentials_that_come_to_lead_to_another_account_send_nothing(
    candidate: &Candidate,
) -> anyhow::Result<()> {
    let (stage, request) = deletion(candidate).await?;
    stage.switch(&serde_json::from_str(candidate.other_account)?).await?;
    stage.run_days(3).await?;
    let verdict = stage.verdict(request).await?;
    let expected = "approving, waits for an operator: the plan changed since it was approved: the credentials lead to another account";
    ensure!(verdict == expected, "{verdict}");
    let n_paused = stage.entries(Event::ConnectionPaused).await?.len();
    let n_resumed = stage.entries(Event::ConnectionResumed).await?.len();
    ensure!((n_paused, n_resumed) == (1, 0), "paused {n_paused} times, resumed {n_resumed} times");
    has_changed(&stage, 0).await
}

/// The permissions that the twin has credentials without, and whether the manifest requires them.
fn lacking(stage: &Stage) -> anyhow::Result<Vec<(String, bool)>> {
    let without = stage.twins[stage.candidate.name()].pointer("/credentials/without");
    let names = without.and_then(Value::as_object).context("the twin has credentials `without`")?;
    let look = |name: &String| {
        let permission = stage.candidate.manifest().permission(name);
        let permission = permission.with_context(|| format!("{name} is in no manifest"))?;
        Ok((name.clone(), permission.required))
    };
    names.keys().map(look).collect()
}

fn is_optional_secret(field: &Field) -> bool {
    !field.required && matches!(field.kind, FieldKind::Secret | FieldKind::SecretPer(_))
}

/// The check names what is missing with the way to grant it, and nothing is kept.
async fn is_refused(stage: &Stage, entered: NewConnection) -> anyhow::Result<CheckReport> {
    let (draft, report) = stage.check(entered).await?;
    let missing = missing_required(&report);
    let is_told = |name: &str| {
        let permission = stage.candidate.manifest().permission(of_the_manifest(name));
        permission.is_some_and(|it| !it.grant.is_empty() && !it.lost.is_empty())
    };
    ensure!(!missing.is_empty(), "the check found nothing wrong: {report:?}");
    ensure!(
        missing.iter().all(|it| is_told(&it.permission) && it.grant.contains('▸')),
        "it is not said how to grant {missing:?}"
    );
    let saved = connections::add(&stage.desk(), draft, report.clone()).await;
    ensure!(saved.is_err(), "it was saved");
    ensure!(stage.store.all_connections().await?.is_empty(), "a connection was saved");
    ensure!(
        stage.entries(Event::ConnectionAdded).await?.is_empty(),
        "the journal says it was added"
    );
    Ok(report)
}

/// It is kept and works.
async fn is_saved(stage: &Stage, entered: NewConnection) -> anyhow::Result<CheckReport> {
    let (draft, report) = stage.check(entered).await?;
    let connection = connections::add(&stage.desk(), draft, report.clone()).await?;
    ensure!(connection.paused.is_none(), "it is paused: {:?}", connection.paused);
    for state in &report.capabilities {
        ensure!(state.lacking.as_ref().is_none_or(|why| !why.is_empty()), "{state:?}");
    }
    Ok(report)
}
