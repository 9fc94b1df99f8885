//! Reconciling: an intent without an outcome is found out, never guessed and never just sent
//! again.

use connector_api::{Input, Reconciled, Report, Step};
use domain::journal::Event;
use domain::{Flow, Job, Task};
use store::{Intent, IntentAnswer, StoreError, Transition};

use super::{Shift, WorkError, fault, intent, locate};
use crate::flow::{Log, NoSink};

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
        Err(error) => {
            let now = shift.now();
            if let Some(pause) = fault::pause_for(&error, now) {
                return shift.pause(pause).await;
            }
            let (at, _) = fault::when_again(&error, job.n_polls + 1, now);
            let entry =
                shift.entry(Event::JobPollFailed).job(job.id).fact("why", error.to_string());
            let job = Job { due_at: Some(at), n_polls: job.n_polls + 1, ..job };
            let transition =
                Transition { jobs: vec![job], journal: vec![entry], ..Transition::default() };
            return shift.commit_one(transition).await.map(|_| ());
        }
    };
    match turn.step {
        Step::AskAgain { at } => {
            let job = Job { due_at: Some(at), reconciling: Some(turn.memory), ..job };
            shift.commit_one(Transition { jobs: vec![job], ..Transition::default() }).await?;
            Ok(())
        }
        Step::Done(Report::Reconciled(Reconciled::Happened(answer))) => {
            let tasks = sent_with(shift, &job).await?;
            intent::answered(shift, job, intent.id, IntentAnswer::ReconciledHappened, answer, tasks)
                .await
        }
        Step::Done(Report::Reconciled(Reconciled::NotThere)) => {
            let tasks = sent_with(shift, &job).await?;
            let what = IntentAnswer::ReconciledNotThere;
            intent::give_back(
                shift,
                job,
                intent.id,
                what,
                "the vendor shows no trace of it",
                &tasks,
            )
            .await?;
            Ok(())
        }
        Step::Done(Report::Reconciled(Reconciled::CantTell)) => {
            let tasks = sent_with(shift, &job).await?;
            let entry = shift.entry(Event::IntentRepeated).job(job.id).intent(intent.id);
            let why = "the vendor gives no way to tell; it is sent again, and that is on record";
            intent::give_back(shift, job, intent.id, IntentAnswer::CantTell, why, &tasks).await?;
            shift.commit_one(Transition { journal: vec![entry], ..Transition::default() }).await?;
            Ok(())
        }
        _ => {
            let entry = shift
                .entry(Event::JobPollFailed)
                .job(job.id)
                .fact("why", locate::misuse().to_string());
            let (at, _) = fault::when_again(&locate::misuse(), job.n_polls + 1, shift.now());
            let job = Job { due_at: Some(at), n_polls: job.n_polls + 1, ..job };
            shift
                .commit_one(Transition {
                    jobs: vec![job],
                    journal: vec![entry],
                    ..Transition::default()
                })
                .await?;
            Ok(())
        }
    }
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
