//! Sockets, and the limits that hold on them: how many connections, how large a head, how long
//! anything may take. What a client sends beyond them ends its connection, never the server.

#[cfg(test)]
mod tests;
mod tls;

use std::convert::Infallible;
use std::fs::{self, Permissions};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::response::{IntoResponse as _, Response};
use domain::Principal;
use http::{Request, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt as _;

use crate::body::{LARGEST_BODY, unread};
use crate::caller::Caller;
use crate::problem::Problem;
pub use tls::{Tls, TlsError};

/// The header in which whoever opens the local socket says who they are.
const LOCAL_NAME: &str = "habeas-operator";
/// How long to wait before accepting again after a failure.
const AFTER_FAILURE: Duration = Duration::from_millis(20);

/// What a connection may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at once; more wait to be accepted.
    pub n_connections: usize,
    /// Bytes of a request's head.
    pub head_bytes: usize,
    /// Until a request's head has come, counted from the connection's or the last answer's end.
    pub head_within: Duration,
    /// Until a client takes some of what is written to it.
    pub taken_within: Duration,
    /// Until a request is answered. Streams are answered when they begin.
    pub answer_within: Duration,
    /// Until running requests are cut off when the server stops.
    pub stop_within: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            n_connections: 512,
            head_bytes: 32 * 1024,
            head_within: Duration::from_secs(15),
            taken_within: Duration::from_secs(30),
            answer_within: Duration::from_secs(60),
            stop_within: Duration::from_secs(10),
        }
    }
}

/// Where to listen.
#[derive(Debug, Clone)]
pub enum Socket {
    /// At an address, with TLS or without.
    Tcp(SocketAddr, Option<Tls>),
    /// At a path in the data folder, for its owner alone.
    Local(PathBuf),
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

/// Binds a socket and serves on it in the background, until `stopped` says true.
pub async fn listen(
    socket: Socket,
    router: Router,
    limits: Limits,
    stopped: watch::Receiver<bool>,
) -> Result<Listening, ListenError> {
    let (listener, url) = match socket {
        Socket::Tcp(address, tls) => {
            let failed = |error| ListenError::Address(address, error);
            let listener = TcpListener::bind(address).await.map_err(failed)?;
            let scheme = if tls.is_some() { "https" } else { "http" };
            let url = format!("{scheme}://{}", listener.local_addr().map_err(failed)?);
            (Listener::Tcp(listener, tls), url)
        }
        Socket::Local(path) => {
            let url = format!("unix:{}", path.display());
            let listener = local(&path).map_err(|error| ListenError::Path(path.clone(), error))?;
            let lies_there = inode(&path);
            (Listener::Local(listener, path, lies_there), url)
        }
    };
    let server = Server { router, limits, stopped };
    Ok(Listening { url, running: tokio::spawn(server.run(listener)) })
}

impl Listening {
    /// Waits until the last connection has ended after the server was told to stop.
    pub async fn ended(self) {
        // A listener that panicked has ended too; the panic was told where it happened.
        let _ = self.running.await;
    }
}

/// Makes the socket in the data folder, in place of one that a killed server left. Whoever calls this
/// holds the right to serve the folder.
fn local(path: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    // The folder around it is its owner's alone as well, so nobody slips in before this.
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Which file a path leads to.
fn inode(path: &Path) -> Option<(u64, u64)> {
    let file = fs::symlink_metadata(path).ok()?;
    Some((file.dev(), file.ino()))
}

enum Listener {
    Tcp(TcpListener, Option<Tls>),
    /// With its path, and what lies there since it was made.
    Local(UnixListener, PathBuf, Option<(u64, u64)>),
}

enum Stream {
    Tcp(TcpStream, Option<Tls>),
    Local(UnixStream),
}

impl Listener {
    async fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Tcp(listener, tls) => {
                let (stream, _) = listener.accept().await?;
                // Small answers must not wait for the client's delayed acknowledgement.
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream, tls.clone()))
            }
            Self::Local(listener, ..) => Ok(Stream::Local(listener.accept().await?.0)),
        }
    }

    /// Listens no more.
    fn close(self) {
        if let Self::Local(_, path, lies_there) = self
            && inode(&path) == lies_there
        {
            // A successor's own socket may lie there by now; that one stays.
            let _ = fs::remove_file(path);
        }
    }
}

