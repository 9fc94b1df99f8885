//! An office for tests: a store in a folder of its own, a desk, a connector that takes e-mail
//! addresses and user ids, and a connection of it.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use connector_api::flow::Planned;
use connector_api::manifest::{Batch, Field, FieldKind, LimitRule, Manifest};
use connector_api::{
    Answer, Connector, Context, Endpoint, FlowState, Input, Located, Subject, Turn, VendorError,
};
use domain::connection::{Account, CheckReport, Switches};
use domain::id::{IdSource, TimedIds};
use domain::plan::{PlanItem, Weight};
use domain::task::{Command, Found};
use domain::{
    Actor, Connection, ConnectionId, Digest, Event, Flow, Gate, IdentifierKind, Instant, Plan,
    Reach, RequestId, Right, Role, Scope, Task, TaskId, TaskState,
};
use store::keys::PurgedLine;
use store::{
    Applied, Fence, From, JournalFilter, LeaseAnswer, LeaseTime, Options, Store, Transition,
};

use super::intake::TakenIn;
use super::{Desk, Draft, Fault, Given, intake};

/// A system of paper files.
struct Paper;

const fn field(key: &'static str, kind: FieldKind) -> Field {
    Field { key, title: "A field", found: None, help: "", kind, required: false }
}

static PAPER: Manifest = Manifest {
    name: "paper",
    title: "Paper",
    category: "Files",
    summary: "Files on paper.",
    docs_url: "",
    fields: &[
        field("room", FieldKind::Text),
        field("floor", FieldKind::Choice(&["upper", "lower"])),
        field("trays", FieldKind::Table(&["in", "out"])),
        field("key", FieldKind::Secret),
    ],
    regions: &[],
    capabilities: &[],
    permissions: &[],
    limits: &[LimitRule { name: "reads", calls: 1, per: Duration::from_secs(1) }],
    takes: &[IdentifierKind::Email, IdentifierKind::Phone, IdentifierKind::UserId],
    cadence: &[],
    alarm: Duration::from_secs(1),
    longest: Duration::from_secs(1),
    looks: &[],
    confirmed_together: &[],
    rechecks: &[],
    batch: Batch { items: 1, bytes: 1 },
    reconcile_lag: Duration::from_secs(1),
    guide: &connector_api::guide::Guide::EMPTY,
};

impl Connector for Paper {
    fn manifest(&self) -> &'static Manifest {
        &PAPER
    }

    fn step(
        &self,
        _flow: Flow,
        _memory: Option<&FlowState>,
        _input: Input<'_>,
        _context: &Context<'_>,
    ) -> Result<Turn, VendorError> {
        Err(VendorError::Transient { what: "paper makes no calls".into() })
    }

    fn classify(&self, _: &Endpoint, _: &Answer, _: Instant) -> Result<(), VendorError> {
        Ok(())
    }

    fn plan(
        &self,
        _right: Right,
        _scope: &Scope,
        _subject: &Subject,
        _found: &Located,
        _context: &Context<'_>,
    ) -> Planned {
        Planned::Nothing
    }
}

/// The office.
pub(crate) struct Office {
    pub(crate) store: Store,
    pub(crate) ids: Arc<dyn IdSource>,
    root: tempfile::TempDir,
}

