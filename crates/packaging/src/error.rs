//! Why a package could not be written.

use std::io;

use domain::Right;
use domain::request::ClosedAs;
use store::StoreError;

/// Why a package could not be written. Where this is given, nothing of it may be handed out.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// There is no such request.
    #[error("there is no such request")]
    NoSuchRequest,
    /// The right collects nothing that a person could be handed.
    #[error("a request for {right} collects no data, so there is nothing to package")]
    NothingToPackage {
        /// The request's right.
        right: Right,
    },
    /// The request was closed so that nothing may be handed out for it.
    #[error("the request was closed as {how}: nothing is handed out for it")]
    Closed {
        /// As what.
        how: ClosedAs,
    },
    /// The values of the request were destroyed.
    #[error("the request was purged: its data was destroyed")]
    Purged,
    /// The values of the request can't be read now.
    #[error("the data can't be read: {why}")]
    Unopened {
        /// Why not, and what helps.
        why: String,
    },
    /// The store could not be read, or the journal not written.
    #[error("the collected data could not be used")]
    Store(#[from] StoreError),
    /// A collected body is not what the engine writes.
    #[error("a collected body can't be read: {what}")]
    Damaged {
        /// What does not fit.
        what: &'static str,
    },
    /// A collected body could not be read.
    #[error("a collected body could not be read")]
    Read(#[source] io::Error),
    /// The file could not be written.
    #[error("could not write the package")]
    Write(#[source] io::Error),
    /// The archive could not be written.
    #[error("could not write the package's archive")]
    Zip(#[source] rawzip::Error),
    /// The page could not be made.
    #[error("could not make the package's page")]
    Page(#[source] askama::Error),
    /// The writer's thread ended early.
    #[error("the writing of the package was cut short")]
    CutShort,
}
