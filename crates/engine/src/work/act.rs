//! Acting: whether what was approved may still be carried out, right before it is.
//!
//! A deletion waits for an open access of the same person; the credentials are asked for the
//! account they lead to; every plan is made again and compared with the approved one. What is
//! left goes to [`send`](super::send).

use std::collections::{HashMap, HashSet};

use connector_api::flow::Planned;
use connector_api::{Input, Report, Step, Subject, VendorError};
use domain::connection::Pause;
use domain::journal::Event;
use domain::task::{Command, Whom};
use domain::{Flow, RequestId, Right, Task, TaskId};
use store::Transition;

use super::batch::Group;
use super::people::Part;
use super::send::send_in_parts;
use super::{Shift, WorkError, fault, found, join, locate};
use crate::flow::{Log, NoSink};
use crate::limits::add;

/// How long a deletion waits for an access at most before it looks again. The end of the
/// collection wakes it; this is for whatever ends without one.
const ACCESS_LOOK: std::time::Duration = std::time::Duration::from_secs(6 * 3600);

/// How many members of a batch are loaded in one go.
const PAGE: usize = 500;

/// The flow that carries out a right.
pub(crate) fn flow_of(right: Right) -> Flow {
    match right {
        Right::OptOut => Flow::OptOut,
        Right::OptIn => Flow::OptIn,
        _ => Flow::Delete,
    }
}

/// Carries out a group, or whatever of it may still be carried out.
pub(crate) async fn act(shift: &Shift, group: Group) -> Result<(), WorkError> {
    let (mut tasks, mut subjects) = Part::default();
    for members in group.members.chunks(PAGE) {
        let part = load(shift, group.right, members).await?;
        tasks.extend(part.0);
        subjects.extend(part.1);
    }
    if tasks.is_empty() {
        return Ok(());
    }
    if let Some(used_up) = shift.link.quotas.refusal(group.right, &group.variant, shift.now()) {
        return put_all_off(shift, &tasks, &used_up).await;
    }
    let Some(account) = identify(shift, &tasks).await? else { return Ok(()) };
    let part = still_as_approved(shift, tasks, subjects, &account).await?;
    let (_claimed, part) = join::claim(shift, group.right, part).await?;
    let (tasks, subjects) = found::find(shift, group.right, part).await?;
    send_in_parts(shift, group.right, tasks, subjects).await
}

/// Those members that may be carried out now, and their people.
async fn load(shift: &Shift, right: Right, members: &[TaskId]) -> Result<Part, WorkError> {
    let mut tasks = shift.store.tasks(members).await?;
    tasks.retain(|task| {
        task.state == domain::TaskState::Acting
            && task.detail.sending.is_none()
            && task.due_at.is_some()
    });
    if right == Right::Deletion {
        tasks = after_open_accesses(shift, tasks).await?;
    }
    let requests = shift.requests(&tasks).await?;
    tasks = shift.standing(tasks, &requests).await?;
    if tasks.is_empty() || shift.may_not_change().await? {
        return Ok(Part::default());
    }
    shift.people(tasks, &requests).await
}

/// A deletion waits while an access of the same person is open and not yet collected.
async fn after_open_accesses(shift: &Shift, tasks: Vec<Task>) -> Result<Vec<Task>, WorkError> {
    let requests: Vec<_> = tasks.iter().map(|task| task.request).collect();
    let waits: HashSet<_> = shift
        .store
        .open_collections_sharing(&requests)
        .await?
        .into_iter()
        .map(|(waiting, _)| waiting)
        .collect();
    if waits.is_empty() {
        return Ok(tasks);
    }
    let now = shift.now();
    let (blocked, free): (Vec<_>, Vec<_>) =
        tasks.into_iter().partition(|task| waits.contains(&task.request));
    let held: Vec<_> = blocked.iter().map(|task| (task.request, task.id)).collect();
    let transitions = blocked
        .into_iter()
        .map(|mut task| {
            // Which request that is, is told by a view, to those who may know of it.
            let why =
                "waits until an access request of the same person has been collected".to_owned();
            let mut transition = Transition::default();
            if task.detail.wait.as_ref().is_none_or(|wait| wait.why != why) {
                transition
                    .journal
                    .push(shift.task_entry(Event::TaskParked, &task).fact("why", why.as_str()));
            }
            task.postpone(add(now, ACCESS_LOOK), Whom::OtherRequest, why, now);
            transition.tasks.push(task);
            transition
        })
        .collect();
    shift.commit(transitions).await?;
    look_again_if_over(shift, held).await?;
    Ok(free)
}

