//! Secrets are sealed in the store, sent to the vendor, and nowhere else.

use std::fs;
use std::path::Path;

use anyhow::ensure;
use domain::RequestId;
use engine::operator::connections;
use serde_json::{Value, json};
use store::{From as JournalFrom, JournalFilter};

use super::{ask, log, run_long_enough, stage};
use crate::candidate::{Candidate, FULL, REVOKED};
use crate::stage::Stage;

/// What goes wrong with calls, two of each, while it is watched what is told of it.
const FAULTS: &[&str] =
    &["429", "500", "503", "401", "close", "cut_body", "html", "malformed_json"];

/// After a refused connection, work under faults of all kinds, and work that goes well.
pub async fn no_secret_is_in_a_log_line_an_error_the_journal_or_the_evidence(
    candidate: &Candidate,
) -> anyhow::Result<()> {
    log::listen();
    let stage = stage(candidate).await?;
    let secrets = secrets(&stage)?;
    let mut told = refusals(&stage).await?;
    let connection = stage.connect().await?;
    told.push(("a connection", format!("{connection:?}").into()));

    let mut requests = Vec::new();
    for is_troubled in [true, false] {
        let words = if is_troubled { FAULTS } else { &[] };
        let faults: Vec<_> = words.iter().map(|it| json!({"fault": it, "count": 2})).collect();
        stage.faults(&Value::Array(faults)).await?;
        for capability in candidate.manifest().capabilities {
            let n = requests.len();
            requests.push(ask(&stage, capability.right, candidate.known, n).await?);
        }
        run_long_enough(&stage).await?;
    }
    told.extend(kept(&stage, &requests).await?);
    told.push(("the log", log::heard().into_bytes()));
    for kind in ["a refusal", "the log", "the journal", "evidence", "a file"] {
        let n = told.iter().filter(|(it, text)| *it == kind && !text.is_empty()).count();
        ensure!(n > 0, "there was no {kind} to search");
    }
    for (kind, text) in &told {
        for (name, secret) in &secrets {
            ensure!(!contains(text, secret.as_bytes()), "the secret {name} stands in {kind}");
        }
    }
    Ok(())
}

/// Every secret that is entered in the course of the scenario.
fn secrets(stage: &Stage) -> anyhow::Result<Vec<(String, String)>> {
    let mut all = Vec::new();
    for credentials in [FULL, REVOKED] {
        let entered = stage.candidate.entered(&stage.twins, credentials)?;
        let secrets = entered.secrets.iter();
        all.extend(secrets.map(|(name, secret)| (name.clone(), secret.expose().to_owned())));
    }
    ensure!(all.iter().all(|(_, secret)| secret.len() > 8), "a secret too short to search for");
    Ok(all)
}

type Told = (&'static str, Vec<u8>);

/// What is told of credentials that are refused, and of a vendor that can't be asked.
async fn refusals(stage: &Stage) -> anyhow::Result<Vec<Told>> {
    let mut told = Vec::new();
    let entered = stage.candidate.entered(&stage.twins, REVOKED)?;
    told.push(("a refusal", format!("{:?}", entered.secrets).into()));
    let (draft, report) = stage.check(entered).await?;
    told.push(("a refusal", format!("{report:?} {}", serde_json::to_string(&report)?).into()));
    if let Err(error) = connections::add(&stage.desk(), draft, report).await {
        told.push(("a refusal", format!("{error} {error:?}").into()));
    }
    for word in FAULTS {
        stage.faults(&json!([{"fault": word}])).await?;
        match stage.check(stage.candidate.entered(&stage.twins, FULL)?).await {
            Ok((_, report)) => told.push(("a refusal", format!("{report:?}").into())),
            Err(error) => told.push(("a refusal", format!("{error:#} {error:?}").into())),
        }
    }
    stage.faults(&json!([])).await?;
    Ok(told)
}

/// What is kept: journal, evidence, tasks, and the files under it all.
async fn kept(stage: &Stage, requests: &[RequestId]) -> anyhow::Result<Vec<Told>> {
    let mut told = Vec::new();
    let filter = JournalFilter::default();
    for (_, entry) in stage.store.journal(JournalFrom::After(0), &filter, 100_000).await? {
        told.push(("the journal", serde_json::to_vec(&entry)?));
    }
    for task in stage.store.tasks_of(requests).await? {
        told.push(("a task", serde_json::to_vec(&task)?));
        let mut evidence = stage.store.evidence_of(task.id).await?;
        for carried in stage.store.carried_of(task.id).await? {
            evidence.extend(stage.store.evidence_of_job(carried.job).await?);
        }
        for piece in evidence {
            told.push(("evidence", serde_json::to_vec(&piece)?));
            told.push(("evidence", stage.store.evidence_body(piece.id).await?.unwrap_or_default()));
        }
    }
    read_files(stage.folder.path(), &mut told)?;
    Ok(told)
}

fn read_files(folder: &Path, told: &mut Vec<Told>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            read_files(&entry.path(), told)?;
        } else {
            told.push(("a file", fs::read(entry.path())?));
        }
    }
    Ok(())
}

fn contains(text: &[u8], secret: &[u8]) -> bool {
    text.windows(secret.len()).any(|window| window == secret)
}
