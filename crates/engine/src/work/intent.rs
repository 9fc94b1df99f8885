//! Intents: what is about to be sent is written down before, and what came of it after.

use connector_api::{Answer, Change, FlowState, Input, Report, Step, Subject};
use domain::connection::Completion;
use domain::job::{Carried, JobState};
use domain::journal::Event;
use domain::task::{Command, Whom};
use domain::{Flow, Instant, IntentId, Job, JobId, Task, TaskId};
use store::{Applied, Intent, IntentAnswer, IntentOutcome, LeaseTime, Transition};

use super::{Shift, WorkError, poll};
use crate::flow::{Log, NoSink};
use crate::holder::{CHANGE_DEADLINE, MARGIN, millis};
use crate::limits::add;

/// How often an answer may be lost before a person is asked.
const LOST_TRIES: u32 = 5;

/// How many tasks are noted as submitted in one commit.
const PAGE: usize = 500;

/// When a job that was over at once is asked about, should the program stop before settling it.
const SETTLE_LATEST: std::time::Duration = std::time::Duration::from_secs(60);

/// Whether a call that begins now ends before others may take it for over, however long we were
/// held up since the intent was written.
pub(super) fn is_in_time(intent: &Intent, now: &LeaseTime) -> bool {
    now.millis.saturating_add(millis(CHANGE_DEADLINE)) <= intent.deadline.millis
}

/// Writes down, in one transaction, what is about to be sent and for whom.
pub(super) async fn write_intent(
    shift: &Shift,
    flow: Flow,
    memory: FlowState,
    change: &Change,
    mut tasks: Vec<Task>,
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
        is_overdue: false,
        n_polls: 0,
        version: 0,
    };
    let lease_now = shift.holder.time();
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
    for (task, subject) in tasks.iter_mut().zip(subjects) {
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
    }
    transition.tasks.clone_from(&tasks);
    transition.new_jobs.push(job.clone());
    transition.new_intents.push(intent.clone());
    if shift.commit_one(transition).await? == Applied::Lost {
        // Somebody changed one of the tasks first; the next round forms the batch anew.
        return Ok(None);
    }
    for task in &mut tasks {
        task.version += 1;
    }
    Ok(Some((job, intent, tasks)))
}

/// Writes down the answer, and lets the flow go on with it.
pub(super) async fn answered(
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
        // Finding out whether it was sent is counted no more.
        n_polls: 0,
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
    if note_submitted(shift, &job, transition, tasks).await? == Applied::Done
        && let Step::Done(Report::Settled(settled)) = turn.step
    {
        let job = Job { version: job.version + 1, ..job };
        poll::settle(shift, job, settled).await?;
    }
    Ok(())
}

/// Writes down that a job is at the vendor, and then, page by page, that its tasks are. Should the
/// program stop in between, the job's poll does it for the rest.
async fn note_submitted(
    shift: &Shift,
    job: &Job,
    transition: Transition,
    tasks: Vec<Task>,
) -> Result<Applied, WorkError> {
    let mut tasks = tasks.into_iter();
    let mut next = |first: Option<Transition>| {
        let page = submissions(shift, job, tasks.by_ref().take(PAGE).collect());
        first.into_iter().chain(page).collect::<Vec<_>>()
    };
    let applied = shift.commit(next(Some(transition))).await?;
    loop {
        let more = next(None);
        if more.is_empty() {
            return Ok(applied.first().copied().unwrap_or(Applied::Lost));
        }
        shift.commit(more).await?;
    }
}

/// Each task in a transition of its own, so that one which changed meanwhile does not hold the
/// others; the poll of the job mends it later.
pub(super) fn submissions(shift: &Shift, job: &Job, tasks: Vec<Task>) -> Vec<Transition> {
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
pub(super) async fn lost(
    shift: &Shift,
    job: Job,
    intent: IntentId,
    what: &str,
) -> Result<(), WorkError> {
    let at = add(shift.now(), shift.link.connector.manifest().reconcile_lag);
    let entry = shift.entry(Event::IntentLost).job(job.id).intent(intent).fact("why", what);
    let job = Job { due_at: Some(at), ..job };
    shift
        .commit_one(Transition { jobs: vec![job], journal: vec![entry], ..Transition::default() })
        .await?;
    Ok(())
}

/// Ends a job whose call did not take place, and gives its tasks back to the queue.
pub(super) async fn give_back(
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
    let entry = |event| shift.entry(event).job(job.id).intent(intent);
    let mut journal = vec![entry(event).fact("answer", what.word()).fact("why", why)];
    if what == IntentAnswer::CantTell {
        // With the outcome, or a process that died between the two would repeat unrecorded.
        journal.push(entry(Event::IntentRepeated));
    }
    let first = Transition {
        intents: vec![IntentOutcome { id: intent, at: now, what }],
        journal,
        jobs: vec![Job { state: JobState::Ended, due_at: None, reconciling: None, ..job.clone() }],
        ..Transition::default()
    };
    let mut transitions = vec![first];
    let was_lost = matches!(what, IntentAnswer::ReconciledNotThere | IntentAnswer::CantTell);
    transitions.extend(tasks.iter().cloned().map(|mut task| {
        task.detail.n_lost += u32::from(was_lost);
        if was_lost && task.detail.n_lost >= LOST_TRIES {
            return lost_too_often(shift, task);
        }
        unsent(task, now)
    }));
    let applied = shift.commit(transitions).await?;
    let first = applied.first().copied().unwrap_or(Applied::Lost);
    if first == Applied::Done {
        let lost = tasks.iter().zip(&applied[1..]).filter(|(_, one)| **one == Applied::Lost);
        let lost: Vec<_> = lost.map(|(task, _)| task.id).collect();
        give_back_again(shift, &job, lost).await?;
    }
    Ok(first)
}

/// Answers to it were lost again and again: a person looks before it is sent once more.
fn lost_too_often(shift: &Shift, task: Task) -> Transition {
    let mut transition = Transition::default();
    let why = format!(
        "the vendor's answer was lost {} times and nothing had happened; look at the vendor whether something is broken there, then retry it",
        task.detail.n_lost
    );
    let task = shift.carry_out(task, Command::AskPerson { why, outcome: None }, &mut transition);
    transition.tasks.push(task);
    transition
}

fn unsent(mut task: Task, now: Instant) -> Transition {
    task.detail.sending = None;
    task.detail.wait = None;
    task.due_at = Some(now);
    Transition { tasks: vec![task], ..Transition::default() }
}

/// Tasks that somebody changed while they were given back would else be held by a job that is over.
pub(super) async fn give_back_again(
    shift: &Shift,
    job: &Job,
    mut ids: Vec<TaskId>,
) -> Result<(), WorkError> {
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
