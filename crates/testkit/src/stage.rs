//! A stage for stories: twins on loopback, a store in a folder of its own, the real engine, and
//! a clock that jumps. A story reads: connect, submit, run, look.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;
use connector_api::Connector;
use domain::connection::{CheckReport, Connection};
use domain::deadline::deadline;
use domain::id::{IdSource, TimedIds};
use domain::identifier::normalise;
use domain::journal::{Actor, Entry, Event};
use domain::request::Verified;
use domain::{
    Identifier, IdentifierId, IdentifierKind, Instant, Origin, Request, RequestId, RequestState,
    Right, Scope, Task,
};
use engine::check::check;
use engine::holder::Offset;
use engine::http::HttpClient;
use engine::operator::connections::{self, Draft, NewConnection};
use engine::operator::restore::{self, RestoreView};
use engine::run::Workers;
use engine::{Engine, Holder, Parts, Ran, Surroundings, Until};
use serde_json::Value;
use store::backup;
use store::{From as JournalFrom, JournalFilter, LeaseTime, NewRequest, Options, Store};

use crate::candidate::{Candidate, FULL};
use crate::clock::LedClock;
use crate::segment::SEGMENT;
use crate::turns::Turns;

/// A stage.
pub struct Stage {
    /// Whose connector plays on it.
    pub candidate: Candidate,
    /// The connectors that its engine knows.
    pub connectors: &'static [&'static dyn Connector],
    /// What `habeas twins --json` would print.
    pub twins: Value,
    /// The store.
    pub store: Store,
    /// The clock.
    pub clock: Arc<LedClock>,
    /// Where ids come from.
    pub ids: Arc<dyn IdSource>,
    /// The folder with data and keys.
    pub folder: tempfile::TempDir,
    /// Where in it these are.
    pub options: Options,
    /// Milliseconds that leases believe to have passed; tests may move it on.
    pub lease_millis: Arc<AtomicU64>,
    /// Calls the twins for the test itself.
    pub http: reqwest::Client,
    /// In what order calls are made.
    pub turns: Turns,
    serving: twins::Serving,
    began: tokio::time::Instant,
}

impl Stage {
    /// Twins with their default population, an empty store, and a clock that stands. On it
    /// plays Segment.
    pub async fn set() -> anyhow::Result<Self> {
        Self::set_with(twins::Options::default()).await
    }

    /// A stage with twins of this kind. On it plays Segment.
    pub async fn set_with(options: twins::Options) -> anyhow::Result<Self> {
        Self::set_for(&SEGMENT, options).await
    }

    /// A stage for a candidate, with twins of this kind; their clock stands at first.
    pub async fn set_for(candidate: &Candidate, options: twins::Options) -> anyhow::Result<Self> {
        Self::set_in(candidate, options, Turns::default()).await
    }

    /// A stage on which calls are made in turns.
    pub async fn set_in(
        candidate: &Candidate,
        options: twins::Options,
        turns: Turns,
    ) -> anyhow::Result<Self> {
        let mut turn = turns.next().await;
        rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
        #[expect(clippy::disallowed_methods, reason = "a test calls the twins itself")]
        let http = reqwest::Client::new();
        let start_at: Instant = "2026-09-01T08:00:00Z".parse()?;
        let options = twins::Options { start_at, idle: true, ..options };
        let serving = twins::serve(options).await?;
        let description = serving.description();
        let stage_clock =
            LedClock::leading(serving.base_url_control(), http.clone(), start_at, turns.clone());
        let ids = seeded_ids(Arc::clone(&stage_clock));
        let folder = tempfile::tempdir()?;
        let options = at(&folder, "data");
        let store = Store::open(&options, Arc::clone(&ids), start_at).await?;
        let stage = Self {
            candidate: *candidate,
            // A registry of one that lives as long as the test.
            connectors: Vec::leak(vec![candidate.connector]),
            twins: description,
            store,
            clock: stage_clock,
            ids,
            folder,
            options,
            lease_millis: Arc::default(),
            http,
            turns,
            serving,
            began: tokio::time::Instant::now(),
        };
        turn.settle().await;
        Ok(stage)
    }

