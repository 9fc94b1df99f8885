//! A connection with everything that is needed to call it.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use connector_api::{Answer, Call, Connector, Context, Limit, VendorError};
use domain::guard::Placeholders;
use domain::{Connection, Instant};
use futures_util::future::join_all;
use store::{Secret, Store};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant as RealInstant;

use crate::clock::{Busy, Clock, while_others_work};
use crate::http::{HttpClient, MayLeave, SendError, Target, TargetError};
use crate::limits::{Limits, Quotas, add};

/// How long a call may wait for a limit before its work goes back to its row: as long as the reads of
/// all who are worked on side by side take under a strict limit, or look-ups would be made in vain.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many reads a vendor is asked to serve at once; far more work than that may be under way, most
/// of it being written down.
const READS: usize = 96;

/// How long after its limit let it go a read may still go out.
const TICK: Duration = Duration::from_secs(1);

/// How often a read is tried before its work goes back to its row.
const READ_TRIES: u32 = 4;

/// A connection with everything that is needed to call it.
pub struct Link {
    /// The connection as loaded.
    pub connection: Connection,
    /// Its connector.
    pub connector: &'static dyn Connector,
    /// Values that are never looked up or followed.
    pub placeholders: Placeholders,
    target: Target,
    secrets: BTreeMap<String, Secret>,
    limits: Arc<Limits>,
    /// The quotas that are used up.
    pub quotas: Quotas,
    reading: Semaphore,
    http: HttpClient,
    clock: Arc<dyn Clock>,
    store: Store,
}

/// What a link needs from its surroundings.
#[derive(Clone)]
pub struct Surroundings {
    /// The store, for keyed digests.
    pub store: Store,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The HTTP client.
    pub http: HttpClient,
}

impl Link {
    /// Links a connection.
    pub fn new(
        connection: Connection,
        connector: &'static dyn Connector,
        secrets: BTreeMap<String, Secret>,
        with: &Surroundings,
    ) -> Result<Self, TargetError> {
        let region =
            connection.settings.get("region").and_then(|value| value.as_str()).unwrap_or_default();
        let manifest = connector.manifest();
        let target =
            Target::new(manifest, region, &connection.base_urls, connection.allow_loopback)?;
        Ok(Self {
            limits: Arc::new(Limits::new(manifest, &connection.switches.limits)),
            quotas: Quotas::default(),
            reading: Semaphore::new(READS),
            placeholders: Placeholders::default(),
            target,
            secrets,
            connector,
            connection,
            http: with.http.clone(),
            clock: Arc::clone(&with.clock),
            store: with.store.clone(),
        })
    }

    /// Where calls wait for their turn.
    pub fn limits(&self) -> &Arc<Limits> {
        &self.limits
    }

    /// The time.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Waits a moment.
    pub async fn rest(&self, length: Duration) {
        self.clock.sleep_until(add(self.clock.now(), length)).await;
    }

