//! Handing a letter to a mail server over SMTP.
//!
//! The other side may be slow, dead or answer garbage. Of what it says only numbers are kept: its words
//! may name anything.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use domain::telling::Verdict;
use domain::words;
use lettre::message::Mailbox;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use serde::{Deserialize, Serialize};
use store::{Secret, Store, StoreError};
use utoipa::ToSchema;

use super::letter::Letter;
use super::webhook::Reply;
use crate::http::real_sleep;

/// Under which key the account lies.
pub(crate) const SETTING: &str = "mail_server";
/// The longest that handing a letter over may take.
const DEADLINE: Duration = Duration::from_secs(30);
/// The longest until one address takes the connection.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a parting word may take, once the letter is taken.
const FAREWELL: Duration = Duration::from_secs(1);

words! {
    /// How the way to a mail server is kept from others.
    MailSecurity: "security of mail" {
        /// By TLS after a greeting in plain, as on port 587. Without it nothing is sent.
        Starttls = "starttls",
        /// By TLS from the first byte, as on port 465.
        Tls = "tls",
        /// Not at all.
        Unencrypted = "unencrypted",
    }
}

/// The mail server, and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MailServer {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the way there is kept from others.
    pub security: MailSecurity,
    /// The address that letters come from.
    pub from: String,
    /// As whom we are known there; nobody in particular if absent.
    pub username: Option<String>,
    /// Certificates in PEM form that vouch for it, beside those the machine trusts.
    pub ca: Option<String>,
}

/// The mail server with the password for it. Kept sealed as a whole.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) server: MailServer,
    #[serde(with = "crate::operator::shown")]
    pub(crate) password: Option<Secret>,
}

impl Account {
    /// The one that is set.
    pub(crate) async fn of(store: &Store) -> Result<Option<Self>, StoreError> {
        let text = store.sealed_setting(SETTING).await?;
        // What can't be read is as good as none; whoever sets it again mends it.
        Ok(text.and_then(|text| serde_json::from_str(text.expose()).ok()))
    }

    /// The one that is set, or why no letter can be handed over.
    pub(crate) async fn ready(store: &Store) -> Result<Result<Self, Refused>, StoreError> {
        match Self::of(store).await {
            Err(error) if error.is_unopened() => Ok(Err(Refused::Unopened)),
            account => Ok(account?.ok_or(Refused::NoServer)),
        }
    }
}

/// What a mail server said: the number, and the finer one if it gave one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said(String);

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a letter was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// None is set.
    #[error("no mail server is set")]
    NoServer,
    /// Its password does not open.
    #[error("the password for the mail server can't be opened")]
    Unopened,
    /// No letter can be written from or to such an address.
    #[error("the address can't be used")]
    NoAddress,
    /// Its name leads nowhere.
    #[error("the name of the mail server is not known")]
    Unknown,
    /// Nobody listens.
    #[error("no connection to the mail server could be made")]
    Unreachable,
    /// It takes too long.
    #[error("the mail server did not answer in time")]
    Silent,
    /// It does not speak SMTP, or not to its end.
    #[error("the mail server broke off, or what it said is no SMTP")]
    Garbled,
    /// It speaks no TLS where we want it.
    #[error("the mail server offers no TLS there")]
    NoTls,
    /// Its certificate does not hold.
    #[error("nothing vouches for the certificate of the mail server")]
    Untrusted,
    /// It does not take passwords there.
    #[error("the mail server takes no name and password there")]
    NoSignIn,
    /// It does not know us.
    #[error("the mail server refused name and password ({0})")]
    SignIn(Said),
    /// It takes no letter from this address.
    #[error("the mail server refused the sender ({0})")]
    Sender(Said),
    /// It takes no letter to this address.
    #[error("the mail server refused the recipient ({0})")]
    Recipient(Said),
    /// It does not take the letter itself.
    #[error("the mail server refused the letter ({0})")]
    Letter(Said),
    /// It takes nothing at the moment.
    #[error("the mail server put it off ({0})")]
    Later(Said),
}

