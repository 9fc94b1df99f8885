//! What a package tells beside the data: who asked what, which systems answered and how.

/// Everything that is known before the first body is read.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// The request.
    pub(crate) request: String,
    /// Its right, and its scope if it has one.
    pub(crate) right: String,
    /// The scope in words.
    pub(crate) scope: String,
    /// When it was received.
    pub(crate) received_at: String,
    /// When this package was written.
    pub(crate) written_at: String,
    /// The same in seconds since 1970, for the archive.
    pub(crate) written_unix: i64,
    /// The identifiers that the request named, as (type, value).
    pub(crate) asked_by: Vec<(String, String)>,
    /// Why it must not be handed over as it is, if so.
    pub(crate) reservations: Vec<String>,
    /// Each system.
    pub(crate) systems: Vec<System>,
}

/// One system's share.
#[derive(Debug, Default)]
pub(crate) struct System {
    /// The connection's name.
    pub(crate) name: String,
    /// The kind of system.
    pub(crate) connector: String,
    /// What it answered, in words.
    pub(crate) answer: String,
    /// What the reader must know: windows, gaps.
    pub(crate) notes: Vec<String>,
    /// Its bodies, as the caller numbers them.
    pub(crate) bodies: Vec<usize>,
}
