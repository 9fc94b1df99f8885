//! Reconciling: an intent without an outcome is found out, never guessed and never just sent
//! again.

use std::collections::HashMap;
use std::time::Duration;

use connector_api::{Input, Reconciled, Report, Step, VendorError};
use domain::job::JobState;
use domain::journal::Event;
use domain::task::Command;
use domain::{Flow, Instant, Job, JobId, Task};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use store::{Intent, IntentAnswer, IntentOutcome, LeaseTime, StoreError, Transition};

use super::{Shift, WorkError, fault, intent, locate};
use crate::flow::{Log, NoSink};
use crate::http::real_sleep;
use crate::limits::add;

/// How often the vendor is asked in vain before a person is.
const TRIES: u32 = 8;

/// How long a reading that gets no further is held on to.
const PATIENCE: Duration = Duration::from_secs(3600);

/// How often a reading that waits looks whether its shift is over.
const LOOK: Duration = Duration::from_secs(30);

/// How many pieces of what was found out together are written down side by side.
pub(super) const SIDE_BY_SIDE: usize = 96;

/// Finds out about jobs whose calls are unaccounted for, all of them with one reading, once none
/// of the calls can be in flight any more.
pub(crate) async fn find_out(shift: &Shift, jobs: Vec<Job>) -> Result<(), WorkError> {
    let intents = shift.store.open_intents(shift.link.connection.id).await?;
    let mut intents: HashMap<JobId, Intent> =
        intents.into_iter().map(|intent| (intent.job, intent)).collect();
    let mut open = Vec::new();
    for job in jobs {
        match intents.remove(&job.id) {
            Some(intent) => open.push((job, intent)),
            None if is_as_loaded(shift, &job).await? => clear_up(shift, job).await?,
            // Whoever sent it has written down what came of it.
            None => {}
        }
    }
    let open = after_arrival(shift, open).await?;
    if open.is_empty() { Ok(()) } else { reconcile(shift, open).await }
}

async fn is_as_loaded(shift: &Shift, job: &Job) -> Result<bool, StoreError> {
    let fresh = shift.store.job(job.id).await?;
    Ok(fresh.is_some_and(|fresh| fresh.version == job.version))
}

/// Waits until no call can arrive any more, and leaves out the jobs whose calls were accounted for
/// meanwhile.
async fn after_arrival(shift: &Shift, open: Vec<Lost>) -> Result<Vec<Lost>, StoreError> {
    let now = shift.holder.time();
    // A job that was written again since its intent is known to have made its call.
    let is_fresh = |job: &Job| job.version == 0;
    let rests = open.iter().filter(|(job, _)| is_fresh(job));
    let rest = rests.filter_map(|(_, intent)| may_arrive_for(intent, &now)).max();
    let Some(rest) = rest else { return Ok(open) };
    real_sleep(rest).await;
    let mut still_open = Vec::with_capacity(open.len());
    for (job, intent) in open {
        if !is_fresh(&job) || is_as_loaded(shift, &job).await? {
            still_open.push((job, intent));
        }
    }
    Ok(still_open)
}

/// How much longer an intent's call may arrive at the vendor, if it may at all.
fn may_arrive_for(intent: &Intent, now: &LeaseTime) -> Option<Duration> {
    let millis = u64::try_from(intent.deadline.millis.saturating_sub(now.millis)).ok()?;
    (intent.deadline.boot == now.boot && millis > 0).then(|| Duration::from_millis(millis))
}

/// A job and the intent that has no outcome.
type Lost = (Job, Intent);

/// Finds out whether the changing calls of these jobs took place.
async fn reconcile(shift: &Shift, lost: Vec<Lost>) -> Result<(), WorkError> {
    let owned = shift.store.vendor_refs(shift.link.connection.id).await?;
    let memories: Vec<_> = lost
        .iter()
        .map(|(job, _)| job.reconciling.clone().unwrap_or_else(|| job.memory.clone()))
        .collect();
    let error = match read(shift, Input::Lost(&memories), &owned).await? {
        Ok(Step::Done(Report::Reconciled(all))) if all.len() == lost.len() => {
            let findings = lost.into_iter().zip(all);
            let written = findings.map(|(lost, finding)| write_down(shift, lost, finding));
            return stream::iter(written).buffer_unordered(SIDE_BY_SIDE).try_collect().await;
        }
        Ok(_) => locate::misuse(),
        // Whoever has the next shift begins anew.
        Err(_) if shift.is_over() => return Ok(()),
        Err(error) => error,
    };
    let put_off = lost.into_iter().map(|(job, intent)| not_yet(shift, job, intent, &error));
    stream::iter(put_off).buffer_unordered(SIDE_BY_SIDE).try_collect().await
}

