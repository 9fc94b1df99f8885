//! Polling: asks the vendor where a job stands, and settles its tasks when it is over.
//!
//! An HTTP error on a poll is an event, never a verdict.

use std::collections::HashMap;
use std::time::Duration;

use connector_api::report::Settled;
use connector_api::{Input, Report, Step};
use domain::job::{Carried, JobState};
use domain::journal::Event;
use domain::outcome::Share;
use domain::task::{Command, Whom};
use domain::{Instant, Job, Outcome, Proof, Task, TaskState};
use jiff::{RoundMode, TimestampRound, Unit};
use store::{Applied, Transition};

use super::{Shift, WorkError, fault, intent, reconcile};
use crate::flow::{Log, NoSink};
use crate::limits::add;

#[cfg(test)]
mod tests;

/// How many tasks of a job are settled in one go.
const PAGE: u32 = 500;

/// Asks about one job.
pub(crate) async fn poll(shift: &Shift, job: Job) -> Result<(), WorkError> {
    if job.state == JobState::Sending {
        return reconcile::find_out(shift, vec![job]).await;
    }
    let now = shift.now();
    if job.n_polls == 0 {
        note_the_rest(shift, &job).await?;
    }
    let mut log = Log::default();
    let driven = shift
        .link
        .drive(job.flow, Some(&job.memory), Input::Woken, &[], &mut log, &mut NoSink)
        .await;
    let turn = match driven {
        Ok(turn) => turn,
        Err(error) => {
            if let Some(pause) = fault::pause_for(&error, now) {
                return shift.pause(pause).await;
            }
            let entry =
                shift.entry(Event::JobPollFailed).job(job.id).fact("why", error.to_string());
            if now >= job.expires_at {
                shift
                    .commit_one(Transition { journal: vec![entry], ..Transition::default() })
                    .await?;
                return expire(shift, job).await;
            }
            let (at, _) = fault::when_again(&error, job.n_polls + 1, now);
            let job = Job { due_at: Some(at), n_polls: job.n_polls + 1, ..job };
            let transition =
                Transition { jobs: vec![job], journal: vec![entry], ..Transition::default() };
            return shift.commit_one(transition).await.map(|_| ());
        }
    };
    let says = turn.vendor_says.clone().or_else(|| job.vendor_says.clone());
    let is_news = says != job.vendor_says;
    let mut transition = Transition::default();
    if is_news {
        let entry = shift.entry(Event::JobReported).job(job.id);
        transition.journal.push(entry.fact("vendor_says", says.clone().unwrap_or_default()));
        transition.evidence.push(shift.job_evidence(
            job.id,
            "the vendor's report",
            log.without_answers().into_bytes(),
        ));
    }
    let job = Job { memory: turn.memory, vendor_says: says, n_polls: job.n_polls + 1, ..job };
    match turn.step {
        Step::Done(Report::Settled(settled)) => {
            if !transition.journal.is_empty() {
                shift.commit_one(transition).await?;
            }
            settle(shift, job, settled).await
        }
        Step::AskAgain { .. } if now >= job.expires_at => {
            if !transition.journal.is_empty() {
                shift.commit_one(transition).await?;
            }
            expire(shift, job).await
        }
        Step::AskAgain { at } => {
            let alarm = add(job.started_at, shift.link.connector.manifest().alarm);
            let alarm = alarm.min(job.expires_at);
            let is_overdue = now >= alarm;
            if is_overdue && !job.is_overdue {
                let entry = shift.entry(Event::JobOverdue).job(job.id);
                transition.journal.push(entry.fact("since", job.started_at.to_string()));
                tell_overdue(shift, &job).await?;
            }
            let end = if is_overdue { job.expires_at } else { alarm };
            let at = with_others(at, now).min(end).max(now);
            transition.jobs.push(Job { due_at: Some(at), is_overdue, ..job });
            shift.commit_one(transition).await?;
            Ok(())
        }
        _ => {
            let at = add(now, shift.link.connector.manifest().poll_after(Duration::ZERO));
            transition.jobs.push(Job { due_at: Some(at), ..job });
            shift.commit_one(transition).await?;
            Ok(())
        }
    }
}