    /// The time.
    pub fn now(&self) -> Instant {
        engine::Clock::now(&*self.clock)
    }

    /// Talks to the twins' control interface.
    pub async fn control(&self, method: &str, path: &str, body: &Value) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.serving.base_url_control());
        let request = self
            .http
            .request(method.parse()?, url)
            .header("content-type", "application/json")
            .body(if body.is_null() { String::new() } else { body.to_string() });
        let call = async {
            let answer = request.send().await?;
            Ok::<_, reqwest::Error>((answer.status(), answer.text().await?))
        };
        let (status, text) = self.turns.take(call).await?;
        anyhow::ensure!(status.is_success(), "{method} {path}: {status} {text}");
        Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Sets switches of the twin.
    pub async fn switch(&self, switches: &Value) -> anyhow::Result<()> {
        let path = format!("/switches/{}", self.candidate.name());
        self.control("PUT", &path, switches).await.map(|_| ())
    }

    /// Plans faults of the twin.
    pub async fn faults(&self, faults: &Value) -> anyhow::Result<()> {
        let path = format!("/faults/{}", self.candidate.name());
        self.control("PUT", &path, faults).await.map(|_| ())
    }

    /// The changing calls that the twin has taken.
    pub async fn changes(&self) -> anyhow::Result<Vec<Value>> {
        let path = format!("/audit/{}", self.candidate.name());
        let audit = self.control("GET", &path, &Value::Null).await?;
        let changes = audit.pointer(self.candidate.changes).and_then(Value::as_array);
        Ok(changes.context("the twin's audit does not list its changes there")?.clone())
    }

    /// The first subject of this kind.
    pub fn subject(&self, kind: &str) -> anyhow::Result<Value> {
        self.subjects(kind).into_iter().next().with_context(|| format!("no subject of kind {kind}"))
    }

    /// All subjects of this kind.
    pub fn subjects(&self, kind: &str) -> Vec<Value> {
        let all =
            self.twins[self.candidate.name()]["subjects"].as_array().cloned().unwrap_or_default();
        all.into_iter().filter(|subject| subject["kind"] == kind).collect()
    }

    /// Connects the candidate's twin with everything it offers, acting without asking.
    pub async fn connect(&self) -> anyhow::Result<Connection> {
        self.connect_with(|_| {}).await
    }

    /// Connects the candidate's twin, with a change to what is entered.
    pub async fn connect_with(
        &self,
        change: impl FnOnce(&mut NewConnection),
    ) -> anyhow::Result<Connection> {
        let mut new = self.candidate.entered(&self.twins, FULL)?;
        change(&mut new);
        let (draft, report) = self.check(new).await?;
        Ok(connections::add(&self.desk(), draft, report).await?)
    }

    /// Checks what was entered, as `habeas connect` does. Saves nothing.
    pub async fn check(&self, new: NewConnection) -> anyhow::Result<(Draft, CheckReport)> {
        let draft = connections::draft(&self.desk(), new).await?;
        let with = Surroundings {
            store: self.store.clone(),
            clock: self.clock.clone(),
            http: HttpClient::new()?,
        };
        let (connection, secrets) = (draft.connection(), draft.secrets().clone());
        let report = check(self.candidate.connector, connection, secrets, &with).await?;
        Ok((draft, report))
    }

    /// Submits a request for a person with these identifiers (`email=…`).
    pub async fn submit(
        &self,
        right: Right,
        identifiers: &[(&str, &str)],
    ) -> anyhow::Result<RequestId> {
        let new = self.request(right, identifiers)?;
        let id = new.request.id;
        self.store.add_requests(vec![new], self.now()).await?;
        Ok(id)
    }

    /// Submits a request for each of these addresses.
    pub async fn submit_many(&self, right: Right, emails: &[String]) -> anyhow::Result<()> {
        for group in emails.chunks(500) {
            let new = group.iter().map(|email| self.request(right, &[("email", email)]));
            self.store.add_requests(new.collect::<anyhow::Result<_>>()?, self.now()).await?;
        }
        Ok(())
    }

    fn request(&self, right: Right, identifiers: &[(&str, &str)]) -> anyhow::Result<NewRequest> {
        let now = self.now();
        let request = Request {
            id: RequestId::new(&*self.ids),
            right,
            scope: Scope::parse(right, "")?,
            received_at: now,
            deadline: deadline(now, None, 30),
            jurisdiction: None,
            brand: None,
            subject_kind: None,
            external_id: None,
            verified: Some(Verified { by: "the test".to_owned(), at: now }),
            routed: None,
            closing: None,
            state: RequestState::Received,
            version: 0,
        };
        let identifiers = identifiers.iter().map(|(kind, value)| self.identifier(kind, value));
        let identifiers = identifiers.collect::<anyhow::Result<Vec<_>>>()?;
        let id = request.id;
        let entry = Entry::new(now, Actor::Operator("the test".to_owned()), Event::RequestReceived)
            .request(id);
        Ok(NewRequest { request, identifiers, idempotency: id.to_string(), journal: vec![entry] })
    }

    fn identifier(&self, kind: &str, value: &str) -> anyhow::Result<Identifier> {
        let kind: IdentifierKind = kind.parse()?;
        Ok(Identifier {
            id: IdentifierId::new(&*self.ids),
            normalised: normalise(&kind, value, None)?,
            kind,
            given: value.to_owned(),
            origin: Origin::Given,
            seen_in: Vec::new(),
        })
    }

    /// An engine on this stage, of a holder by this name.
    pub fn engine(&self, holder: &str) -> anyhow::Result<Engine> {
        self.engine_of(self.holder(holder))
    }

    /// An engine on this stage, of this holder.
    pub fn engine_of(&self, holder: Holder) -> anyhow::Result<Engine> {
        Ok(Engine::new(self.parts_of(holder))?)
    }

    /// What an engine on this stage is made of.
    pub fn parts_of(&self, holder: Holder) -> Parts {
        Parts {
            store: self.store.clone(),
            connectors: self.connectors,
            clock: self.clock.clone(),
            ids: Arc::clone(&self.ids),
            holder,
            workers: Workers::One,
        }
    }

    /// A holder by this name, on the stage's lease time.
    pub fn holder(&self, name: &str) -> Holder {
        let (began, moved_on) = (self.began, Arc::clone(&self.lease_millis));
        Holder {
            name: name.to_owned(),
            info: format!("{name} of the test"),
            offset: Offset::default(),
            machine: Arc::new(move || {
                let millis = began.elapsed().as_millis() as u64 + moved_on.load(Ordering::SeqCst);
                let millis = i64::try_from(millis + 1_000_000).unwrap_or(i64::MAX);
                LeaseTime { boot: "test".to_owned(), millis }
            }),
            is_gone: Arc::new(|_| false),
        }
    }

    /// Runs the engine until nothing is due, at the time that it is now.
    pub async fn run(&self) -> anyhow::Result<Ran> {
        Ok(self.engine("stage")?.run(Until::NothingDue).await?)
    }

    /// Runs the engine on, jumping from due time to due time, until `days` have passed or
    /// nothing is due any more.
    pub async fn run_days(&self, days: i64) -> anyhow::Result<()> {
        let end = self.now().checked_add(jiff::SignedDuration::from_hours(24 * days))?;
        loop {
            let ran = self.run().await?;
            let Some(next) = ran.next_due.filter(|next| *next <= end) else { return Ok(()) };
            self.jump(next).await;
        }
    }

    /// Lets time pass to this instant.
    pub async fn jump(&self, to: Instant) {
        let clock: Arc<dyn engine::Clock> = self.clock.clone();
        let _busy = engine::Busy::on(&clock);
        clock.sleep_until(to).await;
    }

    /// The tasks of a request.
    pub async fn tasks(&self, request: RequestId) -> anyhow::Result<Vec<Task>> {
        Ok(self.store.tasks_of(&[request]).await?)
    }

    /// The one task of a request that is a connection's.
    pub async fn task(&self, request: RequestId) -> anyhow::Result<Task> {
        let tasks = self.tasks(request).await?;
        tasks
            .into_iter()
            .find(|task| task.detail.hand.is_none())
            .context("the request has no task of a connection")
    }

    /// What became of a request's task, in one line: state, outcome, proof.
    pub async fn verdict(&self, request: RequestId) -> anyhow::Result<String> {
        let task = self.task(request).await?;
        let mut verdict = task.state.to_string();
        if let Some(outcome) = &task.detail.outcome {
            verdict.push_str(&format!(", {outcome}"));
        }
        if let Some(proof) = &task.detail.proof {
            verdict.push_str(&format!(", {proof}"));
        }
        if let Some(wait) = &task.detail.wait {
            verdict.push_str(&format!(", waits for {}: {}", wait.whom, wait.why));
        }
        Ok(verdict)
    }

    /// Every journal entry's event, in order.
    pub async fn events(&self) -> anyhow::Result<Vec<Event>> {
        let entries =
            self.store.journal(JournalFrom::After(0), &JournalFilter::default(), 100_000).await?;
        Ok(entries.into_iter().map(|(_, entry)| entry.event).collect())
    }
}

