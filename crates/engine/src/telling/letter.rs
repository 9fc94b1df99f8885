//! What a letter says: ids and words of ours, like everything that is told.

use std::time::SystemTime;

use domain::Event;
use domain::notice::NoticeKind;
use lettre::Message as Composed;
use lettre::message::Mailbox;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};

use super::message::{Data, Message};

/// What a letter says that is sent to try an address.
const A_TEST: (&str, &str) = ("a test", "Nothing is wrong: somebody tries whether this arrives.");

/// A letter about a message, whoever it goes to.
pub(crate) struct Letter {
    message: Message,
    subject: String,
    lines: Vec<String>,
}

impl Letter {
    /// What is written about a message.
    pub(crate) fn about(message: Message) -> Self {
        let kind = message.data.kind.as_deref().and_then(|kind| kind.parse::<NoticeKind>().ok());
        let (title, sentence) = kind.map_or(A_TEST, says);
        let is_mended = message.what == Event::NoticeMended.word();
        let (subject, opening) = match is_mended {
            true => (format!("mended: {title}"), format!("This is over: {title}.")),
            false => (title.to_owned(), sentence.to_owned()),
        };
        let mut lines = vec![opening, String::new()];
        lines.extend(about(&message.data));
        lines.push(row("at", &message.timestamp.to_string()));
        lines.push(String::new());
        lines.extend(
            message.data.request.map(|id| row("see", &format!("habeas request show {id}"))),
        );
        lines.push(row("all", "habeas notices list --open"));
        lines.extend(message.data.link.as_ref().map(|link| row("API", link)));
        Self { subject: format!("[Habeas] {subject}"), lines, message }
    }

    /// The letter as it is sent: the same however often it is, by the same name. Nothing if an address
    /// can't stand in one.
    pub(crate) fn text(&self, from: &Mailbox, to: &Mailbox) -> Option<Vec<u8>> {
        let domain = from.email.domain();
        let named = |id: &str| format!("<{id}@{domain}>");
        // Nobody who is away answers it (RFC 3834).
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        let mut builder = Composed::builder()
            .from(from.clone())
            .to(to.clone())
            .date(SystemTime::from(self.message.timestamp))
            .message_id(Some(named(&self.message.id)))
            .subject(&*self.subject)
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .header(ContentType::TEXT_PLAIN);
        if let Some(notice) = &self.message.data.notice {
            // What raised it and what mended it stand together.
            builder = builder.references(named(notice));
        }
        let composed = builder.body(self.lines.join("\r\n")).ok()?;
        Some(composed.formatted())
    }
}

/// What a kind of notice means: in a few words, and as a sentence.
fn says(kind: NoticeKind) -> (&'static str, &'static str) {
    match kind {
        NoticeKind::ConnectionBroken => (
            "a connection does not work",
            "A call or a check was refused, so the connection is paused.",
        ),
        NoticeKind::PermissionLost => (
            "a permission was lost",
            "The credentials of a connection lack a permission that they had.",
        ),
        NoticeKind::JobOverdue => {
            ("a vendor's job is overdue", "A vendor's job takes longer than such jobs do.")
        }
        NoticeKind::RequestOverdue => {
            ("a request is overdue", "A request is open past its deadline.")
        }
        NoticeKind::GuardTripped => (
            "a guard stopped something",
            "A guard stopped something, and a person has to decide on the task.",
        ),
        NoticeKind::DataReappeared => {
            ("data is there again", "A later look found data that had been confirmed gone.")
        }
        NoticeKind::EnginePaused => (
            "everything is paused",
            "No changing call is sent until a person resumes it: habeas resume --all",
        ),
        NoticeKind::EndpointFailing => (
            "somebody can't be told",
            "Something that a webhook or an address was to be told was given up.",
        ),
    }
}

/// What it is about, a line each.
fn about(data: &Data) -> impl Iterator<Item = String> {
    let ids = [
        ("notice", data.notice.clone()),
        ("kind", data.kind.clone()),
        ("request", data.request.map(|id| id.to_string())),
        ("task", data.task.map(|id| id.to_string())),
        ("connection", data.connection.map(|id| id.to_string())),
        ("job", data.job.map(|id| id.to_string())),
        ("endpoint", data.endpoint.clone()),
    ];
    ids.into_iter().filter_map(|(name, id)| Some(row(name, &id?)))
}

fn row(name: &str, value: &str) -> String {
    format!("  {name:<11} {value}")
}
