//! What would be done for a person. Pure; names identifiers by id, never by value.
//!
//! | asked for | acts on | can't act on |
//! | --- | --- | --- |
//! | access | every identifier that a space knows | |
//! | deletion, suppression | user ids that a space knows or somebody vouches for | profiles without user id: by hand |
//! | consent event | user ids that a space knows, else anonymous ids | profiles without either: by hand |
//!
//! An e-mail is never used as a user id, unless a profile that lists no other address has it as one
//! (`user_id_from_email`).

mod words;

use std::collections::BTreeSet;

use connector_api::flow::Planned;
use connector_api::{Context, Located, Subject};
use domain::plan::{HandWork, PlanItem, Weight};
use domain::{Identifier, IdentifierKind, Place, Plan, Right, Scope};

use super::settings::{self, OptOutBy};
use super::{flows, manifest, mapping};

/// The variant of a plan that reads.
const READ: &str = "profile_api";

/// What would be done for a person, given what locating found.
pub(super) fn plan(
    right: Right,
    scope: &Scope,
    subject: &Subject,
    found: &Located,
    context: &Context<'_>,
) -> Planned {
    let sheet = Sheet { right, scope, subject, found, context };
    match right {
        Right::Access => sheet.access(),
        Right::Deletion => sheet.regulation(settings::deletion_type(context)),
        Right::OptOut | Right::OptIn => match settings::opt_out_by(context) {
            Ok(OptOutBy::ConsentEvent) => sheet.consent(),
            Ok(OptOutBy::Suppression) if right == Right::OptOut => {
                sheet.regulation(settings::SUPPRESS_ONLY)
            }
            Ok(OptOutBy::Suppression) => sheet.regulation(settings::UNSUPPRESS),
            Err(lacking) => sheet.by_hand_only(lacking),
        },
        Right::Portability
        | Right::Correction
        | Right::Restriction
        | Right::Objection
        | Right::Recipients => sheet.by_hand_only(format!("Segment offers no way to {right}")),
    }
}

/// Everything that a plan is made from.
struct Sheet<'a> {
    right: Right,
    scope: &'a Scope,
    subject: &'a Subject,
    found: &'a Located,
    context: &'a Context<'a>,
}

