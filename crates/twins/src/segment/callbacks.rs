//! Delete messages to classic webhook destinations (3.7), posted to loopback when a switch says
//! where.

use std::io;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A receiver that does not answer in this time is given up.
const LONGEST_POST: Duration = Duration::from_secs(5);

/// One message on its way out.
pub(crate) struct Callback {
    url: String,
    body: Vec<u8>,
}

/// The message as partners see it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Delete<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    channel: &'static str,
    user_id: &'a str,
    context: Option<()>,
    integrations: Option<()>,
    message_id: String,
    project_id: &'a str,
    timestamp: Timestamp,
    received_at: Timestamp,
    sent_at: Timestamp,
}

impl Callback {
    pub(super) fn delete(
        url: &str,
        user_id: &str,
        source_id: &str,
        regulation: usize,
        at: Timestamp,
    ) -> Callback {
        let message = Delete {
            kind: "delete",
            channel: "server",
            user_id,
            context: None,
            integrations: None,
            message_id: format!("delete-reg-{}::job-1-{source_id}", 7_000_000 + regulation),
            project_id: source_id,
            timestamp: at,
            received_at: at,
            sent_at: at,
        };
        // Strings and times always serialise.
        let body = serde_json::to_vec(&message).unwrap_or_default();
        Callback { url: url.to_owned(), body }
    }

    /// Posts the message and waits for the answer, which is not read: the vendor does not retry
    /// what a receiver makes of it.
    pub(crate) async fn post(self) {
        let _ = timeout(LONGEST_POST, self.send()).await;
    }

    async fn send(&self) -> io::Result<()> {
        let uri: http::Uri = self.url.parse().map_err(io::Error::other)?;
        let authority = uri.authority().map_or("", http::uri::Authority::as_str);
        let address = match uri.port_u16() {
            Some(_) => authority.to_owned(),
            None => format!("{authority}:80"),
        };
        let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: Segment.io/1.0\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            self.body.len()
        );
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(&self.body).await?;
        stream.read_to_end(&mut Vec::new()).await?;
        Ok(())
    }
}