/// Polls that are hours away fall on whole minutes, so that jobs which were sent one by one are
/// asked about in one round, with one commit for many.
fn with_others(at: Instant, now: Instant) -> Instant {
    if at < add(now, Duration::from_secs(3600)) {
        return at;
    }
    let minute = TimestampRound::new().smallest(Unit::Minute).mode(RoundMode::Ceil);
    at.round(minute).unwrap_or(at)
}

/// So many identifiers, in words.
pub(super) fn counted(n_identifiers: usize) -> String {
    match n_identifiers {
        1 => "1 identifier".to_owned(),
        n => format!("{n} identifiers"),
    }
}

/// Writes down what came of a job, task by task, and then ends it. A stop in between repeats
/// only what is missing: tasks that have moved on are passed over.
pub(crate) async fn settle(shift: &Shift, job: Job, settled: Settled) -> Result<(), WorkError> {
    let exceptions: HashMap<_, _> =
        settled.exceptions.iter().map(|(task, share)| (*task, share)).collect();
    let share_is_failure = matches!(settled.share, Share::Failed { .. });
    for_each_carried(shift, &job, |carried, mut task| {
        let share = exceptions.get(&carried.task).copied().unwrap_or(&settled.share);
        let shares = &mut task.detail.shares;
        shares.add(job.id, &carried.identifiers, share.clone());
        let outcome = shares.fold(&format!("{} sent", counted(shares.n_identifiers())))?;
        Some(move_on(shift, &job, task, outcome, settled.unprovable.as_deref()))
    })
    .await?;
    let mut last = Transition::default();
    last.evidence.push(shift.job_evidence(
        job.id,
        "the vendor's final report",
        settled.evidence.to_string().into_bytes(),
    ));
    last.journal.push(
        shift
            .entry(Event::JobEnded)
            .job(job.id)
            .fact("vendor_says", job.vendor_says.clone().unwrap_or_default())
            .fact("failed", share_is_failure),
    );
    last.jobs.push(Job { state: JobState::Ended, due_at: None, ..job });
    shift.commit_one(last).await?;
    Ok(())
}

/// The vendor takes longer than it does for such jobs; whoever looks at a task should see it.
async fn tell_overdue(shift: &Shift, job: &Job) -> Result<(), WorkError> {
    let days = shift.link.connector.manifest().alarm.as_secs() / (24 * 3600);
    let reference = job.vendor_ref.as_deref().unwrap_or("which it did not name");
    let why = format!(
        "the vendor has been at work for {days} days, longer than such jobs take; ask its support about its job {reference}"
    );
    let now = shift.now();
    for_each_carried(shift, job, |_, mut task| {
        task.wait_for(Whom::Vendor, why.clone(), Some(job.expires_at), now);
        Some(Transition { tasks: vec![task], ..Transition::default() })
    })
    .await
}

/// The vendor did not finish in the longest time it grants itself.
async fn expire(shift: &Shift, job: Job) -> Result<(), WorkError> {
    for_each_carried(shift, &job, |_, task| {
        let mut transition = Transition::default();
        let outcome = Outcome::Expired;
        let command = if task.detail.counts_early {
            let why = "it counted as complete, but the vendor did not finish in time".to_owned();
            Command::AskPerson { why, outcome: Some(outcome) }
        } else {
            Command::End { outcome, proof: None, recheck_at: None }
        };
        let task = shift.carry_out(task, command, &mut transition);
        transition.tasks.push(task);
        Some(transition)
    })
    .await?;
    let entry = shift.entry(Event::JobEnded).job(job.id).fact("expired", true);
    let job = Job { state: JobState::Ended, due_at: None, ..job };
    shift
        .commit_one(Transition { jobs: vec![job], journal: vec![entry], ..Transition::default() })
        .await?;
    Ok(())
}

