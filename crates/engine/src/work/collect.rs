//! Collecting: reads everything about a person into the sealed chunk store, in constant memory.

use connector_api::{Input, Record, Report, Step, Subject, VendorError};
use domain::connection::Gate;
use domain::journal::Event;
use domain::task::Command;
use domain::{Flow, Outcome, Right, Task};
use packaging::NOTES;
use store::{Applied, BlobWriter, Collected, StoreError, Transition};

use super::{Shift, WorkError, locate};
use crate::flow::{Log, Sink};
use crate::wake;

/// Writes records as JSON lines.
struct Lines {
    to: BlobWriter,
    n_records: u64,
    broken: Option<StoreError>,
}

impl Lines {
    fn write(&mut self, record: &Record) -> Result<(), StoreError> {
        let line = serde_json::json!({ "file": record.file, "record": record.body });
        self.to.append(format!("{line}\n").as_bytes())?;
        self.n_records += u64::from(record.file != NOTES);
        Ok(())
    }
}

impl Sink for Lines {
    fn keep(&mut self, records: Vec<Record>) -> Result<(), VendorError> {
        records.iter().try_for_each(|record| self.write(record)).map_err(|error| {
            self.broken = Some(error);
            VendorError::Transient { what: "what was read could not be kept".to_owned() }
        })
    }
}

/// Collects one person's data.
pub(crate) async fn collect(shift: &Shift, task: Task, subject: Subject) -> Result<(), WorkError> {
    let to = shift.store.blob_writer(task.request).await?;
    let mut sink = Lines { to, n_records: 0, broken: None };
    let mut log = Log::of_digests();
    let subjects = [subject];
    let driven = shift
        .link
        .drive(Flow::Collect, None, Input::Start(&subjects), &[], &mut log, &mut sink)
        .await;
    if let Some(error) = sink.broken {
        return Err(error.into());
    }
    let collected = match driven.map(|turn| turn.step) {
        Ok(Step::Done(Report::Collected(collected))) => collected,
        Ok(_) => return shift.put_off(task, locate::misuse()).await,
        Err(error) => return shift.put_off(task, error).await,
    };
    let mut notes = collected.notes;
    notes.extend(deletions_under_way(shift, &subjects[0]).await?);
    for note in &notes {
        sink.write(&Record { file: NOTES.to_owned(), body: note.as_str().into() })?;
    }
    let n_records = sink.n_records;
    let (blob, n_bytes) = match sink.to.finish().await {
        Ok(finished) => finished,
        // Whoever looks at the task sees why; nothing else has to wait for the bucket.
        Err(error @ StoreError::Bucket { .. }) => {
            let what = format!("what was read could not be kept: {error}");
            return shift.put_off(task, VendorError::Transient { what }).await;
        }
        Err(error) => return Err(error.into()),
    };
    let mut transition = Transition::default();
    transition.collected.push(Collected {
        task: task.id,
        request: task.request,
        round: task.round,
        blob,
        n_records,
        n_bytes,
    });
    transition.evidence.push(shift.task_evidence(&task, "collected", log));
    transition.journal.push(shift.task_entry(Event::Looked, &task).fact("n_records", n_records));
    let outcome = Outcome::Done { counts: collected.counts };
    let command = match shift.link.connection.switches.approval {
        Gate::Ask => Command::AskApproval {
            why: "collected; waits for approval before the person is answered".to_owned(),
            outcome: Some(outcome),
        },
        Gate::Auto => Command::End { outcome, proof: None, recheck_at: None },
    };
    let task = shift.carry_out(task, command, &mut transition);
    transition.tasks.push(task);
    let alone = transition.clone();
    wake::after_collecting(&shift.store, subjects[0].request, shift.now(), &mut transition).await?;
    if shift.commit_one(transition).await? == Applied::Lost {
        // One of those that wait may have changed; that is no reason to read everything again.
        shift.commit_one(alone).await?;
    }
    Ok(())
}

/// A deletion of the same person that is at the vendor already, or was: what was read may be less
/// than there was, and the reader is told.
async fn deletions_under_way(shift: &Shift, subject: &Subject) -> Result<Vec<String>, WorkError> {
    let values: Vec<_> = subject
        .identifiers
        .iter()
        .filter(|identifier| !identifier.kind.is_shared_by_people())
        .map(|identifier| (identifier.kind.clone(), identifier.normalised.clone()))
        .collect();
    let mut others: Vec<_> =
        shift.store.requests_sharing(&values).await?.into_iter().map(|(id, _)| id).collect();
    others.retain(|id| *id != subject.request);
    others.dedup();
    let tasks = shift.store.tasks_of(&others).await?;
    let was_sent = |task: &&Task| {
        let has_effect = task.detail.outcome.as_ref().is_some_and(Outcome::claims_an_effect);
        task.right == Right::Deletion && (task.may_have_been_sent() || has_effect)
    };
    let name = &shift.link.connection.name;
    Ok(tasks
        .iter()
        .filter(was_sent)
        .filter(|task| task.connection == Some(shift.link.connection.id))
        .map(|task| {
            format!(
                "{name}: a deletion of the same person ({}) had been sent before this was read, so some of the data may be gone",
                task.request
            )
        })
        .collect())
}
