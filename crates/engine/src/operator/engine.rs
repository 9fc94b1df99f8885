//! Who runs the engine, and whether it may change anything.

use domain::Instant;
use serde::{Deserialize, Serialize};
use store::{LeaseRow, Store};
use utoipa::ToSchema;

use super::controls::{self, PausedAll};
use super::desk::OperatorError;
use crate::Holder;
use crate::holder::{CONNECTION, WORKER};
use crate::run::ENGINE_LEASE;

/// Where the engine stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EngineView {
    /// Who runs it now; while nobody does, nothing happens by itself.
    pub runs: Option<Runner>,
    /// Those who do its work beside each other, over a database that machines share; else empty.
    pub workers: Vec<Worker>,
    /// That every changing call is stopped, if so.
    pub paused_all: Option<PausedAll>,
}

/// Who runs the engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Runner {
    /// The process, in its own words.
    pub who: String,
    /// Since when.
    #[schema(value_type = Timestamp)]
    pub since: Instant,
}

/// One of those who do the engine's work beside each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Worker {
    /// The process, in its own words.
    pub who: String,
    /// Since when.
    #[schema(value_type = Timestamp)]
    pub since: Instant,
    /// How many connections it drives.
    pub n_connections: usize,
    /// Whether it also does what one does for all: routing what is new, telling others, looking after keys.
    pub leads: bool,
}

/// Where the engine stands, as this process sees it.
pub async fn view(store: &Store, me: &Holder) -> Result<EngineView, OperatorError> {
    me.ask_time(store).await?;
    let mut held = store.leases().await?;
    held.retain(|row| me.sees_held(row));
    let row = held.iter().find(|row| row.name == ENGINE_LEASE);
    Ok(EngineView {
        runs: row.map(|row| Runner { who: row.info.clone(), since: row.since }),
        workers: workers(&held),
        paused_all: controls::paused(store).await?,
    })
}

/// The lease of whoever runs the engine now; none where its process can be seen to be gone.
pub async fn runner(store: &Store, me: &Holder) -> Result<Option<LeaseRow>, OperatorError> {
    me.ask_time(store).await?;
    let row = store.lease(ENGINE_LEASE).await?;
    Ok(row.filter(|row| me.sees_held(row)))
}

/// The lease that says whether this process does the engine's work, or who does.
pub(crate) async fn standing(
    store: &Store,
    me: &Holder,
) -> Result<Option<LeaseRow>, OperatorError> {
    let runner = runner(store, me).await?;
    let mine = store.lease(&me.worker_lease()).await?;
    Ok(mine.filter(|row| me.sees_held(row)).or(runner))
}

fn workers(held: &[LeaseRow]) -> Vec<Worker> {
    let leases_of = |holder: &str, which: fn(&str) -> bool| {
        held.iter().filter(|row| row.holder == holder && which(&row.name)).count()
    };
    let workers = held.iter().filter(|row| row.name.starts_with(WORKER));
    let mut workers: Vec<_> = workers
        .map(|row| Worker {
            who: row.info.clone(),
            since: row.since,
            n_connections: leases_of(&row.holder, |name| name.starts_with(CONNECTION)),
            leads: leases_of(&row.holder, |name| name == ENGINE_LEASE) > 0,
        })
        .collect();
    workers.sort_by(|one, other| (one.since, &one.who).cmp(&(other.since, &other.who)));
    workers
}
