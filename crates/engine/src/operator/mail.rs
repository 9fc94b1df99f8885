//! Mail: the mail server, and whose addresses get notices.
//!
//! A recipient is an endpoint like a webhook: what it is told is delivered, tried again and given up in
//! the same way.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::net::IpAddr;

use domain::telling::{Attempt, Disabled, Target};
use domain::{Endpoint, EndpointId, Event, Instant, NoticeKind, Principal, Reach};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use serde::{Deserialize, Serialize};
use store::{Applied, Secret, Standing};
use utoipa::ToSchema;

use super::desk::{Desk, OperatorError};
use super::endpoints::{self, Channel, TRIES, about, refuse_reach};
use super::fault::Fault;
use crate::telling::letter::Letter;
use crate::telling::mail::{
    Account, MailSecurity, MailServer, Refused, SETTING, hand_over, mailbox,
};
use crate::telling::message::Message;
use crate::telling::webhook::Reply;

/// Where a mail server takes letters of its users after STARTTLS, and by TLS.
const SUBMISSION: u16 = 587;
const SUBMISSIONS: u16 = 465;

/// A mail server to be set, in place of the one before.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMailServer {
    /// Its host.
    #[schema(min_length = 1)]
    pub host: String,
    /// Its port; 587 if absent, or 465 where security is `tls`.
    #[serde(default)]
    #[schema(minimum = 1)]
    pub port: Option<u16>,
    /// How the way there is kept from others; `tls` on port 465 if absent, else `starttls`.
    #[serde(default)]
    pub security: Option<MailSecurity>,
    /// The address that letters come from.
    pub from: String,
    /// As whom we are known there; nobody in particular if absent.
    #[serde(default)]
    pub username: Option<String>,
    /// The password of that user. It is never shown.
    #[serde(default, with = "super::shown")]
    #[schema(value_type = Option<String>)]
    pub password: Option<Secret>,
    /// Certificates in PEM form that vouch for it, beside those the machine trusts.
    #[serde(default)]
    pub ca: Option<String>,
}

/// Whose address gets which notices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRecipient {
    /// The address.
    pub address: String,
    /// Only notices of these kinds; all of them if absent.
    #[serde(default)]
    #[schema(min_items = 1)]
    pub kinds: Option<BTreeSet<NoticeKind>>,
    /// About which requests; as far as whoever names it reaches, if absent.
    #[serde(default)]
    pub reach: Option<Reach>,
}

/// A recipient as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecipientView {
    /// Its id.
    pub id: EndpointId,
    /// Its name.
    pub name: String,
    /// The address.
    pub address: String,
    /// Which notices it gets.
    pub kinds: Vec<NoticeKind>,
    /// About which requests.
    pub reach: Reach,
    /// Why it gets nothing now, if so. Whoever says anew what it gets ends that.
    pub disabled: Option<Disabled>,
    /// When it was added.
    #[schema(value_type = Timestamp)]
    pub made_at: Instant,
    /// Letters that are still to be sent, or sent again.
    pub n_waiting: u32,
    /// Letters that were given up.
    pub n_dead: u32,
}

/// How mail stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MailView {
    /// The mail server, if one is set.
    pub server: Option<MailServer>,
    /// The recipients within reach, by name.
    pub recipients: Vec<RecipientView>,
}

/// How mail stands.
pub async fn view(desk: &Desk<'_>) -> Result<MailView, OperatorError> {
    let mut recipients = Vec::new();
    for standing in endpoints::list(desk, Channel::Mail).await? {
        recipients.push(view_of(desk, standing).await?);
    }
    let server = Account::of(desk.store).await?.map(|account| account.server);
    Ok(MailView { server, recipients })
}

/// Sets the mail server with its password. What was set before is gone as a whole.
pub async fn set_server(desk: &Desk<'_>, new: NewMailServer) -> Result<MailServer, OperatorError> {
    let is_tls = new.security == Some(MailSecurity::Tls) || new.port == Some(SUBMISSIONS);
    let usual = if is_tls { MailSecurity::Tls } else { MailSecurity::Starttls };
    let security = new.security.unwrap_or(usual);
    let port = new.port.unwrap_or(if is_tls { SUBMISSIONS } else { SUBMISSION });
    let NewMailServer { host, from, username, password, ca, .. } = new;
    let server = MailServer { host, port, security, from, username, ca };
    let account = Account { server, password };
    refuse_server(&account)?;
    // Texts and numbers always serialise.
    let text = Secret::new(serde_json::to_string(&account).unwrap_or_default());
    let entry = desk.entry(Event::SettingChanged).fact("setting", SETTING);
    desk.store.set_sealed_setting(SETTING, Some(&text), &entry).await?;
    Ok(account.server)
}

/// Forgets the mail server and its password. Letters wait until another is set, or are given up.
pub async fn unset_server(desk: &Desk<'_>) -> Result<MailView, OperatorError> {
    let entry = desk.entry(Event::SettingChanged).fact("setting", SETTING);
    desk.store.set_sealed_setting(SETTING, None, &entry).await?;
    view(desk).await
}

