//! What was applied last, so that a plan can say what somebody changed by hand since. It holds no
//! secret.

use std::collections::BTreeMap;

use domain::{Event, Instant};
use serde::{Deserialize, Serialize};
use store::Store;

use super::Part;
use super::diff::Key;
use super::fields::Fields;
use crate::operator::desk::{Desk, OperatorError};

/// Where it lies.
const SETTING: &str = "config";

/// What was applied last, thing by thing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Applied(BTreeMap<Part, BTreeMap<String, One>>);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct One {
    at: Instant,
    fields: Fields,
}

impl Applied {
    pub(super) async fn read(store: &Store) -> Result<Self, OperatorError> {
        let text = store.setting(SETTING).await?;
        // Unreadable means that nothing is known of it, and nothing is told of it then.
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
    }

    /// The fields of a thing as they were applied, and when.
    pub(super) fn of(&self, (part, name): &Key) -> Option<(&Fields, Instant)> {
        let one = self.0.get(part)?.get(name)?;
        Some((&one.fields, one.at))
    }

    /// Remembers a thing as applied. One that is as it was keeps its time.
    pub(super) fn note(&mut self, (part, name): &Key, fields: &Fields, at: Instant) {
        let things = self.0.entry(*part).or_default();
        if things.get(name).is_none_or(|before| before.fields != *fields) {
            things.insert(name.clone(), One { at, fields: fields.clone() });
        }
    }

    /// Forgets a thing that was taken away.
    pub(super) fn forget(&mut self, (part, name): &Key) {
        if let Some(things) = self.0.get_mut(part) {
            things.remove(name);
        }
    }

    /// Keeps it, with an entry in the journal that says how many changes there were.
    pub(super) async fn keep(
        &self,
        desk: &Desk<'_>,
        n_changes: usize,
    ) -> Result<(), OperatorError> {
        let text = serde_json::json!(self).to_string();
        let entry = desk.entry(Event::ConfigApplied).fact("n_changes", n_changes);
        Ok(desk.store.set_setting(SETTING, &text, &entry).await?)
    }
}