impl Sheet<'_> {
    fn access(&self) -> Planned {
        let acts_on = self.items(|identifier, places| {
            !places.is_empty() && !mapping::id_types(&identifier.kind).is_empty()
        });
        // A profile without user id can be read like any other.
        let by_hand = self.by_hand(|work| work.what != flows::NO_USER_ID);
        if acts_on.is_empty() && by_hand.is_empty() {
            return self.nobody();
        }
        let mut plan = self.blank(READ);
        plan.acts_on = acts_on;
        plan.side_effects = words::access();
        plan.by_hand = by_hand;
        plan.can_be_stopped = true;
        Planned::Plan(Box::new(plan))
    }

    fn regulation(&self, regulation_type: &str) -> Planned {
        let acts_on = self.items(|identifier, places| {
            identifier.kind == IdentifierKind::UserId
                && (!places.is_empty() || self.may_use_unseen(identifier))
        });
        let by_hand = self.by_hand(|_| true);
        if acts_on.is_empty() && by_hand.is_empty() {
            return self.nobody();
        }
        let mut plan = self.blank(regulation_type);
        if !acts_on.is_empty() {
            plan.confirms_by = self.confirms_by(regulation_type, &acts_on);
            plan.side_effects = words::regulation(regulation_type, self.context);
            plan.side_effects.extend(words::unseen(&acts_on));
            plan.weight = self.weight_of_ids(&acts_on);
        }
        plan.acts_on = acts_on;
        plan.by_hand = by_hand;
        Planned::Plan(Box::new(plan))
    }

    fn consent(&self) -> Planned {
        if self.found.n_profiles == 0 && self.found.by_hand.is_empty() {
            return self.nobody();
        }
        let (categories, without) = settings::categories(self.context, self.scope);
        let mut plan = self.blank(settings::CONSENT_EVENT);
        plan.by_hand = without.into_iter().map(words::no_category).collect();
        if categories.is_empty() {
            return Planned::Plan(Box::new(plan));
        }
        let acts_on = self.consenting();
        let reached: BTreeSet<&Place> =
            acts_on.iter().filter(|it| is_anonymous(it)).flat_map(|it| &it.places).collect();
        let is_left =
            |work: &HandWork| work.what != flows::NO_USER_ID || !reached.contains(&work.place);
        let left = self.by_hand(is_left);
        if acts_on.is_empty() && left.is_empty() {
            return self.nobody();
        }
        plan.by_hand.extend(left);
        if !acts_on.is_empty() {
            plan.side_effects = words::consent(self.right, &categories);
            plan.weight = self.weight_of_events(&acts_on, &categories);
            plan.confirms_by.clone_from(&acts_on);
        }
        plan.acts_on = acts_on;
        Planned::Plan(Box::new(plan))
    }

    /// The user ids that a space knows; and the anonymous ids where a profile has no user id.
    fn consenting(&self) -> Vec<PlanItem> {
        let anonymous_places: BTreeSet<&Place> = self
            .found
            .by_hand
            .iter()
            .filter(|work| work.what == flows::NO_USER_ID)
            .map(|work| &work.place)
            .collect();
        self.items(|identifier, places| match identifier.kind {
            IdentifierKind::UserId => !places.is_empty(),
            IdentifierKind::AnonymousId => places.iter().any(|it| anonymous_places.contains(it)),
            _ => false,
        })
    }

    /// What to look up afterwards: every identifier that a space knew, and what is acted on. A
    /// suppression is looked up by what is suppressed.
    fn confirms_by(&self, regulation_type: &str, acts_on: &[PlanItem]) -> Vec<PlanItem> {
        if matches!(regulation_type, settings::SUPPRESS_ONLY | settings::UNSUPPRESS) {
            return acts_on.to_vec();
        }
        self.items(|identifier, places| {
            !mapping::id_types(&identifier.kind).is_empty()
                && (!places.is_empty() || acts_on.iter().any(|it| it.identifier == identifier.id))
        })
    }

    /// Whether a user id that no space knows is acted on: when the requester or an operator
    /// vouches for it, or when another system listed it and there is no space to look in.
    fn may_use_unseen(&self, identifier: &Identifier) -> bool {
        identifier.origin.is_vouched_for() || self.found.searched.is_empty()
    }

    /// Nothing can be acted on and nothing is left to a person yet: mostly since nobody is known.
    fn nobody(&self) -> Planned {
        if self.found.n_profiles > 0 {
            return self.by_hand_only(words::NOTHING_USABLE.to_owned());
        }
        if !self.found.searched.is_empty() {
            return Planned::Nothing;
        }
        if settings::readable_spaces(self.context).is_empty() {
            return Planned::Needs(vec![IdentifierKind::UserId]);
        }
        Planned::Needs(manifest::MANIFEST.takes.to_vec())
    }

    fn by_hand_only(&self, what: String) -> Planned {
        let mut plan = self.blank("by hand");
        plan.by_hand = vec![HandWork { place: "the workspace".to_owned(), what }];
        Planned::Plan(Box::new(plan))
    }

    fn by_hand(&self, keep: impl Fn(&HandWork) -> bool) -> Vec<HandWork> {
        self.found.by_hand.iter().filter(|work| keep(work)).cloned().collect()
    }

    /// The identifiers that fit, in the order in which they came, each value once.
    fn items(&self, fits: impl Fn(&Identifier, &[Place]) -> bool) -> Vec<PlanItem> {
        let mut values = BTreeSet::new();
        let mut items = Vec::new();
        for identifier in &self.subject.identifiers {
            let places = self.places_of(identifier);
            if fits(identifier, &places)
                && values.insert((&identifier.kind, mapping::exact(identifier)))
            {
                let kind = identifier.kind.clone();
                items.push(PlanItem { identifier: identifier.id, kind, places });
            }
        }
        items
    }

    /// The places of this connection that know an identifier, now or in an earlier round.
    fn places_of(&self, identifier: &Identifier) -> Vec<Place> {
        let case_matters = mapping::case_matters(&identifier.kind);
        let is_it = |value: &str| {
            value == mapping::exact(identifier)
                || (!case_matters && value.to_lowercase() == identifier.normalised.to_lowercase())
        };
        let earlier = identifier
            .seen_in
            .iter()
            .filter(|seen| seen.connection == self.context.connection)
            .map(|seen| &seen.place);
        let now = self
            .found
            .found
            .iter()
            .filter(|found| found.kind == identifier.kind && is_it(&found.value))
            .map(|found| &found.place);
        earlier.chain(now).collect::<BTreeSet<_>>().into_iter().cloned().collect()
    }

    fn value_of(&self, item: &PlanItem) -> &str {
        let identifier = self.subject.identifiers.iter().find(|it| it.id == item.identifier);
        identifier.map_or("", mapping::exact)
    }

    fn weight_of_ids(&self, acts_on: &[PlanItem]) -> Weight {
        let bytes = acts_on.iter().map(|item| flows::json_size(self.value_of(item)) + 1).sum();
        Weight { items: u32::try_from(acts_on.len()).unwrap_or(u32::MAX), bytes }
    }

    /// The Tracking API takes 2,500 events or 500 KB, which is a half and an eighth of the batch
    /// that the manifest states. So an event weighs twice and eightfold.
    fn weight_of_events(&self, acts_on: &[PlanItem], categories: &BTreeSet<&str>) -> Weight {
        let mut weight = Weight::default();
        for item in acts_on {
            let value = self.value_of(item);
            weight.items += 2;
            weight.bytes += 8 * flows::event_size(self.subject.task, item, value, categories);
        }
        weight
    }

    fn blank(&self, variant: &str) -> Plan {
        let context = self.context;
        let account = context.check.and_then(|check| check.account.as_ref());
        Plan {
            connection: context.connection,
            account: account.map(|account| account.id.clone()).unwrap_or_default(),
            right: self.right,
            scope: self.scope.clone(),
            variant: variant.to_owned(),
            acts_on: Vec::new(),
            confirms_by: Vec::new(),
            n_profiles: self.found.n_profiles,
            side_effects: Vec::new(),
            by_hand: Vec::new(),
            weight: Weight::default(),
            can_be_stopped: false,
            settings: context.settings_digest,
        }
    }
}

fn is_anonymous(item: &PlanItem) -> bool {
    item.kind == IdentifierKind::AnonymousId
}
