//! A fresh store in a folder of its own, and values to put into it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::connection::Switches;
use domain::deadline::{Basis, Deadline};
use domain::id::{IdSource, TimedIds};
use domain::job::{FlowState, JobState};
use domain::request::Verified;
use domain::routing::Routed;
use domain::{
    Actor, Connection, ConnectionId, Digest, Entry, Event, Evidence, EvidenceId, Flow, Gate,
    Identifier, IdentifierId, IdentifierKind, Instant, IntentId, Job, JobId, Origin, Request,
    RequestId, RequestState, Right, Scope, Task, TaskId,
};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgConnection};

use crate::keys::KeyName;
use crate::{
    Added, Applied, Fence, Intent, LeaseAnswer, LeaseTime, NewRequest, Options, Secret, Store,
    StoreError, Transition,
};

/// A store, its folders, and ids that count up.
pub(crate) struct Setup {
    #[expect(dead_code, reason = "the folder goes with it")]
    root: tempfile::TempDir,
    options: Options,
    pub(crate) store: Store,
    pub(super) ids: Arc<dyn IdSource>,
}

/// The instant at which all of this happens.
pub(super) fn now() -> Instant {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

/// A point of monotonic time.
pub(super) fn time(millis: i64) -> LeaseTime {
    LeaseTime { boot: "boot-1".into(), millis }
}

pub(crate) async fn setup() -> Setup {
    let root = tempfile::tempdir().unwrap();
    let database = database(root.path()).await;
    setup_in(root, database).await
}

/// A store with SQLite, for what is about its file.
pub(crate) async fn on_sqlite() -> Setup {
    setup_in(tempfile::tempdir().unwrap(), None).await
}

/// A store with PostgreSQL and where its database is, for what is about a server; nothing without one.
pub(super) async fn on_postgres() -> Option<(Setup, PgConnectOptions)> {
    let setup = setup().await;
    let url: PgConnectOptions = setup.options.database.as_ref()?.expose().parse().unwrap();
    Some((setup, url.extra_float_digits(None)))
}

async fn setup_in(root: tempfile::TempDir, database: Option<Secret>) -> Setup {
    let counter = AtomicU64::new(1);
    let random = move || counter.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    let ids: Arc<dyn IdSource> = Arc::new(TimedIds::new(now, random));
    let options = Options { database, ..options(root.path()) };
    let store = Store::open(&options, Arc::clone(&ids), now()).await.unwrap();
    Setup { options, root, store, ids }
}

fn options(root: &Path) -> Options {
    Options { data: root.join("data"), keys: root.join("keys"), database: None, bodies: None }
}

/// A database of its own on the server of PostgreSQL that the tests are given, if they are given one.
#[expect(clippy::disallowed_methods, reason = "says where the tests' server is")]
async fn database(root: &Path) -> Option<Secret> {
    let server = std::env::var("HABEAS_TEST_POSTGRES").ok()?;
    let name = root.file_name()?.to_str()?.trim_start_matches('.').to_lowercase();
    let make = AssertSqlSafe(format!("CREATE DATABASE \"{name}\""));
    // As the driver does: a pooler may stand between.
    let server = server.parse::<PgConnectOptions>().unwrap().extra_float_digits(None);
    PgConnection::connect_with(&server).await.unwrap().execute(make).await.unwrap();
    Some(Secret::new(server.database(&name).to_url_lossy().to_string()))
}

impl Setup {
    pub(crate) fn options(&self) -> Options {
        self.options.clone()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.options().data
    }

    /// The same store, opened once more as another process would.
    pub(super) async fn again(&self) -> Store {
        Store::open(&self.options(), Arc::clone(&self.ids), now()).await.unwrap()
    }

    /// Makes a key in place of the newest of its purpose.
    pub(super) async fn rotate(&self, purpose: &str) -> KeyName {
        rotate(&self.store, purpose).await.unwrap()
    }

    /// A connection that stands in the store.
    pub(super) async fn connection(&self, name: &str) -> Connection {
        let connection = Connection {
            id: ConnectionId::new(&*self.ids),
            name: name.into(),
            connector: "segment".into(),
            settings: Default::default(),
            secrets: Default::default(),
            base_urls: Default::default(),
            allow_loopback: true,
            switches: Switches::default(),
            paused: None,
            check: None,
            check_due_at: now(),
            removed_at: None,
            version: 0,
        };
        self.done(Transition { new_connections: vec![connection.clone()], ..Default::default() })
            .await;
        connection
    }

    pub(super) fn identifier(&self, kind: IdentifierKind, value: &str) -> Identifier {
        Identifier {
            id: IdentifierId::new(&*self.ids),
            kind,
            given: value.to_uppercase(),
            normalised: value.to_lowercase(),
            origin: Origin::Given,
            seen_in: Vec::new(),
        }
    }

    /// A verified deletion request, not yet in the store.
    pub(super) fn new_request(&self, right: Right, emails: &[&str]) -> NewRequest {
        let id = RequestId::new(&*self.ids);
        let request = Request {
            id,
            right,
            scope: Scope::parse(right, "").unwrap(),
            received_at: now(),
            deadline: Deadline { at: now(), basis: Basis::Given },
            jurisdiction: None,
            brand: None,
            subject_kind: None,
            external_id: None,
            verified: Some(Verified { by: "operator".into(), at: now() }),
            routed: None,
            closing: None,
            state: RequestState::Received,
            version: 0,
        };
        let identifiers =
            emails.iter().map(|email| self.identifier(IdentifierKind::Email, email)).collect();
        let entry = Entry::new(now(), Actor::Operator("ops".into()), Event::RequestReceived);
        let journal = vec![entry.request(id)];
        NewRequest { request, identifiers, idempotency: id.to_string(), journal }
    }

    /// A request that stands in the store.
    pub(super) async fn request(&self, right: Right, emails: &[&str]) -> Request {
        let new = self.new_request(right, emails);
        let id = new.request.id;
        let added = self.store.add_requests(vec![new], now()).await.unwrap();
        assert_eq!(added, [Added::New(id)]);
        self.store.request(id).await.unwrap().unwrap()
    }

    /// A routed request with one task for a connection, both in the store.
    pub(super) async fn task(&self, connection: &Connection, email: &str) -> Task {
        let mut request = self.request(Right::Deletion, &[email]).await;
        request.routed = Some(vec![Routed {
            connection: connection.id,
            name: connection.name.clone(),
            left_out: None,
        }]);
        let task = Task::for_connection(
            TaskId::new(&*self.ids),
            request.id,
            Right::Deletion,
            connection.id,
            Gate::Auto,
            now(),
        );
        self.done(Transition {
            requests: vec![request],
            new_tasks: vec![task.clone()],
            ..Default::default()
        })
        .await;
        self.store.task(task.id).await.unwrap().unwrap()
    }

    pub(super) fn job(&self, connection: &Connection) -> Job {
        Job {
            id: JobId::new(&*self.ids),
            connection: connection.id,
            flow: Flow::Delete,
            state: JobState::Sending,
            memory: FlowState { version: 1, body: serde_json::json!({ "step": 1 }) },
            reconciling: None,
            vendor_ref: None,
            vendor_says: None,
            started_at: now(),
            due_at: Some(now()),
            expires_at: now(),
            is_overdue: false,
            n_polls: 0,
            version: 0,
        }
    }

    pub(super) fn intent(&self, job: &Job, fence: &Fence) -> Intent {
        Intent {
            id: IntentId::new(&*self.ids),
            connection: job.connection,
            job: job.id,
            key: None,
            endpoint: "POST /regulations".into(),
            n_members: 1,
            fence: fence.fence,
            written_at: now(),
            deadline: time(60_000),
        }
    }

    pub(super) fn evidence(&self, task: &Task, body: &str) -> (Evidence, Vec<u8>) {
        let evidence = Evidence {
            id: EvidenceId::new(&*self.ids),
            task: Some((task.request, task.id)),
            job: None,
            title: "looked up".into(),
            at: now(),
            digest: Digest::of(body.as_bytes()),
            size_bytes: body.len() as u64,
        };
        (evidence, body.as_bytes().to_vec())
    }

    /// Takes a lease that must be free.
    pub(crate) async fn lease(&self, name: &str, holder: &str) -> Fence {
        match self.store.take_lease(name, holder, "a test", &time(0), 1000, now()).await.unwrap() {
            LeaseAnswer::Taken { fence, .. } => fence,
            LeaseAnswer::HeldBy(row) => panic!("held by {}", row.holder),
        }
    }

    pub(super) async fn apply(&self, transition: Transition) -> Result<Vec<Applied>, StoreError> {
        self.store.apply(None, &[transition]).await
    }

    /// Applies a transition that must not lose.
    pub(super) async fn done(&self, transition: Transition) {
        assert_eq!(self.apply(transition).await.unwrap(), [Applied::Done]);
    }
}

/// Makes a key in place of the newest of its purpose.
pub(super) async fn rotate(store: &Store, purpose: &str) -> Result<KeyName, StoreError> {
    let entry = Entry::new(now(), Actor::Operator("ops".into()), Event::KeyMade);
    store.rotate_key(purpose, entry).await
}

/// A journal entry about a task.
pub(super) fn entry(task: &Task) -> Entry {
    Entry::new(now(), Actor::Engine, Event::TaskMoved).request(task.request).task(task.id)
}
