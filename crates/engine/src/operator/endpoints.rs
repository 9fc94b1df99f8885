//! Endpoints, whatever channel they are told by: finding one, changing it, and what keeps somebody from
//! making one. Webhooks and the recipients of mail are files of their own.

use domain::access::Permission;
use domain::telling::Target;
use domain::{Endpoint, Entry, Event};
use store::endpoint::entry;
use store::{Applied, Secret, Standing};

use super::desk::{Desk, OperatorError};
use super::fault::Fault;

/// How often a change is made anew before its maker is told to look again.
pub(super) const TRIES: usize = 5;

domain::words! {
    /// By what an endpoint is told.
    Channel: "channel" {
        /// By HTTP calls to a URL.
        Webhook = "webhook",
        /// By letters to an address.
        Mail = "mail",
    }
}

impl Channel {
    /// The channel of an endpoint.
    pub fn of(endpoint: &Endpoint) -> Self {
        match endpoint.target {
            Target::Webhook { .. } => Self::Webhook,
            Target::Mail { .. } => Self::Mail,
        }
    }

    /// What an endpoint of it is called.
    fn what(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Mail => "recipient",
        }
    }
}

/// The endpoint of this name or id, as far as it is within reach.
pub(super) async fn find(
    desk: &Desk<'_>,
    channel: Channel,
    text: &str,
) -> Result<Standing, OperatorError> {
    let found = match text.parse() {
        Ok(id) => desk.store.endpoint(id).await?,
        Err(_) => desk.store.endpoint_by_name(text).await?,
    };
    let found = found.filter(|standing| is_within_reach(desk, channel, &standing.endpoint));
    found.ok_or(OperatorError::NotFound { what: channel.what() })
}

/// Those of a channel that are within reach, by name.
pub(super) async fn list(
    desk: &Desk<'_>,
    channel: Channel,
) -> Result<Vec<Standing>, OperatorError> {
    let mut standing = desk.store.endpoints().await?;
    standing.retain(|one| is_within_reach(desk, channel, &one.endpoint));
    Ok(standing)
}

fn is_within_reach(desk: &Desk<'_>, channel: Channel, endpoint: &Endpoint) -> bool {
    Channel::of(endpoint) == channel && desk.reach.includes(&endpoint.reach)
}

/// Changes an endpoint, and its URL where there is another, whoever else may change it at the same
/// moment.
pub(super) async fn change(
    desk: &Desk<'_>,
    channel: Channel,
    name: &str,
    url: Option<&Secret>,
    with: impl Fn(&mut Endpoint) -> Result<Event, OperatorError>,
) -> Result<Standing, OperatorError> {
    for _ in 0..TRIES {
        let standing = find(desk, channel, name).await?;
        let mut changed = standing.endpoint.clone();
        let event = with(&mut changed)?;
        if changed == standing.endpoint && url.is_none() {
            return Ok(standing);
        }
        let entry = about(desk, event, &changed);
        if desk.store.set_endpoint(None, &changed, url, &entry).await? == Applied::Done {
            return find(desk, channel, name).await;
        }
    }
    Err(OperatorError::ChangedMeanwhile)
}

/// Nobody makes an endpoint that is told more than they may see themselves.
pub(super) fn refuse_reach(desk: &Desk<'_>, endpoint: &Endpoint) -> Result<(), OperatorError> {
    if !desk.reach.includes(&endpoint.reach) {
        let message = "goes beyond what you reach yourself";
        return Err(OperatorError::Forbidden(Fault::new("reach", "E-WEB-004", message)));
    }
    refuse_requests(desk, endpoint)
}

/// Who may not see requests lets no endpoint be told of them either.
pub(super) fn refuse_requests(desk: &Desk<'_>, endpoint: &Endpoint) -> Result<(), OperatorError> {
    if !endpoint.listens_to_requests() || desk.may(Permission::RequestsRead) {
        return Ok(());
    }
    let field = match Channel::of(endpoint) {
        Channel::Webhook => "events",
        Channel::Mail => "kinds",
    };
    let message = "tell of requests, which you may not see: name those of connections, permissions \
                   and the engine";
    Err(OperatorError::Forbidden(Fault::new(field, "E-WEB-006", message)))
}

/// An entry about an endpoint. Where it is may hold a secret of the other side, or be somebody's
/// address, so it is not told.
pub(super) fn about(desk: &Desk<'_>, event: Event, endpoint: &Endpoint) -> Entry {
    let kind = Channel::of(endpoint).word();
    entry(desk.now, desk.actor.clone(), event, endpoint).fact("kind", kind)
}