/// What all connections of a socket share.
#[derive(Clone)]
struct Server {
    router: Router,
    limits: Limits,
    stopped: watch::Receiver<bool>,
}

impl Server {
    /// Accepts until stopped, then waits for what is running.
    async fn run(mut self, listener: Listener) {
        let places = Arc::new(Semaphore::new(self.limits.n_connections));
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            let next = async {
                let place = Arc::clone(&places).acquire_owned().await;
                (place, listener.accept().await)
            };
            let (place, accepted) = tokio::select! {
                next = next => next,
                () = told_to_stop(&mut self.stopped) => break,
            };
            match accepted {
                Ok(stream) => {
                    let server = self.clone();
                    connections.spawn(async move {
                        server.converse(stream).await;
                        drop(place);
                    });
                }
                // Out of file handles: give running connections time to end.
                Err(_) => sleep_until(Instant::now() + AFTER_FAILURE).await,
            }
        }
        listener.close();
        let all = async { while connections.join_next().await.is_some() {} };
        if timeout(self.limits.stop_within, all).await.is_err() {
            tracing::warn!("requests that did not end were cut off");
        }
    }

    async fn converse(self, stream: Stream) {
        match stream {
            Stream::Tcp(stream, None) => self.serve(stream, Access::Remote).await,
            Stream::Tcp(stream, Some(tls)) => {
                let shaken = timeout(self.limits.head_within, tls.accept(stream)).await;
                // Whoever can't speak TLS learns so from the end of the connection.
                if let Ok(Ok(stream)) = shaken {
                    self.serve(stream, Access::Remote).await;
                }
            }
            Stream::Local(stream) => self.serve(stream, Access::Local).await,
        }
    }

    async fn serve(mut self, stream: impl AsyncRead + AsyncWrite, access: Access) {
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.limits.taken_within));
        let stream = Box::pin(stream);
        let (router, within) = (self.router.clone(), self.limits.answer_within);
        let service = service_fn(move |request| answer(router.clone(), request, access, within));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head_within)
            .max_buf_size(self.limits.head_bytes)
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

/// From where a connection comes.
#[derive(Clone, Copy)]
enum Access {
    /// From anywhere: a token says who it is.
    Remote,
    /// From the owner of the data folder.
    Local,
}

async fn answer(
    router: Router,
    request: Request<Incoming>,
    access: Access,
    within: Duration,
) -> Result<Response, Infallible> {
    let (parts, body) = request.into_parts();
    // Read whole before anything begins: what was begun waits for no client.
    let body = match timeout(within, to_bytes(Body::new(body), LARGEST_BODY)).await {
        Ok(Ok(body)) => body,
        Ok(Err(error)) => return Ok(closing(unread(&error))),
        Err(_) => {
            let detail = "the request did not come to its end in time; nothing was done";
            return Ok(closing(Problem::new(StatusCode::REQUEST_TIMEOUT, "E-API-008", detail)));
        }
    };
    let mut request = Request::from_parts(parts, Body::from(body));
    if let Access::Local = access {
        let name = request.headers().get(LOCAL_NAME).and_then(|name| name.to_str().ok());
        let name = name.filter(|name| Principal::is_name(name));
        let owner = Caller::owner(name.unwrap_or("local").to_owned());
        request.extensions_mut().insert(owner);
    }
    // What was begun is finished, also for a client that hangs up or has waited too long.
    let running = tokio::spawn(router.oneshot(request));
    match timeout(within, running).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => {
            let detail = "the server has a bug there; please report it";
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            Ok(Problem::new(status, "E-API-014", detail).into_response())
        }
        Err(_) => {
            let detail = "the request was not answered in time; look whether it took place";
            Ok(closing(Problem::new(StatusCode::GATEWAY_TIMEOUT, "E-API-008", detail)))
        }
    }
}

/// Tells a problem and ends the connection: whatever the client still has to send is not waited for.
fn closing(problem: Problem) -> Response {
    ([(header::CONNECTION, "close")], problem).into_response()
}
