//! Finds out whether regulations whose answers were lost exist: the workspace's regulations of
//! their types are listed, a few at a time, and compared by the keyed digest of their ids. One
//! reading of the list serves however many were lost.
//!
//! Ours is one with the same ids, made since shortly before we asked, that no other change owns.
//! Segment documents no order of the list, so it is read to its end unless all are found before.
//! "Not there yet" is not "not there": the list is read again after the vendor's lag, three times.

use std::collections::BTreeSet;
use std::time::Duration;

use connector_api::combinators::{Pages, ask, recall, remember};
use connector_api::{
    Answer, Context, FlowState, Input, Reconciled, Report, Step, Turn, VendorError,
};
use domain::Instant;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Job, VERSION, out_of_turn, regulate};
use crate::segment::manifest::MANIFEST;
use crate::segment::{client, settings, wire};

/// How far Segment's clock may be behind ours.
const CLOCK_MARGIN: Duration = Duration::from_secs(600);

/// How often the list is read before a missing regulation counts as not there.
const MAX_LOOKS: u8 = 4;

/// The most pages of one reading. What the quotas allow in the ninety days that Segment lists fits
/// even if every regulation is of one person.
const MAX_PAGES: u32 = 150_000;

/// Whether reading stops at what is older than every call that is looked for. Only right where
/// the list runs from new to old, which Segment does not document.
const IS_LISTED_NEWEST_FIRST: bool = false;

/// Where the search stands. No person's value.
#[derive(Serialize, Deserialize)]
struct Memory {
    lost: Vec<Lost>,
    n_pages: u32,
    cursor: Option<String>,
    pages: Pages,
    /// Since when calls are sought that may have carried others too, where nobody remembers them.
    #[serde(default)]
    since: Option<Instant>,
}

/// A change whose answer was lost.
#[derive(Serialize, Deserialize)]
struct Lost {
    /// What it was. Nothing if its memory can't be read: then only a person can find out.
    job: Option<Job>,
    /// In how many readings of the list it was looked for.
    n_looks: u8,
    /// The regulation that it made.
    made: Option<String>,
}

pub(super) fn step(
    memory: Option<&FlowState>,
    input: &Input<'_>,
    context: &Context<'_>,
) -> Result<Turn, VendorError> {
    match input {
        Input::Lost(changes) => Ok(Memory::of(changes, None).go_on(context)),
        Input::Sought { changes, since } => Ok(Memory::of(changes, Some(*since)).go_on(context)),
        Input::Answers([answer]) => {
            let mut memory: Memory = recall(VERSION, memory)?;
            memory.take(answer, context)?;
            Ok(memory.go_on(context))
        }
        Input::Start(_) | Input::Answers(_) | Input::Woken => Err(out_of_turn()),
    }
}

/// A change as its flow remembers it, or as an earlier look left it. One that can't be read must
/// not keep the others from being found.
fn lost(memory: &FlowState) -> Lost {
    let fresh = || Lost { job: recall(VERSION, Some(memory)).ok(), n_looks: 0, made: None };
    recall(VERSION, Some(memory)).unwrap_or_else(|_| fresh())
}

impl Memory {
    fn of(changes: &[FlowState], since: Option<Instant>) -> Self {
        let lost = changes.iter().map(lost).collect();
        Self { lost, n_pages: 0, cursor: None, pages: Pages::default(), since }
    }

    /// Asks for the next page, or reports.
    fn go_on(mut self, context: &Context<'_>) -> Turn {
        if !self.is_over() {
            let types = self.sought().map(|(_, job)| job.regulation_type.as_str()).collect();
            let call = client::regulations(&types, self.cursor.as_deref());
            return ask(VERSION, &self, vec![call]);
        }
        let is_read_whole = self.cursor.is_none();
        let is_sought = self.since.is_some();
        let report = |it: Lost| match it.report(is_read_whole, context) {
            // Whoever seeks has waited for the vendor's lag.
            Reconciled::NotYet { .. } if is_sought => Reconciled::NotThere,
            report => report,
        };
        let found = self.lost.drain(..).map(report).collect();
        Turn::new(remember(VERSION, &()), Step::Done(Report::Reconciled(found)))
    }

    fn is_over(&self) -> bool {
        let is_at_end = self.n_pages > 0 && self.cursor.is_none();
        is_at_end || self.n_pages >= MAX_PAGES || self.sought().all(|(it, _)| it.made.is_some())
    }

    /// Whatever can be found in the list at all.
    fn sought(&self) -> impl Iterator<Item = (&Lost, &regulate::Memory)> {
        self.lost.iter().filter_map(|it| match &it.job {
            Some(Job::Regulation(job)) => Some((it, job)),
            Some(Job::Consent(_)) | None => None,
        })
    }

