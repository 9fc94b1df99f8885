//! What every handler needs: the store, the time, and where ids come from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use domain::connection::CheckReport;
use domain::id::IdSource;
use domain::{Actor, Connection, Instant, Reach};
use engine::check::check;
use engine::http::HttpClient;
use engine::operator::intake::Taken;
use engine::operator::{Connectors, Desk};
use engine::{Clock, Holder, Surroundings};
use store::{Secret, Store, Together};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use crate::caller::Caller;
use crate::intake::Sent;
use crate::listen::{Meter, Rate};
use crate::metrics::Measured;
use crate::problem::Problem;

/// Files that are spooled at once, of those that come in and of those that go out: each may be as large
/// as the disk has room for.
const FILES_AT_ONCE: usize = 2;
/// How long a file waits for its place.
const PLACE_WITHIN: Duration = Duration::from_secs(60);
/// How often a minute a principal is told whether secrets are those that are held.
const COMPARISONS: u32 = 6;

/// What a server is made of.
pub struct Parts {
    /// The store.
    pub store: Store,
    /// The connectors that exist.
    pub connectors: Connectors,
    /// Where ids come from.
    pub ids: Arc<dyn IdSource>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The engine's HTTP client, for checks that a person asks for.
    pub http: HttpClient,
    /// This process, to tell who runs the engine.
    pub holder: Holder,
    /// What is measured besides the store.
    pub measured: Measured,
    /// Says true once the server is to stop.
    pub stopped: watch::Receiver<bool>,
}

/// The server's state. Clones share it.
#[derive(Clone)]
pub struct App(Arc<Shared>);

struct Shared {
    parts: Parts,
    /// Places for files that come in.
    imports: Arc<Semaphore>,
    /// Places for files that go out.
    packages: Arc<Semaphore>,
    /// Requests that are being sent.
    intake: Together<Arc<Sent>, Taken>,
    /// Who was told whether secrets are those that are held.
    comparisons: Meter,
}

impl App {
    /// A server over these parts.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Shared {
            parts,
            imports: Arc::new(Semaphore::new(FILES_AT_ONCE)),
            packages: Arc::new(Semaphore::new(FILES_AT_ONCE)),
            intake: Together::default(),
            comparisons: Meter::new(Rate::of(COMPARISONS, Duration::from_secs(60))),
        }))
    }

    /// The store.
    pub(crate) fn store(&self) -> &Store {
        &self.0.parts.store
    }

    /// A place for a file that comes in; to be kept for as long as the file is there.
    pub(crate) async fn place_for_import(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let busy = || Problem::busy("other files are being imported");
        place(&self.0.imports).await.ok_or_else(busy)
    }

    /// A place for a file that goes out; to be kept for as long as the file is there.
    pub(crate) async fn place_for_package(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let busy = || Problem::busy("other packages are being made, or taken");
        place(&self.0.packages).await.ok_or_else(busy)
    }

    /// Where requests that are being sent wait for one another.
    pub(crate) fn intake(&self) -> &Together<Arc<Sent>, Taken> {
        &self.0.intake
    }

    /// Who was told whether secrets are those that are held, and how often.
    pub(crate) fn comparisons(&self) -> &Meter {
        &self.0.comparisons
    }

    /// A name for a request to this server, which nothing else has.
    pub(crate) fn request_id(&self) -> String {
        self.0.parts.ids.next().simple().to_string()
    }

    /// What is measured besides the store.
    pub(crate) fn measured(&self) -> &Measured {
        &self.0.parts.measured
    }

    /// The time.
    pub(crate) fn now(&self) -> Instant {
        self.0.parts.clock.now()
    }

    /// Whether the server is being stopped, for answers that would go on for ever.
    pub(crate) fn stopped(&self) -> watch::Receiver<bool> {
        self.0.parts.stopped.clone()
    }

    /// The desk at which a caller acts, now.
    pub(crate) fn desk(&self, caller: &Caller) -> Desk<'_> {
        Desk {
            store: &self.0.parts.store,
            connectors: self.0.parts.connectors,
            ids: &*self.0.parts.ids,
            actor: caller.access().actor(),
            roles: caller.access().roles.clone(),
            reach: caller.access().reach.clone(),
            now: self.now(),
        }
    }

    /// A desk for somebody whom nobody knows yet: it gives nothing and reaches nothing.
    pub(crate) fn desk_of_nobody(&self) -> Desk<'_> {
        Desk {
            store: &self.0.parts.store,
            connectors: self.0.parts.connectors,
            ids: &*self.0.parts.ids,
            actor: Actor::Operator("set-up".to_owned()),
            roles: BTreeSet::new(),
            reach: Reach::Brands(BTreeSet::new()),
            now: self.now(),
        }
    }

    /// This process, to tell who runs the engine.
    pub(crate) fn holder(&self) -> &Holder {
        &self.0.parts.holder
    }

    /// Tries every permission of a connection that need not be saved yet.
    pub(crate) async fn check(
        &self,
        connection: &Connection,
        secrets: BTreeMap<String, Secret>,
    ) -> Result<CheckReport, Problem> {
        let mut connectors = self.0.parts.connectors.iter().copied();
        let connector = connectors.find(|one| one.manifest().name == connection.connector);
        let connector = connector.ok_or_else(|| Problem::not_found("connector"))?;
        let with = Surroundings {
            store: self.0.parts.store.clone(),
            clock: Arc::clone(&self.0.parts.clock),
            http: self.0.parts.http.clone(),
        };
        Ok(check(connector, connection, secrets, &with).await?)
    }
}

/// Waits until a place is free; nothing if none is in time.
async fn place(places: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    // Nobody closes it.
    timeout(PLACE_WITHIN, Arc::clone(places).acquire_owned()).await.ok()?.ok()
}
