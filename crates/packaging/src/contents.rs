//! What a package tells beside the data: who asked what, which systems answered and how.

/// Everything that is known before the first body is read.
#[derive(Debug, Default)]
pub struct Contents {
    /// The request.
    pub request: String,
    /// Its right, and its scope if it has one.
    pub right: String,
    /// The scope in words.
    pub scope: String,
    /// When it was received.
    pub received_at: String,
    /// When this package was written.
    pub written_at: String,
    /// The same in seconds since 1970, for the archive.
    pub written_unix: i64,
    /// The identifiers that the request named, as (type, value).
    pub asked_by: Vec<(String, String)>,
    /// Why it must not be handed over as it is, if so.
    pub reservations: Vec<String>,
    /// Each system.
    pub systems: Vec<System>,
}

/// One system's share.
#[derive(Debug, Default)]
pub struct System {
    /// The connection's name.
    pub name: String,
    /// The kind of system.
    pub connector: String,
    /// What it answered, in words.
    pub answer: String,
    /// What the reader must know: windows, gaps.
    pub notes: Vec<String>,
    /// Its bodies, as the caller numbers them.
    pub bodies: Vec<usize>,
}
