//! What is known in one system, from its task, its connection, its jobs and its evidence.

use std::collections::{BTreeMap, BTreeSet};

use domain::connection::Mode;
use domain::job::{Carried, JobState};
use domain::{Connection, Event, Evidence, Instant, Job, JobId, Outcome, Right, Task};
use store::{From, JournalFilter, Store};

use super::view::{EvidenceView, Handed, JobView, Standing, SystemView};
use crate::holder::CHANGE_DEADLINE;
use crate::operator::desk::OperatorError;

/// Describes one task.
pub(super) async fn system(
    store: &Store,
    task: &Task,
    connections: &[Connection],
    now: Instant,
) -> Result<SystemView, OperatorError> {
    let connection = connections.iter().find(|connection| Some(connection.id) == task.connection);
    let (jobs, evidence) = jobs_and_evidence(store, task, now).await?;
    let detail = &task.detail;
    let found = task.findings.found().cloned().unwrap_or_default();
    Ok(SystemView {
        task: task.id,
        name: connection.map_or("by hand", |connection| &connection.name).to_owned(),
        connection: task.connection,
        connector: connection.map(|connection| connection.connector.clone()),
        cant_read: connection.and_then(cant_read),
        standing: connection.map_or(Standing::None, Standing::of),
        state: task.state,
        round: task.round,
        since: task.since,
        due_at: task.due_at,
        n_profiles: task.findings.found().map(|found| found.n_profiles),
        searched: found.searched,
        known_in: found.known_in,
        not_searchable: found.not_searchable,
        variant: task.findings.plan().map(|plan| plan.variant.clone()),
        side_effects: task
            .findings
            .plan()
            .map(|plan| plan.side_effects.clone())
            .unwrap_or_default(),
        residue: match &detail.outcome {
            Some(Outcome::DoneWithResidue { residue }) => residue.clone(),
            _ => Vec::new(),
        },
        outcome: detail.outcome.clone(),
        proof: detail.proof.clone(),
        hand: detail.hand.as_ref().map(Handed::from),
        needs: detail.needs.clone(),
        wait: detail.wait.clone(),
        reappeared_at: None,
        jobs,
        evidence: evidence.iter().map(evidence_view).collect(),
    })
}

/// Why nobody can be looked up through a connection: it lacks what reading data takes.
fn cant_read(connection: &Connection) -> Option<String> {
    let capabilities = &connection.check.as_ref()?.capabilities;
    capabilities.iter().find(|one| one.right == Right::Access)?.lacking.clone()
}

async fn jobs_and_evidence(
    store: &Store,
    task: &Task,
    now: Instant,
) -> Result<(Vec<JobView>, Vec<Evidence>), OperatorError> {
    let mut jobs = Vec::new();
    let mut evidence = store.evidence_of(task.id).await?;
    let mut carried = store.carried_of(task.id).await?;
    carried.dedup_by_key(|one| one.job);
    for Carried { job: id, round, .. } in carried {
        let of_job = store.evidence_of_job(id).await?;
        if let Some(job) = store.job(id).await? {
            let is_lost = is_lost(store, &job, now).await?;
            jobs.push(view(job, round, !of_job.is_empty(), is_lost));
        }
        evidence.extend(of_job);
    }
    evidence.sort_by_key(|one| one.at);
    Ok((jobs, evidence))
}

impl Standing {
    /// What a connection is held by.
    pub fn of(connection: &Connection) -> Self {
        let check_due_at = connection.check_due_at;
        match &connection.paused {
            _ if connection.removed_at.is_some() => Self::None,
            Some(pause) if pause.by_person => {
                Self::PausedByPerson { why: pause.why.clone(), since: pause.since }
            }
            Some(pause) => Self::PausedByFailure {
                why: pause.why.clone(),
                remedy: pause.remedy.clone(),
                since: pause.since,
                check_due_at,
            },
            None if connection.switches.mode == Mode::Observe => Self::Observing { check_due_at },
            None => Self::Working { check_due_at },
        }
    }
}

/// The calls that carry these tasks and whose answers were lost, with when the vendor is asked next
/// whether they took place.
pub async fn lost_answers(
    store: &Store,
    tasks: &[Task],
    now: Instant,
) -> Result<BTreeMap<JobId, Option<Instant>>, OperatorError> {
    let sending: BTreeSet<_> = tasks.iter().filter_map(|task| task.detail.sending).collect();
    let mut lost = BTreeMap::new();
    for id in sending {
        if let Some(job) = store.job(id).await?
            && is_lost(store, &job, now).await?
        {
            lost.insert(id, job.due_at);
        }
    }
    Ok(lost)
}

/// Whether the answer to a job's call was lost: it is on record, or whoever sent it did not live to
/// write the outcome.
async fn is_lost(store: &Store, job: &Job, now: Instant) -> Result<bool, OperatorError> {
    const LATELY: u32 = 1_000;
    if job.state != JobState::Sending {
        return Ok(false);
    }
    let longest = jiff::SignedDuration::try_from(CHANGE_DEADLINE).unwrap_or_default();
    if now.duration_since(job.started_at) > longest {
        return Ok(true);
    }
    let (event, connection) = (Some(Event::IntentLost), Some(job.connection));
    let filter = JournalFilter { event, connection, ..JournalFilter::default() };
    let lost = store.journal(From::Before(i64::MAX), &filter, LATELY).await?;
    Ok(lost.iter().any(|(_, entry)| entry.job == Some(job.id)))
}

fn view(job: Job, round: u32, is_taken: bool, is_lost: bool) -> JobView {
    JobView {
        round,
        is_taken: is_taken || job.vendor_ref.is_some(),
        is_lost,
        job: job.id,
        is_over: job.state == JobState::Ended,
        vendor_ref: job.vendor_ref,
        vendor_says: job.vendor_says,
        started_at: job.started_at,
        due_at: job.due_at,
    }
}

fn evidence_view(one: &Evidence) -> EvidenceView {
    EvidenceView {
        evidence: one.id,
        title: one.title.clone(),
        at: one.at,
        digest: one.digest.short(),
    }
}
