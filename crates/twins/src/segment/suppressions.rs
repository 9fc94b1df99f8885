//! Who is suppressed, where, since when (3.2): a suppression counts from its activation on.

use std::collections::{BTreeMap, HashMap};

/// Where a suppression holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Reach {
    Workspace,
    Source(usize),
}

/// The suppression list, in the order of activation.
#[derive(Default)]
pub(super) struct Suppressions {
    by_subject: HashMap<(Reach, String), u64>,
    workspace: BTreeMap<u64, Entry>,
    issued: u64,
}

/// One suppressed user of the workspace.
pub(super) struct Entry {
    pub(super) user_id: String,
    /// Comes from a type that also deletes.
    pub(super) is_combined: bool,
}

impl Suppressions {
    pub(super) fn add(&mut self, reach: Reach, user_id: &str, is_combined: bool) {
        self.remove(reach, user_id);
        self.issued += 1;
        self.by_subject.insert((reach, user_id.to_owned()), self.issued);
        if reach == Reach::Workspace {
            self.workspace.insert(self.issued, Entry { user_id: user_id.to_owned(), is_combined });
        }
    }

    pub(super) fn remove(&mut self, reach: Reach, user_id: &str) {
        if let Some(number) = self.by_subject.remove(&(reach, user_id.to_owned())) {
            self.workspace.remove(&number);
        }
    }

    pub(super) fn holds(&self, reach: Reach, user_id: &str) -> bool {
        self.by_subject.contains_key(&(reach, user_id.to_owned()))
    }

    /// Those that `GET /suppressions` shows.
    pub(super) fn listed(&self, with_combined: bool) -> impl Iterator<Item = &str> {
        let shown = move |entry: &&Entry| with_combined || !entry.is_combined;
        self.workspace.values().filter(shown).map(|entry| entry.user_id.as_str())
    }
}
