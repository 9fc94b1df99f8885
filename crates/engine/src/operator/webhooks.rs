//! Webhooks: URLs that are told what happens. Making them, changing them, trying them; what became of
//! what they were told is in [`deliveries`](super::deliveries).
//!
//! The secret that signs what a webhook is told is made here and shown once. Whoever is bound to brands
//! makes and sees webhooks of these only.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use domain::access::Permission;
use domain::telling::{Attempt, Disabled, Target, Verdict};
use domain::{Endpoint, EndpointId, Event, Instant, Principal, Reach};
use serde::{Deserialize, Serialize};
use store::signing::new_signing_secret;
use store::{Applied, Sealed, Secret, Standing, StoreError, Transition};
use utoipa::ToSchema;

use super::desk::{Desk, OperatorError};
use super::endpoints::{self, Channel, TRIES, about, refuse_reach, refuse_requests};
use super::fault::Fault;
use crate::telling::address;
use crate::telling::message::Message;
use crate::telling::webhook::{NO_URL, Reply, WebhookClient};

/// The longest URL.
const LONGEST_URL: usize = 2_000;
/// Hours for which the secret before signs too, unless something else is said.
const USUAL_OVERLAP: u32 = 24;
/// The most.
const LONGEST_OVERLAP: u32 = 7 * 24;

/// A webhook to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWebhook {
    /// Its name: up to 40 small letters, digits, `-`, `_` and `.`.
    #[schema(pattern = "^[a-z0-9_.-]{1,40}$")]
    pub name: String,
    /// Where it is told: an https URL.
    pub url: String,
    /// What it is told; everything that is told at all if absent.
    #[serde(default)]
    #[schema(min_items = 1)]
    pub events: Option<BTreeSet<Event>>,
    /// About which requests; as far as whoever makes it reaches, if absent.
    #[serde(default)]
    pub reach: Option<Reach>,
    /// Whether it may lie on this machine, or in a private network. Only at the machine itself.
    #[serde(default)]
    pub allow_private: bool,
}

/// What is to change in a webhook. What is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = WebhookChanges)]
pub struct Changes {
    /// Where it is told from now on. Unless it is said again, it may not be private.
    pub url: Option<String>,
    /// What it is told from now on.
    #[schema(min_items = 1)]
    pub events: Option<BTreeSet<Event>>,
    /// About which requests from now on.
    pub reach: Option<Reach>,
    /// Whether it may lie on this machine, or in a private network. Only at the machine itself.
    pub allow_private: Option<bool>,
}

/// The webhooks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookList {
    /// Those within reach, by name.
    pub webhooks: Vec<WebhookView>,
}

/// A webhook as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookView {
    /// Its id.
    pub id: EndpointId,
    /// Its name.
    pub name: String,
    /// Where it is told; only whose URL it is, to those who may not change webhooks, since the rest may
    /// hold a secret of the other side.
    pub url: String,
    /// Whether it may lie on this machine, or in a private network.
    pub allow_private: bool,
    /// What it is told.
    pub events: Vec<Event>,
    /// About which requests.
    pub reach: Reach,
    /// Why it is told nothing now, if so.
    pub disabled: Option<Disabled>,
    /// Until when it asked to be left in peace.
    #[schema(value_type = Option<Timestamp>)]
    pub rest_until: Option<Instant>,
    /// When it was made.
    #[schema(value_type = Timestamp)]
    pub made_at: Instant,
    /// Deliveries that are still to be made, or made again.
    pub n_waiting: u32,
    /// Deliveries that were given up.
    pub n_dead: u32,
}

/// A webhook with its secret: the one time that this is there to be seen.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct MadeWebhook {
    /// The webhook.
    pub webhook: WebhookView,
    /// What signs its messages, `whsec_` and base64. Absent if the webhook stood already.
    #[serde(with = "super::shown")]
    #[schema(value_type = Option<String>)]
    pub secret: Option<Secret>,
}

/// How to replace a secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rotation {
    /// Hours for which the secret before signs beside the new one, 0 to 168; 24 if absent.
    #[schema(minimum = 0, maximum = 168)]
    pub overlap_hours: Option<u32>,
}