    /// Calls a flow with what it may know.
    pub fn with_context<T>(&self, owned: &[String], then: impl FnOnce(&Context<'_>) -> T) -> T {
        let fingerprint = |members: &mut dyn Iterator<Item = &str>| self.store.fingerprint(members);
        then(&Context {
            now: self.clock.now(),
            connection: self.connection.id,
            settings: &self.connection.settings,
            secrets: &self.connection.secrets,
            check: self.connection.check.as_ref(),
            settings_digest: self.connection.settings_digest(),
            fingerprint: &fingerprint,
            placeholders: &self.placeholders,
            owned,
        })
    }

    /// Makes reads side by side; their answers keep the order. The first failure stands for all.
    pub async fn read_all(&self, calls: &[Call]) -> Result<Vec<Answer>, VendorError> {
        if let [call] = calls {
            return Ok(vec![self.read(call).await?]);
        }
        let n_left = &AtomicUsize::new(calls.len());
        let reads = calls.iter().map(|call| {
            let busy = Busy::on(&self.clock);
            async move {
                let answer = self.read(call).await;
                let is_last = n_left.fetch_sub(1, Ordering::SeqCst) == 1;
                (answer, is_last.then_some(busy))
            }
        });
        let done = while_others_work(&self.clock, join_all(reads)).await;
        done.into_iter().map(|(answer, _busy)| answer).collect()
    }

    /// Makes one read, again after a passing fault.
    async fn read(&self, call: &Call) -> Result<Answer, VendorError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let error = match self.read_once(call).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let now = self.clock.now();
            let back_off = add(now, Duration::from_secs(1 << tries.min(6)));
            let again_at = match &error {
                VendorError::Throttled { limit: Limit::Rate, until } => until.unwrap_or(back_off),
                VendorError::Transient { .. } => back_off,
                _ => return Err(error),
            };
            if tries >= READ_TRIES || again_at > add(now, PATIENCE) {
                return Err(match error {
                    VendorError::Throttled { limit, until: None } => VendorError::Throttled {
                        limit,
                        until: Some(add(now, Duration::from_secs(60))),
                    },
                    other => other,
                });
            }
            self.clock.sleep_until(again_at).await;
        }
    }

    async fn read_once(&self, call: &Call) -> Result<Answer, VendorError> {
        let _place = self.turn(call).await?;
        let answer =
            self.http.send(call, &self.target, &self.secrets).await.map_err(
                |error| match error {
                    SendError::NotSent(what) | SendError::Lost(what) => {
                        VendorError::Transient { what }
                    }
                    SendError::TooLarge { .. } => {
                        VendorError::ContractBroken { what: error.to_string() }
                    }
                },
            )?;
        self.judge(call, answer)
    }

    /// Waits until a read's limit lets it go and there is a place for it.
    async fn turn(&self, call: &Call) -> Result<SemaphorePermit<'_>, VendorError> {
        place_in_time(&self.reading, &*self.clock, || self.wait_for_limit(call)).await
    }

    /// Makes the one changing call. Whether it may be made was settled before; whether it still may
    /// leave is asked at the last moment.
    pub async fn change(&self, call: &Call, may_leave: MayLeave) -> Result<Answer, VendorError> {
        self.change_once(call, may_leave).await.inspect_err(trace)
    }

    async fn change_once(&self, call: &Call, may_leave: MayLeave) -> Result<Answer, VendorError> {
        let sent = self.http.change(call, &self.target, &self.secrets, may_leave).await;
        let answer = sent.map_err(|error| match error {
            SendError::NotSent(what) => VendorError::Transient { what },
            SendError::Lost(what) => VendorError::AnswerLost { what },
            SendError::TooLarge { .. } => VendorError::AnswerLost { what: error.to_string() },
        })?;
        self.judge(call, answer)
    }

    /// Waits until a call's limit lets it go, or says when to come back.
    pub async fn wait_for_limit(&self, call: &Call) -> Result<(), VendorError> {
        let now = self.clock.now();
        match self.limits.reserve(call.endpoint.limit, &call.limit_of, now, PATIENCE) {
            Ok(at) => {
                while self.clock.now() < at {
                    self.clock.sleep_until(at).await;
                }
                Ok(())
            }
            Err(until) => Err(VendorError::Throttled { limit: Limit::Rate, until: Some(until) }),
        }
    }

    /// Classifies an answer, and lets its limit rest where it says so.
    fn judge(&self, call: &Call, answer: Answer) -> Result<Answer, VendorError> {
        let now = self.clock.now();
        if call.raw {
            return Ok(answer);
        }
        let verdict = self.connector.classify(call.endpoint, &answer, now);
        let rest = match &verdict {
            Ok(()) => self.connector.rest_until(call.endpoint, &answer, now),
            Err(VendorError::Throttled { limit: Limit::Rate, until }) => *until,
            Err(_) => None,
        };
        if let Some(until) = rest {
            self.limits.rest(call.endpoint.limit, &call.limit_of, until);
        }
        verdict.map(|()| answer)
    }
}

/// Says in the trace of a piece of work what failed.
pub(crate) fn trace(error: &VendorError) {
    tracing::Span::current().record("error", error.word());
}

/// A place, soon after a limit let its holder go. Who waited long for the place asks the limit again,
/// or all that a slow vendor held up would go out at once. Long is what was long by the clock and in
/// real time: a clock that flies makes every wait long, and nobody would ever go.
async fn place_in_time<'a, Limited>(
    places: &'a Semaphore,
    clock: &dyn Clock,
    limit: impl Fn() -> Limited,
) -> Result<SemaphorePermit<'a>, VendorError>
where
    Limited: Future<Output = Result<(), VendorError>>,
{
    loop {
        limit().await?;
        let (let_go_at, since) = (clock.now(), RealInstant::now());
        let place = places.acquire().await.map_err(|closed| VendorError::Transient {
            what: format!("no more reads are made: {closed}"),
        })?;
        if clock.now() <= add(let_go_at, TICK) || since.elapsed() <= TICK {
            return Ok(place);
        }
    }
}
