//! The clock of a twin, followed over its control interface.
//!
//! A follower registers, and says whenever it has nothing to do and when its next work is due; the
//! twin then answers with the time as soon as that moved. While anything works, time stands still
//! (in idle mode), and a sign of life now and then keeps the twin from dropping us. Only a clock
//! on loopback is followed: whoever leads the clock decides when deadlines pass.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use domain::Instant;
use engine::Clock;
use engine::clock::{Sleepers, State, Time, Waiting};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant as Real, timeout};

use crate::exit::Stop;

/// How often a follower at work says that it lives; the twin drops one that is silent for ten.
const SIGN_OF_LIFE: Duration = Duration::from_secs(3);
/// The longest wait for an answer; the twin holds an idle report for three seconds at most.
const LONGEST_ANSWER: Duration = Duration::from_secs(10);
/// How long after a report of work the answer to an idle report before it may be missing.
const OVERTAKEN: Duration = Duration::from_millis(50);
/// How long to wait before asking again after a failure.
const AFTER_FAILURE: Duration = Duration::from_millis(500);

/// How many questions in a row may fail before the clock counts as lost. Time alone says nothing: it
/// passes also where this program stood still. The clock is asked on, so that whoever waits goes on
/// should it come back.
const LOST_AFTER: u32 = 10;

/// The mode in which time jumps to what is due next, and stands still until then.
const IDLE: &str = "idle";

/// A clock that a twin leads.
pub struct FollowedClock {
    shared: Arc<Shared>,
    follower: JoinHandle<()>,
    /// Whether the clock did not answer so often that it counts as lost.
    is_lost: watch::Receiver<bool>,
    control: Control,
    id: String,
}

/// What the twin says of its clock.
#[derive(Debug, Clone, Deserialize)]
pub struct Reading {
    /// The time.
    pub now: Instant,
    /// `idle` or `paced`.
    pub mode: String,
    /// Virtual seconds per real second, in paced mode.
    pub pace: f64,
}

impl Reading {
    /// Whether no time passes, whatever anybody waits for.
    pub fn stands_still(&self) -> bool {
        self.mode != IDLE && self.pace <= 0.0
    }
}

/// The time by the last reading.
struct Followed {
    reading: Reading,
    read_at: Real,
}

type Shared = Sleepers<Followed>;

/// The twin's control interface.
#[derive(Clone)]
struct Control {
    http: reqwest::Client,
    base_url: String,
}

#[derive(Deserialize)]
struct Registered {
    id: String,
    #[serde(flatten)]
    reading: Reading,
}

impl FollowedClock {
    /// Registers with the clock behind this control URL and follows it until dropped.
    pub async fn follow(url: &str) -> anyhow::Result<Self> {
        let control = Control::new(url)?;
        let registered: Registered = control.report(&json!({})).await?;
        let shared = Arc::new(Shared::new(Followed::by(registered.reading)));
        let id = registered.id;
        let (lost, is_lost) = watch::channel(false);
        let follower = tokio::spawn(run(control.clone(), id.clone(), Arc::clone(&shared), lost));
        Ok(Self { shared, follower, is_lost, control, id })
    }

    /// Resolves when the twin's clock did not answer so often that it counts as lost.
    pub async fn lost(&self) {
        if self.is_lost.clone().wait_for(|lost| *lost).await.is_err() {
            // Whoever followed was told to leave; nothing is lost by that.
            std::future::pending::<()>().await;
        }
    }

    /// An error if the twin's clock counts as lost.
    pub fn refuse_lost(&self) -> Result<(), Stop> {
        if *self.is_lost.borrow() { Err(silent()) } else { Ok(()) }
    }

    /// Follows no more, and tells the twin, so that time need not wait for us.
    pub async fn leave(&self) {
        self.follower.abort();
        // The twin notes the report when it comes; its answer would tell nothing.
        let report = json!({"id": self.id, "next_due": null});
        let _ = timeout(OVERTAKEN, self.control.report::<Reading>(&report)).await;
    }
}

impl Drop for FollowedClock {
    fn drop(&mut self) {
        self.follower.abort();
    }
}

impl Clock for FollowedClock {
    fn now(&self) -> Instant {
        self.shared.look().time.now()
    }

    fn sleep_until(&self, at: Instant) -> Waiting<'_> {
        Box::pin(self.shared.sleep_until(at))
    }

    fn passes_by_itself(&self) -> bool {
        self.shared.look().time.reading.mode != IDLE
    }

    fn begin_work(&self) {
        self.shared.begin_work();
    }

    fn end_work(&self) {
        self.shared.end_work();
    }
}

/// What a twin's clock shows, without following it.
pub async fn read(url: &str) -> anyhow::Result<Reading> {
    let control = Control::new(url)?;
    control.answer(control.http.get(format!("{}/clock", control.base_url))).await
}

/// Refuses a URL that does not lead to this machine.
pub fn check_loopback(url: &str) -> Result<(), Stop> {
    let parsed = reqwest::Url::parse(url).ok();
    let host = parsed.as_ref().and_then(reqwest::Url::host_str).unwrap_or("");
    if matches!(host, "127.0.0.1" | "[::1]" | "localhost") {
        return Ok(());
    }
    Err(Stop::refused("a clock is followed on loopback only")
        .advise("give the control URL of twins on this machine, such as http://127.0.0.1:7810"))
}

impl Followed {
    fn by(reading: Reading) -> Self {
        Self { reading, read_at: Real::now() }
    }
}

