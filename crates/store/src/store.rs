//! `Store`: the one handle to everything that survives.
//!
//! Its methods are spread over the files of the nouns (`request`, `task`, `job`, …); this one opens
//! and closes. Every write of the engine goes through `transition`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use domain::Instant;
use domain::id::IdSource;

use crate::blobs::{Blobs, Bodies};
use crate::connection::Secret;
use crate::crash::CrashPoints;
use crate::db::Db;
use crate::driver::sqlite::FILE;
use crate::error::StoreError;
use crate::installation;
use crate::keyring::{Keyring, Making};
use crate::keys::{KeyError, KeyFolder};
use crate::tally::Tally;
use crate::together::Together;
use crate::transition::{Applied, Prepared};

const BLOBS: &str = "blobs";

/// Where a store lives.
#[derive(Clone, Debug)]
pub struct Options {
    /// The data folder.
    pub data: PathBuf,
    /// The key folder; never inside the data folder.
    pub keys: PathBuf,
    /// The URL of a PostgreSQL database, in place of a file in the data folder.
    pub database: Option<Secret>,
    /// The bucket of the large bodies, in place of a folder in the data folder.
    pub bodies: Option<Bodies>,
}

/// The store. Clones share one set of connections.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    db: Db,
    keys: Keyring,
    blobs: Blobs,
    /// A store that only reads makes no ids.
    ids: Option<Arc<dyn IdSource>>,
    /// How often somebody who is not the engine wrote through this handle.
    n_asked: AtomicI64,
    /// How tasks ended.
    tally: Tally,
    /// What people decide, and others beside the engine.
    decisions: Together<Prepared, Vec<Applied>>,
}

impl Inner {
    fn new(db: Db, keys: Keyring, blobs: Blobs, ids: Option<Arc<dyn IdSource>>) -> Self {
        let (n_asked, decisions) = (AtomicI64::new(0), Together::default());
        let tally = Tally::default();
        Self { db, keys, blobs, ids, n_asked, tally, decisions }
    }
}

impl Store {
    /// Opens a store to read and write: makes folders, keys and database at the first start, and
    /// brings the schema up to date. Several processes may do so at once; they take turns.
    pub async fn open(
        options: &Options,
        ids: Arc<dyn IdSource>,
        now: Instant,
    ) -> Result<Self, StoreError> {
        if options.data.is_file() {
            return Err(StoreError::missing(&options.data));
        }
        let making = match &options.database {
            Some(url) => installation::meet(options, url).await?,
            None if is_new(&options.data) => Making::Allowed,
            None => Making::Refused,
        };
        let keys = match open_keys(options, making) {
            Ok(keys) => keys,
            Err(error) => return Err(true_cause(options, error).await),
        };
        let blobs = Blobs::open(options.data.join(BLOBS), options.bodies.as_ref())?;
        let db = match &options.database {
            Some(url) => Db::open_url(url.expose()).await?,
            None => Db::open(&options.data).await?,
        };
        if options.database.is_some() {
            installation::agree(&db, options).await?;
        }
        let store = Self { inner: Arc::new(Inner::new(db, keys, blobs, Some(ids))) };
        store.settle_bodies(options).await?;
        store.reload_keys().await?;
        store.refuse_lost_epoch(now).await?;
        store.keys().make_epoch(now)?;
        store.note_newest().await?;
        Ok(store)
    }

    /// Opens an existing store to read, beside whoever writes it. Makes and changes nothing.
    pub async fn open_read_only(options: &Options) -> Result<Self, StoreError> {
        let db = match &options.database {
            Some(url) => Db::open_url_read_only(url.expose()).await?,
            None => Db::open_read_only(&options.data).await?,
        };
        let folder = KeyFolder::open_existing(&options.keys, &options.data)?;
        let keys = Keyring::open(Arc::new(folder), Making::Refused)?;
        let blobs = Blobs::open_read_only(options.data.join(BLOBS), options.bodies.as_ref())?;
        let store = Self { inner: Arc::new(Inner::new(db, keys, blobs, None)) };
        store.check_bodies().await?;
        store.refuse_older_keys().await?;
        Ok(store)
    }

    /// A number that changes when another process has committed, or somebody in this one who is not
    /// the engine: who writes without a fence. Cheap.
    pub async fn data_version(&self) -> Result<i64, StoreError> {
        // Both only ever grow.
        Ok(self.db().data_version().await? + self.inner.n_asked.load(Ordering::SeqCst))
    }

    /// Whether the schema is still the one that this program writes: a newer one may have come since.
    pub async fn check_schema(&self) -> Result<(), StoreError> {
        self.db().check_schema().await
    }

    /// Whether the keys are still there.
    pub fn check_keys(&self) -> Result<(), StoreError> {
        Ok(self.keys().check()?)
    }

    /// Notes that somebody who is not the engine has committed something.
    pub(crate) fn note_asked(&self) {
        self.inner.n_asked.fetch_add(1, Ordering::SeqCst);
    }

    /// Where a simulation lets this process die.
    pub fn crash_points(&self) -> CrashPoints {
        self.db().crash_points()
    }

    /// Closes the connections, so that the last process to leave folds the log into the database.
    pub async fn close(&self) {
        self.db().close().await;
    }

    pub(crate) fn db(&self) -> &Db {
        &self.inner.db
    }

    pub(crate) fn keys(&self) -> &Keyring {
        &self.inner.keys
    }

    pub(crate) fn blobs(&self) -> &Blobs {
        &self.inner.blobs
    }

    pub(crate) fn tally(&self) -> &Tally {
        &self.inner.tally
    }

    pub(crate) fn decisions(&self) -> &Together<Prepared, Vec<Applied>> {
        &self.inner.decisions
    }

    pub(crate) fn ids(&self) -> Result<&dyn IdSource, StoreError> {
        self.inner.ids.as_deref().ok_or_else(|| StoreError::ReadOnly {
            attempt: "make an id",
            cause: "the store was opened for reading".into(),
        })
    }
}

/// Keys are made for a store that is new. In place of one that is lost, a new one would only hide what
/// became of it.
fn open_keys(options: &Options, making: Making) -> Result<Keyring, KeyError> {
    let folder = KeyFolder::open(&options.keys, &options.data)?;
    Keyring::open(Arc::new(folder), making)
}

/// Why a store can't be opened whose keys can't: what is no database has no keys either.
async fn true_cause(options: &Options, error: KeyError) -> StoreError {
    let data = &options.data;
    if options.database.is_some() || is_new(data) {
        return error.into();
    }
    match Db::open_read_only(data).await {
        Err(no @ StoreError::NoDatabase { .. }) => no,
        _ => error.into(),
    }
}

fn is_new(data: &Path) -> bool {
    !data.join(FILE).exists()
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}
