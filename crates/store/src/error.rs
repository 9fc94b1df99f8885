//! What can go wrong in the store, as one enum to branch on.
//!
//! The texts name what was attempted and never a value; the lower error is the source and is not
//! repeated in the text. "Absent" is `Option`, a lost compare-and-set is an answer: neither is here.

use std::io;
use std::path::Path;

use crate::blobs::BucketFault;
use crate::crash::Dead;
use crate::keys::{KeyError, READ};

/// A lower error, kept for the cause chain only.
pub type Cause = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No space is left, or a quota is used up. The whole step was rolled back.
    #[error("no disk space is left to {attempt}; nothing of it was saved")]
    DiskFull {
        /// What was attempted, as a verb phrase.
        attempt: &'static str,
        /// The lower error.
        #[source]
        cause: Cause,
    },
    /// The data folder, or this opening of it, takes no writes.
    #[error("the store is read-only, so the program cannot {attempt}")]
    ReadOnly {
        /// What was attempted, as a verb phrase.
        attempt: &'static str,
        /// The lower error.
        #[source]
        cause: Cause,
    },
    /// Another process held the database for longer than the waiting time.
    #[error("another process keeps the database busy, so the program cannot {attempt}")]
    Busy {
        /// What was attempted, as a verb phrase.
        attempt: &'static str,
        /// The lower error.
        #[source]
        cause: Cause,
    },
    /// The database's server gave no answer, or ended the connection.
    #[error("the database does not answer, so the program cannot {attempt}")]
    Unreachable {
        /// What was attempted, as a verb phrase.
        attempt: &'static str,
        /// The lower error.
        #[source]
        cause: Cause,
    },
    /// A row with this key exists already.
    #[error("a row with the same key exists already, so the program cannot {attempt}")]
    Duplicate {
        /// What was attempted, as a verb phrase.
        attempt: &'static str,
        /// The lower error.
        #[source]
        cause: Cause,
    },
    /// The database failed in another way.
    #[error("the database could not {attempt}")]
    Database {
        /// What was attempted, as a verb phrase.
        attempt: &'static str,
        /// The lower error.
        #[source]
        cause: Cause,
    },
    /// A file of the data folder or of the key folder could not be used.
    #[error("could not {attempt}")]
    File {
        /// What was attempted, as a verb phrase.
        attempt: &'static str,
        /// The lower error.
        #[source]
        cause: io::Error,
    },
    /// The bucket of large bodies could not be used.
    #[error("the bucket of large bodies {fault}, so the program cannot {attempt}")]
    Bucket {
        /// What was attempted, as a verb phrase.
        attempt: &'static str,
        /// What is wrong with it.
        fault: BucketFault,
        /// What the server said of it, if it did.
        #[source]
        cause: Option<Cause>,
    },
    /// The large bodies of this installation lie in another place than the one that was named.
    #[error("{why}")]
    BodiesElsewhere {
        /// Where they lie, and where they were looked for.
        why: String,
    },
    /// No store exists where one was to be read.
    #[error("no store exists at {folder}; it is made by the first command that writes")]
    Missing {
        /// The data folder.
        folder: String,
    },
    /// A file stands where the data folder should be.
    #[error("{folder} is a file, and no data folder")]
    NoFolder {
        /// The data folder, as it was named.
        folder: String,
    },
    /// The file of the database is none.
    #[error("`habeas.db` in the data folder is no database, or a damaged one")]
    NoDatabase {
        /// The lower error.
        #[source]
        cause: Cause,
    },
    /// The schema was written by a newer program.
    #[error(
        "the store has schema {found}, this program knows {known}: use the newer program, or restore a backup made before the upgrade"
    )]
    NewerSchema {
        /// The schema's number in the store.
        found: i64,
        /// The newest number this program knows.
        known: i64,
    },
    /// The schema is older than this program, and this opening may not change it.
    #[error(
        "the store has schema {found}, this program needs {known}: start a command that writes once, so that it migrates"
    )]
    OlderSchema {
        /// The schema's number in the store.
        found: i64,
        /// The number this program needs.
        known: i64,
    },
    /// What was in the database is in another one now, or on its way there.
    #[error(
        "`habeas.db` in the data folder is not used any more: its rows were copied into a PostgreSQL database"
    )]
    Moved,
    /// Not all rows of a copy into the database have arrived.
    #[error("the database holds a copy that is not finished")]
    Arriving,
    /// A migration that ran is not the one this program carries under that number.
    #[error("migration {number} of the store differs from the one in this program")]
    MigrationDiffers {
        /// The migration's number.
        number: i64,
    },
    /// The linked SQLite is one that can corrupt a database.
    #[error("SQLite {found} can corrupt a write-ahead log, at least {needed} is needed")]
    OldSqlite {
        /// The linked version.
        found: String,
        /// The oldest one that is accepted.
        needed: &'static str,
    },
    /// A server that is too old.
    #[error("PostgreSQL {found} is too old, at least {needed} is needed")]
    OldPostgres {
        /// The server's version.
        found: String,
        /// The oldest one that is accepted.
        needed: &'static str,
    },
    /// A key is missing, damaged or not ours.
    #[error("the keys could not be used")]
    Keys(#[source] KeyError),
    /// The lease under which the program wrote is another's by now. Nothing was written.
    #[error("another process has taken over; this one must stop writing")]
    FenceLost,
    /// What was asked for does not exist.
    #[error("no such {what}")]
    NotFound {
        /// The noun.
        what: &'static str,
    },
    /// A value could not be sealed or opened.
    #[error("a sealed value could not be used")]
    Seal(#[from] crate::seal::SealError),
    /// The values of a request can't be opened although nobody destroyed them.
    #[error("{why}")]
    Unopened {
        /// Why, and what helps.
        why: String,
    },
    /// What the database holds is not what this program writes.
    #[error("the store holds a {what} that this program cannot read")]
    Unreadable {
        /// The noun and column.
        what: &'static str,
        /// The lower error.
        #[source]
        cause: Cause,
    },
}

impl From<Dead> for StoreError {
    fn from(dead: Dead) -> Self {
        Self::Database { attempt: "be reached", cause: dead.into() }
    }
}

impl StoreError {
    /// Whether it can pass by itself: a database that several machines share fails over, runs full, or keeps
    /// somebody waiting; a lease that was lost is taken again.
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::DiskFull { .. }
                | Self::ReadOnly { .. }
                | Self::Busy { .. }
                | Self::Unreachable { .. }
                | Self::Database { .. }
                | Self::FenceLost
        ) || matches!(self, Self::Bucket { fault, .. } if fault.may_pass())
    }

    /// Whether a sealed value does not open as the keys stand: somebody has to look after it, and
    /// nothing else need wait for that.
    pub fn is_unopened(&self) -> bool {
        use KeyError::{Destroyed, File, Make, Malformed, Missing, TooOpen};
        match self {
            Self::Seal(_) | Self::Unopened { .. } => true,
            Self::Keys(File { attempt, .. }) => *attempt == READ,
            Self::Keys(error) => matches!(
                error,
                Missing(_) | Malformed { .. } | Destroyed(_) | TooOpen { .. } | Make(_)
            ),
            _ => false,
        }
    }

    /// Why a sealed value does not open, and what helps, in one line.
    pub fn why_unopened(&self) -> String {
        match self {
            Self::Keys(error @ (KeyError::Missing(_) | KeyError::Malformed { .. })) => {
                format!("{error}: put its file back from the copy of the key folder")
            }
            Self::Keys(error @ KeyError::File { .. }) => {
                format!("{error}: whoever runs Habeas has to own it")
            }
            Self::Keys(KeyError::Make(_)) | Self::Seal(_) => {
                "a sealed value was altered, and does not open any more".to_owned()
            }
            Self::Keys(error) => error.to_string(),
            other => other.to_string(),
        }
    }
}