impl Time for Followed {
    fn now(&self) -> Instant {
        if self.reading.mode == IDLE {
            return self.reading.now;
        }
        let passed = self.read_at.elapsed().as_secs_f64() * self.reading.pace;
        let passed = jiff::SignedDuration::try_from_secs_f64(passed).unwrap_or_default();
        self.reading.now.checked_add(passed).unwrap_or(Instant::MAX)
    }
}

/// Takes a reading, and wakes whoever's time has come.
fn take(shared: &Shared, reading: Reading) {
    let mut state = shared.look();
    let past = state.time.now();
    state.time = Followed::by(Reading { now: reading.now.max(past), ..reading });
    state.wake_due();
}

async fn run(control: Control, id: String, shared: Arc<Shared>, lost: watch::Sender<bool>) {
    let mut n_failed: u32 = 0;
    loop {
        let is_busy = {
            let mut state = shared.look();
            state.wake_due();
            state.is_busy()
        };
        let told = if is_busy {
            while_busy(&control, &id, &shared).await
        } else {
            while_idle(&control, &id, &shared).await
        };
        match told {
            Ok(()) => n_failed = 0,
            Err(error) => {
                if n_failed == 0 {
                    tracing::warn!("the followed clock can't be reached: {error:#}");
                }
                n_failed = n_failed.saturating_add(1);
                if n_failed >= LOST_AFTER {
                    lost.send_replace(true);
                }
                let _ = timeout(AFTER_FAILURE, std::future::pending::<()>()).await;
            }
        }
    }
}

/// Waits for the end of all work, with a sign of life where it takes long.
async fn while_busy(control: &Control, id: &str, shared: &Shared) -> anyhow::Result<()> {
    let until = Real::now() + SIGN_OF_LIFE;
    loop {
        let (is_busy, by_itself) = {
            let mut state = shared.look();
            state.wake_due();
            (state.is_busy(), real_time_until_due(&state))
        };
        if !is_busy {
            return Ok(());
        }
        let left = until.saturating_duration_since(Real::now());
        if left.is_zero() {
            let (n_busy, n_asleep, next_due) = {
                let state = shared.look();
                (state.n_busy(), state.n_asleep(), state.next_due())
            };
            let next_due = next_due.map(tracing::field::display);
            tracing::debug!(n_busy, n_asleep, next_due, "still at work");
            take(shared, control.report(&json!({"id": id, "busy": true})).await?);
            return Ok(());
        }
        let _ = timeout(by_itself.map_or(left, |soon| soon.min(left)), shared.changed()).await;
    }
}

/// Reports idle and waits for the time to move, or for work to begin here.
async fn while_idle(control: &Control, id: &str, shared: &Shared) -> anyhow::Result<()> {
    let next_due = shared.look().next_due();
    tracing::debug!(next_due = next_due.map(tracing::field::display), "idle");
    let report = json!({"id": id, "next_due": next_due});
    let mut idle = std::pin::pin!(control.report(&report));
    loop {
        tokio::select! {
            answer = &mut idle => {
                take(shared, answer?);
                return Ok(());
            }
            () = shared.changed() => {}
        }
        let is_current = {
            let state = shared.look();
            !state.is_busy() && state.next_due() == next_due
        };
        if !is_current {
            break;
        }
    }
    // The idle report may still be on its way and arrive after this one, so its answer is waited
    // for, and the report of work repeated until it has come.
    loop {
        let _: Reading = control.report(&json!({"id": id, "busy": true})).await?;
        if let Ok(answer) = timeout(OVERTAKEN, &mut idle).await {
            take(shared, answer?);
            return Ok(());
        }
    }
}

/// How long, in real time, until the next waiter's time comes by itself; never in idle mode.
fn real_time_until_due(state: &State<Followed>) -> Option<Duration> {
    let Reading { mode, pace, .. } = &state.time.reading;
    if mode == IDLE || *pace <= 0.0 {
        return None;
    }
    let seconds = state.next_due()?.duration_since(state.time.now()).as_secs_f64() / pace;
    // Never zero: a timer that rounds down would spin.
    Some(Duration::try_from_secs_f64(seconds.max(0.001)).unwrap_or(SIGN_OF_LIFE))
}

fn silent() -> Stop {
    Stop::unreachable("the clock to follow does not answer")
        .advise("start `habeas twins` and give `serve --clock` the control URL that it prints; `habeas serve --clock real` goes back to the real time")
}

impl Control {
    fn new(url: &str) -> anyhow::Result<Self> {
        check_loopback(url)?;
        let http = reqwest::Client::builder()
            .timeout(LONGEST_ANSWER)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .context("could not set up the HTTP client")?;
        Ok(Self { http, base_url: url.trim_end_matches('/').to_owned() })
    }

    async fn report<T: serde::de::DeserializeOwned>(
        &self,
        body: &serde_json::Value,
    ) -> anyhow::Result<T> {
        let url = format!("{}/clock/followers", self.base_url);
        self.answer(self.http.post(url).body(body.to_string())).await
    }

    async fn answer<T: serde::de::DeserializeOwned>(
        &self,
        call: reqwest::RequestBuilder,
    ) -> anyhow::Result<T> {
        let call = call.header("content-type", "application/json");
        let answer = call.send().await.map_err(|_| silent())?;
        let body = answer.error_for_status().map_err(|_| silent())?.bytes().await?;
        serde_json::from_slice(&body).map_err(|_| silent().into())
    }
}
