//! A connection that is kept for one call after the other, as a program of some size would.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{Answer, PATIENCE};

/// A connection to a server on this machine, with what stands in the head of every call.
#[derive(Debug)]
pub struct Kept {
    stream: BufReader<TcpStream>,
    head: String,
}

impl Kept {
    /// Connects; `headers` are whole lines, sent with every call.
    pub fn open(host: &str, headers: &[String]) -> Result<Kept> {
        let stream = TcpStream::connect(host).with_context(|| format!("connect to {host}"))?;
        stream.set_read_timeout(Some(PATIENCE)).context("limit the wait for an answer")?;
        stream.set_nodelay(true).context("send small calls at once")?;
        let mut head = format!("host: {host}\r\n");
        for header in headers {
            head.push_str(header);
            head.push_str("\r\n");
        }
        Ok(Kept { stream: BufReader::new(stream), head })
    }

    /// One call, and how long it took until its answer was there whole.
    pub fn call(&mut self, method: &str, path: &str, body: &str) -> Result<(Answer, Duration)> {
        let (head, n_bytes) = (&self.head, body.len());
        let call =
            format!("{method} {path} HTTP/1.1\r\n{head}content-length: {n_bytes}\r\n\r\n{body}");
        let began = Instant::now();
        self.stream.get_mut().write_all(call.as_bytes()).context("ask")?;
        let answer = self.answer().with_context(|| format!("hear of {method} {path}"))?;
        Ok((answer, began.elapsed()))
    }

    fn answer(&mut self) -> Result<Answer> {
        let mut line = String::new();
        self.stream.read_line(&mut line).context("read the status")?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.context("the answer has no status")?;
        let mut n_bytes = None;
        loop {
            line.clear();
            ensure!(
                self.stream.read_line(&mut line).context("read the head")? > 0,
                "it ends early"
            );
            let Some((name, value)) = line.split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                n_bytes = Some(value.trim().parse().context("read the length")?);
            }
        }
        let mut body = vec![0; n_bytes.context("the answer does not say its length")?];
        self.stream.read_exact(&mut body).context("read the body")?;
        let body = String::from_utf8(body).context("read the text")?;
        Ok(Answer { status, body })
    }
}
