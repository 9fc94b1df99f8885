//! What the API answered, whole or piece by piece; a problem becomes an error of the command.

use std::collections::VecDeque;
use std::pin::Pin;

use anyhow::Context;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use server::Problem;

use crate::exit::{Exit, Stop};

type Pieces = Pin<Box<dyn Stream<Item = anyhow::Result<Bytes>> + Send>>;

/// What was answered.
pub struct Answer {
    status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    pieces: Pieces,
    /// Whole lines that have come and were not taken yet, and the beginning of the next.
    lines: VecDeque<Vec<u8>>,
    begun: Vec<u8>,
}

impl Answer {
    /// Puts an answer together.
    pub(super) fn new<E>(
        status: StatusCode,
        headers: HeaderMap,
        pieces: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
    ) -> Self
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let pieces = pieces.map(|piece| piece.context("the answer broke off"));
        Self {
            status,
            headers,
            pieces: Box::pin(pieces),
            lines: VecDeque::new(),
            begun: Vec::new(),
        }
    }

    /// The answer of a success; an error otherwise.
    pub(super) async fn or_problem(self) -> anyhow::Result<Self> {
        if self.status.is_success() {
            return Ok(self);
        }
        let status = self.status;
        let body = self.bytes().await?;
        // Whatever stands between us may answer in its own way.
        let problem: Problem = serde_json::from_slice(&body).map_err(|_| {
            Stop::failed(format!("the server answered {status}, and not as Habeas does"))
                .advise("is the URL that of Habeas?")
        })?;
        Err(stop(problem).into())
    }

    /// The whole body.
    pub async fn bytes(self) -> anyhow::Result<Vec<u8>> {
        let add = |mut all: Vec<u8>, piece: Bytes| async move {
            all.extend_from_slice(&piece);
            Ok(all)
        };
        self.pieces.try_fold(Vec::new(), add).await
    }

    /// The body as a value. One that has none is `null`.
    pub async fn json<T: DeserializeOwned>(self) -> anyhow::Result<T> {
        let bytes = self.bytes().await?;
        let bytes: &[u8] = if bytes.is_empty() { b"null" } else { &bytes };
        serde_json::from_slice(bytes).context("the answer is not as this version knows it")
    }

    /// The next line of the body, without its end; nothing after the last one.
    pub async fn line(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        while self.lines.is_empty() {
            let Some(piece) = self.piece().await? else {
                let last = std::mem::take(&mut self.begun);
                return Ok((!last.is_empty()).then_some(last));
            };
            for part in piece.split_inclusive(|byte| *byte == b'\n') {
                match part.split_last() {
                    Some((b'\n', line)) => {
                        self.begun.extend_from_slice(line);
                        self.lines.push_back(std::mem::take(&mut self.begun));
                    }
                    _ => self.begun.extend_from_slice(part),
                }
            }
        }
        Ok(self.lines.pop_front())
    }

    /// The next piece of the body; nothing at its end.
    pub async fn piece(&mut self) -> anyhow::Result<Option<Bytes>> {
        self.pieces.try_next().await
    }
}

/// A problem as the end of a command.
pub fn stop(problem: Problem) -> Stop {
    // Of several things each has a code of its own.
    let what = match &*problem.errors {
        [] | [_] => problem.detail.clone(),
        several => several.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
    };
    let stop = Stop::new(exit(&problem), what).code(problem.code);
    match problem.advice {
        Some(advice) => stop.advise(advice),
        None => stop,
    }
}

fn exit(problem: &Problem) -> Exit {
    match (&*problem.code, problem.status) {
        // Several are meant: the same slip as none.
        ("E-ACT-002", _) => Exit::Usage,
        // Somebody else was quicker; nothing speaks against trying again.
        ("E-ACT-006", _) => Exit::Failed,
        // A check that found something missing, or was turned away.
        ("E-SET-004" | "E-API-011" | "E-PRN-004", _) => Exit::Refused,
        (_, 401 | 403 | 409) => Exit::Refused,
        (_, 502) => Exit::Unreachable,
        (_, 400..=499) if problem.status != 429 => Exit::Usage,
        _ => Exit::Failed,
    }
}
