//! A package from the store to the file, and what happens when it can't be written.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::deadline::deadline;
use domain::id::{IdSource, TimedIds};
use domain::request::Verified;
use domain::{
    ConnectionId, Gate, Identifier, IdentifierId, IdentifierKind, Origin, Outcome, RequestState,
    Right, Scope, TaskId,
};
use store::{Collected, From, JournalFilter, NewRequest, Options};

use std::fs::File;

use super::*;

struct World {
    root: tempfile::TempDir,
    store: Store,
    ids: Arc<dyn IdSource>,
}

fn now() -> Instant {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

async fn world() -> World {
    let n = AtomicU64::new(1);
    let random = move || n.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    let ids: Arc<dyn IdSource> = Arc::new(TimedIds::new(now, random));
    let root = tempfile::tempdir().unwrap();
    let options = Options {
        data: root.path().join("data"),
        keys: root.path().join("keys"),
        database: None,
        bodies: None,
    };
    let store = Store::open(&options, Arc::clone(&ids), now()).await.unwrap();
    World { root, store, ids }
}

impl World {
    async fn request(&self, right: Right) -> Request {
        let request = Request {
            id: RequestId::new(&*self.ids),
            right,
            scope: Scope::parse(right, "").unwrap(),
            received_at: now(),
            deadline: deadline(now(), None, 30),
            jurisdiction: None,
            brand: None,
            subject_kind: None,
            external_id: None,
            verified: Some(Verified { by: "ops".into(), at: now() }),
            routed: Some(Vec::new()),
            closing: None,
            state: RequestState::Received,
            version: 0,
        };
        let email = Identifier {
            id: IdentifierId::new(&*self.ids),
            kind: IdentifierKind::Email,
            given: "Ada@Example.com".into(),
            normalised: "ada@example.com".into(),
            origin: Origin::Given,
            seen_in: Vec::new(),
        };
        let new = NewRequest {
            request: request.clone(),
            identifiers: vec![email],
            idempotency: request.id.to_string(),
            journal: Vec::new(),
        };
        self.store.add_requests(vec![new], now()).await.unwrap();
        request
    }

    /// A task that has collected this body.
    async fn collected(&self, request: &Request, body: &str) {
        let mut task = Task::for_connection(
            TaskId::new(&*self.ids),
            request.id,
            request.right,
            ConnectionId::new(&*self.ids),
            Gate::Auto,
            now(),
        );
        task.connection = None;
        task.state = TaskState::Ended;
        task.detail.outcome = Some(Outcome::Done { counts: "2 traits".into() });
        let collected = vec![self.body(&task, 1, body).await];
        let transition = Transition { new_tasks: vec![task], collected, ..Transition::default() };
        self.store.apply(None, &[transition]).await.unwrap();
    }

    async fn body(&self, task: &Task, round: u32, body: &str) -> Collected {
        let mut writer = self.store.blob_writer(task.request).await.unwrap();
        writer.append(body.as_bytes()).unwrap();
        let (blob, n_bytes) = writer.finish().await.unwrap();
        Collected { task: task.id, request: task.request, round, blob, n_records: 2, n_bytes }
    }

    async fn write(&self, request: &Request, name: &str) -> Result<Summary, PackageError> {
        let actor = Actor::Operator("ops".into());
        let out = File::create(self.root.path().join(name)).unwrap();
        Ok(write(&self.store, request.id, &actor, now(), out).await?.0)
    }

    /// The page of a package that was written.
    fn page(&self, name: &str) -> String {
        let file = File::open(self.root.path().join(name)).unwrap();
        let mut zip = zip::ZipArchive::new(file).unwrap();
        io::read_to_string(zip.by_name("index.html").unwrap()).unwrap()
    }
}

#[tokio::test]
async fn a_package_holds_what_was_collected_and_is_journalled() {
    let world = world().await;
    let request = world.request(Right::Access).await;
    let body =
        "{\"file\":\"traits\",\"record\":{\"a\":1}}\n{\"file\":\"traits\",\"record\":{\"a\":2}}\n";
    world.collected(&request, body).await;
    let summary = world.write(&request, "p.zip").await.unwrap();
    assert_eq!((summary.n_systems, summary.n_files, summary.n_records), (1, 1, 2));
    assert!(summary.reservations.is_empty());
    let size = std::fs::metadata(world.root.path().join("p.zip")).unwrap().len();
    assert_eq!(summary.size_bytes, size);
    let page = world.page("p.zip");
    assert!(page.contains("Ada@Example.com") && page.contains("2 traits"));
    let filter = JournalFilter { event: Some(Event::PackageWritten), ..JournalFilter::default() };
    let journal = world.store.journal(From::After(0), &filter, 10).await.unwrap();
    assert_eq!(journal.len(), 1);
    assert!(!serde_json::to_string(&journal[0].1).unwrap().to_lowercase().contains("ada"));
}

#[tokio::test]
async fn a_failed_writing_is_not_journalled() {
    let world = world().await;
    let request = world.request(Right::Access).await;
    world.collected(&request, "this is not a record\n").await;
    let answer = world.write(&request, "p.zip").await;
    assert!(matches!(answer, Err(PackageError::Damaged { .. })));
    let filter = JournalFilter { event: Some(Event::PackageWritten), ..JournalFilter::default() };
    assert!(world.store.journal(From::After(0), &filter, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_deletion_has_nothing_to_package() {
    let world = world().await;
    let request = world.request(Right::Deletion).await;
    let answer = world.write(&request, "p.zip").await;
    assert!(matches!(answer, Err(PackageError::NothingToPackage { .. })));
}

#[tokio::test]
async fn what_is_not_complete_says_so() {
    let world = world().await;
    let request = world.request(Right::Access).await;
    world.collected(&request, "").await;
    let mut task = world.store.tasks_of(&[request.id]).await.unwrap().remove(0);
    task.state = TaskState::Approving;
    let transition = Transition { tasks: vec![task], ..Transition::default() };
    world.store.apply(None, &[transition]).await.unwrap();
    let summary = world.write(&request, "p.zip").await.unwrap();
    assert_eq!(summary.reservations.len(), 1);
    assert!(summary.reservations[0].contains("for review only"));
}

#[tokio::test]
async fn a_later_round_replaces_what_an_earlier_one_collected() {
    let world = world().await;
    let request = world.request(Right::Access).await;
    world.collected(&request, "{\"file\":\"t\",\"record\":1}\n").await;
    let task = world.store.tasks_of(&[request.id]).await.unwrap().remove(0);
    let body = "{\"file\":\"t\",\"record\":1}\n{\"file\":\"t\",\"record\":2}\n";
    let collected = vec![world.body(&task, 2, body).await];
    let transition = Transition { collected, ..Transition::default() };
    world.store.apply(None, &[transition]).await.unwrap();
    assert_eq!(world.write(&request, "p.zip").await.unwrap().n_records, 2);
}

#[tokio::test]
async fn what_a_later_round_noted_stands_beside_what_an_earlier_one_collected() {
    let world = world().await;
    let request = world.request(Right::Access).await;
    world.collected(&request, "{\"file\":\"t\",\"record\":1}\n").await;
    let task = world.store.tasks_of(&[request.id]).await.unwrap().remove(0);
    let noted = world.body(&task, 2, "{\"file\":\"notes\",\"record\":\"it has gone\"}\n").await;
    let collected = vec![Collected { n_records: 0, ..noted }];
    let transition = Transition { collected, ..Transition::default() };
    world.store.apply(None, &[transition]).await.unwrap();
    assert_eq!(world.write(&request, "p.zip").await.unwrap().n_records, 1);
    let page = world.page("p.zip");
    assert!(page.contains("it has gone"), "{page}");
}
