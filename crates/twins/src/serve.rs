//! The twins on real sockets, loopback only: one listener per API, and one for control.

use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};
use tower::ServiceExt;

use crate::front::NoAnswer;
use crate::options::Options;
use crate::world::Twins;

/// How long a held answer is held at most; clients give up long before.
const LONGEST_HOLD: Duration = Duration::from_secs(120);

/// Twins that listen.
pub struct Serving {
    description: Value,
    control: String,
    listeners: Vec<JoinHandle<()>>,
}

/// Binds every listener and serves in the background of the runtime that this is called on.
pub async fn serve(options: Options) -> io::Result<Serving> {
    let mut ports = Ports { next: options.port_base };
    let twins = Twins::new(options);
    let mut listeners = Vec::new();
    let mut open = async |router: Router| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, ports.take()?)).await?;
        let address = listener.local_addr()?;
        listeners.push(tokio::spawn(accept(listener, router)));
        io::Result::Ok(format!("http://{address}"))
    };
    let addresses = [
        ("public_api", open(twins.public_api()).await?),
        ("profile_api", open(twins.profile_api()).await?),
        ("tracking_api", open(twins.tracking_api()).await?),
        ("control", open(twins.control()).await?),
    ];
    let address = |_vendor: &str, api: &str| {
        let found = addresses.iter().find(|(name, _)| *name == api);
        found.map_or(String::new(), |(_, address)| address.clone())
    };
    let description = twins.description(address);
    let control = address("control", "control");
    Ok(Serving { description, control, listeners })
}

impl Serving {
    /// The one line of `habeas twins --json`: addresses, credentials, subjects.
    pub fn description(&self) -> Value {
        self.description.clone()
    }

    /// Where the control interface listens, such as `http://127.0.0.1:40001`.
    pub fn base_url_control(&self) -> &str {
        &self.control
    }

    /// Waits until a listener ends, which none does by itself.
    pub async fn wait(mut self) {
        for listener in &mut self.listeners {
            // A listener ends only when it is aborted; there is nothing to learn from how.
            let _ = listener.await;
        }
    }

    /// Closes every listener and every connection.
    pub async fn stop(mut self) {
        for listener in self.listeners.drain(..) {
            listener.abort();
            let _ = listener.await;
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        for listener in &self.listeners {
            listener.abort();
        }
    }
}

struct Ports {
    next: Option<u16>,
}

impl Ports {
    fn take(&mut self) -> io::Result<u16> {
        let Some(port) = self.next else { return Ok(0) };
        let past_the_end = || io::Error::other("the ports from the base on do not suffice");
        self.next = Some(port.checked_add(1).ok_or_else(past_the_end)?);
        Ok(port)
    }
}

async fn accept(listener: TcpListener, router: Router) {
    // Connections die with this set, hence with the listener's task.
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Small answers must not wait for the client's delayed acknowledgement.
                let _ = stream.set_nodelay(true);
                connections.spawn(converse(TokioIo::new(stream), router.clone()));
            }
            // Out of file handles: give running connections time to end.
            Err(_) => sleep_until(Instant::now() + Duration::from_millis(20)).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn converse(stream: TokioIo<tokio::net::TcpStream>, router: Router) {
    let service = service_fn(move |request: Request<Incoming>| answer(router.clone(), request));
    // The vendors' dates are virtual; hyper's own header would tell the real one. A connection that
    // breaks is the client's business or a planned fault.
    let _ = http1::Builder::new().auto_date_header(false).serve_connection(stream, service).await;
}

/// The connection is closed without an answer, on order.
#[derive(Debug, thiserror::Error)]
#[error("no answer, on order")]
struct Unanswered;

async fn answer(router: Router, request: Request<Incoming>) -> Result<Response, Unanswered> {
    let answer: Result<Response, Infallible> = router.oneshot(request.map(Body::new)).await;
    let Ok(response) = answer;
    match response.extensions().get::<NoAnswer>() {
        None => Ok(response),
        Some(NoAnswer::Closed) => Err(Unanswered),
        Some(NoAnswer::Held) => {
            sleep_until(Instant::now() + LONGEST_HOLD).await;
            Err(Unanswered)
        }
    }
}
