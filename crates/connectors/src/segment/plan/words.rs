//! The side effects of a plan, in words that a person reads before approving.

use std::collections::BTreeSet;

use connector_api::Context;
use domain::Right;
use domain::plan::{HandWork, PlanItem};
use domain::right::ScopeWord;

use crate::segment::settings::{self, SUPPRESS_ONLY, UNSUPPRESS};

/// The work that a profile means none of whose identifiers may be used.
pub(super) const NOTHING_USABLE: &str = "a profile was found, but it is listed only under values that nobody may act on (such as a placeholder): look at it in Unify and decide there";

/// Of a copy.
pub(super) fn access() -> Vec<String> {
    vec![
        "nothing is changed; the Profile API shows events of the last 14 days only, older ones lie in your warehouse"
            .to_owned(),
    ]
}

/// Of a regulation.
pub(super) fn regulation(regulation_type: &str, context: &Context<'_>) -> Vec<String> {
    let mut words = Vec::new();
    let mut say = |text: &str| words.push(text.to_owned());
    if regulation_type == UNSUPPRESS {
        say(
            "Segment takes new data of these user ids again, mostly within 24 hours; data that arrives while a deletion is still running stays",
        );
        say("once sent it can't be cancelled");
        return words;
    }
    if regulation_type.starts_with("SUPPRESS") {
        say(
            "Segment refuses all new data of these user ids, for good, until an UNSUPPRESS: someone who comes back as a customer stays unseen",
        );
        say(
            "suppression begins mostly within 24 hours, in some cases after up to 30 days; destinations in device mode get data straight from the device and are not stopped",
        );
    }
    if regulation_type == SUPPRESS_ONLY {
        say(
            "this stops all collection, not only the sale or sharing that was objected to; what is stored stays, and a replay sends it again",
        );
        say("once sent it can't be cancelled, only undone by an UNSUPPRESS");
        return words;
    }
    say(
        "everything that Segment stores under these user ids is deleted, within 30 days, and can't be brought back; Segment Data Lakes keep what they have, and objects of cloud sources are not covered",
    );
    if settings::is_forwarded(regulation_type) {
        say(
            "the deletion is forwarded to the connected warehouses and destinations, some of which may charge for it; Segment does not check that they carry it out",
        );
        words.extend(destinations(context));
    } else {
        say("no warehouse and no destination is told: each has to be deleted from by itself");
    }
    words.push("once sent it can't be cancelled".to_owned());
    words
}

/// That some of what is acted on was seen nowhere.
pub(super) fn unseen(acts_on: &[PlanItem]) -> Option<String> {
    let n = acts_on.iter().filter(|item| item.places.is_empty()).count();
    (n > 0).then(|| {
        format!(
            "{n} of the user ids {} known in no space that could be searched: Segment acts on what it has under {}, and nothing can show that afterwards",
            if n == 1 { "is" } else { "are" },
            if n == 1 { "it" } else { "them" },
        )
    })
}

/// Of a consent event.
pub(super) fn consent(right: Right, categories: &BTreeSet<&str>) -> Vec<String> {
    let verb = if right == Right::OptIn { "allowed" } else { "refused" };
    let list: Vec<_> = categories.iter().copied().collect();
    vec![
        format!("the consent categories {} are recorded as {verb} on the profiles that were found", list.join(", ")),
        "Segment enforces consent event by event: your other websites, apps and servers that send to Segment must attach it to the person's events too, and AWS S3 and Engage destinations don't enforce it".to_owned(),
        "Segment gives no way to read the recorded consent back, so this stays unproven".to_owned(),
    ]
}

/// The work that a scope without a category leaves.
pub(super) fn no_category(scope: ScopeWord) -> HandWork {
    HandWork {
        place: "the workspace".to_owned(),
        what: format!(
            "no consent category is configured for {scope}, so it is not covered: add consent_categories.{scope} and open another round, or carry it out in Segment by hand"
        ),
    }
}

fn destinations(context: &Context<'_>) -> Option<String> {
    let facts = settings::facts(context);
    if !facts.knows_destinations {
        return Some(
            "which destinations can't delete is not known: the token may not read them".to_owned(),
        );
    }
    let names: BTreeSet<&str> = facts
        .destinations
        .iter()
        .filter(|destination| !destination.can_delete)
        .map(|destination| destination.name.as_str())
        .collect();
    let names: Vec<_> = names.into_iter().collect();
    (!names.is_empty()).then(|| {
        format!(
            "these destinations take no deletions, as far as Segment documents, and keep what they have: {}",
            names.join(", ")
        )
    })
}
