//! What a command sends along.

use std::io;

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::try_unfold;
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

/// Bytes of a file that are read at a time.
const PIECE: usize = 64 * 1024;

/// What a command sends along.
pub enum Payload {
    /// Nothing.
    Nothing,
    /// An object of JSON.
    Json(Vec<u8>),
    /// A CSV file, from where it stands to its end.
    Csv(File),
}

impl Payload {
    /// What it is.
    pub(super) fn media_type(&self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::Json(_) => Some("application/json"),
            Self::Csv(_) => Some("text/csv"),
        }
    }
}

/// A file, piece by piece.
pub(super) fn pieces(file: File) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    try_unfold(file, |mut file| async move {
        let mut piece = Vec::with_capacity(PIECE);
        let n = (&mut file).take(PIECE as u64).read_to_end(&mut piece).await?;
        Ok((n > 0).then(|| (Bytes::from(piece), file)))
    })
}
