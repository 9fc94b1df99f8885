//! Joining: what another request's job carries already is not sent again.
//!
//! One person may be asked about twice, under different identifiers that lead to the same profile.
//! Where the newest job for another request that carries anything of what a task would send carries
//! all of it, and in the same way (right, scope, variant, account, settings):
//!
//! | the job | the task |
//! | --- | --- |
//! | is being sent, or its answer was lost | waits until that is known |
//! | is at the vendor | is carried by it too |
//! | is over, and what it did is still looked at | waits until that is known |
//! | is over, and was found true later than we looked for this task | is looked up again at once |
//! | is over since before that, failed, or turned out untrue | is sent: what we saw is news |
//!
//! Only the newest counts: after the opposite was sent, an older job says nothing any more. Each task
//! keeps evidence, looks and proof of its own.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use connector_api::Subject;
use domain::job::{Carried, JobState};
use domain::journal::Event;
use domain::task::{Command, Whom};
use domain::{
    Identifier, IdentifierId, Instant, Job, JobId, Outcome, Proof, RequestId, Right, Task,
    TaskState,
};
use store::{StoreError, Transition};

use super::act::flow_of;
use super::people::Part;
use super::{Shift, WorkError, intent};
use crate::limits::add;

/// How long a task waits for a call that another batch is making.
const CALL: Duration = Duration::from_secs(15);

/// What the batches on their way are about to send, so that no two of them send the same at once.
#[derive(Default)]
pub(crate) struct Claims(Mutex<HashSet<Claim>>);

/// A digest of right, kind and value: as small as it gets, for a batch has thousands. Two that are the
/// same by chance make one wait for the other.
type Claim = u64;

/// What one batch is about to send, until it is dropped.
pub(super) struct Claimed<'a> {
    claims: &'a Claims,
    ours: Vec<Claim>,
}

impl Claims {
    fn lock(&self) -> MutexGuard<'_, HashSet<Claim>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claimed<'_> {
    fn drop(&mut self) {
        let mut claims = self.claims.lock();
        for claim in &self.ours {
            claims.remove(claim);
        }
    }
}

/// Claims what these people's tasks send. Those of which another batch is sending something right
/// now are put off.
pub(super) async fn claim<'a>(
    shift: &'a Shift,
    right: Right,
    (tasks, subjects): Part,
) -> Result<(Claimed<'a>, Part), WorkError> {
    let mut ours = Vec::new();
    let mut kept = Part::default();
    let mut later = Vec::new();
    {
        let mut claims = shift.claims.lock();
        for (task, subject) in tasks.into_iter().zip(subjects) {
            let wanted = claims_of(right, &subject);
            if wanted.iter().any(|claim| claims.contains(claim)) {
                later.push(task);
            } else {
                ours.extend(wanted);
                kept.0.push(task);
                kept.1.push(subject);
            }
        }
        claims.extend(&ours);
    }
    let claimed = Claimed { claims: &shift.claims, ours };
    let at = add(shift.now(), CALL);
    let why = "the same is being sent for another request of this person";
    shift.commit(later.into_iter().map(|task| wait(shift, task, at, why)).collect()).await?;
    Ok((claimed, kept))
}

fn claims_of(right: Right, subject: &Subject) -> Vec<Claim> {
    let acts_on: HashSet<_> = sent_by(subject).collect();
    let sent = subject.identifiers.iter().filter(|one| acts_on.contains(&one.id));
    let claim = |one: &Identifier| {
        let mut hasher = DefaultHasher::new();
        (right, &one.kind, &one.normalised).hash(&mut hasher);
        hasher.finish()
    };
    sent.map(claim).collect()
}

/// The identifiers that a person's plan sends.
fn sent_by(subject: &Subject) -> impl Iterator<Item = IdentifierId> + '_ {
    subject.plan.iter().flat_map(|plan| plan.acts_on.iter().map(|item| item.identifier))
}

/// Lets jobs of other requests carry what they carry anyway; gives back what is left to send.
pub(super) async fn join(
    shift: &Shift,
    right: Right,
    (tasks, subjects): Part,
) -> Result<Part, WorkError> {
    let ids: Vec<_> = subjects.iter().flat_map(sent_by).collect();
    let connection = shift.link.connection.id;
    let mut elsewhere = HashMap::<_, Vec<_>>::new();
    for (id, carried) in shift.store.carried_elsewhere(connection, &ids).await? {
        elsewhere.entry(id).or_default().push(carried);
    }
    if elsewhere.is_empty() {
        return Ok((tasks, subjects));
    }
    let mut kept = Part::default();
    let mut transitions = Vec::new();
    // All that join one job do so in one transition: it compares the job's version.
    let mut joining = BTreeMap::<JobId, Transition>::new();
    for (task, subject) in tasks.into_iter().zip(subjects) {
        match carrier(shift, right, &task, &subject, &elsewhere).await? {
            None => {
                kept.0.push(task);
                kept.1.push(subject);
            }
            Some(Carrier::Uncertain { at, what }) => {
                let why =
                    format!("whether the same was {what} for another request is being found out");
                transitions.push(wait(shift, task, at, &why));
            }
            Some(Carrier::Running(job, request)) => {
                let into = joining.entry(job.id).or_default();
                ride(shift, task, &subject, job, request, into);
            }
            Some(Carrier::Over(job, request, outcome)) => {
                let mut transition = Transition::default();
                note(shift, &task, &subject, &job, request, &mut transition);
                let command = Command::LookAgain { outcome, at: shift.now() };
                let task = shift.carry_out(task, command, &mut transition);
                transition.tasks.push(task);
                transitions.push(transition);
            }
        }
    }
    transitions.extend(joining.into_values());
    shift.commit(transitions).await?;
    Ok(kept)
}

