//! Sockets, and the limits that hold on them: how many connections, how large a head, how long
//! anything may take, how often somebody may ask. What a client sends beyond them ends its connection
//! or is refused, and never stops the server.

mod answer;
mod bodies;
mod client;
mod crowd;
mod rate;
mod socket;
#[cfg(test)]
mod tests;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_io_timeout::TimeoutStream;

use answer::{Access, Serving};
use bodies::Bodies;
pub use client::{Client, NoNetwork, Proxies};
use crowd::{Crowd, Place};
pub(crate) use rate::Meter;
pub use rate::Rate;
use socket::{Listener, Peer, Stream};
pub use socket::{Socket, Tcp};
pub use tls::{Tls, TlsError};

use crate::metrics::{Refusal, Traffic};

/// How long to wait before accepting again after a failure.
const AFTER_FAILURE: Duration = Duration::from_millis(20);

/// What clients may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at once; more wait to be accepted.
    pub n_connections: usize,
    /// Connections at once of one client; more are closed. Named proxies bring those of many.
    pub n_connections_of_one: usize,
    /// Bytes of a request's head.
    pub head_bytes: usize,
    /// Until a request's head has come, counted from the connection's or the last answer's end.
    pub head_within: Duration,
    /// Until there is room for a large body, before it is read.
    pub room_within: Duration,
    /// Until the rest of a request has come.
    pub body_within: Duration,
    /// Until a client takes some of what is written to it.
    pub taken_within: Duration,
    /// Until a request is answered. Streams are answered when they begin.
    pub answer_within: Duration,
    /// Until running requests are cut off when the server stops.
    pub stop_within: Duration,
    /// Requests of one client.
    pub requests: Rate,
    /// Wrong tokens of one client; beyond that it is told to wait, and a good one is let in all the same.
    pub wrong_tokens: Rate,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            n_connections: 512,
            n_connections_of_one: 128,
            head_bytes: 32 * 1024,
            head_within: Duration::from_secs(15),
            room_within: Duration::from_secs(10),
            body_within: Duration::from_secs(30),
            taken_within: Duration::from_secs(30),
            answer_within: Duration::from_secs(60),
            stop_within: Duration::from_secs(10),
            requests: Rate::of(2_000, Duration::from_secs(1)),
            wrong_tokens: Rate::of(10, Duration::from_secs(60)),
        }
    }
}

/// A socket that listens, and serves until it is stopped.
pub struct Listening {
    /// Where it can be reached, such as `http://127.0.0.1:7700`.
    pub url: String,
    running: tokio::task::JoinHandle<()>,
}

/// Why a socket can't listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address.
    #[error("could not listen at {0}")]
    Address(SocketAddr, #[source] io::Error),
    /// The path.
    #[error("could not make the socket {}", .0.display())]
    Path(PathBuf, #[source] io::Error),
}

/// Binds a socket and serves on it in the background, until `stopped` says true. What it does is counted
/// under a name.
pub async fn listen(
    name: &'static str,
    socket: Socket,
    router: Router,
    limits: Limits,
    traffic: &Traffic,
    stopped: watch::Receiver<bool>,
) -> Result<Listening, ListenError> {
    let (listener, url) = Listener::bind(socket).await?;
    let traffic = traffic.clone();
    let requests = Arc::new(Meter::new(limits.requests));
    let wrong_tokens = Arc::new(Meter::new(limits.wrong_tokens));
    let server = Server {
        serving: Serving {
            router,
            limits,
            traffic,
            listener: name,
            requests,
            wrong_tokens,
            bodies: Arc::new(Bodies::new(limits.room_within)),
        },
        stopped,
    };
    Ok(Listening { url, running: tokio::spawn(server.run(listener)) })
}

impl Listening {
    /// Waits until the last connection has ended after the server was told to stop.
    pub async fn ended(self) {
        // A listener that panicked has ended too; the panic was told where it happened.
        let _ = self.running.await;
    }
}

/// What all connections of a socket share.
#[derive(Clone)]
struct Server {
    serving: Serving,
    stopped: watch::Receiver<bool>,
}

impl Server {
    /// Accepts until stopped, then waits for what is running.
    async fn run(mut self, listener: Listener) {
        let limits = self.serving.limits;
        let crowd = Crowd::new(limits.n_connections, limits.n_connections_of_one);
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            let next = async {
                let place = crowd.place().await;
                (place, listener.accept().await)
            };
            let (place, accepted) = tokio::select! {
                next = next => next,
                () = told_to_stop(&mut self.stopped) => break,
            };
            match accepted {
                Ok(stream) => {
                    if let Some((stream, place)) = self.admit(stream, place) {
                        let server = self.clone();
                        let connected = self.serving.traffic.connected(self.serving.listener);
                        connections.spawn(async move {
                            server.converse(stream).await;
                            drop((place, connected));
                        });
                    }
                }
                // Out of file handles: give running connections time to end.
                Err(_) => sleep_until(Instant::now() + AFTER_FAILURE).await,
            }
        }
        listener.close();
        let all = async { while connections.join_next().await.is_some() {} };
        if timeout(limits.stop_within, all).await.is_err() {
            tracing::warn!("requests that did not end were cut off");
        }
    }

    /// Lets a connection in, where it may come and its client has not got their share already.
    fn admit(&self, stream: Option<Stream>, mut place: Place) -> Option<(Stream, Place)> {
        let traffic = &self.serving.traffic;
        let Some(stream) = stream else {
            traffic.refused(Refusal::Plain);
            return None;
        };
        let client = match &stream {
            Stream::Tcp(_, peer) => peer.client(),
            Stream::Local(_) => None,
        };
        if client.is_some_and(|client| !place.give_to(client)) {
            traffic.refused(Refusal::Connections);
            return None;
        }
        Some((stream, place))
    }

    async fn converse(self, stream: Stream) {
        let within = self.serving.limits.head_within;
        match stream {
            Stream::Local(stream) => self.serve(stream, Access::Local).await,
            Stream::Tcp(stream, peer) => match peer.tls.clone() {
                None => self.serve(stream, Access::Remote(Arc::new(peer))).await,
                // Whoever can't speak TLS learns so from the end of the connection.
                Some(tls) => {
                    if let Ok(Ok(stream)) = timeout(within, tls.accept(stream)).await {
                        self.serve(stream, Access::Remote(Arc::new(peer))).await;
                    }
                }
            },
        }
    }

    async fn serve(mut self, stream: impl AsyncRead + AsyncWrite, access: Access) {
        let limits = self.serving.limits;
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(limits.taken_within));
        let stream = Box::pin(stream);
        let service =
            service_fn(move |request| self.serving.clone().answer(request, access.clone()));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_within)
            .max_buf_size(limits.head_bytes)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        // However a connection ends, it is the client's business.
        tokio::select! {
            _ = &mut connection => {}
            () = told_to_stop(&mut self.stopped) => {
                connection.as_mut().graceful_shutdown();
                let _ = connection.await;
            }
        }
    }
}

/// Waits until the server is to stop; also if nobody is left who could say so.
async fn told_to_stop(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