impl Stage {
    /// Makes a backup of the store as it is now.
    pub async fn back_up(&self, name: &str) -> anyhow::Result<PathBuf> {
        let into = self.folder.path().join(name);
        let made = (self.now(), "test");
        backup::write(&self.options, &into, backup::Existing::Refuse, made, |_| {}).await?;
        Ok(into)
    }

    /// Goes on with a store that was put back from a backup, with the keys of the one before.
    pub async fn put_back(&mut self, backup: &Path) -> anyhow::Result<RestoreView> {
        let (data, keys) = (backup.with_extension("data"), self.folder.path().join("keys"));
        let (manifest, draft) = backup::put_back(backup, &data, &keys, |_| {})?;
        let at = |data: &Path| Options {
            data: data.to_owned(),
            keys: keys.clone(),
            database: None,
            bodies: None,
        };
        self.options = at(&data);
        self.store = Store::open(&at(draft.path()), Arc::clone(&self.ids), self.now()).await?;
        let told = restore::begin(&self.desk(), &manifest.head).await?;
        self.store.close().await;
        draft.finish()?;
        self.store = Store::open(&at(&data), Arc::clone(&self.ids), self.now()).await?;
        Ok(told)
    }
}

impl Stage {
    /// Goes on with the same store, opened as another process would.
    pub async fn reopen(&mut self) -> anyhow::Result<()> {
        let mut turn = self.turns.next().await;
        self.store.close().await;
        self.store = Store::open(&self.options, Arc::clone(&self.ids), self.now()).await?;
        turn.settle().await;
        Ok(())
    }
}

fn at(folder: &tempfile::TempDir, data: &str) -> Options {
    Options {
        data: folder.path().join(data),
        keys: folder.path().join("keys"),
        database: None,
        bodies: None,
    }
}

/// Ids out of the stage's clock and counted bytes: the same in every run.
fn seeded_ids(clock: Arc<LedClock>) -> Arc<dyn IdSource> {
    let counter = AtomicU64::new(1);
    Arc::new(TimedIds::new(
        move || engine::Clock::now(&*clock),
        move || counter.fetch_add(1, Ordering::SeqCst).to_be_bytes(),
    ))
}