/// What a settled share means for one task.
fn move_on(
    shift: &Shift,
    job: &Job,
    task: Task,
    outcome: Outcome,
    unprovable: Option<&str>,
) -> Transition {
    let mut transition = Transition::default();
    let now = shift.now();
    let task = match (&outcome, unprovable) {
        (Outcome::Failed { why }, _) => {
            let why = format!("the vendor could not do it: {why}");
            shift.carry_out(
                task,
                Command::AskPerson { why, outcome: Some(outcome) },
                &mut transition,
            )
        }
        (_, Some(why)) => {
            let proof = Some(Proof::Unproven { why: vec![why.to_owned()] });
            shift.carry_out(
                task,
                Command::End { outcome, proof, recheck_at: None },
                &mut transition,
            )
        }
        (_, None) => {
            let first = shift.link.connector.manifest().looks.first().copied().unwrap_or_default();
            let at = add(now, first);
            shift.carry_out(task, Command::LookAgain { outcome, at }, &mut transition)
        }
    };
    transition.tasks.push(task);
    debug_assert!(job.state != JobState::Ended, "a job is ended after its tasks");
    transition
}

/// Applies a change to every task that a job carries and that still waits for it, trying again
/// for those that someone else changed meanwhile.
async fn for_each_carried(
    shift: &Shift,
    job: &Job,
    change: impl Fn(&Carried, Task) -> Option<Transition>,
) -> Result<(), WorkError> {
    let mut after = None;
    loop {
        let page = shift.store.carried_by(job.id, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.task);
        let mut open: Vec<Carried> = page;
        while !open.is_empty() {
            let ids: Vec<_> = open.iter().map(|carried| carried.task).collect();
            let tasks: HashMap<_, _> =
                shift.store.tasks(&ids).await?.into_iter().map(|task| (task.id, task)).collect();
            open.retain(|carried| {
                tasks.get(&carried.task).is_some_and(|task| still_waits(job, carried, task))
            });
            let transitions: Vec<_> = open
                .iter()
                .filter_map(|carried| {
                    let task = tasks.get(&carried.task)?.clone();
                    change(carried, sent(shift, job, task))
                })
                .collect();
            if transitions.len() < open.len() {
                break;
            }
            let applied = shift.commit(transitions).await?;
            let mut kept = applied.into_iter();
            open.retain(|_| kept.next() == Some(Applied::Lost));
        }
    }
}

/// Submits the tasks that a stop kept from being noted as such after the vendor took their job.
async fn note_the_rest(shift: &Shift, job: &Job) -> Result<(), WorkError> {
    let mut after = None;
    loop {
        let page = shift.store.carried_by(job.id, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.task);
        let ids: Vec<_> = page.iter().map(|carried| carried.task).collect();
        let mut tasks = shift.store.tasks(&ids).await?;
        tasks.retain(|task| is_sent_by(job, task));
        shift.commit(intent::submissions(shift, job, tasks)).await?;
    }
}

/// Whether a task's submission by this job was not noted yet.
fn is_sent_by(job: &Job, task: &Task) -> bool {
    task.state == TaskState::Acting && task.detail.sending == Some(job.id)
}

fn still_waits(job: &Job, carried: &Carried, task: &Task) -> bool {
    task.round == carried.round && (is_sent_by(job, task) || task.state == TaskState::Waiting)
}

/// A task whose submission was not yet noted (the program stopped in between) is submitted now.
fn sent(shift: &Shift, job: &Job, task: Task) -> Task {
    if task.state != TaskState::Acting {
        return task;
    }
    let id = task.id;
    intent::submissions(shift, job, vec![task.clone()])
        .into_iter()
        .flat_map(|transition| transition.tasks)
        .find(|submitted| submitted.id == id)
        .unwrap_or(task)
}
