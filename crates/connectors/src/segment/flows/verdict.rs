//! What a regulation's status comes to. `FAILED` does not mean that Segment kept the data, and
//! `FINISHED` does not mean that everyone else deleted it: each destination is read by itself.
//!
//! | overall | destinations | verdict |
//! | --- | --- | --- |
//! | `INITIALIZED`, `RUNNING`, any other word | any | none yet |
//! | `FINISHED` | all finished, or none | done (handed over, unverified) |
//! | `FINISHED` | some not finished | residue: each of these |
//! | `FAILED`, `PARTIAL_SUCCESS` | some not finished | residue: each of these; the looks decide about Segment itself |
//! | `PARTIAL_SUCCESS` | all finished, or none | residue: a part that Segment does not name |
//! | `FAILED` | all finished, or none | failed |
//! | `INVALID`, `NOT_SUPPORTED` | any | failed |

use std::collections::BTreeSet;

use connector_api::Settled;
use domain::outcome::{Residue, Share};
use serde_json::{Value, json};

use crate::segment::settings::{Facts, is_forwarded};
use crate::segment::wire::{DestinationStatus, Regulation};

/// The vendor's word, if it looks like one; else that it does not. It is shown and logged, so
/// free text does not pass.
pub(super) fn word(status: &str) -> String {
    let is_word = |c: char| c.is_ascii_uppercase() || c == '_';
    if !status.is_empty() && status.len() <= 40 && status.chars().all(is_word) {
        return status.to_owned();
    }
    "a status that is no word".to_owned()
}

/// What the regulation came to, if it is over.
pub(super) fn settle(
    regulation_type: &str,
    regulation: &Regulation,
    facts: &Facts,
) -> Option<Settled> {
    let residue = residue(regulation, facts);
    let share = match regulation.overall_status.as_str() {
        "FINISHED" if residue.is_empty() => Share::Done,
        "FINISHED" => Share::Residue { residue },
        "FAILED" if residue.is_empty() => Share::Failed {
            why: "Segment reports FAILED and names no destination as the cause".to_owned(),
        },
        "PARTIAL_SUCCESS" if residue.is_empty() => Share::Residue { residue: vec![unnamed_part()] },
        "FAILED" | "PARTIAL_SUCCESS" => Share::Residue { residue },
        "INVALID" => Share::Failed { why: "Segment rejected the regulation as INVALID".to_owned() },
        "NOT_SUPPORTED" => Share::Failed {
            why: "Segment reports NOT_SUPPORTED: nothing could be done in this scope".to_owned(),
        },
        _ => return None,
    };
    let evidence = evidence(regulation_type, regulation);
    Some(Settled { share, exceptions: Vec::new(), evidence, unprovable: None })
}

/// One entry per destination that has not finished, whatever the whole says.
fn residue(regulation: &Regulation, facts: &Facts) -> Vec<Residue> {
    let destinations = regulation.stream_status.iter().flat_map(|it| &it.destination_status);
    let left: BTreeSet<Residue> = destinations
        .filter(|destination| destination.status != "FINISHED")
        .map(|destination| left_in(destination, facts))
        .collect();
    left.into_iter().collect()
}

fn left_in(destination: &DestinationStatus, facts: &Facts) -> Residue {
    let name = match destination.name.as_str() {
        "" => destination.id.as_str(),
        name => name,
    };
    // Whether the id is the instance's or the catalog's is not published, so the name counts too.
    let fact = facts
        .destinations
        .iter()
        .find(|fact| fact.id == destination.id)
        .or_else(|| facts.destinations.iter().find(|fact| fact.name == destination.name));
    let is_unable =
        destination.status == "NOT_SUPPORTED" || fact.is_some_and(|fact| !fact.can_delete);
    let (what, to_do) = if is_unable {
        (
            format!("{name} takes no deletions from Segment and keeps what it has"),
            format!("delete the person in {name} itself, or connect it here"),
        )
    } else if matches!(destination.status.as_str(), "INITIALIZED" | "RUNNING") {
        (
            format!("{name} was not finished yet when Segment reported the whole as over"),
            format!("look in {name} itself whether the person is gone"),
        )
    } else {
        (
            format!(
                "Segment reports {} for {name}; its own words are in the evidence",
                word(&destination.status)
            ),
            format!(
                "check the credentials that Segment holds for {name} (such as a secret key or an expired sign-in), then open another round"
            ),
        )
    };
    Residue { place: name.to_owned(), what, to_do }
}

fn unnamed_part() -> Residue {
    Residue {
        place: "Segment".to_owned(),
        what: "Segment reports PARTIAL_SUCCESS and names no part that is left".to_owned(),
        to_do: "ask Segment support which part is left, with the regulation's id".to_owned(),
    }
}

/// The answer as far as we know its fields, which hold no person's value, and what it means.
fn evidence(regulation_type: &str, regulation: &Regulation) -> Value {
    // Plain texts always have a JSON form.
    let answer = serde_json::to_value(regulation).unwrap_or_default();
    let destinations = if is_forwarded(regulation_type) {
        "a finished destination was handed the deletion; Segment does not verify that it deleted"
    } else {
        "no destination was told"
    };
    json!({"regulationType": regulation_type, "regulation": answer, "destinations": destinations})
}