/// A job for another request that carries everything a task would send.
enum Carrier {
    /// Nobody knows yet whether it was taken, or whether it was done.
    Uncertain { at: Instant, what: &'static str },
    /// It is at the vendor.
    Running(Job, RequestId),
    /// The vendor says it is done.
    Over(Job, RequestId, Outcome),
}

/// The newest job for another request that carries any of a task's identifiers, if it carries them
/// all and in the same way.
async fn carrier(
    shift: &Shift,
    right: Right,
    task: &Task,
    subject: &Subject,
    elsewhere: &HashMap<IdentifierId, Vec<Carried>>,
) -> Result<Option<Carrier>, StoreError> {
    let wanted: Vec<_> = sent_by(subject).collect();
    let all = || wanted.iter().filter_map(|id| elsewhere.get(id)).flatten();
    let Some(newest) = all().map(|carried| carried.job).max() else { return Ok(None) };
    let carries = |one: &Carried, id| elsewhere.get(id).is_some_and(|all| all.contains(one));
    let whole = all().find(|one| one.job == newest && wanted.iter().all(|id| carries(one, id)));
    let Some(carried) = whole else { return Ok(None) };
    let (job, other) = (shift.store.job(carried.job).await?, shift.store.task(carried.task).await?);
    let (Some(job), Some(other)) = (job, other) else { return Ok(None) };
    let is_same_way =
        job.flow == flow_of(right) && other.round == carried.round && is_same_way(task, &other);
    Ok(if is_same_way { as_carrier(shift, task, job, other) } else { None })
}

/// Whether two tasks ask the same of the vendor.
fn is_same_way(task: &Task, other: &Task) -> bool {
    let (Some(ours), Some(theirs)) = (task.findings.plan(), other.findings.plan()) else {
        return false;
    };
    ours.right == theirs.right
        && ours.scope == theirs.scope
        && ours.variant == theirs.variant
        && ours.account == theirs.account
        && ours.settings == theirs.settings
}

fn as_carrier(shift: &Shift, task: &Task, job: Job, other: Task) -> Option<Carrier> {
    let soon = add(shift.now(), CALL);
    let uncertain = |due_at: Option<Instant>, what| {
        let at = due_at.map_or(soon, |due_at| due_at.max(soon));
        Some(Carrier::Uncertain { at, what })
    };
    match job.state {
        JobState::Sending => uncertain(job.due_at, "sent"),
        JobState::Running => Some(Carrier::Running(job, other.request)),
        JobState::Ended if other.state == TaskState::Confirming => uncertain(other.due_at, "done"),
        JobState::Ended => {
            let looked_at = task.findings.found().and_then(|found| found.looked_at);
            let is_later = looked_at.is_some_and(|looked_at| other.since > looked_at);
            // Where nothing can prove it, that it was never seen to be untrue.
            let is_true = matches!(other.detail.proof, Some(Proof::Confirmed { .. }))
                || other.detail.n_looks_done == 0;
            let is_done = other.state == TaskState::Ended && is_later && is_true;
            let outcome = other.detail.outcome.filter(Outcome::claims_an_effect);
            Some(Carrier::Over(job, other.request, outcome.filter(|_| is_done)?))
        }
        JobState::Unclear => None,
    }
}

/// A task is carried by a job that is at the vendor already.
fn ride(
    shift: &Shift,
    task: Task,
    subject: &Subject,
    job: Job,
    request: RequestId,
    into: &mut Transition,
) {
    note(shift, &task, subject, &job, request, into);
    for submitted in intent::submissions(shift, &job, vec![task]) {
        into.tasks.extend(submitted.tasks);
        into.journal.extend(submitted.journal);
    }
    // Should the job end meanwhile, its version differs, and the task finds it over.
    if into.jobs.is_empty() {
        into.jobs.push(job);
    }
}

/// Puts on record which job carries a task, and for whom it was begun.
fn note(
    shift: &Shift,
    task: &Task,
    subject: &Subject,
    job: &Job,
    request: RequestId,
    into: &mut Transition,
) {
    into.carried.push(Carried {
        job: job.id,
        task: task.id,
        request: task.request,
        round: task.round,
        identifiers: sent_by(subject).collect(),
    });
    let entry = shift.task_entry(Event::TaskJoined, task).job(job.id);
    into.journal.push(entry.fact("begun_for", request.to_string()));
}

fn wait(shift: &Shift, mut task: Task, until: Instant, why: &str) -> Transition {
    let mut transition = Transition::default();
    if task.detail.wait.as_ref().is_none_or(|wait| wait.why != why) {
        transition.journal.push(shift.task_entry(Event::TaskParked, &task).fact("why", why));
    }
    task.postpone(until, Whom::OtherRequest, why.to_owned(), shift.now());
    transition.tasks.push(task);
    transition
}
