//! Telling one endpoint what is due.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant as Moment;

use domain::telling::{Attempt, DeliveryState, Disabled, Target, Verdict};
use domain::{Actor, Delivery, Endpoint, EndpointId, Entry, Event, Instant, Reach};
use futures_util::{StreamExt as _, stream};
use store::endpoint::entry;
use store::{Applied, Fence, Secret, Standing, StoreError, Transition};
use tokio::sync::watch;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use super::letter::Letter;
use super::mail;
use super::message::Message;
use super::webhook::{self, Reply, WebhookClient};
use crate::operator::controls;
use crate::pump::PumpParts;

/// How many deliveries to one endpoint are under way at once.
const AT_ONCE: usize = 8;
/// How many are taken up in one go, and their outcomes kept together.
const TAKEN: u32 = 64;

/// Tells an endpoint what is due.
pub(super) struct Post {
    pub(super) parts: PumpParts,
    pub(super) fence: Fence,
    pub(super) webhooks: Arc<OnceLock<WebhookClient>>,
    /// Whether the run is over, and nobody waits for answers any more.
    pub(super) is_over: watch::Receiver<bool>,
}

/// A delivery after an attempt, and what that came to.
struct Tried {
    delivery: Delivery,
    verdict: Verdict,
}

impl Post {
    /// Makes the deliveries to an endpoint that are due by now, each once, unless it can't take them.
    pub(super) async fn all_due(&self, id: EndpointId) -> Result<(), StoreError> {
        let now = self.parts.clock.now();
        while !*self.is_over.borrow() {
            let Some(standing) = self.parts.store.endpoint(id).await? else { return Ok(()) };
            let rests = standing.rest_until.is_some_and(|until| until > now);
            if rests || standing.endpoint.disabled.is_some() {
                return Ok(());
            }
            let due = self.parts.store.due_deliveries(id, now, TAKEN).await?;
            let is_shut = !due.is_empty() && self.is_shut(&standing.endpoint).await?;
            if due.is_empty() || is_shut || !self.some(id, due).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Disables an endpoint whose secrets or whose URL don't open, or that has no URL, and says whether it
    /// did. What it is told waits until somebody enables it again.
    async fn is_shut(&self, endpoint: &Endpoint) -> Result<bool, StoreError> {
        let (store, id) = (&self.parts.store, endpoint.id);
        let secrets = store.endpoint_secrets(id, self.parts.clock.now()).await.map(drop);
        let (why, in_short) = match (secrets, store.endpoint_url(id).await) {
            (Err(error), _) if error.is_unopened() => (
                format!("its secret can't be used: {}", error.why_unopened()),
                "its secret does not open",
            ),
            (_, Err(error)) if error.is_unopened() => (
                format!("its URL can't be used: {}", error.why_unopened()),
                "its URL does not open",
            ),
            (Ok(()), Ok(None)) if matches!(endpoint.target, Target::Webhook { .. }) => {
                (webhook::NO_URL.to_owned(), "its URL is not known")
            }
            (secrets, url) => return secrets.and(url).map(|_| false),
        };
        self.disable(id, why, in_short).await.map(|()| true)
    }

    /// Makes these deliveries; says whether the endpoint takes more.
    async fn some(&self, id: EndpointId, due: Vec<Delivery>) -> Result<bool, StoreError> {
        let seqs: Vec<_> = due.iter().map(|delivery| delivery.seq).collect();
        let entries = self.parts.store.journal_entries(&seqs).await?;
        let enough = AtomicBool::new(false);
        let tried = stream::iter(due).map(|delivery| {
            let entry = entries.iter().find(|(seq, _)| *seq == delivery.seq);
            let span = span(&delivery, entry);
            self.one(delivery, entry, &enough).instrument(span)
        });
        let mut tried = std::pin::pin!(tried.buffer_unordered(AT_ONCE).ready_chunks(AT_ONCE));
        while let Some(some) = tried.next().await {
            let some: Result<Vec<_>, _> = some.into_iter().filter_map(Result::transpose).collect();
            self.keep(id, &some?).await?;
        }
        Ok(!enough.load(Ordering::SeqCst))
    }

    /// Makes one delivery, unless it has turned out meanwhile that it is enough. Where the endpoint is
    /// and what signs the message is read for each: what a person changed holds from then on.
    async fn one(
        &self,
        delivery: Delivery,
        entry: Option<&(i64, Entry)>,
        enough: &AtomicBool,
    ) -> Result<Option<Tried>, StoreError> {
        let store = &self.parts.store;
        let (at, began) = (self.parts.clock.now(), Moment::now());
        let standing = match store.endpoint_with_url(delivery.endpoint).await {
            // The next that is due finds it disabled.
            Err(error) if error.is_unopened() => None,
            standing => standing?.filter(|(standing, _)| standing.endpoint.disabled.is_none()),
        };
        let is_over = *self.is_over.borrow() || enough.load(Ordering::SeqCst);
        let Some((Standing { endpoint, .. }, url)) = standing.filter(|_| !is_over) else {
            enough.store(true, Ordering::SeqCst);
            return Ok(None);
        };
        let reply = match entry {
            Some((_, entry)) if !self.is_told_of(&endpoint, entry).await? => Reply {
                verdict: Verdict::Hopeless,
                answer: "not sent: it is not told of this any more".to_owned(),
            },
            Some((seq, entry)) => {
                let public_url = controls::public_url(store).await?;
                let message = Message::of(*seq, entry).linked(public_url.as_deref());
                match self.send(&endpoint, url.as_ref(), message, at).await {
                    Err(error) if error.is_unopened() => {
                        enough.store(true, Ordering::SeqCst);
                        return Ok(None);
                    }
                    sent => sent?,
                }
            }
            None => Reply {
                verdict: Verdict::Hopeless,
                answer: "not sent: the journal does not hold it any more".to_owned(),
            },
        };
        if matches!(reply.verdict, Verdict::Gone | Verdict::Again(Some(_))) {
            enough.store(true, Ordering::SeqCst);
        }
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        trace(&endpoint, &reply);
        let attempt = Attempt { at, took_ms, answer: reply.answer };
        let delivery = delivery.after(attempt, &reply.verdict, self.parts.clock.now());
        Ok(Some(Tried { delivery, verdict: reply.verdict }))
    }

    /// Whether an endpoint is still told of an entry. What waits, or is made again, may have been meant
    /// for it as it was before.
    async fn is_told_of(&self, endpoint: &Endpoint, entry: &Entry) -> Result<bool, StoreError> {
        let kind = entry.facts.get("kind").and_then(serde_json::Value::as_str);
        let kind = kind.and_then(|kind| kind.parse().ok()).filter(|_| entry.event.is_of_a_notice());
        let listens =
            endpoint.listens_to(entry.event) && kind.is_none_or(|kind| endpoint.takes(kind));
        if !listens || endpoint.reach == Reach::All {
            return Ok(listens);
        }
        let Some(request) = entry.request else { return Ok(false) };
        let request = self.parts.store.request(request).await?;
        Ok(request.is_some_and(|request| endpoint.reach.covers(request.brand.as_deref())))
    }

    async fn send(
        &self,
        endpoint: &Endpoint,
        url: Option<&Secret>,
        message: Message,
        now: Instant,
    ) -> Result<Reply, StoreError> {
        let mut is_over = self.is_over.clone();
        tokio::select! {
            biased;
            reply = self.send_to(endpoint, url, message, now) => reply,
            Ok(_) = is_over.wait_for(|is_over| *is_over) => {
                let answer = "no answer while the engine ran".to_owned();
                Ok(Reply { verdict: Verdict::Again(None), answer })
            }
        }
    }

    async fn send_to(
        &self,
        endpoint: &Endpoint,
        url: Option<&Secret>,
        message: Message,
        now: Instant,
    ) -> Result<Reply, StoreError> {
        let store = &self.parts.store;
        match &endpoint.target {
            Target::Mail { address, .. } => {
                mail::send(store, address, &Letter::about(message)).await
            }
            Target::Webhook { allow_private, .. } => {
                let secrets = store.endpoint_secrets(endpoint.id, now).await?;
                let Some(url) = url else { return Ok(Reply::without_url()) };
                let Some(client) = self.webhooks() else {
                    let answer = "not sent: the HTTP client could not be set up".to_owned();
                    return Ok(Reply { verdict: Verdict::Again(None), answer });
                };
                Ok(client.send(url, *allow_private, &secrets, &message, now).await)
            }
        }
    }

    fn webhooks(&self) -> Option<&WebhookClient> {
        if self.webhooks.get().is_none() {
            // Two who make one at the same time make the same.
            let _ = self.webhooks.set(WebhookClient::new().ok()?);
        }
        self.webhooks.get()
    }

    /// Keeps what attempts came to.
    async fn keep(&self, id: EndpointId, tried: &[Tried]) -> Result<(), StoreError> {
        let store = &self.parts.store;
        let deliveries: Vec<_> = tried.iter().map(|tried| tried.delivery.clone()).collect();
        let rest = |tried: &Tried| match tried.verdict {
            Verdict::Again(Some(_)) => tried.delivery.due_at,
            _ => None,
        };
        let rest_until = tried.iter().filter_map(rest).max();
        store.keep_attempts(&self.fence, id, &deliveries, rest_until).await?;
        let is_dead = |tried: &&Tried| tried.delivery.state == DeliveryState::Dead;
        let n_dead = tried.iter().filter(is_dead).count();
        if n_dead > 0 {
            self.tell_failing(id, n_dead).await?;
        }
        if tried.iter().any(|tried| tried.verdict == Verdict::Gone) {
            let why = "it answered that it is gone (status 410)".to_owned();
            self.disable(id, why, "gone").await?;
        }
        Ok(())
    }

    /// Journals that something was given up, the first time since there was nothing.
    async fn tell_failing(&self, id: EndpointId, n_dead: usize) -> Result<(), StoreError> {
        let counted = self.parts.store.count_deliveries(id).await?;
        let is_first = usize::try_from(counted.n_dead).is_ok_and(|all| (1..=n_dead).contains(&all));
        let standing = self.parts.store.endpoint(id).await?.filter(|_| is_first);
        let Some(Standing { endpoint, .. }) = standing else { return Ok(()) };
        let now = self.parts.clock.now();
        let entry = entry(now, Actor::Engine, Event::EndpointFailing, &endpoint);
        let transition = Transition { journal: vec![entry], ..Transition::default() };
        self.parts.store.apply(Some(&self.fence), &[transition]).await.map(drop)
    }

    /// Tells an endpoint nothing any more.
    async fn disable(&self, id: EndpointId, why: String, in_short: &str) -> Result<(), StoreError> {
        let store = &self.parts.store;
        loop {
            let Some(standing) = store.endpoint(id).await? else { return Ok(()) };
            if standing.endpoint.disabled.is_some() {
                return Ok(());
            }
            let now = self.parts.clock.now();
            let disabled = Some(Disabled { why: why.clone(), by_person: false, since: now });
            let endpoint = Endpoint { disabled, ..standing.endpoint };
            let entry = entry(now, Actor::Engine, Event::EndpointDisabled, &endpoint);
            let entry = entry.fact("why", in_short);
            if store.set_endpoint(Some(&self.fence), &endpoint, None, &entry).await?
                == Applied::Done
            {
                return Ok(());
            }
        }
    }
}

/// What traces tell of a delivery: ids and words, and not where it goes.
fn span(delivery: &Delivery, entry: Option<&(i64, Entry)>) -> Span {
    let entry = entry.map(|(_, entry)| entry);
    tracing::info_span!(
        "delivery",
        kind = Empty,
        event = entry.map(|entry| entry.event.word()),
        endpoint = %delivery.endpoint,
        seq = delivery.seq,
        attempt = delivery.n_attempts + 1,
        request = entry.and_then(|entry| entry.request).map(tracing::field::display),
        outcome = Empty,
        error = Empty,
    )
}

/// Says in it what came of it.
fn trace(endpoint: &Endpoint, reply: &Reply) {
    let span = Span::current();
    span.record("kind", endpoint.target.kind());
    match reply.verdict {
        Verdict::Taken => span.record("outcome", "taken"),
        _ => span.record("outcome", "not taken").record("error", &*reply.answer),
    };
}
