//! The little HTTP that the tasks speak: one call to a server on this machine, its answer whole.
//!
//! The twins' control interface is asked with it, and the vendor's side of a person's fate. It
//! shares nothing with the client of the product, whose faults it would otherwise hide.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

mod kept;
#[cfg(test)]
mod tests;

pub use kept::Kept;

/// The longest that a server of ours may stay silent.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: String,
}

/// One call; `headers` are whole lines such as `authorization: Basic …`.
pub fn call(method: &str, url: &str, headers: &[&str], body: &str) -> Result<Answer> {
    let rest = url.strip_prefix("http://").with_context(|| format!("{url} isn't plain HTTP"))?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(host).with_context(|| format!("connect to {host}"))?;
    stream.set_read_timeout(Some(PATIENCE)).context("limit the wait for an answer")?;
    let n_bytes = body.len();
    let mut request = format!(
        "{method} /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {n_bytes}\r\n"
    );
    for header in headers {
        request.push_str(header);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    request.push_str(body);
    stream.write_all(request.as_bytes()).with_context(|| format!("ask {host}"))?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).with_context(|| format!("hear {host}"))?;
    let answer = String::from_utf8(answer).with_context(|| format!("read what {host} says"))?;
    parse(&answer).with_context(|| format!("understand {method} {url}"))
}

/// Parts an answer into status and body; only a body that runs to the end is understood.
fn parse(answer: &str) -> Result<Answer> {
    let (head, body) =
        answer.split_once("\r\n\r\n").context("the answer has no end of its head")?;
    ensure!(!head.to_lowercase().contains("transfer-encoding"), "the answer comes in pieces");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    match status {
        Some(status) => Ok(Answer { status, body: body.to_owned() }),
        None => bail!("the answer has no status"),
    }
}
