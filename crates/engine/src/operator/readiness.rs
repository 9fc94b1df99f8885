//! Whether the program does its work, and what is wrong if it does not: for whoever watches it, known or
//! not. So it tells no names, no paths and no numbers; the doctor does.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use store::{LeaseRow, Store, StoreError};

use super::codes::of_store;
use super::controls;
use super::engine::standing;
use crate::Holder;
use crate::holder::{LEASE, RENEWAL, millis};

/// What to do where only the folders themselves tell more.
const ASK_THE_DOCTOR: &str = "`habeas doctor` says more";

/// Whether the program does its work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// Whether it does: each check is passed but `changes`, since a pause is a person's to end, by this
    /// very program.
    pub ready: bool,
    /// What was looked at.
    pub checks: Vec<ReadyCheck>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadyCheck {
    /// What: `store`, `schema`, `keys`, `engine`, `running`, `changes`.
    pub name: String,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What is so.
    pub what: String,
    /// What to do about it, where something is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
    /// The code whose page says more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

impl ReadyCheck {
    fn well(name: &str, what: &str) -> Self {
        Self { name: name.to_owned(), ok: true, what: what.to_owned(), mend: None, code: None }
    }

    fn wrong(name: &str, what: &str, mend: &str) -> Self {
        Self { ok: false, mend: Some(mend.to_owned()), ..Self::well(name, what) }
    }

    /// What the store came to. Its error may name folders, so only its code is told.
    fn of(name: &str, came_to: Result<(), StoreError>, well: &str, wrong: &str) -> Self {
        match came_to {
            Ok(()) => Self::well(name, well),
            Err(error) => {
                let code = Some(of_store(&error).to_owned());
                Self { code, ..Self::wrong(name, wrong, ASK_THE_DOCTOR) }
            }
        }
    }
}

/// Looks whether the program does its work, as this process sees it.
pub async fn look(store: &Store, me: &Holder, is_stopping: bool) -> Readiness {
    let row = standing(store, me).await;
    let checks = vec![
        the_store(row.as_ref().ok().and_then(Option::as_ref), row.is_ok(), me),
        schema(store).await,
        ReadyCheck::of("keys", store.check_keys(), "they are there", "they can't be used"),
        engine(row.ok().flatten().as_ref(), me),
        running(is_stopping),
        changes(store).await,
    ];
    let ready = checks.iter().all(|check| check.ok || check.name == CHANGES);
    Readiness { ready, checks }
}

const CHANGES: &str = "changes";

/// Whether the store can be read and written. That it is written shows in our lease, which is renewed
/// all the time: nothing is written for whoever asks.
fn the_store(row: Option<&LeaseRow>, is_read: bool, me: &Holder) -> ReadyCheck {
    const NAME: &str = "store";
    if !is_read {
        return ReadyCheck::wrong(NAME, "it can't be read", ASK_THE_DOCTOR);
    }
    let ours = row.filter(|row| row.holder == me.name);
    let left = ours.map(|row| row.until.millis - me.time().millis);
    match left {
        Some(left) if left < millis(LEASE - 3 * RENEWAL) => ReadyCheck::wrong(
            NAME,
            "nothing could be written for some time",
            "see whether the disk is full or read-only; `habeas doctor` says more",
        ),
        _ => ReadyCheck::well(NAME, "it can be read and written"),
    }
}

async fn schema(store: &Store) -> ReadyCheck {
    let came_to = store.check_schema().await;
    let is_newer = matches!(came_to, Err(StoreError::NewerSchema { .. }));
    let check = ReadyCheck::of(
        "schema",
        came_to,
        "it is this program's",
        "it is not the one that this program writes",
    );
    if !is_newer {
        return check;
    }
    let mend = "a newer program has written to the store since: start that one";
    ReadyCheck { mend: Some(mend.to_owned()), ..check }
}

fn engine(row: Option<&LeaseRow>, me: &Holder) -> ReadyCheck {
    const NAME: &str = "engine";
    match row {
        Some(row) if row.holder == me.name => ReadyCheck::well(NAME, "this process runs it"),
        Some(_) => ReadyCheck::wrong(
            NAME,
            "another process runs it",
            "nothing, if another was meant to take over; ask that one",
        ),
        None => ReadyCheck::wrong(
            NAME,
            "nobody runs it, so nothing happens by itself",
            "wait some seconds after a start; if it lasts, look at the output of `habeas serve`",
        ),
    }
}

fn running(is_stopping: bool) -> ReadyCheck {
    const NAME: &str = "running";
    match is_stopping {
        false => ReadyCheck::well(NAME, "it takes requests"),
        true => ReadyCheck::wrong(NAME, "it is being stopped", "start it again"),
    }
}

async fn changes(store: &Store) -> ReadyCheck {
    match controls::paused(store).await {
        Ok(None) => ReadyCheck::well(CHANGES, "changing calls are made"),
        Ok(Some(paused)) if paused.why.is_some() => ReadyCheck::wrong(
            CHANGES,
            "every changing call is stopped since the store was put back from a backup",
            "see what `habeas restore` said, then `habeas resume --all`",
        ),
        Ok(Some(_)) => ReadyCheck::wrong(
            CHANGES,
            "every changing call is stopped by a person",
            "`habeas resume --all`",
        ),
        Err(error) => {
            ReadyCheck::of(CHANGES, Err(error), "", "nobody can tell whether they are made")
        }
    }
}