    fn take(&mut self, answer: &Answer, context: &Context<'_>) -> Result<(), VendorError> {
        let page: wire::Data<wire::Regulations> = client::read(answer, "regulations")?;
        let oldest_call = self.sought().map(|(_, job)| self.earliest(job)).min();
        let mut is_past = false;
        for entry in page.data.regulations {
            let created_at = created_at(&entry)?;
            is_past |= oldest_call.is_some_and(|since| created_at < since);
            match self.since {
                Some(_) => self.find_among(&entry, created_at, context),
                None => self.match_up(entry, created_at, context),
            }
        }
        self.n_pages += 1;
        self.cursor = self.pages.next(page.data.pagination.next.as_deref())?;
        if IS_LISTED_NEWEST_FIRST && is_past {
            self.cursor = None;
        }
        Ok(())
    }

    /// The earliest instant, by Segment's clock, at which a change can have been made.
    fn earliest(&self, job: &regulate::Memory) -> Instant {
        self.since.map_or_else(|| since(job), |since| settings::earlier(since, CLOCK_MARGIN))
    }

    /// Gives a regulation to every change of whose ids it holds all, whoever else it is about.
    fn find_among(&mut self, entry: &wire::RegulationEntry, at: Instant, context: &Context<'_>) {
        if entry.subject_type != "USER_ID" || context.owned.contains(&entry.id) {
            return;
        }
        let since = self.since;
        let ids: BTreeSet<_> =
            entry.subjects.iter().map(|id| regulate::fingerprint(&[id], context)).collect();
        for lost in &mut self.lost {
            let Some(Job::Regulation(job)) = &lost.job else { continue };
            let is_late = since.is_some_and(|since| at >= settings::earlier(since, CLOCK_MARGIN));
            let holds_all = !job.each.is_empty() && job.each.iter().all(|id| ids.contains(id));
            if is_late && holds_all && job.regulation_type == entry.regulation_type {
                lost.made = Some(entry.id.clone());
            }
        }
    }

    /// Gives a regulation to the one change that may have made it.
    fn match_up(&mut self, entry: wire::RegulationEntry, at: Instant, context: &Context<'_>) {
        let ids: Vec<&str> = entry.subjects.iter().map(String::as_str).collect();
        let ids = regulate::fingerprint(&ids, context);
        let is_ours = |it: &&mut Lost| match &it.job {
            Some(Job::Regulation(job)) => {
                it.made.is_none()
                    && entry.subject_type == "USER_ID"
                    && job.ids == ids
                    && job.regulation_type == entry.regulation_type
                    && at >= since(job)
            }
            Some(Job::Consent(_)) | None => false,
        };
        // A list that grows while it is read may show an entry twice.
        let is_given = self.lost.iter().any(|it| it.made.as_ref() == Some(&entry.id));
        if let Some(lost) = self.lost.iter_mut().find(is_ours)
            && !is_given
            && !context.owned.contains(&entry.id)
        {
            lost.made = Some(entry.id);
        }
    }
}

impl Lost {
    fn report(self, is_read_whole: bool, context: &Context<'_>) -> Reconciled {
        match (&self.job, &self.made) {
            (_, Some(regulation)) => Reconciled::Happened(answer_of(regulation)),
            (None, None) => Reconciled::Broken(VendorError::ContractBroken {
                what: "what was sent can't be read from the job's memory".to_owned(),
            }),
            // Events can't be listed. Their keys make a repeat harmless.
            (Some(Job::Consent(_)), None) => Reconciled::CantTell,
            (Some(Job::Regulation(_)), None) => self.unseen(is_read_whole, context),
        }
    }

    fn unseen(self, is_read_whole: bool, context: &Context<'_>) -> Reconciled {
        if !is_read_whole {
            return Reconciled::CantTell;
        }
        if self.n_looks + 1 >= MAX_LOOKS {
            return Reconciled::NotThere;
        }
        Reconciled::NotYet {
            at: settings::later(context.now, MANIFEST.reconcile_lag),
            memory: remember(VERSION, &Self { n_looks: self.n_looks + 1, made: None, ..self }),
        }
    }
}

/// The earliest instant, by Segment's clock, at which a call can have taken place.
fn since(job: &regulate::Memory) -> Instant {
    settings::earlier(job.asked_at, CLOCK_MARGIN)
}

fn created_at(entry: &wire::RegulationEntry) -> Result<Instant, VendorError> {
    entry.created_at.parse().map_err(|_| VendorError::ContractBroken {
        what: "a regulation's date of creation can't be read".to_owned(),
    })
}

/// The answer that was lost, as it would have come.
fn answer_of(regulation: &str) -> Answer {
    let body = json!({"data": {"regulateId": regulation}}).to_string();
    Answer { status: 200, headers: Vec::new(), body: body.into_bytes().into() }
}
