//! Reads everything that the spaces hold about a person, record by record.
//!
//! Profile after profile: external ids, traits, events, links and metadata, a page of each at a
//! time. Which identifiers belong to one profile shows its own list of external ids, so no profile
//! is read twice.

mod reading;

use connector_api::combinators::{ask, recall, remember};
use connector_api::flow::Record;
use connector_api::report::Collected;
use connector_api::{
    Answer, Call, Context, FlowState, Input, Report, Step, Subject, Turn, VendorError,
};
use domain::plan::PlanItem;
use serde::{Deserialize, Serialize};

use super::{VERSION, identifier, out_of_turn};
use crate::segment::mapping::{self, ProfileKey};
use crate::segment::settings;
use reading::{Counts, Reading};

/// What the flow knows so far. It holds personal values and is not for the disk.
#[derive(Serialize, Deserialize)]
struct Memory {
    /// Spaces, each with the keys that may lead to another profile.
    to_do: Vec<(String, Vec<ProfileKey>)>,
    /// The profile that is being read.
    reading: Option<Reading>,
    /// How many profiles of the space were read.
    n_in_space: u32,
    n_profiles: u32,
    n_gone: u32,
    n_spaces: usize,
    counts: Counts,
    notes: Vec<String>,
}

pub(super) fn step(
    memory: Option<&FlowState>,
    input: &Input<'_>,
    context: &Context<'_>,
) -> Result<Turn, VendorError> {
    match input {
        Input::Start(subjects) => Ok(begin(subjects, context).go_on(Vec::new(), context)),
        Input::Answers(answers) => {
            let mut memory: Memory = recall(VERSION, memory)?;
            let records = memory.take(answers)?;
            Ok(memory.go_on(records, context))
        }
        Input::Lost(_) | Input::Sought { .. } | Input::Woken => Err(out_of_turn()),
    }
}

fn begin(subjects: &[Subject], context: &Context<'_>) -> Memory {
    let readable = settings::readable_spaces(context);
    let mut to_do: Vec<(String, Vec<ProfileKey>)> = Vec::new();
    let mut notes = vec![
        "events: Segment's Profile API shows the last 14 days only; older events lie in the company's own warehouse and are not part of this copy".to_owned(),
        "consent preferences are not shown by Segment's API".to_owned(),
    ];
    let mut items: Vec<(&Subject, &PlanItem)> = Vec::new();
    for subject in subjects {
        let acts_on = subject.plan.iter().flat_map(|plan| &plan.acts_on);
        items.extend(acts_on.map(|item| (subject, item)));
    }
    items.sort_by_key(|(_, item)| mapping::reluctance(&item.kind));
    for (subject, item) in items {
        let Some(identifier) = identifier(subject, item.identifier) else { continue };
        for place in &item.places {
            if !readable.contains(&place.as_str()) {
                let note = format!("space {place} can't be read: it has no working profile token");
                if !notes.contains(&note) {
                    notes.push(note);
                }
                continue;
            }
            let keys = mapping::keys(identifier);
            match to_do.iter_mut().find(|(space, _)| space == place) {
                Some((_, waiting)) => waiting.extend(keys),
                None => to_do.push((place.clone(), keys)),
            }
        }
    }
    Memory {
        n_spaces: to_do.len(),
        to_do,
        reading: None,
        n_in_space: 0,
        n_profiles: 0,
        n_gone: 0,
        counts: Counts::default(),
        notes,
    }
}

impl Memory {
    fn take(&mut self, answers: &[Answer]) -> Result<Vec<Record>, VendorError> {
        let reading = self.reading.as_mut().ok_or_else(out_of_turn)?;
        let records = reading.take(answers, &mut self.counts)?;
        if let Some((_, waiting)) = self.to_do.first_mut() {
            waiting.retain(|key| !reading.is_known_by(key));
        }
        if reading.is_over() {
            if reading.is_gone() {
                self.n_gone += 1;
            } else {
                self.n_in_space += 1;
                self.n_profiles += 1;
            }
            self.reading = None;
        }
        Ok(records)
    }

    fn go_on(mut self, records: Vec<Record>, context: &Context<'_>) -> Turn {
        let calls = self.calls(context);
        let mut turn = if calls.is_empty() {
            let report = Report::Collected(self.report());
            Turn::new(remember(VERSION, &()), Step::Done(report))
        } else {
            ask(VERSION, &self, calls)
        };
        turn.records = records;
        turn
    }

    /// The next pages of the profile being read, else the first ones of the next profile.
    fn calls(&mut self, context: &Context<'_>) -> Vec<Call> {
        while self.reading.is_none() {
            let Some((space, waiting)) = self.to_do.first_mut() else { return Vec::new() };
            if waiting.is_empty() {
                self.to_do.remove(0);
                self.n_in_space = 0;
            } else {
                let key = waiting.remove(0);
                self.reading = Some(Reading::new(space, self.n_in_space, key, context.now));
            }
        }
        self.reading.as_ref().map(Reading::calls).unwrap_or_default()
    }

    fn report(&self) -> Collected {
        let mut notes = self.notes.clone();
        if self.n_profiles == 0 {
            notes.push("nothing was found to read".to_owned());
        }
        if self.n_gone > 0 && self.n_profiles == 0 {
            notes.push("a profile that was there while locating has gone".to_owned());
        }
        let counts = format!(
            "{}, from {} in {}",
            self.counts,
            reading::count(u64::from(self.n_profiles), "profile"),
            reading::count(self.n_spaces as u64, "space"),
        );
        Collected { counts, notes }
    }
}
