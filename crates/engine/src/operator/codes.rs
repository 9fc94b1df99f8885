//! What a person is told with an error beside its text: a code that never changes, which has a page in
//! `docs/errors`, and what can be done.

use store::backup::BackupError;
use store::copy::CopyError;
use store::keys::KeyError;
use store::{BucketFault, StoreError};

use super::desk::OperatorError;

impl OperatorError {
    /// Its code.
    pub fn code(&self) -> &str {
        match self {
            Self::NotFound { .. } => "E-ACT-001",
            Self::Ambiguous { .. } => "E-ACT-002",
            Self::Refused { .. } => "E-ACT-003",
            Self::WrongState { .. } => "E-ACT-004",
            Self::CarriedOut { .. } => "E-ACT-005",
            Self::ChangedMeanwhile => "E-ACT-006",
            Self::NeedsCheck { .. } => "E-ACT-007",
            Self::Fault(fault) | Self::Forbidden(fault) => &fault.code,
            // Several things that one page can't explain: each has its own code beside it.
            Self::Faults(faults) => faults.first().map_or("E-CFG-001", |fault| &fault.code),
            Self::Store(error) => of_store(error),
        }
    }

    /// What can be done about it, as a sentence, where the text does not say it.
    pub fn advice(&self) -> Option<String> {
        let advice = match self {
            Self::NotFound { what: "request" } => "see `habeas request list`",
            Self::NotFound { what: "task" } => {
                "see `habeas request show ID`, which lists the tasks"
            }
            Self::NotFound { what: "connection" } => "see `habeas connections list`",
            Self::NotFound { what: "principal" } => "see `habeas principals list`",
            Self::NotFound { what: "webhook" } => "see `habeas webhooks list`",
            Self::NotFound { what: "recipient" } => "see `habeas mail show`",
            Self::NotFound { what: "delivery" } => {
                "see `habeas webhooks deliveries NAME` or `habeas mail deliveries NAME`"
            }
            Self::NotFound { what: "token" } => "see `habeas tokens list`",
            Self::Refused { instead, .. } => instead,
            Self::CarriedOut { request, .. } => {
                return Some(format!(
                    "tell the person what was done: `habeas request answer {request} --note …`; what has not begun can be left out before, by the commands that `habeas request show {request}` names"
                ));
            }
            Self::Store(error) => advice_on_store(error)?,
            Self::NotFound { .. }
            | Self::Ambiguous { .. }
            | Self::WrongState { .. }
            | Self::ChangedMeanwhile
            | Self::NeedsCheck { .. }
            | Self::Fault(_)
            | Self::Faults(_)
            | Self::Forbidden(_) => return None,
        };
        Some(advice.to_owned())
    }
}

/// The code of an error of the store.
pub fn of_store(error: &StoreError) -> &'static str {
    match error {
        StoreError::DiskFull { .. } => "E-STO-001",
        StoreError::Keys(error) => of_keys(error),
        StoreError::Seal(_) => "E-KEY-008",
        StoreError::Unopened { .. } => "E-KEY-007",
        StoreError::NoDatabase { .. } => "E-STO-003",
        StoreError::Unreachable { .. } => "E-STO-004",
        StoreError::Moved | StoreError::Arriving => "E-STO-005",
        StoreError::Bucket { fault: BucketFault::Foreign, .. }
        | StoreError::BodiesElsewhere { .. } => "E-STO-010",
        StoreError::Bucket { fault, .. } if fault.may_pass() => "E-STO-009",
        StoreError::Bucket { .. } => "E-STO-008",
        _ => "E-STO-002",
    }
}

fn of_keys(error: &KeyError) -> &'static str {
    match error {
        KeyError::InsideData { .. } | KeyError::InsideKeys { .. } => "E-KEY-001",
        KeyError::OtherInstallation { .. } | KeyError::NoStore { .. } => "E-KEY-002",
        KeyError::Lost { .. } => "E-KEY-003",
        KeyError::TooOpen { .. } => "E-KEY-004",
        KeyError::File { .. } => "E-KEY-005",
        KeyError::Malformed { .. } => "E-KEY-006",
        KeyError::Missing(_) => "E-KEY-007",
        KeyError::IndexMoving => "E-KEY-009",
        KeyError::Destroyed(_) | KeyError::InUse(_) | KeyError::Make(_) => "E-STO-002",
    }
}

