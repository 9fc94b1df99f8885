//! What was sent between a backup and the day it was put back: the store knows nothing of it, so the
//! vendor is asked before anything is sent for a request of that time.
//!
//! | what the vendor shows | the task |
//! | --- | --- |
//! | a job made since the backup that carries all that the task would send | is carried by it |
//! | none, and its lag since the restore is over | is sent |
//! | its lag is not over | waits for that |
//! | it can't be asked now | is put off |
//!
//! What a vendor can't show at all is sent as it would be after an answer was lost.

use std::collections::BTreeMap;
use std::time::Duration;

use connector_api::{Answer, Change, FlowState, Input, Reconciled, Report, Step, Subject};
use domain::journal::Event;
use domain::task::Whom;
use domain::{Instant, Right, Task};
use store::{IntentAnswer, Transition};

use super::act::{flow_of, put_all_off};
use super::people::Part;
use super::{Shift, WorkError, intent, locate, reconcile};
use crate::limits::add;
use crate::operator::restore::Restored;

/// How long vendors show what was done; after that nothing is looked for.
const SHOWN: Duration = Duration::from_secs(90 * 24 * 3600);

/// A task, and how the call for it alone would begin.
type Sought = (Task, Subject, FlowState, Box<Change>);

/// Whether what was sent before a store was put back is still looked for.
pub(crate) fn is_looked_for(restored: &Restored, now: Instant) -> bool {
    now <= add(restored.at, SHOWN)
}

/// Lets what the vendor carries already carry tasks of a store that was put back; gives back what is
/// left to send.
pub(super) async fn find(shift: &Shift, right: Right, part: Part) -> Result<Part, WorkError> {
    let now = shift.now();
    let restored = shift.restored.as_ref().filter(|one| is_looked_for(one, now));
    let Some(restored) = restored else { return Ok(part) };
    let (mut kept, mut sought) = (Part::default(), Vec::new());
    for (task, subject) in part.0.into_iter().zip(part.1) {
        match begin(shift, right, &task, &subject, restored) {
            Some((memory, change)) => sought.push((task, subject, memory, change)),
            None => {
                kept.0.push(task);
                kept.1.push(subject);
            }
        }
    }
    if sought.is_empty() {
        return Ok(kept);
    }
    let until = add(restored.at, shift.link.connector.manifest().reconcile_lag);
    if now < until {
        wait(shift, sought, until).await?;
        return Ok(kept);
    }
    let memories: Vec<_> = sought.iter().map(|(_, _, memory, _)| memory.clone()).collect();
    let owned = shift.store.vendor_refs(shift.link.connection.id).await?;
    let input = Input::Sought { changes: &memories, since: restored.made_at };
    let error = match reconcile::read(shift, input, &owned).await? {
        Ok(Step::Done(Report::Reconciled(all))) if all.len() == sought.len() => {
            let unseen = carry(shift, right, sought, all).await?;
            kept.0.extend(unseen.0);
            kept.1.extend(unseen.1);
            return Ok(kept);
        }
        Ok(_) => locate::misuse(),
        Err(error) => error,
    };
    let tasks: Vec<_> = sought.into_iter().map(|(task, ..)| task).collect();
    put_all_off(shift, &tasks, &error).await?;
    Ok(kept)
}

/// How the call for a task alone would begin, if one may have been made that we don't know of.
fn begin(
    shift: &Shift,
    right: Right,
    task: &Task,
    subject: &Subject,
    restored: &Restored,
) -> Option<(FlowState, Box<Change>)> {
    if Some(task.request) > restored.last_request {
        return None;
    }
    let alone = std::slice::from_ref(subject);
    let turn = shift.link.with_context(&[], |context| {
        shift.link.connector.step(flow_of(right), None, Input::Start(alone), context)
    });
    match turn.map(|turn| (turn.memory, turn.step)) {
        Ok((memory, Step::Change(change))) => Some((memory, change)),
        // Nothing would be sent, or nothing can be: sending finds that out.
        Ok(_) | Err(_) => None,
    }
}

async fn wait(shift: &Shift, sought: Vec<Sought>, until: Instant) -> Result<(), WorkError> {
    let why =
        "the store was put back from a backup: the vendor is asked first whether this was sent";
    let parked = sought.into_iter().map(|(mut task, ..)| {
        task.postpone(until, Whom::Time, why.to_owned(), shift.now());
        Transition { tasks: vec![task], ..Transition::default() }
    });
    shift.commit(parked.collect()).await.map(drop)
}

/// Writes down which jobs carry whom, and gives back those whom none does.
async fn carry(
    shift: &Shift,
    right: Right,
    sought: Vec<Sought>,
    all: Vec<Reconciled>,
) -> Result<Part, WorkError> {
    let mut unseen = Part::default();
    let mut carried: BTreeMap<Vec<u8>, (Answer, Vec<Sought>)> = BTreeMap::new();
    for (one, finding) in sought.into_iter().zip(all) {
        if let Reconciled::Happened(answer) = finding {
            let by_answer = carried.entry(answer.body.to_vec());
            by_answer.or_insert_with(|| (answer, Vec::new())).1.push(one);
        } else {
            unseen.0.push(one.0);
            unseen.1.push(one.1);
        }
    }
    for (answer, group) in carried.into_values() {
        let n_members = u32::try_from(group.len()).unwrap_or(u32::MAX);
        let Some((_, _, memory, change)) = group.first() else { continue };
        let change = Change { n_members, call: change.call.clone(), key: change.key.clone() };
        let memory = memory.clone();
        let (tasks, subjects): Part =
            group.into_iter().map(|(task, subject, ..)| (task, subject)).unzip();
        let flow = flow_of(right);
        // Should it stop between the two, the job's call counts as lost, is looked for and not found,
        // and its tasks come here again.
        let written = intent::write_intent(shift, flow, memory, &change, tasks, &subjects).await?;
        let Some((job, intent, tasks)) = written else { continue };
        let entry = shift.entry(Event::JobFound).job(job.id).intent(intent.id);
        let entry = entry.fact("n_tasks", tasks.len());
        shift.commit_one(Transition { journal: vec![entry], ..Transition::default() }).await?;
        let what = IntentAnswer::ReconciledHappened;
        intent::answered(shift, job, intent.id, what, answer, tasks).await?;
    }
    Ok(unseen)
}
