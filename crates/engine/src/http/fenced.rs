//! A body that leaves only while it may.
//!
//! A process can be stopped anywhere, also between the last look at its lease and the moment in which
//! the call leaves, and wake up long after another has taken its place. So the bytes of a changing call
//! ask for themselves: they are handed over a piece at a time, right before each is written, and not
//! at all once it is too late. What reached the vendor by then is no whole request and changes nothing.
//! What nobody asks any more is the last piece, once it lies in the buffers of client and kernel.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// Whether a changing call may still leave; asked at the last moment.
pub type MayLeave = Arc<dyn Fn() -> bool + Send + Sync>;

/// It was too late; the request was broken off before it was whole.
#[derive(Debug, thiserror::Error)]
#[error("it was too late to send it")]
pub(super) struct TooLate;

/// How many bytes leave by one asking.
const PIECE: usize = 16 * 1024;

/// Bytes that leave only while they may.
pub(super) struct Fenced {
    left: Bytes,
    may_leave: MayLeave,
}

impl Fenced {
    pub(super) fn new(bytes: Bytes, may_leave: MayLeave) -> Self {
        Self { left: bytes, may_leave }
    }
}

impl Body for Fenced {
    type Data = Bytes;
    type Error = TooLate;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TooLate>>> {
        if self.left.is_empty() {
            return Poll::Ready(None);
        }
        if !(self.may_leave)() {
            return Poll::Ready(Some(Err(TooLate)));
        }
        let n_bytes = self.left.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.left.split_to(n_bytes)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.len() as u64)
    }
}
