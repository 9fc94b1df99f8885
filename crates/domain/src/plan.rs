//! Plans: what would be done for a task, and the digest an approval holds.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{ConnectionId, Digest, IdentifierId, IdentifierKind, Place, Right, Scope};

/// What would be done for a task. It names identifiers by id, never by value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The connection.
    pub connection: ConnectionId,
    /// What its credentials led to when the plan was made.
    pub account: String,
    /// The right.
    pub right: Right,
    /// Its scope.
    pub scope: Scope,
    /// The vendor's word for the way it is done (`SUPPRESS_WITH_DELETE`). Tasks of one variant
    /// share batches.
    pub variant: String,
    /// The identifiers that are sent.
    pub acts_on: Vec<PlanItem>,
    /// The identifiers that are looked up afterwards.
    pub confirms_by: Vec<PlanItem>,
    /// How many profiles the person has there.
    pub n_profiles: u32,
    /// What else happens, in words; shown before approval.
    pub side_effects: Vec<String>,
    /// What can't be done there and is left to a person.
    pub by_hand: Vec<HandWork>,
    /// How much of a batch it takes.
    pub weight: Weight,
    /// Whether the vendor can still stop it once sent.
    pub can_be_stopped: bool,
    /// The digest of the connection's settings.
    pub settings: Digest,
}

/// One identifier in a plan.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PlanItem {
    /// The identifier.
    pub identifier: IdentifierId,
    /// Its kind.
    pub kind: IdentifierKind,
    /// The places that knew it.
    pub places: Vec<Place>,
}

/// How much of a batch a plan takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weight {
    /// Members.
    pub items: u32,
    /// Bytes of the body.
    pub bytes: u32,
}

/// Work that only a person can do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct HandWork {
    /// Where.
    pub place: String,
    /// What is to be done, in words; names no person.
    pub what: String,
}

impl Plan {
    /// The digest that an approval holds. Anything that differs when the plan is carried out
    /// changes it.
    pub fn digest(&self) -> Digest {
        Digest::of_json(self)
    }

    /// What differs between the approved plan and this one, in words.
    pub fn differences(&self, approved: &Self) -> Vec<String> {
        let mut out = Vec::new();
        let mut note = |differs: bool, what: &str| {
            if differs {
                out.push(what.to_owned());
            }
        };
        note(self.account != approved.account, "the credentials lead to another account");
        note(self.variant != approved.variant, "it would be done in another way");
        note(self.acts_on != approved.acts_on, "other identifiers would be sent");
        note(self.confirms_by != approved.confirms_by, "other identifiers would be looked up");
        note(self.n_profiles != approved.n_profiles, "the number of profiles has changed");
        note(self.settings != approved.settings, "the connection's settings have changed");
        note(self.side_effects != approved.side_effects, "the side effects have changed");
        note(self.by_hand != approved.by_hand, "other work is left to a person");
        note(
            (self.right, &self.scope) != (approved.right, &approved.scope),
            "the right or its scope has changed",
        );
        if out.is_empty() && self != approved {
            out.push("its size or order has changed".to_owned());
        }
        out
    }
}