impl From<KeyError> for StoreError {
    /// A key that does not fit on the disk is first of all a full disk.
    fn from(error: KeyError) -> Self {
        match &error {
            KeyError::File { cause, .. } if cause.kind() == io::ErrorKind::StorageFull => {
                Self::DiskFull { attempt: "keep a key", cause: Box::new(error) }
            }
            _ => Self::Keys(error),
        }
    }
}

impl StoreError {
    /// Classifies a database error by what the caller can do about it.
    pub(crate) fn database(attempt: &'static str, error: sqlx::Error) -> Self {
        if let Some(state) = sql_state(&error) {
            return Self::postgres(attempt, &state, Box::new(error));
        }
        let code = match &error {
            sqlx::Error::Database(inner) => inner.code().and_then(|code| code.parse::<i32>().ok()),
            sqlx::Error::Io(inner) if inner.kind() == io::ErrorKind::StorageFull => {
                Some(SQLITE_FULL)
            }
            sqlx::Error::PoolTimedOut => Some(SQLITE_BUSY),
            _ => None,
        };
        let cause: Cause = Box::new(error);
        match code.map(|code| (code, code & 0xff)) {
            Some((SQLITE_IOERR_WRITE | SQLITE_IOERR_SHMSIZE, _) | (_, SQLITE_FULL)) => {
                Self::DiskFull { attempt, cause }
            }
            Some((_, SQLITE_NOTADB)) => Self::NoDatabase { cause },
            Some((_, SQLITE_READONLY)) => Self::ReadOnly { attempt, cause },
            Some((_, SQLITE_BUSY | SQLITE_LOCKED)) => Self::Busy { attempt, cause },
            Some((SQLITE_CONSTRAINT_UNIQUE | SQLITE_CONSTRAINT_PRIMARYKEY, _)) => {
                Self::Duplicate { attempt, cause }
            }
            _ => Self::Database { attempt, cause },
        }
    }