/// What came of a message that was sent to try a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tried {
    /// Whether it was taken.
    pub is_taken: bool,
    /// The attempt.
    pub attempt: Attempt,
}

/// The webhooks within reach, by name.
pub async fn list(desk: &Desk<'_>) -> Result<WebhookList, OperatorError> {
    let mut webhooks = Vec::new();
    for standing in endpoints::list(desk, Channel::Webhook).await? {
        webhooks.push(view_of(desk, standing).await?);
    }
    Ok(WebhookList { webhooks })
}

/// One webhook, by its name or id.
pub async fn view(desk: &Desk<'_>, name: &str) -> Result<WebhookView, OperatorError> {
    view_of(desk, find(desk, name).await?).await
}

/// Makes a webhook. One that stands already, just so, is returned without its secret.
pub async fn add(desk: &Desk<'_>, new: &NewWebhook) -> Result<MadeWebhook, OperatorError> {
    if !Principal::is_name(&new.name) {
        let message = "is no name: use up to 40 small letters, digits, `-`, `_` and `.`";
        return Err(fault("name", "E-WEB-001", message));
    }
    let reach = new.reach.clone().unwrap_or_else(|| desk.reach.clone());
    let (origin, url) = checked(&new.url, new.allow_private)?;
    let target = Target::Webhook { origin, allow_private: new.allow_private };
    let endpoint = Endpoint {
        id: EndpointId::new(desk.ids),
        name: new.name.clone(),
        target,
        events: new.events.clone(),
        reach,
        disabled: None,
        made_at: desk.now,
        version: 0,
    };
    refuse(desk, &endpoint)?;
    let secret = new_signing_secret().map_err(StoreError::from)?;
    let entry = about(desk, Event::EndpointAdded, &endpoint);
    let sealed = Sealed { url: &url, signs: &secret };
    if desk.store.add_endpoint(&endpoint, Some(sealed), &entry).await? == Applied::Done {
        return Ok(MadeWebhook { webhook: view(desk, &new.name).await?, secret: Some(secret) });
    }
    if !stands_already(desk, &endpoint, &url).await? {
        return Err(fault("name", "E-WEB-001", "is taken by another endpoint"));
    }
    Ok(MadeWebhook { webhook: view(desk, &new.name).await?, secret: None })
}

/// Whether there is a webhook of this name, just so.
async fn stands_already(
    desk: &Desk<'_>,
    endpoint: &Endpoint,
    url: &Secret,
) -> Result<bool, OperatorError> {
    let Some(known) = desk.store.endpoint_by_name(&endpoint.name).await? else { return Ok(false) };
    let known = known.endpoint;
    let is_same = (&known.target, &known.events, &known.reach)
        == (&endpoint.target, &endpoint.events, &endpoint.reach);
    let known_url = desk.store.endpoint_url(known.id).await?;
    Ok(is_same && known_url.is_some_and(|known| known.is_same(url)))
}

/// Changes where a webhook is told, or of what.
pub async fn set(
    desk: &Desk<'_>,
    name: &str,
    changes: &Changes,
) -> Result<WebhookView, OperatorError> {
    let url = changes.url.as_deref();
    let url = url.map(|url| checked(url, changes.allow_private.unwrap_or_default())).transpose()?;
    change(desk, name, url.as_ref().map(|(_, url)| url), |endpoint| {
        let (known_origin, allow_private) = place_mut(endpoint)?;
        if let Some((origin, _)) = &url {
            origin.clone_into(known_origin);
            // Leave to call this machine was given for the URL before.
            *allow_private = false;
        }
        if let Some(new) = changes.allow_private {
            *allow_private = new;
            may_be_told(known_origin, new)?;
        }
        if url.is_some() {
            // What the engine disabled it for was said of the URL before.
            endpoint.disabled.take_if(|disabled| !disabled.by_person);
        }
        endpoint.events = changes.events.clone().or_else(|| endpoint.events.take());
        if let Some(reach) = &changes.reach {
            reach.clone_into(&mut endpoint.reach);
        }
        refuse(desk, endpoint)?;
        Ok(Event::EndpointSet)
    })
    .await
}

