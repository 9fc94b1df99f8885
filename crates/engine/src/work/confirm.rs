//! Confirming: after the vendor says done, look again by every identifier that was used.
//!
//! The same look, later, finds what has come back.

use std::time::Duration;

use connector_api::report::Looked;
use connector_api::{Input, Report, Step, Subject, VendorError};
use domain::journal::Event;
use domain::outcome::{Look, Residue, fold_looks};
use domain::plan::HandWork;
use domain::task::Command;
use domain::{Flow, Instant, Outcome, Proof, Right, Task, TaskState};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use store::{DueTask, Transition};

use super::reconcile::SIDE_BY_SIDE;
use super::{Shift, WorkError, locate};
use crate::flow::{Log, NoSink};
use crate::limits::add;

/// Whether the look for a task is one reading for everybody whose look is due.
pub(crate) fn is_together(shift: &Shift, due: &DueTask) -> bool {
    let together = shift.link.connector.manifest().confirmed_together;
    due.variant.as_deref().is_some_and(|variant| together.contains(&variant))
}

/// Looks again for one person.
pub(crate) async fn confirm(shift: &Shift, task: Task, subject: Subject) -> Result<(), WorkError> {
    let mut log = Log::default();
    match look(shift, &[subject], &mut log).await {
        Ok(mut all) => {
            let transition = after_look(shift, task, all.swap_remove(0), log).await?;
            shift.commit_one(transition).await.map(|_| ())
        }
        Err(error) => shift.put_off(task, error).await,
    }
}

/// Looks again for many people with one reading. Each one's evidence holds their own looks, and
/// tells in brief what was read for all: it names the others.
pub(crate) async fn confirm_together(
    shift: &Shift,
    tasks: Vec<Task>,
    subjects: Vec<Subject>,
) -> Result<(), WorkError> {
    let mut log = Log::in_brief();
    let all = match look(shift, &subjects, &mut log).await {
        Ok(all) => all,
        Err(error) => {
            let put_off = tasks.into_iter().map(|task| shift.put_off(task, error.clone()));
            return stream::iter(put_off).buffer_unordered(SIDE_BY_SIDE).try_collect().await;
        }
    };
    let reading = serde_json::json!({ "n_people": all.len(), "read_for_all": log.brief() });
    let mut transitions = Vec::with_capacity(all.len());
    for (task, looked) in tasks.into_iter().zip(all) {
        let mut log = Log::default();
        log.add(reading.clone());
        transitions.push(after_look(shift, task, looked, log).await?);
    }
    shift.commit(transitions).await?;
    Ok(())
}

/// What a look showed, person by person.
async fn look(
    shift: &Shift,
    subjects: &[Subject],
    log: &mut Log,
) -> Result<Vec<Vec<Looked>>, VendorError> {
    let input = Input::Start(subjects);
    match shift.link.drive(Flow::Confirm, None, input, &[], log, &mut NoSink).await?.step {
        Step::Done(Report::Looked(all)) if all.len() == subjects.len() => Ok(all),
        _ => Err(locate::misuse()),
    }
}

/// What a look means for its task.
async fn after_look(
    shift: &Shift,
    task: Task,
    looked: Vec<Looked>,
    mut log: Log,
) -> Result<Transition, WorkError> {
    let mut transition = Transition::default();
    log.add(serde_json::json!({ "looks": looks_as_json(&looked) }));
    transition.evidence.push(shift.task_evidence(&task, "looked again", log));
    let n_present = looked.iter().filter(|one| matches!(one.look, Look::Present { .. })).count();
    transition.journal.push(
        shift
            .task_entry(Event::Looked, &task)
            .fact("n_looks", looked.len())
            .fact("n_present", n_present),
    );
    let looks: Vec<_> = looked.into_iter().map(|one| one.look).collect();
    if task.state == TaskState::Ended {
        recheck(shift, task, &looks, &mut transition).await?;
    } else {
        conclude(shift, task, &looks, &mut transition).await?;
    }
    Ok(transition)
}

fn looks_as_json(looked: &[Looked]) -> serde_json::Value {
    looked
        .iter()
        .map(|one| serde_json::json!({ "identifier": one.identifier, "place": one.place, "look": one.look }))
        .collect()
}

