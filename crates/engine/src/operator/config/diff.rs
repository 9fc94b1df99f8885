//! The difference between what is wanted and what stands. Pure, and in the order in which it would be
//! carried out.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Digest, Instant, Role};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::Part;
use super::applied::Applied;
use super::fields::{self, Fields, Standing, Wanted};
use crate::operator::connections::Removal;

domain::words! {
    /// What would be done with one thing.
    How: "kind of change" {
        /// It is made.
        Create = "create",
        /// Fields of it are changed.
        Change = "change",
        /// It may do nothing any more; it stays, since the journal names it.
        Disable = "disable",
        /// It is removed.
        Remove = "remove",
    }
}

domain::words! {
    /// What would be done with a secret. Its value is never told.
    SecretChange: "change of a secret" {
        /// None of this name is held yet.
        New = "new",
        /// Another value is held.
        Other = "other",
        /// One is held that is not wanted.
        Gone = "gone",
    }
}

/// What would change, in the order in which it is carried out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = ConfigPlan)]
pub struct Plan {
    /// What would change.
    pub changes: Vec<Change>,
    /// What stands here and is not in the configuration; it is left alone.
    pub left_alone: Vec<LeftAlone>,
    /// Secrets that are held and whose value was not given, as `CONNECTION.SECRET`.
    pub not_compared: Vec<String>,
    /// What removing connections would end.
    pub ends: Vec<Removal>,
    /// Names exactly these changes: what is applied is the plan that was shown.
    pub digest: Digest,
}

/// What would change in one thing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = ConfigChange)]
pub struct Change {
    /// The part that it belongs to.
    pub part: Part,
    /// Its name.
    pub name: String,
    /// What would be done with it.
    pub how: How,
    /// Field by field.
    pub fields: Vec<FieldChange>,
    /// When it was last applied, if something of it was changed by hand since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Timestamp>)]
    pub by_hand_since: Option<Instant>,
}

/// What would change in one field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = ConfigFieldChange)]
pub struct FieldChange {
    /// The field, as the file calls it.
    pub field: String,
    /// What it is; `null` where it is nothing, and for a secret.
    pub from: Value,
    /// What it would be; `null` for nothing, and for a secret.
    pub to: Value,
    /// What would be done with the secret that it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretChange>,
    /// Whether somebody changed it by hand since it was last applied.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_hand: bool,
}

/// Something that stands here and is not in the configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LeftAlone {
    /// The part that it belongs to.
    pub part: Part,
    /// Its name.
    pub name: String,
    /// The field of it, where the rest of it is in the configuration.
    pub field: Option<String>,
    /// What that field is.
    pub value: Value,
}

/// What a thing is known by.
pub(super) type Key = (Part, String);

/// What would change, what would be left alone and what can't be compared.
pub(super) fn diff(
    wanted: &BTreeMap<Key, Wanted>,
    standing: &BTreeMap<Key, Standing>,
    applied: &Applied,
    parts: &[Part],
    prune: bool,
) -> Plan {
    let mut found = Found { prune, ..Found::default() };
    for (key, wanted) in wanted {
        found.compare(key, wanted, standing.get(key), applied.of(key));
    }
    for (key, standing) in standing {
        if parts.contains(&key.0) && !wanted.contains_key(key) {
            found.unnamed(key, standing);
        }
    }
    let Found { mut changes, left_alone, not_compared, .. } = found;
    changes.sort_by_cached_key(|change| (stage(change), change.part, change.name.clone()));
    let digest = Digest::of_json(&changes);
    Plan { changes, left_alone, not_compared, ends: Vec::new(), digest }
}

/// When a change is carried out: what keeps people safe first, what lets systems act after it, and what
/// goes at last, so that whoever has to stay is there before somebody else goes.
fn stage(change: &Change) -> u8 {
    match (change.how, change.part) {
        (How::Disable | How::Remove, _) => 4,
        (_, Part::Settings) => 0,
        (How::Create, Part::Principals) => 1,
        (How::Change, Part::Principals) if !takes_rule(change) => 1,
        (_, Part::Principals) => 2,
        (_, Part::Connections) => 3,
    }
}

/// Whether a super admin would be less than that afterwards.
fn takes_rule(change: &Change) -> bool {
    change.fields.iter().any(|field| {
        let rules = |value: &Value| {
            let roles = value.as_array();
            roles.is_some_and(|roles| roles.iter().any(|role| role == Role::SuperAdmin.word()))
        };
        match field.field.as_str() {
            "roles" => rules(&field.from) && !rules(&field.to),
            "brands" => field.from == fields::ALL_BRANDS,
            "disabled" => field.to == true,
            _ => false,
        }
    })
}