/// Says whose address gets which notices from now on, under a name that may be new or not.
pub async fn put(
    desk: &Desk<'_>,
    name: &str,
    new: &NewRecipient,
) -> Result<RecipientView, OperatorError> {
    if !Principal::is_name(name) {
        let message = "is no name: use up to 40 small letters, digits, `-`, `_` and `.`";
        return Err(fault("name", "E-MAIL-002", message));
    }
    let reach = new.reach.clone().unwrap_or_else(|| desk.reach.clone());
    let target = Target::Mail { address: new.address.clone(), kinds: new.kinds.clone() };
    let wanted = Endpoint {
        id: EndpointId::new(desk.ids),
        name: name.to_owned(),
        target,
        events: Some(BTreeSet::from([Event::NoticeRaised, Event::NoticeMended])),
        reach,
        disabled: None,
        made_at: desk.now,
        version: 0,
    };
    refuse_recipient(desk, &wanted, new)?;
    let entry = about(desk, Event::EndpointAdded, &wanted);
    if desk.store.add_endpoint(&wanted, None, &entry).await? == Applied::Done {
        return view_of(desk, endpoints::find(desk, Channel::Mail, name).await?).await;
    }
    let changed = endpoints::change(desk, Channel::Mail, name, None, |endpoint| {
        endpoint.target.clone_from(&wanted.target);
        endpoint.reach.clone_from(&wanted.reach);
        let was_disabled = endpoint.disabled.take().is_some();
        Ok(if was_disabled { Event::EndpointEnabled } else { Event::EndpointSet })
    });
    match changed.await {
        Ok(standing) => view_of(desk, standing).await,
        Err(OperatorError::NotFound { .. }) => {
            Err(fault("name", "E-MAIL-002", "is taken by another endpoint"))
        }
        Err(other) => Err(other),
    }
}

/// Removes a recipient, with all letters that were still to be sent.
pub async fn remove(desk: &Desk<'_>, name: &str) -> Result<RecipientView, OperatorError> {
    for _ in 0..TRIES {
        let standing = endpoints::find(desk, Channel::Mail, name).await?;
        let removed = view_of(desk, standing.clone()).await?;
        let entry = about(desk, Event::EndpointRemoved, &standing.endpoint);
        if desk.store.remove_endpoint(&standing.endpoint, &entry).await? == Applied::Done {
            return Ok(removed);
        }
    }
    Err(OperatorError::ChangedMeanwhile)
}

/// Sends a test to an address at once.
pub(super) async fn test(
    desk: &Desk<'_>,
    address: &str,
) -> Result<(Attempt, Result<(), Refused>), OperatorError> {
    let message = Message::test(format!("evt_{}", desk.ids.next().simple()), desk.now);
    let began = std::time::Instant::now();
    let came_to = match Account::ready(desk.store).await? {
        Ok(account) => hand_over(&account, address, &Letter::about(message)).await,
        Err(refused) => Err(refused),
    };
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let answer = Reply::from(came_to.clone()).answer;
    Ok((Attempt { at: desk.now, took_ms, answer }, came_to))
}

/// Refuses a mail server that can't be used as it is described.
fn refuse_server(account: &Account) -> Result<(), OperatorError> {
    let MailServer { host, port, security, from, username, ca } = &account.server;
    if ServerName::try_from(host.as_str()).is_err() {
        return Err(fault("host", "E-MAIL-001", "is neither the name of a host nor an address"));
    }
    if *port == 0 {
        return Err(fault("port", "E-MAIL-001", "is no port"));
    }
    if mailbox(from).is_none() {
        return Err(fault("from", "E-MAIL-001", "is no e-mail address of plain letters"));
    }
    if username.is_some() != account.password.is_some() {
        return Err(fault("password", "E-MAIL-001", "belongs to a username, and that to it"));
    }
    if *security == MailSecurity::Unencrypted && username.is_some() && !is_here(host) {
        let message = "would let the password travel unencrypted to another machine";
        return Err(fault("security", "E-MAIL-001", message));
    }
    if let Some(pem) = ca {
        let mut all = CertificateDer::pem_slice_iter(pem.as_bytes()).peekable();
        if all.peek().is_none() || !all.all(|one| one.is_ok()) {
            return Err(fault("ca", "E-MAIL-001", "holds no certificates in PEM form"));
        }
    }
    Ok(())
}

fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn refuse_recipient(
    desk: &Desk<'_>,
    wanted: &Endpoint,
    new: &NewRecipient,
) -> Result<(), OperatorError> {
    if mailbox(&new.address).is_none() {
        return Err(fault("address", "E-MAIL-002", "is no e-mail address of plain letters"));
    }
    if new.kinds.as_ref().is_some_and(BTreeSet::is_empty) {
        return Err(fault("kinds", "E-MAIL-002", "is empty, so nothing would be told"));
    }
    refuse_reach(desk, wanted)
}

async fn view_of(desk: &Desk<'_>, standing: Standing) -> Result<RecipientView, OperatorError> {
    let Endpoint { id, name, target, reach, disabled, made_at, .. } = standing.endpoint;
    let Target::Mail { address, kinds } = target else {
        return Err(OperatorError::NotFound { what: "recipient" });
    };
    let counts = desk.store.count_deliveries(id).await?;
    let kinds = kinds.map_or_else(|| NoticeKind::ALL.into(), Vec::from_iter);
    let (n_waiting, n_dead) = (counts.n_waiting, counts.n_dead);
    Ok(RecipientView { id, name, address, kinds, reach, disabled, made_at, n_waiting, n_dead })
}

fn fault(field: &str, code: &'static str, message: &str) -> OperatorError {
    OperatorError::Fault(Fault::new(field, code, message))
}