/// A collection that ended while its waiters were written down found nobody to wake.
async fn look_again_if_over(
    shift: &Shift,
    held: Vec<(RequestId, TaskId)>,
) -> Result<(), WorkError> {
    let requests: Vec<_> = held.iter().map(|(request, _)| *request).collect();
    let waits: HashMap<_, _> =
        shift.store.open_collections_sharing(&requests).await?.into_iter().collect();
    let free: Vec<_> = held
        .into_iter()
        .filter(|(request, _)| !waits.contains_key(request))
        .map(|(_, task)| task)
        .collect();
    let woken = shift.store.tasks(&free).await?.into_iter().map(|mut task| {
        task.due_at = task.due_at.map(|due_at| due_at.min(shift.now()));
        Transition { tasks: vec![task], ..Transition::default() }
    });
    shift.commit(woken.collect()).await?;
    Ok(())
}

/// What the credentials lead to right now; none if that can't be told, and then nothing is sent.
async fn identify(shift: &Shift, tasks: &[Task]) -> Result<Option<String>, WorkError> {
    let mut log = Log::default();
    let driven =
        shift.link.drive(Flow::Identify, None, Input::Start(&[]), &[], &mut log, &mut NoSink).await;
    match driven.map(|turn| turn.step) {
        Ok(Step::Done(Report::Identified(account))) => Ok(Some(account.id)),
        Ok(_) => put_all_off(shift, tasks, &locate::misuse()).await.map(|()| None),
        Err(error) => put_all_off(shift, tasks, &error).await.map(|()| None),
    }
}

/// Sends what could not be sent now back to its rows.
pub(super) async fn put_all_off(
    shift: &Shift,
    tasks: &[Task],
    error: &VendorError,
) -> Result<(), WorkError> {
    let now = shift.now();
    if let Some(pause) = fault::pause_for(error, now) {
        return shift.pause(pause).await;
    }
    let transitions = tasks
        .iter()
        .cloned()
        .map(|mut task| {
            task.detail.n_attempts += 1;
            task.detail.sending = None;
            let (until, whom) = fault::when_again(error, task.detail.n_attempts, now);
            task.postpone(until, whom, error.to_string(), now);
            let entry = shift
                .task_entry(Event::TaskParked, &task)
                .fact("why", error.to_string())
                .fact("until", until.to_string());
            Transition { tasks: vec![task], journal: vec![entry], ..Transition::default() }
        })
        .collect();
    shift.commit(transitions).await?;
    Ok(())
}

/// Makes each plan again. What differs from its approval goes back to the gate.
async fn still_as_approved(
    shift: &Shift,
    tasks: Vec<Task>,
    subjects: Vec<Subject>,
    account: &str,
) -> Result<Part, WorkError> {
    let mut kept = Part::default();
    let mut transitions = Vec::new();
    for (task, subject) in tasks.into_iter().zip(subjects) {
        let found = task.findings.found().cloned().unwrap_or_default();
        let planned = locate::plan(shift, &task, &subject, &found);
        let mut transition = Transition::default();
        let task = match planned {
            Planned::Plan(mut plan) => {
                account.clone_into(&mut plan.account);
                if task.detail.approved.as_ref().map(|approval| approval.digest)
                    == Some(plan.digest())
                {
                    kept.0.push(task);
                    kept.1.push(subject);
                    continue;
                }
                let changes =
                    task.findings.plan().map_or_else(Vec::new, |old| plan.differences(old));
                shift.carry_out(task, Command::ChangePlan { plan, changes }, &mut transition)
            }
            Planned::Nothing | Planned::Needs(_) => {
                let why = "what was approved can no longer be planned; look at it again".to_owned();
                shift.carry_out(task, Command::AskPerson { why, outcome: None }, &mut transition)
            }
        };
        transition.tasks.push(task);
        transitions.push(transition);
    }
    let other_account = kept.0.is_empty() && !transitions.is_empty();
    shift.commit(transitions).await?;
    if other_account && shift.link.connection.account().is_some_and(|known| known.id != account) {
        let pause = Pause {
            why: "the credentials now lead to another account than the one that was set up"
                .to_owned(),
            remedy: "find out why, then set the credentials again with `habeas connect`".to_owned(),
            since: shift.now(),
            by_person: false,
        };
        shift.pause(pause).await?;
    }
    Ok(kept)
}
