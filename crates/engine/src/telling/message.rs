//! What is told: ids, words and numbers of ours, and nothing about a person.

use domain::telling::message_id;
use domain::{ConnectionId, Entry, Event, Instant, JobId, RequestId, TaskId};
use serde::Serialize;

/// The type of a message that is sent to try an endpoint.
pub const TEST: &str = "webhook.test";

/// A message as an endpoint gets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// What names it: the same whenever it is sent.
    #[serde(skip)]
    pub id: String,
    /// What happened.
    #[serde(rename = "type")]
    pub what: String,
    /// When.
    pub timestamp: Instant,
    /// To what.
    pub data: Data,
}

/// What a message is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Data {
    /// Its number in the journal: a later one is higher.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<i64>,
    /// The request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestId>,
    /// The task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// The connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<ConnectionId>,
    /// The vendor job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<JobId>,
    /// The endpoint, where a notice is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The notice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
    /// Of what the notice is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The state before, where something moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The state after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Where the API tells more of it, with a notice and where the public URL is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

impl Message {
    /// What is told of an entry.
    pub fn of(seq: i64, entry: &Entry) -> Self {
        let moves = matches!(entry.event, Event::RequestMoved | Event::TaskMoved);
        let notes = entry.event.is_of_a_notice();
        let fact = |name, is_told| {
            let word = entry.facts.get(name).filter(|_| is_told);
            word.and_then(serde_json::Value::as_str).map(str::to_owned)
        };
        Self {
            id: message_id(seq, entry),
            what: entry.event.word().to_owned(),
            timestamp: entry.at,
            data: Data {
                seq: Some(seq),
                request: entry.request,
                task: entry.task,
                connection: entry.connection,
                job: entry.job,
                endpoint: fact("endpoint", notes),
                notice: fact("notice", notes),
                kind: fact("kind", notes),
                from: fact("from", moves),
                to: fact("to", moves),
                link: None,
            },
        }
    }

    /// The same; where it tells of a notice, with where more is told of that below our public URL.
    #[must_use]
    pub fn linked(mut self, public_url: Option<&str>) -> Self {
        let Data { notice: Some(_), request, connection, .. } = &self.data else { return self };
        let path = match (request, connection) {
            (Some(id), _) => format!("requests/{id}"),
            (None, Some(id)) => format!("connections/{id}"),
            (None, None) => "notices?open=true".to_owned(),
        };
        self.data.link = public_url.map(|url| format!("{url}/api/v1/{path}"));
        self
    }

    /// A message about nothing, to try an endpoint.
    pub fn test(id: String, now: Instant) -> Self {
        Self { id, what: TEST.to_owned(), timestamp: now, data: Data::default() }
    }

    /// Its text.
    pub fn text(&self) -> String {
        // A struct of texts and numbers always serialises.
        serde_json::to_string(self).unwrap_or_default()
    }
}