impl Refused {
    /// The code of its page.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoServer => "E-MAIL-003",
            Self::Unopened => "E-KEY-007",
            Self::Unknown | Self::Unreachable | Self::Silent | Self::Garbled => "E-MAIL-004",
            Self::NoTls | Self::Untrusted => "E-MAIL-005",
            Self::NoSignIn | Self::SignIn(_) => "E-MAIL-006",
            Self::NoAddress | Self::Sender(_) | Self::Recipient(_) | Self::Letter(_) => {
                "E-MAIL-007"
            }
            Self::Later(_) => "E-MAIL-008",
        }
    }

    /// What can be done about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::NoServer => "name one: habeas mail set --host HOST --from ADDRESS",
            Self::Unopened => {
                "put the missing key back, or set the mail server again: habeas mail set"
            }
            Self::NoAddress => "correct the address: habeas mail show",
            Self::Unknown => "correct the host, or have the machine's name service looked at",
            Self::Unreachable => {
                "see that host and port are right, and that nothing on the way keeps connections out"
            }
            Self::Silent | Self::Garbled => {
                "see that host, port and security belong together: 587 with starttls, 465 with tls"
            }
            Self::NoTls => "use --security starttls with port 587 or --security tls with port 465",
            Self::Untrusted => {
                "name it as its certificate does, or give the certificates that vouch for it: --server-ca FILE"
            }
            Self::NoSignIn => "leave the user out, or use the port on which it signs in",
            Self::SignIn(_) => "give the right user and password: habeas mail set",
            Self::Sender(_) => "have the mail server let this user send from that address",
            Self::Recipient(_) => "correct the address, or have the mail server take letters to it",
            Self::Letter(_) => "ask whoever runs the mail server why",
            Self::Later(_) => "nothing; it is tried again",
        }
    }

    /// What follows. A refusal of these addresses or this letter stays; the rest somebody can mend
    /// without anything being told anew.
    pub(crate) fn verdict(&self) -> Verdict {
        match self {
            Self::NoAddress | Self::Sender(_) | Self::Recipient(_) | Self::Letter(_) => {
                Verdict::Hopeless
            }
            _ => Verdict::Again(None),
        }
    }
}

impl From<Result<(), Refused>> for Reply {
    fn from(came_to: Result<(), Refused>) -> Self {
        match came_to {
            Ok(()) => {
                Self { verdict: Verdict::Taken, answer: "taken by the mail server".to_owned() }
            }
            Err(refused) => Self { verdict: refused.verdict(), answer: refused.to_string() },
        }
    }
}

/// Hands a letter over to whatever mail server is set by now.
pub(crate) async fn send(store: &Store, to: &str, letter: &Letter) -> Result<Reply, StoreError> {
    Ok(match Account::ready(store).await? {
        Ok(account) => hand_over(&account, to, letter).await.into(),
        Err(refused) => Err(refused).into(),
    })
}

/// Hands a letter over.
pub(crate) async fn hand_over(account: &Account, to: &str, letter: &Letter) -> Result<(), Refused> {
    let from = mailbox(&account.server.from).ok_or(Refused::NoAddress)?;
    let to = mailbox(to).ok_or(Refused::NoAddress)?;
    let text = letter.text(&from, &to).ok_or(Refused::NoAddress)?;
    let exchange = async {
        let mut connection = greet(account).await?;
        let said = connection.command(Mail::new(Some(from.email), Vec::new())).await;
        said.map_err(|error| refused(&error, Refused::Sender))?;
        let said = connection.command(Rcpt::new(to.email, Vec::new())).await;
        said.map_err(|error| refused(&error, Refused::Recipient))?;
        let said = connection.command(Data).await;
        said.map_err(|error| refused(&error, Refused::Letter))?;
        let said = connection.message(&text).await;
        said.map_err(|error| refused(&error, Refused::Letter))?;
        part(connection).await;
        Ok(())
    };
    in_time(exchange).await
}

/// Whether the mail server would take a letter, as far as it tells before there is one.
pub(crate) async fn reach(account: &Account) -> Result<(), Refused> {
    in_time(async {
        part(greet(account).await?).await;
        Ok(())
    })
    .await
}

async fn in_time(exchange: impl Future<Output = Result<(), Refused>>) -> Result<(), Refused> {
    tokio::select! {
        biased;
        came_to = exchange => came_to,
        () = real_sleep(DEADLINE) => Err(Refused::Silent),
    }
}

