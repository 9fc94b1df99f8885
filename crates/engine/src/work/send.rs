//! Sending: one changing call for one batch, and what a refusal of it means.
//!
//! Every changing call has an intent of its own, committed before it, and an outcome committed
//! after it (see [`intent`](super::intent)). Right before the call the lease must outlive it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use connector_api::{Input, Step, Subject, Turn, VendorError};
use domain::task::Command;
use domain::{IntentId, Job, Right, Task, TaskId, TaskState};
use store::{Applied, Intent, IntentAnswer, Transition};

use super::act::{flow_of, put_all_off};
use super::intent::{answered, give_back, is_in_time, lost, write_intent};
use super::people::Part;
use super::{Shift, WorkError, join, locate};
use crate::flow::{Log, NoSink};
use crate::holder::{MARGIN, millis};
use crate::http::MayLeave;

/// Sends a group; if the vendor refuses it for one bad member, splits it until the culprit
/// stands alone.
pub(super) async fn send_in_parts(
    shift: &Shift,
    right: Right,
    tasks: Vec<Task>,
    subjects: Vec<Subject>,
) -> Result<(), WorkError> {
    let mut parts = vec![(tasks, subjects)];
    while let Some(part) = parts.pop() {
        let (tasks, subjects) = join::join(shift, right, part).await?;
        if tasks.is_empty() {
            continue;
        }
        let ids: Vec<_> = tasks.iter().map(|task| task.id).collect();
        let Some(refusal) = send(shift, right, tasks, &subjects).await? else { continue };
        let culprits: HashSet<_> =
            refusal.members.iter().filter_map(|position| ids.get(*position).copied()).collect();
        let (tasks, subjects) = still_acting(shift.store.tasks(&ids).await?, subjects);
        if let ([_], [task]) = (&ids[..], &tasks[..]) {
            let mut transition = Transition::default();
            let why = format!("the vendor refuses it: {}", refusal.what);
            let task = shift.carry_out(
                task.clone(),
                Command::AskPerson { why, outcome: None },
                &mut transition,
            );
            transition.tasks.push(task);
            shift.commit_one(transition).await?;
            continue;
        }
        parts.extend(split(tasks, subjects, &culprits));
    }
    Ok(())
}

/// Those that nobody has taken out since they were refused, with their people.
fn still_acting(tasks: Vec<Task>, subjects: Vec<Subject>) -> Part {
    let mut by_task: HashMap<_, _> =
        subjects.into_iter().map(|subject| (subject.task, subject)).collect();
    tasks
        .into_iter()
        .filter(|task| task.state == TaskState::Acting && task.detail.sending.is_none())
        .filter_map(|task| by_task.remove(&task.id).map(|subject| (task, subject)))
        .unzip()
}

/// A batch the vendor refused.
struct Refusal {
    what: String,
    members: Vec<usize>,
}

/// The refusal in an error, if it is one that a smaller batch could avoid.
fn refusal(error: &VendorError) -> Option<Refusal> {
    match error {
        VendorError::Invalid { what, members } => {
            Some(Refusal { what: what.clone(), members: members.clone() })
        }
        _ => None,
    }
}

/// The culprits one by one and the rest, where the vendor named them; halves otherwise.
fn split(tasks: Vec<Task>, subjects: Vec<Subject>, culprits: &HashSet<TaskId>) -> Vec<Part> {
    let mut pairs: Vec<_> = tasks.into_iter().zip(subjects).collect();
    if culprits.is_empty() || culprits.len() >= pairs.len() {
        let second = pairs.split_off(pairs.len() / 2);
        return [second, pairs].map(|half| half.into_iter().unzip()).into();
    }
    let (bad, good): (Vec<_>, Vec<_>) =
        pairs.into_iter().partition(|(task, _)| culprits.contains(&task.id));
    let mut parts: Vec<Part> =
        bad.into_iter().map(|(task, subject)| (vec![task], vec![subject])).collect();
    parts.push(good.into_iter().unzip());
    parts
}

/// Sends one call for these people. Gives back a refusal that calls for a split.
async fn send(
    shift: &Shift,
    right: Right,
    tasks: Vec<Task>,
    subjects: &[Subject],
) -> Result<Option<Refusal>, WorkError> {
    let mut log = Log::default();
    let flow = flow_of(right);
    let driven =
        shift.link.drive(flow, None, Input::Start(subjects), &[], &mut log, &mut NoSink).await;
    let (memory, change) = match driven {
        Ok(Turn { memory, step: Step::Change(change), .. }) => (memory, change),
        Ok(_) => return put_all_off(shift, &tasks, &locate::misuse()).await.map(|()| None),
        Err(error) => {
            let refusal = refusal(&error);
            if refusal.is_none() {
                put_all_off(shift, &tasks, &error).await?;
            }
            return Ok(refusal);
        }
    };
    if let Err(error) = shift.link.wait_for_limit(&change.call).await {
        return put_all_off(shift, &tasks, &error).await.map(|()| None);
    }
    let Some((job, intent, tasks)) =
        write_intent(shift, flow, memory, &change, tasks, subjects).await?
    else {
        return Ok(None);
    };
    // From here to the outcome the intent is open: whoever comes after us will ask the vendor.
    let is_stopped = shift.may_not_change().await?;
    let lease_now = shift.holder.time();
    if is_stopped || !shift.tenure.outlives_a_change(&lease_now) || !is_in_time(&intent, &lease_now)
    {
        let error = VendorError::Transient {
            what: "changing calls were stopped, or the lease could not outlive the call".to_owned(),
        };
        return after_refusal(shift, job, intent.id, &tasks, error, IntentAnswer::NotSent).await;
    }
    let (may_leave, intent) = (may_leave(shift, &intent), intent.id);
    match shift.link.change(&change.call, may_leave).await {
        Ok(answer) => {
            answered(shift, job, intent, IntentAnswer::Answered, answer, tasks).await?;
            Ok(None)
        }
        Err(VendorError::AnswerLost { what }) => {
            lost(shift, job, intent, &what).await?;
            Ok(None)
        }
        Err(error @ VendorError::Transient { .. }) => {
            after_refusal(shift, job, intent, &tasks, error, IntentAnswer::NotSent).await
        }
        Err(error) => after_refusal(shift, job, intent, &tasks, error, IntentAnswer::Refused).await,
    }
}

/// Whether a call may still leave: nobody may have taken it for over by the time it arrives.
fn may_leave(shift: &Shift, intent: &Intent) -> MayLeave {
    let (holder, until) = (shift.holder.clone(), intent.deadline.clone());
    Arc::new(move || {
        let now = holder.time();
        now.boot == until.boot && now.millis.saturating_add(millis(MARGIN)) <= until.millis
    })
}

/// The call did not take place: the job is over and its tasks go back.
async fn after_refusal(
    shift: &Shift,
    job: Job,
    intent: IntentId,
    tasks: &[Task],
    error: VendorError,
    what: IntentAnswer,
) -> Result<Option<Refusal>, WorkError> {
    let refusal = refusal(&error);
    if let Some(task) = tasks.first()
        && let Some(plan) = task.findings.plan()
    {
        shift.link.quotas.note(task.right, &plan.variant, &error, shift.now());
    }
    let applied = give_back(shift, job, intent, what, &error.to_string(), tasks).await?;
    if refusal.is_some() || applied == Applied::Lost {
        return Ok(refusal);
    }
    let ids: Vec<_> = tasks.iter().map(|task| task.id).collect();
    put_all_off(shift, &shift.store.tasks(&ids).await?, &error).await?;
    Ok(None)
}
