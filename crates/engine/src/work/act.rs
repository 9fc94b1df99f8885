//! Acting: the one place where something is changed at a vendor.
//!
//! Every changing call has an intent of its own, committed before it, and an outcome committed
//! after it. Right before the call the plan is made again and compared with the approved one,
//! the account is asked for, and the lease must outlive the call.

use std::collections::{HashMap, HashSet};

use connector_api::flow::Planned;
use connector_api::{Answer, Change, FlowState, Input, Report, Step, Subject, Turn, VendorError};
use domain::connection::{Completion, Pause};
use domain::job::{Carried, JobState};
use domain::journal::Event;
use domain::task::{Command, Whom};
use domain::{Flow, Instant, IntentId, Job, JobId, Right, Task, TaskId};
use store::{Applied, Intent, IntentAnswer, IntentOutcome, LeaseTime, Transition};

use super::batch::Group;
use super::{Shift, WorkError, fault, locate, poll};
use crate::flow::{Log, NoSink};
use crate::holder::{CHANGE_DEADLINE, MARGIN, millis};
use crate::limits::add;

/// How often a deletion looks whether the access it waits for has been collected.
const ACCESS_LOOK: std::time::Duration = std::time::Duration::from_secs(15 * 60);

/// When a job that was over at once is asked about, should the program stop before settling it.
const SETTLE_LATEST: std::time::Duration = std::time::Duration::from_secs(60);

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
    let mut tasks = shift.store.tasks(&group.members).await?;
    tasks.retain(|task| {
        task.state == domain::TaskState::Acting
            && task.detail.sending.is_none()
            && task.due_at.is_some()
    });
    if group.right == Right::Deletion {
        tasks = after_open_accesses(shift, tasks).await?;
    }
    if tasks.is_empty() || shift.may_not_change().await? {
        return Ok(());
    }
    let Some(account) = identify(shift, &tasks).await? else { return Ok(()) };
    let subjects = shift.subjects(&tasks).await?;
    let (tasks, subjects) = still_as_approved(shift, tasks, subjects, &account).await?;
    send_in_parts(shift, group.right, tasks, subjects).await
}

