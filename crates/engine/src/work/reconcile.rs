//! Reconciling: an intent without an outcome is found out, never guessed and never just sent
//! again.

use connector_api::{Input, Reconciled, Report, Step, VendorError};
use domain::job::JobState;
use domain::journal::Event;
use domain::task::Command;
use domain::{Flow, Job, Task};
use store::{Intent, IntentAnswer, IntentOutcome, StoreError, Transition};

use super::{Shift, WorkError, fault, intent, locate};
use crate::flow::{Log, NoSink};

/// How often answers that make no sense are asked for before a person is.
const TRIES: u32 = 8;

/// Finds out whether a job's changing call took place.
pub(crate) async fn reconcile(shift: &Shift, job: Job, intent: Intent) -> Result<(), WorkError> {
    let owned = shift.store.vendor_refs(shift.link.connection.id).await?;
    let mut log = Log::default();
    let (memory, input) = match &job.reconciling {
        Some(memory) => (memory.clone(), Input::Woken),
        None => (job.memory.clone(), Input::Start(&[])),
    };
    let driven = shift
        .link
        .drive(Flow::Reconcile, Some(&memory), input, &owned, &mut log, &mut NoSink)
        .await;
    let turn = match driven {
        Ok(turn) => turn,
        Err(error) => return not_yet(shift, job, &intent, &error).await,
    };
    let report = match turn.step {
        Step::Done(Report::Reconciled(report)) => report,
        Step::AskAgain { at } => {
            let job = Job { due_at: Some(at), reconciling: Some(turn.memory), ..job };
            shift.commit_one(Transition { jobs: vec![job], ..Transition::default() }).await?;
            return Ok(());
        }
        _ => return not_yet(shift, job, &intent, &locate::misuse()).await,
    };
    let tasks = sent_with(shift, &job).await?;
    match report {
        Reconciled::Happened(answer) => {
            let what = IntentAnswer::ReconciledHappened;
            intent::answered(shift, job, intent.id, what, answer, tasks).await
        }
        Reconciled::NotThere => {
            let why = "the vendor shows no trace of it";
            let what = IntentAnswer::ReconciledNotThere;
            intent::give_back(shift, job, intent.id, what, why, &tasks).await.map(|_| ())
        }
        Reconciled::CantTell => {
            let entry = shift.entry(Event::IntentRepeated).job(job.id).intent(intent.id);
            let why = "the vendor gives no way to tell; it is sent again, and that is on record";
            intent::give_back(shift, job, intent.id, IntentAnswer::CantTell, why, &tasks).await?;
            shift.commit_one(Transition { journal: vec![entry], ..Transition::default() }).await?;
            Ok(())
        }
    }
}

/// The vendor could not be asked, or its answer made no sense: ask again later, and a person in
/// the end.
async fn not_yet(
    shift: &Shift,
    job: Job,
    intent: &Intent,
    error: &VendorError,
) -> Result<(), WorkError> {
    let now = shift.now();
    if let Some(pause) = fault::pause_for(error, now) {
        return shift.pause(pause).await;
    }
    let is_hopeless =
        matches!(error, VendorError::ContractBroken { .. } | VendorError::Invalid { .. });
    if is_hopeless && job.n_polls >= TRIES {
        return ask_a_person(shift, job, intent, error).await;
    }
    let (at, _) = fault::when_again(error, job.n_polls + 1, now);
    let entry = shift.entry(Event::JobPollFailed).job(job.id).fact("why", error.to_string());
    let job = Job { due_at: Some(at), n_polls: job.n_polls + 1, ..job };
    shift
        .commit_one(Transition { jobs: vec![job], journal: vec![entry], ..Transition::default() })
        .await?;
    Ok(())
}

/// Nobody here can tell whether the call took place: its people wait for a person who can.
async fn ask_a_person(
    shift: &Shift,
    job: Job,
    intent: &Intent,
    error: &VendorError,
) -> Result<(), WorkError> {
    let why = format!(
        "it may have been sent, and the vendor's answers don't tell ({error}); find out at the vendor, then retry it or settle it"
    );
    // Whoever was changed meanwhile is asked for again, until none is held by the job.
    loop {
        let transitions: Vec<_> = sent_with(shift, &job)
            .await?
            .into_iter()
            .map(|task| {
                let mut transition = Transition::default();
                let command = Command::AskPerson { why: why.clone(), outcome: None };
                let task = shift.carry_out(task, command, &mut transition);
                transition.tasks.push(task);
                transition
            })
            .collect();
        if transitions.is_empty() {
            break;
        }
        shift.commit(transitions).await?;
    }
    let entry = shift.entry(Event::IntentReconciled).job(job.id).intent(intent.id);
    let what = IntentAnswer::CantTell;
    let last = Transition {
        intents: vec![IntentOutcome { id: intent.id, at: shift.now(), what }],
        journal: vec![entry.fact("answer", what.word())],
        jobs: vec![Job { state: JobState::Unclear, due_at: None, reconciling: None, ..job }],
        ..Transition::default()
    };
    shift.commit_one(last).await?;
    Ok(())
}

/// Ends a job that says it is sending although its call is accounted for, and frees what it holds.
pub(super) async fn clear_up(shift: &Shift, job: Job) -> Result<(), WorkError> {
    let ids = sent_with(shift, &job).await?.into_iter().map(|task| task.id).collect();
    intent::give_back_again(shift, &job, ids).await?;
    let job = Job { state: JobState::Ended, due_at: None, ..job };
    shift.commit_one(Transition { jobs: vec![job], ..Transition::default() }).await?;
    Ok(())
}

/// The tasks that were being sent with a job.
async fn sent_with(shift: &Shift, job: &Job) -> Result<Vec<Task>, StoreError> {
    let mut tasks = Vec::new();
    let mut after = None;
    loop {
        let page = shift.store.carried_by(job.id, after, 1_000).await?;
        let Some(last) = page.last() else { return Ok(tasks) };
        after = Some(last.task);
        let ids: Vec<_> = page.iter().map(|carried| carried.task).collect();
        let loaded = shift.store.tasks(&ids).await?;
        tasks.extend(loaded.into_iter().filter(|task| task.detail.sending == Some(job.id)));
    }
}