#[derive(Default)]
struct Found {
    prune: bool,
    changes: Vec<Change>,
    left_alone: Vec<LeftAlone>,
    not_compared: Vec<String>,
}

impl Found {
    /// One thing that is wanted.
    fn compare(
        &mut self,
        key: &Key,
        wanted: &Wanted,
        standing: Option<&Standing>,
        applied: Option<(&Fields, Instant)>,
    ) {
        let how = if standing.is_some() { How::Change } else { How::Create };
        let nothing = Standing::default();
        let standing = standing.unwrap_or(&nothing);
        let names: BTreeSet<_> = wanted.fields.keys().chain(standing.fields.keys()).collect();
        let mut changes = Vec::new();
        for field in names {
            let from = fields::get(&standing.fields, field);
            let Some(to) = self.wish(key, field, wanted, from) else { continue };
            if *from != to {
                let by_hand = applied.is_some_and(|(was, _)| is_by_hand(key, field, was, from));
                let (field, from) = (field.clone(), from.clone());
                changes.push(FieldChange { field, from, to, secret: None, by_hand });
            }
        }
        self.compare_secrets(key, wanted, standing, &mut changes);
        if how == How::Create || !changes.is_empty() {
            let by_hand = how == How::Create || changes.iter().any(|change| change.by_hand);
            let since = applied.map(|(_, at)| at).filter(|_| by_hand);
            let (part, name) = key.clone();
            self.changes.push(Change { part, name, how, fields: changes, by_hand_since: since });
        }
    }

    /// What a field is to be; nothing where it is left alone.
    fn wish(&mut self, key: &Key, field: &str, wanted: &Wanted, from: &Value) -> Option<Value> {
        if let Some(to) = wanted.fields.get(field) {
            return Some(to.clone());
        }
        match fields::usual_switch(key.0, field) {
            None => Some(Value::Null),
            Some(usual) if self.prune || *from == usual => Some(usual),
            Some(_) => {
                self.leave(key, Some(field), from);
                None
            }
        }
    }

    fn compare_secrets(
        &mut self,
        key: &Key,
        wanted: &Wanted,
        standing: &Standing,
        changes: &mut Vec<FieldChange>,
    ) {
        let names: BTreeSet<_> = wanted.secrets.keys().chain(standing.secrets.keys()).collect();
        for name in names {
            let given = wanted.secrets.get(name);
            let change = match (given, standing.secrets.get(name)) {
                (Some(_), None) => SecretChange::New,
                (None, _) => SecretChange::Gone,
                (Some(given), Some(held)) => match (&given.0, held) {
                    (Some(given), Some(held)) if given.is_same(held) => continue,
                    (Some(_), _) => SecretChange::Other,
                    (None, _) => {
                        self.not_compared.push(format!("{}.{name}", key.1));
                        continue;
                    }
                },
            };
            changes.push(FieldChange {
                field: format!("secrets.{name}"),
                from: Value::Null,
                to: Value::Null,
                secret: Some(change),
                by_hand: false,
            });
        }
    }

    /// One thing that stands and is not wanted.
    fn unnamed(&mut self, key: &Key, standing: &Standing) {
        let (how, fields) = match key.0 {
            Part::Connections => (How::Remove, Vec::new()),
            Part::Principals if *fields::get(&standing.fields, "disabled") == true => return,
            Part::Principals => (How::Disable, Vec::new()),
            Part::Settings => {
                let from = fields::get(&standing.fields, fields::VALUE).clone();
                let to = fields::usual_setting(&key.1);
                if from == to {
                    return;
                }
                let field = fields::VALUE.to_owned();
                (How::Change, vec![FieldChange { field, from, to, secret: None, by_hand: false }])
            }
        };
        if self.prune {
            let (part, name) = key.clone();
            self.changes.push(Change { part, name, how, fields, by_hand_since: None });
        } else {
            self.leave(key, None, fields::get(&standing.fields, fields::VALUE));
        }
    }

    fn leave(&mut self, key: &Key, field: Option<&str>, value: &Value) {
        let (part, name) = key.clone();
        let (field, value) = (field.map(str::to_owned), value.clone());
        self.left_alone.push(LeftAlone { part, name, field, value });
    }
}

/// Whether a field is not what it was when it was last applied, if it was a part of that.
fn is_by_hand(key: &Key, field: &str, was: &Fields, from: &Value) -> bool {
    let was_named = was.contains_key(field) || fields::usual_switch(key.0, field).is_none();
    was_named && fields::get(was, field) != from
}