/// Tells a webhook nothing for now. What happens meanwhile is told when it is enabled again.
pub async fn disable(desk: &Desk<'_>, name: &str) -> Result<WebhookView, OperatorError> {
    change(desk, name, None, |endpoint| {
        let why = format!("{} disabled it", desk.name());
        endpoint.disabled.get_or_insert(Disabled { why, by_person: true, since: desk.now });
        Ok(Event::EndpointDisabled)
    })
    .await
}

/// Tells a webhook again what happens, and what happened meanwhile.
pub async fn enable(desk: &Desk<'_>, name: &str) -> Result<WebhookView, OperatorError> {
    let id = find(desk, name).await?.endpoint.id;
    if matches!(desk.store.endpoint_url(id).await, Ok(None)) {
        return Err(fault("url", "E-WEB-002", NO_URL));
    }
    change(desk, name, None, |endpoint| {
        refuse_requests(desk, endpoint)?;
        endpoint.disabled = None;
        Ok(Event::EndpointEnabled)
    })
    .await
}

/// Removes a webhook, with all that it was to be told.
pub async fn remove(desk: &Desk<'_>, name: &str) -> Result<WebhookView, OperatorError> {
    for _ in 0..TRIES {
        let standing = find(desk, name).await?;
        let removed = view_of(desk, standing.clone()).await?;
        let entry = about(desk, Event::EndpointRemoved, &standing.endpoint);
        if desk.store.remove_endpoint(&standing.endpoint, &entry).await? == Applied::Done {
            return Ok(removed);
        }
    }
    Err(OperatorError::ChangedMeanwhile)
}

/// Gives a webhook another secret. Those before sign beside it for a while.
pub async fn rotate(
    desk: &Desk<'_>,
    name: &str,
    rotation: &Rotation,
) -> Result<MadeWebhook, OperatorError> {
    let hours = rotation.overlap_hours.unwrap_or(USUAL_OVERLAP);
    if hours > LONGEST_OVERLAP {
        let message = format!("is more than {LONGEST_OVERLAP} hours");
        return Err(fault("overlap_hours", "E-WEB-005", &message));
    }
    let endpoint = find(desk, name).await?.endpoint;
    refuse_requests(desk, &endpoint)?;
    let overlap = jiff::SignedDuration::from_hours(hours.into());
    let until = desk.now.checked_add(overlap).unwrap_or(desk.now);
    let secret = new_signing_secret().map_err(StoreError::from)?;
    let entry = about(desk, Event::EndpointRotated, &endpoint).fact("overlap_hours", hours);
    desk.store.rotate_endpoint_secret(endpoint.id, &secret, until, &entry).await?;
    Ok(MadeWebhook { webhook: view(desk, name).await?, secret: Some(secret) })
}

/// Sends a message to a webhook at once, to try it. It is not tried again.
pub async fn test(
    desk: &Desk<'_>,
    name: &str,
    client: &WebhookClient,
) -> Result<Tried, OperatorError> {
    let missing = OperatorError::NotFound { what: "webhook" };
    let id = find(desk, name).await?.endpoint.id;
    let (Standing { endpoint, .. }, url) =
        desk.store.endpoint_with_url(id).await?.ok_or(missing)?;
    let secrets = desk.store.endpoint_secrets(endpoint.id, desk.now).await?;
    let message = Message::test(format!("evt_{}", desk.ids.next().simple()), desk.now);
    let (_, allow_private) = place(&endpoint)?;
    let began = std::time::Instant::now();
    let reply = match url {
        Some(url) => client.send(&url, allow_private, &secrets, &message, desk.now).await,
        None => Reply::without_url(),
    };
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let is_taken = reply.verdict == Verdict::Taken;
    let attempt = Attempt { at: desk.now, took_ms, answer: reply.answer };
    let entry = about(desk, Event::EndpointTested, &endpoint);
    let journal = vec![entry.fact("answer", attempt.answer.as_str())];
    desk.write(Transition { journal, ..Transition::default() }).await?;
    Ok(Tried { is_taken, attempt })
}