/// Reads what the vendor shows to its end. What was read is held on to while the vendor lets us
/// wait, as a list that takes longer than one window of its rate limit would never be read if
/// each fault led back to its first page.
pub(super) async fn read(
    shift: &Shift,
    input: Input<'_>,
    owned: &[String],
) -> Result<Result<Step, VendorError>, StoreError> {
    let (link, mut log) = (&shift.link, Log::in_brief());
    let begun = link
        .with_context(owned, |context| link.connector.step(Flow::Reconcile, None, input, context));
    let mut turn = match begun {
        Ok(turn) => turn,
        Err(error) => return Ok(Err(error)),
    };
    let (mut n_tries, mut stuck_since) = (0, shift.now());
    loop {
        let before = turn.memory.clone();
        let gone_on = link.go_on(Flow::Reconcile, &mut turn, owned, &mut log, &mut NoSink).await;
        let Err(error) = gone_on else { return Ok(Ok(turn.step)) };
        if turn.memory != before {
            (n_tries, stuck_since) = (0, shift.now());
        }
        n_tries += 1;
        let passes = matches!(error, VendorError::Throttled { .. } | VendorError::Transient { .. });
        let (at, _) = fault::when_again(&error, n_tries, shift.now());
        if !passes || at > add(stuck_since, PATIENCE) {
            return Ok(Err(error));
        }
        if !rest_until(shift, at).await? {
            return Ok(Err(error));
        }
    }
}

/// Waits for an instant. Says no if the shift or the hold on the connection ended before.
async fn rest_until(shift: &Shift, at: Instant) -> Result<bool, StoreError> {
    while shift.now() < at {
        shift.clock.sleep_until(at.min(add(shift.now(), LOOK))).await;
        shift.look_whether_over().await?;
        if shift.is_over() || !shift.tenure.outlives_a_change(&shift.holder.time()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Writes down what was found out about one job.
async fn write_down(shift: &Shift, lost: Lost, finding: Reconciled) -> Result<(), WorkError> {
    let (job, intent) = lost;
    match finding {
        Reconciled::Happened(answer) => {
            let tasks = sent_with(shift, &job).await?;
            let what = IntentAnswer::ReconciledHappened;
            intent::answered(shift, job, intent.id, what, answer, tasks).await
        }
        Reconciled::NotYet { at, memory } => {
            let job = Job { due_at: Some(at), reconciling: Some(memory), ..job };
            shift.commit_one(Transition { jobs: vec![job], ..Transition::default() }).await?;
            Ok(())
        }
        Reconciled::Broken(error) => ask_a_person(shift, job, &intent, &error).await,
        Reconciled::NotThere => {
            let tasks = sent_with(shift, &job).await?;
            let why = "the vendor shows no trace of it";
            let what = IntentAnswer::ReconciledNotThere;
            intent::give_back(shift, job, intent.id, what, why, &tasks).await.map(|_| ())
        }
        Reconciled::CantTell => {
            let tasks = sent_with(shift, &job).await?;
            let why = "the vendor gives no way to tell; it is sent again, and that is on record";
            let what = IntentAnswer::CantTell;
            intent::give_back(shift, job, intent.id, what, why, &tasks).await.map(|_| ())
        }
    }
}

/// The vendor could not be asked to the end, or its answer made no sense: ask again later, and a
/// person in the end.
async fn not_yet(
    shift: &Shift,
    job: Job,
    intent: Intent,
    error: &VendorError,
) -> Result<(), WorkError> {
    let now = shift.now();
    if let Some(pause) = fault::pause_for(error, now) {
        return shift.pause(pause).await;
    }
    if job.n_polls >= TRIES {
        return ask_a_person(shift, job, &intent, error).await;
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
async fn clear_up(shift: &Shift, job: Job) -> Result<(), WorkError> {
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
