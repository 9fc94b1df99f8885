//! What the connector can do, a file per flow. Each is a small state machine without I/O.
//!
//! The memory of a flow that only reads (`check`, `locate`, `collect`, `confirm`) holds values
//! about a person: it lives as long as the run and is not for the disk. These flows never ask to
//! be woken, so it need not be stored. The memory of a flow that changes something is stored for
//! weeks; it holds digests and the vendor's own ids only, however many people the job carries.

mod check;
mod collect;
mod confirm;
mod consent;
mod identify;
mod locate;
mod reconcile;
mod regulate;
mod verdict;

use connector_api::combinators::{recall, remember};
use connector_api::{
    Context, Flow, FlowState, Input, Report, Settled, Step, Subject, Turn, VendorError,
};
use domain::outcome::{Residue, Share};
use domain::{Identifier, IdentifierId, Right};
use serde::{Deserialize, Serialize};

use super::settings;
pub(super) use consent::size as event_size;
pub(super) use locate::NO_USER_ID;

/// The version of every memory. A change of any shape raises it.
const VERSION: u16 = 1;

/// The memory of a flow that changes something.
#[derive(Serialize, Deserialize)]
#[serde(tag = "way", rename_all = "snake_case")]
enum Job {
    /// By a regulation.
    Regulation(regulate::Memory),
    /// By a batch of events.
    Consent(consent::Memory),
}

/// Moves a flow on by one step.
pub(super) fn step(
    flow: Flow,
    memory: Option<&FlowState>,
    input: &Input<'_>,
    context: &Context<'_>,
) -> Result<Turn, VendorError> {
    match flow {
        Flow::Check => check::step(memory, input, context),
        Flow::Identify => identify::step(input),
        Flow::Locate => locate::step(memory, input, context),
        Flow::Collect => collect::step(memory, input, context),
        Flow::Confirm => confirm::step(memory, input, context),
        Flow::Reconcile => reconcile::step(memory, input, context),
        Flow::Delete | Flow::OptOut | Flow::OptIn => change(memory, input, context),
    }
}

/// Deletes, opts out and opts in: by what the plans say at the start, by what is remembered
/// later.
fn change(
    memory: Option<&FlowState>,
    input: &Input<'_>,
    context: &Context<'_>,
) -> Result<Turn, VendorError> {
    if let Input::Start(subjects) = input {
        if let Some(turn) = nothing_to_send(subjects)? {
            return Ok(turn);
        }
        let variant = the_variant(subjects)?;
        return if variant == settings::CONSENT_EVENT {
            consent::begin(subjects, context)
        } else {
            regulate::begin(variant, subjects, context)
        };
    }
    match recall(VERSION, memory)? {
        Job::Regulation(job) => regulate::go_on(job, input, context),
        Job::Consent(job) => consent::end(job, input),
    }
}

/// A person for whom nothing is sent, since all that is left is work by hand, settles at once. In
/// company the batch is split first.
fn nothing_to_send(subjects: &[Subject]) -> Result<Option<Turn>, VendorError> {
    let is_idle =
        |subject: &Subject| subject.plan.as_ref().is_some_and(|plan| plan.acts_on.is_empty());
    let members: Vec<usize> =
        (0..subjects.len()).filter(|&position| is_idle(&subjects[position])).collect();
    if members.is_empty() {
        return Ok(None);
    }
    if members.len() < subjects.len() {
        return Err(refused("there is nothing to send for some of the people", members));
    }
    let settled = Settled {
        share: Share::Done,
        exceptions: subjects.iter().map(|subject| (subject.task, left_by_hand(subject))).collect(),
        evidence: serde_json::json!({"sent": "nothing"}),
        unprovable: Some("nothing could be sent; what is left is work by hand".to_owned()),
    };
    Ok(Some(Turn::new(remember(VERSION, &()), Step::Done(Report::Settled(settled)))))
}

fn left_by_hand(subject: &Subject) -> Share {
    let works = subject.plan.iter().flat_map(|plan| &plan.by_hand);
    let residue = works.map(|work| Residue {
        place: work.place.clone(),
        what: "can't be reached through Segment's API".to_owned(),
        to_do: work.what.clone(),
    });
    Share::Residue { residue: residue.collect() }
}

/// The one variant of a batch.
fn the_variant(subjects: &[Subject]) -> Result<&str, VendorError> {
    let first = subjects.first().and_then(|subject| subject.plan.as_ref());
    let Some(first) = first else {
        return Err(refused("there is no plan to carry out", Vec::new()));
    };
    let strangers: Vec<usize> = (0..subjects.len())
        .filter(|&position| {
            subjects[position].plan.as_ref().map(|plan| &plan.variant) != Some(&first.variant)
        })
        .collect();
    if strangers.is_empty() {
        return Ok(&first.variant);
    }
    Err(refused("the plans of a batch differ in their way of doing it", strangers))
}

/// The identifiers that a person's plan acts on.
fn acted_on(subject: &Subject) -> Vec<&Identifier> {
    let items = subject.plan.iter().flat_map(|plan| &plan.acts_on);
    items.filter_map(|item| identifier(subject, item.identifier)).collect()
}

fn identifier(subject: &Subject, id: IdentifierId) -> Option<&Identifier> {
    subject.identifiers.iter().find(|identifier| identifier.id == id)
}

/// The right that a person's plan serves.
fn right(subject: &Subject) -> Option<Right> {
    subject.plan.as_ref().map(|plan| plan.right)
}

/// A batch that can't be sent as it stands.
fn refused(what: &str, members: Vec<usize>) -> VendorError {
    VendorError::Invalid { what: what.to_owned(), members }
}

/// The engine gave a flow something that it did not ask for.
fn out_of_turn() -> VendorError {
    VendorError::ContractBroken { what: "a flow was given what it did not ask for".to_owned() }
}

/// How many bytes a text takes in JSON.
pub(super) fn json_size(text: &str) -> u32 {
    let escaped = serde_json::to_string(text).map_or(text.len(), |json| json.len());
    u32::try_from(escaped).unwrap_or(u32::MAX)
}