    /// The same by an SQLSTATE (postgresql.org/docs/current/errcodes-appendix.html).
    fn postgres(attempt: &'static str, state: &str, cause: Cause) -> Self {
        match state {
            "23505" => Self::Duplicate { attempt, cause },
            "53100" => Self::DiskFull { attempt, cause },
            "25006" => Self::ReadOnly { attempt, cause },
            "53300" | "55P03" => Self::Busy { attempt, cause },
            state if is_away(state) => Self::Unreachable { attempt, cause },
            _ => Self::Database { attempt, cause },
        }
    }

    /// That there is no store in a folder, or no folder at all.
    pub(crate) fn missing(data: &Path) -> Self {
        let folder = data.display().to_string();
        if data.is_file() { Self::NoFolder { folder } } else { Self::Missing { folder } }
    }

    /// Classifies an error of the file system.
    pub fn file(attempt: &'static str, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::DiskFull { attempt, cause: Box::new(error) },
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { attempt, cause: Box::new(error) },
            _ => Self::File { attempt, cause: error },
        }
    }

    /// A value of the database that does not read back.
    pub(crate) fn unreadable(what: &'static str, cause: impl Into<Cause>) -> Self {
        Self::Unreadable { what, cause: cause.into() }
    }
}

/// What a server of PostgreSQL says went wrong, if one said so.
fn sql_state(error: &sqlx::Error) -> Option<String> {
    let said = error.as_database_error()?.try_downcast_ref::<sqlx::postgres::PgDatabaseError>()?;
    Some(said.code().to_owned())
}

/// Whether a server that says so ends the connection: it is shut down, starts, or lost its way.
pub(crate) fn is_away(state: &str) -> bool {
    state.starts_with("57P") || state.starts_with("08")
}

// SQLite's result codes, primary and extended (sqlite.org/rescode.html).
const SQLITE_BUSY: i32 = 5;
const SQLITE_LOCKED: i32 = 6;
const SQLITE_READONLY: i32 = 8;
const SQLITE_FULL: i32 = 13;
/// A write that failed for another reason than `ENOSPC`: a quota or a file size limit.
const SQLITE_IOERR_WRITE: i32 = 778;
/// The shared memory file could not grow.
const SQLITE_IOERR_SHMSIZE: i32 = 4874;
const SQLITE_CONSTRAINT_PRIMARYKEY: i32 = 1555;
const SQLITE_NOTADB: i32 = 26;
const SQLITE_CONSTRAINT_UNIQUE: i32 = 2067;
