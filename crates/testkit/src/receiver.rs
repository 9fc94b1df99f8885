//! A receiver of webhooks on a real socket, which behaves as it is told.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What a receiver does with one request.
#[derive(Debug, Clone)]
pub enum Behaviour {
    /// Answers with this head, such as `204 No Content` or one with more lines.
    Answers(&'static str),
    /// Takes the request and never answers.
    Hangs,
    /// Answers what is no HTTP.
    Babbles,
    /// Takes the request and closes the connection.
    HangsUp,
    /// Answers well, and with a body that never ends.
    NeverEnds,
}

/// A request that a receiver got.
#[derive(Debug, Clone)]
pub struct Got {
    /// Its headers, by their names in small letters.
    pub headers: BTreeMap<String, String>,
    /// Its body as it came.
    pub body: String,
}

impl Got {
    /// Its body, read as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// What it tells: the type of the message.
    pub fn what(&self) -> String {
        self.json()["type"].as_str().unwrap_or_default().to_owned()
    }
}

#[derive(Default)]
struct Shared {
    script: VecDeque<Behaviour>,
    got: Vec<Got>,
}

/// A receiver. It follows its script, and after that answers that all is well.
pub struct Receiver {
    /// Where it is.
    pub url: String,
    shared: Arc<Mutex<Shared>>,
    came: Arc<Notify>,
}

impl Receiver {
    /// A receiver at a free port, with this script.
    pub async fn start(script: impl IntoIterator<Item = Behaviour>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/hook", listener.local_addr()?);
        let script = script.into_iter().collect();
        let shared = Arc::new(Mutex::new(Shared { script, got: Vec::new() }));
        let came = Arc::new(Notify::new());
        let receiver = Self { url, shared: Arc::clone(&shared), came: Arc::clone(&came) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared), Arc::clone(&came)));
            }
        });
        Ok(receiver)
    }

    /// What it got by now.
    pub fn got(&self) -> Vec<Got> {
        look(&self.shared).got.clone()
    }

    /// Waits until it has got so many requests.
    pub async fn until_got(&self, n: usize) {
        loop {
            let came = self.came.notified();
            if look(&self.shared).got.len() >= n {
                return;
            }
            came.await;
        }
    }
}

fn look(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves a connection until either side closes it.
async fn serve(mut stream: TcpStream, shared: Arc<Mutex<Shared>>, came: Arc<Notify>) {
    let mut bytes = Vec::new();
    while let Some(got) = request(&mut stream, &mut bytes).await {
        let behaviour = {
            let mut shared = look(&shared);
            shared.got.push(got);
            shared.script.pop_front().unwrap_or(Behaviour::Answers("204 No Content"))
        };
        came.notify_waiters();
        let answer = match behaviour {
            Behaviour::Answers(head) if head.starts_with("204") => {
                format!("HTTP/1.1 {head}\r\n\r\n")
            }
            Behaviour::Answers(head) => format!("HTTP/1.1 {head}\r\ncontent-length: 0\r\n\r\n"),
            Behaviour::Babbles => "\u{0}\u{1}what?\r\n\r\n".to_owned(),
            Behaviour::HangsUp => return,
            Behaviour::Hangs => return std::future::pending().await,
            Behaviour::NeverEnds => {
                let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n";
                if stream.write_all(head.as_bytes()).await.is_err() {
                    return;
                }
                while stream.write_all(&[b' '; 8192]).await.is_ok() {}
                return;
            }
        };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// The next request of a connection; nothing when it ends.
async fn request(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<Got> {
    loop {
        if let Some(end) = bytes.windows(4).position(|part| part == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let headers: BTreeMap<_, _> = head
                .lines()
                .filter_map(|line| line.split_once(':'))
                .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
                .collect();
            let length: usize = headers.get("content-length")?.parse().ok()?;
            if bytes.len() >= end + 4 + length {
                let body = bytes[end + 4..end + 4 + length].to_vec();
                bytes.drain(..end + 4 + length);
                return Some(Got { headers, body: String::from_utf8(body).ok()? });
            }
        }
        let mut piece = [0; 4096];
        match stream.read(&mut piece).await {
            Ok(n_read) if n_read > 0 => bytes.extend_from_slice(&piece[..n_read]),
            _ => return None,
        }
    }
}