/// Takes leave. It has the letter by then, so nothing depends on it.
async fn part(mut connection: AsyncSmtpConnection) {
    tokio::select! {
        _ = connection.quit() => {}
        () = real_sleep(FAREWELL) => {}
    }
}

/// A connection on which letters are taken from us.
async fn greet(account: &Account) -> Result<AsyncSmtpConnection, Refused> {
    let MailServer { host, port, security, from, username, .. } = &account.server;
    let found = tokio::net::lookup_host((host.as_str(), *port)).await;
    let found: Vec<_> = found.map_err(|_| Refused::Unknown)?.collect();
    let domain = mailbox(from).ok_or(Refused::NoAddress)?.email.domain().to_owned();
    let we = ClientId::Domain(domain);
    let at_once = match security {
        MailSecurity::Tls => Some(tls(&account.server)?),
        MailSecurity::Starttls | MailSecurity::Unencrypted => None,
    };
    let connected =
        AsyncSmtpConnection::connect_tokio1(&*found, Some(CONNECT), &we, at_once, None).await;
    let mut connection = connected.map_err(|error| refused(&error, Refused::Later))?;
    if *security == MailSecurity::Starttls {
        if !connection.can_starttls() {
            return Err(Refused::NoTls);
        }
        let secured = connection.starttls(tls(&account.server)?, &we).await;
        secured.map_err(|error| refused(&error, Refused::Later))?;
    }
    if let (Some(name), Some(password)) = (username, &account.password) {
        let known = Credentials::new(name.clone(), password.expose().to_owned());
        if connection.server_info().get_auth_mechanism(DEFAULT_MECHANISMS).is_none() {
            return Err(Refused::NoSignIn);
        }
        let said = connection.auth(DEFAULT_MECHANISMS, &known).await;
        said.map_err(|error| refused(&error, Refused::SignIn))?;
    }
    Ok(connection)
}

fn tls(server: &MailServer) -> Result<TlsParameters, Refused> {
    let mut builder = TlsParameters::builder(server.host.clone());
    if let Some(pem) = &server.ca {
        let ca = Certificate::from_pem(pem.as_bytes()).map_err(|_| Refused::Untrusted)?;
        builder = builder.add_root_certificate(ca);
    }
    builder.build().map_err(|_| Refused::Untrusted)
}

/// What an error means: by what the server said, where it said something, or by what broke.
fn refused(error: &Error, by_server: impl Fn(Said) -> Refused) -> Refused {
    if let Some(code) = error.status().map(u16::from) {
        return match code {
            // It wants to know us, or our password; at whichever step it says so.
            530 | 534 | 535 | 538 => Refused::SignIn(said(code, error)),
            400..=499 => Refused::Later(said(code, error)),
            _ => by_server(said(code, error)),
        };
    }
    let mut cause = error.source();
    while let Some(one) = cause {
        if let Some(broken) = one.downcast_ref::<io::Error>() {
            return of_connection(broken);
        }
        cause = one.source();
    }
    Refused::Garbled
}

fn of_connection(error: &io::Error) -> Refused {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match (tls, error.kind()) {
        (Some(rustls::Error::InvalidCertificate(_)), _) => Refused::Untrusted,
        (Some(_), _) => Refused::NoTls,
        (None, io::ErrorKind::TimedOut) => Refused::Silent,
        (
            None,
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::InvalidData,
        ) => Refused::Garbled,
        (None, _) => Refused::Unreachable,
    }
}

/// The numbers at the beginning of what was said (RFC 3463 for the finer one).
fn said(code: u16, error: &Error) -> Said {
    let words = error.source().map(ToString::to_string).unwrap_or_default();
    let finer = words.split_whitespace().next().unwrap_or_default();
    let parts: Vec<_> = finer.split('.').collect();
    let is_number = |part: &&str| {
        (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    match parts.len() == 3 && parts.iter().all(is_number) {
        true => Said(format!("{code} {finer}")),
        false => Said(code.to_string()),
    }
}

/// An address of the plain kind that every mail server takes.
pub(crate) fn mailbox(text: &str) -> Option<Mailbox> {
    text.parse().ok().map(|email| Mailbox::new(None, email)).filter(|_| text.is_ascii())
}