/// When everything happens.
pub(crate) fn now() -> Instant {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

/// Ids of that moment.
pub(crate) fn ids() -> Arc<dyn IdSource> {
    let n = AtomicU64::new(1);
    let random = move || n.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    Arc::new(TimedIds::new(now, random))
}

/// An office with an empty store.
pub(crate) async fn office() -> Office {
    let ids = ids();
    let root = tempfile::tempdir().unwrap();
    let options = Options {
        data: root.path().join("data"),
        keys: root.path().join("keys"),
        database: None,
        bodies: None,
    };
    let store = Store::open(&options, Arc::clone(&ids), now()).await.unwrap();
    Office { store, ids, root }
}

impl Office {
    /// Notes a purge beside the keys, as a crash would leave it.
    pub(crate) fn note_purged(&self, line: &PurgedLine) {
        let file = self.keys().join("purged");
        let list = std::fs::read_to_string(&file).unwrap_or_default();
        std::fs::write(file, format!("{list}{line}\n")).unwrap();
    }

    /// Where the keys are.
    pub(crate) fn keys(&self) -> PathBuf {
        self.root.path().join("keys")
    }

    pub(crate) fn desk(&self) -> Desk<'_> {
        Desk {
            store: &self.store,
            connectors: &[&Paper],
            ids: &*self.ids,
            actor: Actor::Operator("ops".into()),
            roles: Role::every(),
            reach: Reach::All,
            now: now(),
        }
    }

    /// A connection `files`, checked and acting.
    pub(crate) async fn connection(&self) -> Connection {
        let connection = Connection {
            id: ConnectionId::new(&*self.ids),
            name: "files".into(),
            connector: "paper".into(),
            settings: Default::default(),
            secrets: Default::default(),
            base_urls: Default::default(),
            allow_loopback: false,
            switches: Switches { mode: domain::Mode::Act, ..Switches::default() },
            paused: None,
            check: Some(report("acc_1")),
            check_due_at: now(),
            removed_at: None,
            version: 0,
        };
        let new_connections = vec![connection.clone()];
        self.write(Transition { new_connections, ..Transition::default() }).await;
        connection
    }

    /// Takes a lease that must be free.
    pub(crate) async fn fence(&self, name: &str) -> Fence {
        let time = LeaseTime { boot: "test".to_owned(), millis: 0 };
        match self.store.take_lease(name, "one", "a test", &time, 1_000, now()).await.unwrap() {
            LeaseAnswer::Taken { fence, .. } => fence,
            LeaseAnswer::HeldBy(row) => panic!("held by {}", row.holder),
        }
    }

    pub(crate) async fn write(&self, transition: Transition) {
        assert_eq!(self.store.apply(None, &[transition]).await.unwrap(), [Applied::Done]);
    }

    /// A request that was typed in.
    pub(crate) async fn request(&self, right: &str, email: &str) -> RequestId {
        match intake::submit(&self.desk(), &[draft(right, email)], None).await.unwrap().remove(0) {
            Ok(TakenIn { request, is_new: true }) => request,
            other => panic!("not taken in: {other:?}"),
        }
    }

    /// Marks a request as routed and gives it a task of the connection, changed as wished.
    pub(crate) async fn task(
        &self,
        id: RequestId,
        connection: &Connection,
        with: impl FnOnce(&mut Task),
    ) -> TaskId {
        let mut request = self.store.request(id).await.unwrap().unwrap();
        request.routed = Some(Vec::new());
        let task_id = TaskId::new(&*self.ids);
        let mut task =
            Task::for_connection(task_id, id, request.right, connection.id, Gate::Auto, now());
        with(&mut task);
        let (requests, new_tasks) = (vec![request], vec![task]);
        self.write(Transition { requests, new_tasks, ..Transition::default() }).await;
        task_id
    }

    /// A task that waits at the approval gate with a plan.
    pub(crate) async fn planned(&self, id: RequestId, connection: &Connection) -> TaskId {
        let plan = self.plan(id, connection).await;
        self.task(id, connection, |task| {
            let plan = Box::new(plan);
            let found = Found { n_profiles: 1, ..Found::default() };
            let made = carried(task, Command::MakePlan { plan, found });
            let ask = Command::AskApproval { why: "waits at the gate".into(), outcome: None };
            *task = carried(&made, ask);
        })
        .await
    }

    pub(crate) async fn plan(&self, id: RequestId, connection: &Connection) -> Plan {
        let identifiers = self.store.identifiers_of(&[id]).await.unwrap();
        let item = |(_, one): &(RequestId, domain::Identifier)| PlanItem {
            identifier: one.id,
            kind: one.kind.clone(),
            places: Vec::new(),
        };
        Plan {
            connection: connection.id,
            account: "acc_1".into(),
            right: Right::Deletion,
            scope: Scope::default(),
            variant: "SHRED".into(),
            acts_on: identifiers.iter().map(item).collect(),
            confirms_by: Vec::new(),
            n_profiles: 1,
            side_effects: vec!["the file is gone for ever".into()],
            by_hand: Vec::new(),
            weight: Weight::default(),
            can_be_stopped: false,
            settings: Digest::of(b"settings"),
        }
    }

    pub(crate) async fn load(&self, id: TaskId) -> Task {
        self.store.task(id).await.unwrap().unwrap()
    }

    /// The journal's entries of an event, as JSON text.
    pub(crate) async fn journal(&self, event: Event) -> Vec<String> {
        let filter = JournalFilter { event: Some(event), ..JournalFilter::default() };
        let entries = self.store.journal(From::After(0), &filter, 100).await.unwrap();
        entries.iter().map(|(_, entry)| serde_json::to_string(entry).unwrap()).collect()
    }
}

/// A task after a command of the engine.
pub(crate) fn carried(task: &Task, command: Command) -> Task {
    task.apply(command, &Actor::Engine, now()).unwrap().0
}

/// Puts a task into a state, as if it had come there.
pub(crate) fn put(task: &mut Task, state: TaskState) {
    task.state = state;
    task.due_at = None;
    task.detail.wait = None;
}

/// A good check of an account.
pub(crate) fn report(account: &str) -> CheckReport {
    CheckReport {
        at: now(),
        account: Some(Account { id: account.into(), name: "Account".into() }),
        permissions: Vec::new(),
        capabilities: Vec::new(),
        notes: Vec::new(),
        facts: serde_json::Value::Null,
    }
}

/// The code of a fault that was made here.
pub(crate) fn code(fault: &Fault) -> &'static str {
    match fault.code {
        Cow::Borrowed(code) => code,
        Cow::Owned(_) => panic!("read from elsewhere"),
    }
}

/// A draft with one e-mail address.
pub(crate) fn draft(right: &str, email: &str) -> Draft {
    Draft {
        right: right.into(),
        identifiers: vec![Given::new(IdentifierKind::Email, email)],
        ..Draft::default()
    }
}