/// What can be done about an error of the store.
pub fn advice_on_store(error: &StoreError) -> Option<&'static str> {
    match error {
        StoreError::DiskFull { .. } => Some(
            "what was saved before is safe; make room and start it again, and it goes on from there",
        ),
        StoreError::Keys(
            KeyError::Lost { .. } | KeyError::Malformed { .. } | KeyError::Missing(_),
        ) => Some("nothing was changed; put the key folder back from its copy"),
        StoreError::Unreachable { .. } => {
            Some("see whether its server runs, and whether HABEAS_DATABASE_URL names it")
        }
        StoreError::Bucket { fault: BucketFault::Foreign, .. } => {
            Some("nothing was changed; name a prefix of its own with HABEAS_BODIES")
        }
        StoreError::Bucket { fault, .. } if fault.may_pass() => Some(
            "see whether the bucket's server runs and can be reached at AWS_ENDPOINT_URL; what failed is tried again",
        ),
        StoreError::Bucket { .. } => Some(
            "see whether HABEAS_BODIES, AWS_REGION and AWS_ENDPOINT_URL name the bucket, and whether the key may list it and get, put and delete its objects",
        ),
        StoreError::BodiesElsewhere { .. } => Some(
            "nothing was changed; set HABEAS_BODIES, or --bodies, as it was set when this installation began, or leave it out if it was not",
        ),
        StoreError::NoFolder { .. } => Some("name the data folder, with HABEAS_DATA or --data"),
        StoreError::Moved => Some(
            "name the database with HABEAS_DATABASE_URL; where `habeas store copy` was broken off, run it again, or give it up with `habeas store reopen`",
        ),
        StoreError::Arriving => Some(
            "run `habeas store copy` again, which goes on where it was broken off and compares",
        ),
        StoreError::NoDatabase { .. } => Some("nothing was changed; put the last good backup back"),
        StoreError::Keys(KeyError::OtherInstallation { .. }) => Some(
            "nothing was changed; HABEAS_KEYS and HABEAS_DATA have to name what belongs together",
        ),
        StoreError::Keys(KeyError::NoStore { .. }) => Some(
            "nothing was changed; put a backup of it back, or name with HABEAS_DATA where it lies",
        ),
        _ => None,
    }
}

/// The code of an error with a backup.
pub fn of_backup(error: &BackupError) -> &'static str {
    match error {
        BackupError::Exists(_) | BackupError::InsideData(_) | BackupError::InsideKeys(_) => {
            "E-BAK-001"
        }
        BackupError::NoBackup(_) | BackupError::Damaged { .. } => "E-BAK-002",
        BackupError::NotEmpty(_) => "E-BAK-003",
        BackupError::BadDatabase(_) => "E-STO-003",
        BackupError::Store(error) => of_store(error),
    }
}

/// What can be done about an error with a backup.
pub fn advice_on_backup(error: &BackupError) -> Option<&'static str> {
    match error {
        BackupError::Exists(_) => Some("add --force to replace it, or name another folder"),
        BackupError::InsideData(_) | BackupError::InsideKeys(_) => {
            Some("name a folder elsewhere, best on another disk")
        }
        BackupError::NoBackup(_) | BackupError::Damaged { .. } => {
            Some("nothing was changed; take another backup")
        }
        BackupError::NotEmpty(_) => {
            Some("nothing was changed; move what is there away, or name a new folder with --data")
        }
        BackupError::BadDatabase(_) => {
            Some("no backup was made; put the last good one back, and have the disk looked at")
        }
        BackupError::Store(StoreError::DiskFull { .. }) => Some(
            "nothing of it is left, and no store was changed; make room where it has to lie, and begin again",
        ),
        BackupError::Store(error) => advice_on_store(error),
    }
}

/// The code of an error with a copy into another database.
pub fn of_copy(error: &CopyError) -> &'static str {
    match error {
        CopyError::EngineAtWork(_)
        | CopyError::NotEmpty
        | CopyError::AlreadyMoved
        | CopyError::NotMoved
        | CopyError::UsedSince
        | CopyError::NotTheCopy => "E-STO-006",
        CopyError::Schema(_) | CopyError::Differs { .. } => "E-STO-007",
        CopyError::Store(error) => of_store(error),
    }
}

/// What can be done about an error with a copy into another database.
pub fn advice_on_copy(error: &CopyError) -> Option<&'static str> {
    match error {
        CopyError::EngineAtWork(_) => Some(
            "nothing was changed; end every `habeas serve`, `habeas worker` and other command of this installation, then run this again",
        ),
        CopyError::NotEmpty => {
            Some("nothing was changed; name a database that was made for this (createdb habeas)")
        }
        CopyError::AlreadyMoved => {
            Some("nothing was changed; go on with HABEAS_DATABASE_URL as it was set for the copy")
        }
        CopyError::NotMoved => None,
        CopyError::UsedSince => Some(
            "nothing was changed; go on with HABEAS_DATABASE_URL, or put a backup back with `habeas restore`",
        ),
        CopyError::NotTheCopy => Some(
            "nothing was changed; name with HABEAS_DATABASE_URL the database that it was copied into",
        ),
        CopyError::Schema(_) => {
            Some("use one version of the program for both, and an empty database")
        }
        CopyError::Differs { .. } => Some(
            "the data folder is unharmed, and neither is used: give the copy up with `habeas store reopen`, then copy into an empty database",
        ),
        CopyError::Store(error) => advice_on_store(error),
    }
}