/// What the looks mean for a task that the vendor says is done.
async fn conclude(
    shift: &Shift,
    task: Task,
    looks: &[Look],
    into: &mut Transition,
) -> Result<(), WorkError> {
    let now = shift.now();
    let manifest = shift.link.connector.manifest();
    let mut still_in: Vec<String> = looks
        .iter()
        .filter_map(|look| match look {
            Look::Present { place } => Some(place.clone()),
            Look::Absent | Look::CantTell { .. } => None,
        })
        .collect();
    still_in.sort();
    still_in.dedup();
    let outcome = task.detail.outcome.clone().unwrap_or(Outcome::Done { counts: String::new() });
    if still_in.is_empty() {
        return end(shift, task, outcome, fold_looks(looks), into).await;
    }
    let n_done = task.detail.n_looks_done + 1;
    let next = manifest.looks.get(n_done as usize).copied();
    let mut moved = match next {
        Some(next) => {
            let previous =
                manifest.looks.get(task.detail.n_looks_done as usize).copied().unwrap_or_default();
            let at = add(now, next.saturating_sub(previous));
            shift.carry_out(task, Command::LookAgain { outcome, at }, into)
        }
        None => {
            let why = format!(
                "the vendor says done, but the person is still there in {}; begin another round, or settle it with a note",
                still_in.join(", ")
            );
            if let Outcome::DoneWithResidue { residue } = &outcome {
                shift.hand_tasks(&task, &works_of(residue), into).await?;
            }
            let outcome = Some(Outcome::Refuted { still_in });
            shift.carry_out(task, Command::AskPerson { why, outcome }, into)
        }
    };
    moved.detail.n_looks_done = n_done;
    into.tasks.push(moved);
    Ok(())
}

/// Ends a task, leaves its residue to people, and plans the next look for a reappearance.
async fn end(
    shift: &Shift,
    task: Task,
    outcome: Outcome,
    proof: Proof,
    into: &mut Transition,
) -> Result<(), WorkError> {
    let now = shift.now();
    let is_confirmed = matches!(proof, Proof::Confirmed { .. });
    // Only what was deleted must stay away; an opt-out may be taken back by the person.
    let is_rechecked = is_confirmed && task.right == Right::Deletion;
    let recheck_at = is_rechecked.then(|| next_recheck(shift, now, now)).flatten();
    if let Outcome::DoneWithResidue { residue } = &outcome {
        let mut works = works_of(residue);
        if !is_confirmed {
            works.push(HandWork {
                place: shift.link.connection.name.clone(),
                what: "the vendor reports a failure and no look-up can show that its own part is done: have its support confirm that".to_owned(),
            });
        }
        shift.hand_tasks(&task, &works, into).await?;
    }
    let command = Command::End { outcome, proof: Some(proof), recheck_at };
    let task = shift.carry_out(task, command, into);
    into.tasks.push(task);
    Ok(())
}

/// The work by hand that residue means.
fn works_of(residue: &[Residue]) -> Vec<HandWork> {
    residue
        .iter()
        .map(|left| HandWork {
            place: left.place.clone(),
            what: format!("{}: {}", left.what, left.to_do),
        })
        .collect()
}

/// The next look for a reappearance, counted from when the task ended.
fn next_recheck(shift: &Shift, ended_at: Instant, now: Instant) -> Option<Instant> {
    shift
        .link
        .connector
        .manifest()
        .rechecks
        .iter()
        .map(|after: &Duration| add(ended_at, *after))
        .find(|at| *at > now)
}

/// A later look: nothing new, or the person is back, and another round begins.
async fn recheck(
    shift: &Shift,
    mut task: Task,
    looks: &[Look],
    into: &mut Transition,
) -> Result<(), WorkError> {
    let is_back = looks.iter().any(|look| matches!(look, Look::Present { .. }));
    if !is_back {
        task.detail.n_attempts = 0;
        task.due_at = next_recheck(shift, task.since, shift.now());
        into.tasks.push(task);
        return Ok(());
    }
    let request = shift.store.request(task.request).await?;
    let closing = request.and_then(|request| request.closing);
    if closing.is_some_and(|closing| closing.how.is_against_acting()) {
        task.due_at = None;
        into.tasks.push(task);
        return Ok(());
    }
    into.journal.push(shift.task_entry(Event::Looked, &task).fact("reappeared", true));
    into.journal.push(shift.task_entry(Event::DataReappeared, &task));
    let moved = shift.carry_out(task, Command::Reappear, into);
    into.tasks.push(moved);
    Ok(())
}
