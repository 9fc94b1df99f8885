//! Finds out whether a regulation whose answer was lost exists: the workspace's regulations of
//! its type are listed, a few at a time, and compared by the keyed digest of their ids.
//!
//! Ours is one with the same ids, made since shortly before we asked, that no other intent owns.
//! Segment publishes no order of the list. While it runs from new to old, reading stops at what
//! is older than our call; as soon as it does not, it is read to its end. "Not there yet" is not
//! "not there": the list is read again after the vendor's lag, three times.

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

/// The most pages of one look.
const MAX_PAGES: u32 = 2_000;

/// Where the search stands. No person's value.
#[derive(Serialize, Deserialize)]
struct Memory {
    job: regulate::Memory,
    n_looks: u8,
    n_pages: u32,
    cursor: Option<String>,
    pages: Pages,
    oldest: Option<Instant>,
    is_unsorted: bool,
}

pub(super) fn step(
    memory: Option<&FlowState>,
    input: &Input<'_>,
    context: &Context<'_>,
) -> Result<Turn, VendorError> {
    match (input, recall::<Memory>(VERSION, memory)) {
        (Input::Answers([answer]), Ok(search)) => search.take(answer, context),
        (Input::Start(_) | Input::Woken, Ok(search)) => Ok(search.look()),
        (Input::Start(_) | Input::Woken, Err(_)) => match recall(VERSION, memory)? {
            Job::Regulation(job) => Ok(Memory::of(job).look()),
            // Events can't be listed. Their keys make a repeat harmless.
            Job::Consent(_) => Ok(over(Reconciled::CantTell)),
        },
        (Input::Answers(_), _) => Err(out_of_turn()),
    }
}

fn over(reconciled: Reconciled) -> Turn {
    Turn::new(remember(VERSION, &()), Step::Done(Report::Reconciled(reconciled)))
}

impl Memory {
    fn of(job: regulate::Memory) -> Self {
        Self {
            job,
            n_looks: 0,
            n_pages: 0,
            cursor: None,
            pages: Pages::default(),
            oldest: None,
            is_unsorted: false,
        }
    }

    /// Reads the list from its beginning.
    fn look(self) -> Turn {
        let n_looks = self.n_looks + 1;
        Self { n_looks, ..Self::of(self.job) }.page()
    }

    fn page(self) -> Turn {
        let call = client::regulations(&self.job.regulation_type, self.cursor.as_deref());
        ask(VERSION, &self, vec![call])
    }

    fn take(mut self, answer: &Answer, context: &Context<'_>) -> Result<Turn, VendorError> {
        let page: wire::Data<wire::Regulations> = client::read(answer, "regulations")?;
        let since = settings::earlier(self.job.asked_at, CLOCK_MARGIN);
        let mut is_past = false;
        for entry in &page.data.regulations {
            let created_at = created_at(entry)?;
            self.is_unsorted |= self.oldest.is_some_and(|oldest| created_at > oldest);
            self.oldest = Some(created_at);
            is_past |= created_at < since;
            if created_at >= since && self.is_ours(entry, context) {
                return Ok(over(Reconciled::Happened(answer_of(&entry.id))));
            }
        }
        self.n_pages += 1;
        self.cursor = self.pages.next(page.data.pagination.next.as_deref())?;
        let is_over = self.cursor.is_none() || (is_past && !self.is_unsorted);
        if !is_over && self.n_pages < MAX_PAGES {
            return Ok(self.page());
        }
        if !is_over {
            return Ok(over(Reconciled::CantTell));
        }
        if self.n_looks >= MAX_LOOKS {
            return Ok(over(Reconciled::NotThere));
        }
        let at = settings::later(context.now, MANIFEST.reconcile_lag);
        Ok(Turn::new(remember(VERSION, &self), Step::AskAgain { at }))
    }

    fn is_ours(&self, entry: &wire::RegulationEntry, context: &Context<'_>) -> bool {
        let ids: Vec<&str> = entry.subjects.iter().map(String::as_str).collect();
        entry.subject_type == "USER_ID"
            && entry.regulation_type == self.job.regulation_type
            && !context.owned.contains(&entry.id)
            && regulate::fingerprint(&ids, context) == self.job.ids
    }
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