async fn find(desk: &Desk<'_>, text: &str) -> Result<Standing, OperatorError> {
    endpoints::find(desk, Channel::Webhook, text).await
}

async fn change(
    desk: &Desk<'_>,
    name: &str,
    url: Option<&Secret>,
    with: impl Fn(&mut Endpoint) -> Result<Event, OperatorError>,
) -> Result<WebhookView, OperatorError> {
    view_of(desk, endpoints::change(desk, Channel::Webhook, name, url, with).await?).await
}

/// Whose a webhook's URL is, and whether it may be private. An endpoint of another channel is none.
fn place(endpoint: &Endpoint) -> Result<(&str, bool), OperatorError> {
    match &endpoint.target {
        Target::Webhook { origin, allow_private } => Ok((origin, *allow_private)),
        Target::Mail { .. } => Err(OperatorError::NotFound { what: "webhook" }),
    }
}

/// The same, to be changed.
fn place_mut(endpoint: &mut Endpoint) -> Result<(&mut String, &mut bool), OperatorError> {
    match &mut endpoint.target {
        Target::Webhook { origin, allow_private } => Ok((origin, allow_private)),
        Target::Mail { .. } => Err(OperatorError::NotFound { what: "webhook" }),
    }
}

/// A URL that can be told, and whose it is.
fn checked(url: &str, allow_private: bool) -> Result<(String, Secret), OperatorError> {
    if url.len() > LONGEST_URL {
        return Err(fault("url", "E-WEB-002", "is too long"));
    }
    may_be_told(url, allow_private)?;
    Ok((address::shortened(url), Secret::new(url.to_owned())))
}

/// Refuses a URL that can't be told; whose it is decides that.
fn may_be_told(url: &str, allow_private: bool) -> Result<(), OperatorError> {
    let checked = address::check(url, allow_private);
    checked.map(drop).map_err(|refused| fault("url", "E-WEB-002", &refused.to_string()))
}

/// Refuses what a webhook can't be.
fn refuse(desk: &Desk<'_>, endpoint: &Endpoint) -> Result<(), OperatorError> {
    let events = endpoint.events.iter().flatten();
    if let Some(other) = events.clone().find(|event| !Event::TOLD.contains(event)) {
        let message = format!("holds {other}, of which nobody is told");
        return Err(fault("events", "E-WEB-003", &message));
    }
    if endpoint.events.is_some() && events.count() == 0 {
        return Err(fault("events", "E-WEB-003", "is empty, so nothing would be told"));
    }
    refuse_reach(desk, endpoint)
}

async fn view_of(desk: &Desk<'_>, standing: Standing) -> Result<WebhookView, OperatorError> {
    let Standing { endpoint, rest_until, .. } = standing;
    let counts = desk.store.count_deliveries(endpoint.id).await?;
    let (origin, allow_private) = place(&endpoint)?;
    let mut url = origin.to_owned();
    if desk.may(Permission::WebhooksWrite) {
        // It can be changed and removed even while the key is missing that opens it.
        let whole = match desk.store.endpoint_url(endpoint.id).await {
            Err(error) if error.is_unopened() => None,
            found => found?,
        };
        url = whole.map_or(url, |whole| whole.expose().to_owned());
    }
    Ok(WebhookView {
        id: endpoint.id,
        name: endpoint.name,
        url,
        allow_private,
        events: endpoint.events.map_or_else(|| Event::TOLD.into(), Vec::from_iter),
        reach: endpoint.reach,
        disabled: endpoint.disabled,
        rest_until: rest_until.filter(|until| *until > desk.now),
        made_at: endpoint.made_at,
        n_waiting: counts.n_waiting,
        n_dead: counts.n_dead,
    })
}

fn fault(field: &str, code: &'static str, message: &str) -> OperatorError {
    OperatorError::Fault(Fault::new(field, code, message))
}