/// A deletion waits while an access of the same person is open and not yet collected.
async fn after_open_accesses(shift: &Shift, tasks: Vec<Task>) -> Result<Vec<Task>, WorkError> {
    let requests: Vec<_> = tasks.iter().map(|task| task.request).collect();
    let waits: HashMap<_, _> =
        shift.store.open_collections_sharing(&requests).await?.into_iter().collect();
    if waits.is_empty() {
        return Ok(tasks);
    }
    let now = shift.now();
    let (blocked, free): (Vec<_>, Vec<_>) =
        tasks.into_iter().partition(|task| waits.contains_key(&task.request));
    let transitions = blocked
        .into_iter()
        .map(|mut task| {
            let why = format!(
                "waits until the access request {} has been collected",
                waits[&task.request]
            );
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
    Ok(free)
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
async fn put_all_off(shift: &Shift, tasks: &[Task], error: &VendorError) -> Result<(), WorkError> {
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
) -> Result<(Vec<Task>, Vec<Subject>), WorkError> {
    let mut kept = (Vec::new(), Vec::new());
    let mut transitions = Vec::new();
    for (task, subject) in tasks.into_iter().zip(subjects) {
        let found = task.detail.found.clone().unwrap_or_default();
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
                    task.detail.plan.as_ref().map_or_else(Vec::new, |old| plan.differences(old));
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

/// Sends a group; if the vendor refuses it for one bad member, splits it until the culprit
/// stands alone.
async fn send_in_parts(
    shift: &Shift,
    right: Right,
    tasks: Vec<Task>,
    subjects: Vec<Subject>,
) -> Result<(), WorkError> {
    let mut parts = vec![(tasks, subjects)];
    while let Some((tasks, subjects)) = parts.pop() {
        if tasks.is_empty() {
            continue;
        }
        let Some(refusal) = send(shift, right, &tasks, &subjects).await? else { continue };
        let ids: Vec<_> = tasks.iter().map(|task| task.id).collect();
        let tasks = shift.store.tasks(&ids).await?;
        if let [task] = &tasks[..] {
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
        parts.extend(split(tasks, subjects, &refusal.members));
    }
    Ok(())
}

/// A batch the vendor refused.
struct Refusal {
    what: String,
    members: HashSet<usize>,
}

/// The refusal in an error, if it is one that a smaller batch could avoid.
fn refusal(error: &VendorError) -> Option<Refusal> {
    match error {
        VendorError::Invalid { what, members } => {
            Some(Refusal { what: what.clone(), members: members.iter().copied().collect() })
        }
        _ => None,
    }
}

type Part = (Vec<Task>, Vec<Subject>);

/// The culprits one by one and the rest, where the vendor named them; halves otherwise.
fn split(tasks: Vec<Task>, subjects: Vec<Subject>, culprits: &HashSet<usize>) -> Vec<Part> {
    let n = tasks.len();
    let pairs = tasks.into_iter().zip(subjects).enumerate();
    if culprits.is_empty() || culprits.len() >= n {
        let (first, second): (Vec<_>, Vec<_>) = pairs.partition(|(i, _)| *i < n / 2);
        return [second, first].map(|half| half.into_iter().map(|(_, pair)| pair).unzip()).into();
    }
    let (bad, good): (Vec<_>, Vec<_>) = pairs.partition(|(i, _)| culprits.contains(i));
    let mut parts: Vec<Part> =
        bad.into_iter().map(|(_, (task, subject))| (vec![task], vec![subject])).collect();
    parts.push(good.into_iter().map(|(_, pair)| pair).unzip());
    parts
}

/// Sends one call for these people. Gives back a refusal that calls for a split.
async fn send(
    shift: &Shift,
    right: Right,
    tasks: &[Task],
    subjects: &[Subject],
) -> Result<Option<Refusal>, WorkError> {
    let mut log = Log::default();
    let flow = flow_of(right);
    let driven =
        shift.link.drive(flow, None, Input::Start(subjects), &[], &mut log, &mut NoSink).await;
    let (memory, change) = match driven {
        Ok(Turn { memory, step: Step::Change(change), .. }) => (memory, change),
        Ok(_) => return put_all_off(shift, tasks, &locate::misuse()).await.map(|()| None),
        Err(error) => {
            let refusal = refusal(&error);
            if refusal.is_none() {
                put_all_off(shift, tasks, &error).await?;
            }
            return Ok(refusal);
        }
    };
    if let Err(error) = shift.link.wait_for_limit(&change.call).await {
        return put_all_off(shift, tasks, &error).await.map(|()| None);
    }
    let Some((job, intent, tasks)) =
        write_intent(shift, flow, memory, &change, tasks, subjects).await?
    else {
        return Ok(None);
    };
    // From here to the outcome the intent is open: whoever comes after us will ask the vendor.
    let is_stopped = shift.may_not_change().await?;
    let lease_now = (shift.holder.time)();
    if is_stopped || !shift.tenure.outlives_a_change(&lease_now) || !is_in_time(&intent, &lease_now)
    {
        let error = VendorError::Transient {
            what: "changing calls were stopped, or the lease could not outlive the call".to_owned(),
        };
        return after_refusal(shift, job, intent.id, &tasks, error, IntentAnswer::NotSent).await;
    }
    let intent = intent.id;
    match shift.link.change(&change.call).await {
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

/// Whether a call that begins now ends before others may take it for over, however long we were
/// held up since the intent was written.
fn is_in_time(intent: &Intent, now: &LeaseTime) -> bool {
    now.millis.saturating_add(millis(CHANGE_DEADLINE)) <= intent.deadline.millis
}

/// Writes down, in one transaction, what is about to be sent and for whom.
async fn write_intent(
    shift: &Shift,
    flow: Flow,
    memory: FlowState,
    change: &Change,
    tasks: &[Task],
    subjects: &[Subject],
) -> Result<Option<(Job, Intent, Vec<Task>)>, WorkError> {
    let now = shift.now();
    let connection = shift.link.connection.id;
    let manifest = shift.link.connector.manifest();
    let job = Job {
        id: JobId::new(&*shift.ids),
        connection,
        flow,
        state: JobState::Sending,
        memory,
        reconciling: None,
        vendor_ref: None,
        vendor_says: None,
        started_at: now,
        // Should we die before its outcome is written, this is when it is found out.
        due_at: Some(add(now, manifest.reconcile_lag)),
        expires_at: add(now, manifest.longest),
        n_polls: 0,
        version: 0,
    };
    let lease_now = (shift.holder.time)();
    let intent = Intent {
        id: IntentId::new(&*shift.ids),
        connection,
        job: job.id,
        key: change.key.clone(),
        endpoint: change.call.endpoint.name.to_owned(),
        n_members: change.n_members,
        fence: shift.committer.fence().fence,
        written_at: now,
        deadline: LeaseTime {
            millis: lease_now.millis.saturating_add(millis(CHANGE_DEADLINE + MARGIN)),
            ..lease_now
        },
    };
    let mut transition = Transition::default();
    transition.journal.push(
        shift
            .entry(Event::IntentWritten)
            .job(job.id)
            .intent(intent.id)
            .fact("endpoint", intent.endpoint.as_str())
            .fact("n_members", intent.n_members),
    );
    for (task, subject) in tasks.iter().zip(subjects) {
        let mut task = task.clone();
        task.detail.sending = Some(job.id);
        task.due_at = None;
        task.wait_for(Whom::Vendor, "it is being sent".to_owned(), None, now);
        transition.carried.push(Carried {
            job: job.id,
            task: task.id,
            request: task.request,
            round: task.round,
            identifiers: subject
                .plan
                .iter()
                .flat_map(|plan| plan.acts_on.iter().map(|item| item.identifier))
                .collect(),
        });
        transition.tasks.push(task);
    }
    let mut sending = transition.tasks.clone();
    transition.new_jobs.push(job.clone());
    transition.new_intents.push(intent.clone());
    if shift.commit_one(transition).await? == Applied::Lost {
        // Somebody changed one of the tasks first; the next round forms the batch anew.
        return Ok(None);
    }
    for task in &mut sending {
        task.version += 1;
    }
    Ok(Some((job, intent, sending)))
}

/// Writes down the answer, and lets the flow go on with it.
pub(crate) async fn answered(
    shift: &Shift,
    job: Job,
    intent: IntentId,
    what: IntentAnswer,
    answer: Answer,
    tasks: Vec<Task>,
) -> Result<(), WorkError> {
    let now = shift.now();
    let mut log = Log::default();
    let answers = [answer];
    let driven = shift
        .link
        .drive(job.flow, Some(&job.memory), Input::Answers(&answers), &[], &mut log, &mut NoSink)
        .await;
    let turn = match driven {
        Ok(turn) => turn,
        // It was taken, but the answer can't be understood: that is found out like a lost one.
        Err(error) => return lost(shift, job, intent, &error.to_string()).await,
    };
    let event = match what {
        IntentAnswer::Answered => Event::IntentAnswered,
        _ => Event::IntentReconciled,
    };
    let mut transition = Transition::default();
    transition.intents.push(IntentOutcome { id: intent, at: now, what });
    transition
        .journal
        .push(shift.entry(event).job(job.id).intent(intent).fact("answer", what.word()));
    let [answer] = answers;
    transition.evidence.push(shift.job_evidence(
        job.id,
        "accepted by the vendor",
        answer.body.to_vec(),
    ));
    let job = Job {
        memory: turn.memory,
        reconciling: None,
        vendor_ref: turn.vendor_ref.or(job.vendor_ref),
        vendor_says: turn.vendor_says.or(job.vendor_says),
        state: JobState::Running,
        due_at: Some(match &turn.step {
            Step::AskAgain { at } => *at,
            // Settled below; should the program stop before that, the next poll does it.
            _ => add(now, SETTLE_LATEST),
        }),
        ..job
    };
    transition.journal.push(
        shift
            .entry(Event::JobStarted)
            .job(job.id)
            .fact("vendor_ref", job.vendor_ref.clone().unwrap_or_default()),
    );
    transition.jobs.push(job.clone());
    let submitted = submissions(shift, &job, tasks);
    let mut transitions = vec![transition];
    transitions.extend(submitted);
    let applied = shift.commit(transitions).await?;
    if applied.first() == Some(&Applied::Done)
        && let Step::Done(Report::Settled(settled)) = turn.step
    {
        let job = Job { version: job.version + 1, ..job };
        poll::settle(shift, job, settled).await?;
    }
    Ok(())
}

/// Each task in a transition of its own, so that one which changed meanwhile does not hold the
/// others; the poll of the job mends it later.
pub(crate) fn submissions(shift: &Shift, job: &Job, tasks: Vec<Task>) -> Vec<Transition> {
    let counts_early = shift.link.connection.switches.completion == Completion::OnSubmission
        && job.flow == Flow::Delete;
    tasks
        .into_iter()
        .map(|task| {
            let mut transition = Transition::default();
            let command = Command::Submit { until: Some(job.expires_at), counts_early };
            let task = shift.carry_out(task, command, &mut transition);
            transition.tasks.push(task);
            transition
        })
        .collect()
}

/// Notes that an answer was lost; the job's next look finds out what happened.
async fn lost(shift: &Shift, job: Job, intent: IntentId, what: &str) -> Result<(), WorkError> {
    let at = add(shift.now(), shift.link.connector.manifest().reconcile_lag);
    let entry = shift.entry(Event::IntentLost).job(job.id).intent(intent).fact("why", what);
    let job = Job { due_at: Some(at), ..job };
    shift
        .commit_one(Transition { jobs: vec![job], journal: vec![entry], ..Transition::default() })
        .await?;
    Ok(())
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
    let applied = give_back(shift, job, intent, what, &error.to_string(), tasks).await?;
    if refusal.is_some() || applied == Applied::Lost {
        return Ok(refusal);
    }
    let ids: Vec<_> = tasks.iter().map(|task| task.id).collect();
    put_all_off(shift, &shift.store.tasks(&ids).await?, &error).await?;
    Ok(None)
}

/// Ends a job whose call did not take place, and gives its tasks back to the queue.
pub(crate) async fn give_back(
    shift: &Shift,
    job: Job,
    intent: IntentId,
    what: IntentAnswer,
    why: &str,
    tasks: &[Task],
) -> Result<Applied, WorkError> {
    let now = shift.now();
    let event = match what {
        IntentAnswer::Refused | IntentAnswer::NotSent => Event::IntentAnswered,
        _ => Event::IntentReconciled,
    };
    let entry = shift.entry(event).job(job.id).intent(intent);
    let first = Transition {
        intents: vec![IntentOutcome { id: intent, at: now, what }],
        journal: vec![entry.fact("answer", what.word()).fact("why", why)],
        jobs: vec![Job { state: JobState::Ended, due_at: None, reconciling: None, ..job.clone() }],
        ..Transition::default()
    };
    let mut transitions = vec![first];
    transitions.extend(tasks.iter().cloned().map(|task| unsent(task, now)));
    let applied = shift.commit(transitions).await?;
    let first = applied.first().copied().unwrap_or(Applied::Lost);
    if first == Applied::Done {
        let lost = tasks.iter().zip(&applied[1..]).filter(|(_, one)| **one == Applied::Lost);
        let lost: Vec<_> = lost.map(|(task, _)| task.id).collect();
        give_back_again(shift, &job, lost).await?;
    }
    Ok(first)
}

fn unsent(mut task: Task, now: Instant) -> Transition {
    task.detail.sending = None;
    task.detail.wait = None;
    task.due_at = Some(now);
    Transition { tasks: vec![task], ..Transition::default() }
}

/// Tasks that somebody changed while they were given back would else be held by a job that is over.
async fn give_back_again(shift: &Shift, job: &Job, mut ids: Vec<TaskId>) -> Result<(), WorkError> {
    while !ids.is_empty() {
        let mut tasks = shift.store.tasks(&ids).await?;
        tasks.retain(|task| task.detail.sending == Some(job.id));
        ids = tasks.iter().map(|task| task.id).collect();
        let again = tasks.into_iter().map(|task| unsent(task, shift.now())).collect();
        let mut applied = shift.commit(again).await?.into_iter();
        ids.retain(|_| applied.next() == Some(Applied::Lost));
    }
    Ok(())
}
