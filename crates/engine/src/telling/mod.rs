//! Telling others what happens.
//!
//! Nothing is written for it when something happens: the journal is what is told, and each endpoint
//! has a place in it. The [`Teller`] looks now and then ([`look`]) what came after, makes deliveries of
//! it, and lets those that are due be made ([`post`]), an endpoint each by itself, so that a slow one
//! holds up nobody. It works under the engine's lease, and its due times follow the engine's clock.

pub mod address;
pub(crate) mod letter;
mod look;
pub(crate) mod mail;
pub(crate) mod message;
mod notices;
mod post;
#[cfg(test)]
mod tests;
pub(crate) mod webhook;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use domain::{EndpointId, Instant};
use store::{Fence, StoreError};
use tokio::sync::watch;
use tokio::task::{self, JoinError, JoinSet};

pub use self::mail::{MailSecurity, MailServer, Refused as MailRefused};
pub use self::webhook::{WebhookClient, retry_after};
use crate::clock::Busy;
use crate::pump::{PumpParts, earliest};

/// Tells endpoints what happens, for as long as the engine runs.
pub(crate) struct Teller {
    parts: PumpParts,
    fence: Fence,
    /// Made when the first webhook is sent: most installations need none.
    webhooks: Arc<OnceLock<WebhookClient>>,
    /// Turns true when the run is over, and nobody waits for answers any more.
    is_over: watch::Sender<bool>,
    /// Where it looked last.
    place: notices::Place,
    /// Whether something may have happened since the last look.
    is_wanted: bool,
    running: HashMap<task::Id, Work>,
    jobs: JoinSet<Over>,
    due: HashMap<EndpointId, Instant>,
}

/// What a job of the teller does.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Work {
    Look,
    Post(EndpointId),
}

/// A job that is over.
pub(crate) struct Over {
    came_to: Result<CameTo, StoreError>,
    _busy: Busy,
}

/// What a job came to.
enum CameTo {
    /// Where the journal was looked at, and when the next delivery to each endpoint is due.
    Looked(notices::Place, Vec<(EndpointId, Instant)>),
    /// An endpoint was told what was due.
    Posted,
}

impl Teller {
    pub(crate) fn new(parts: PumpParts, fence: Fence) -> Self {
        Self {
            parts,
            fence,
            webhooks: Arc::default(),
            is_over: watch::Sender::new(false),
            place: notices::Place::default(),
            is_wanted: true,
            running: HashMap::new(),
            jobs: JoinSet::new(),
            due: HashMap::new(),
        }
    }

    /// Lets it look again, since something may have happened.
    pub(crate) fn want(&mut self) {
        self.is_wanted = true;
    }

    /// Whether it does anything at the moment, or is about to.
    pub(crate) fn is_at_work(&self) -> bool {
        self.is_wanted || !self.jobs.is_empty()
    }

    /// Begins what is due, and says when the next of the others is.
    pub(crate) fn begin_due(&mut self, now: Instant) -> Option<Instant> {
        self.is_wanted |= self.place.due().is_some_and(|due| due <= now);
        if self.is_wanted && !self.running.values().any(|work| *work == Work::Look) {
            self.is_wanted = false;
            let (parts, fence, place) = (self.parts.clone(), self.fence.clone(), self.place);
            self.begin(Work::Look, async move {
                let (place, due) = look::look(&parts, &fence, place).await?;
                Ok(CameTo::Looked(place, due))
            });
        }
        let due = self.due.extract_if(|_, due| *due <= now).map(|(id, _)| id);
        for id in due.collect::<HashSet<_>>() {
            let post = post::Post {
                parts: self.parts.clone(),
                fence: self.fence.clone(),
                webhooks: Arc::clone(&self.webhooks),
                is_over: self.is_over.subscribe(),
            };
            self.begin(
                Work::Post(id),
                async move { post.all_due(id).await.map(|()| CameTo::Posted) },
            );
        }
        earliest(self.due.values().map(|due| Some(*due)))
    }

    /// When it looks again for deadlines that have passed, where time passes by itself. A clock that
    /// jumps to what is due would run on for ever.
    pub(crate) fn looks_again_at(&self) -> Option<Instant> {
        self.place.due().filter(|_| self.parts.clock.passes_by_itself())
    }

    fn begin(
        &mut self,
        work: Work,
        job: impl Future<Output = Result<CameTo, StoreError>> + Send + 'static,
    ) {
        let busy = Busy::on(&self.parts.clock);
        let job = self.jobs.spawn(async move { Over { came_to: job.await, _busy: busy } });
        self.running.insert(job.id(), work);
    }

    /// The next job that is over. Never resolves while there is none.
    pub(crate) async fn next_over(&mut self) -> Result<(task::Id, Over), JoinError> {
        match self.jobs.join_next_with_id().await {
            Some(over) => over,
            None => std::future::pending().await,
        }
    }

    /// Takes note of a job that is over.
    pub(crate) fn took_leave(
        &mut self,
        over: Result<(task::Id, Over), JoinError>,
    ) -> Result<(), StoreError> {
        match over {
            Ok((id, over)) => {
                self.running.remove(&id);
                match over.came_to? {
                    CameTo::Looked(place, due) => {
                        self.place = place;
                        let posting = self.running.values();
                        let posting: HashSet<_> = posting.copied().collect();
                        self.due = due.into_iter().collect();
                        self.due.retain(|id, _| !posting.contains(&Work::Post(*id)));
                    }
                    // Something may have come while it was told, and a place may be free again.
                    CameTo::Posted => self.is_wanted = true,
                }
            }
            // A panic is a bug of ours; whatever it was doing is due again at the next look.
            Err(error) => {
                tracing::error!(panicked = error.is_panic(), "telling broke off");
                self.running.remove(&error.id());
            }
        }
        Ok(())
    }

    /// Brings what is under way to its end without waiting for answers, and says when the next
    /// delivery is due. What got no answer counts as an attempt, or whoever comes next would wait as
    /// long for the same.
    pub(crate) async fn finish(&mut self) -> Result<Option<Instant>, StoreError> {
        if self.is_at_work() {
            self.is_over.send_replace(true);
            while !self.jobs.is_empty() {
                let over = self.next_over().await;
                self.took_leave(over)?;
            }
            let (_, due) = look::look(&self.parts, &self.fence, self.place).await?;
            self.due = due.into_iter().collect();
        }
        Ok(earliest(self.due.values().map(|due| Some(*due))))
    }

    /// Ends what is under way. What was not kept yet is told again by whoever follows.
    pub(crate) async fn stop(&mut self) {
        self.jobs.shutdown().await;
    }
}
