//! Who runs the engine, and whether it may change anything.

use domain::Instant;
use serde::{Deserialize, Serialize};
use store::{LeaseRow, Store};
use utoipa::ToSchema;

use super::controls::{self, PausedAll};
use super::desk::OperatorError;
use crate::Holder;
use crate::run::ENGINE_LEASE;

/// Where the engine stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EngineView {
    /// Who runs it now; while nobody does, nothing happens by itself.
    pub runs: Option<Runner>,
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

/// Where the engine stands, as this process sees it.
pub async fn view(store: &Store, me: &Holder) -> Result<EngineView, OperatorError> {
    let row = runner(store, me).await?;
    Ok(EngineView {
        runs: row.map(|row| Runner { who: row.info, since: row.since }),
        paused_all: controls::paused(store).await?,
    })
}

/// The lease of whoever runs the engine now; none where its process can be seen to be gone.
pub async fn runner(store: &Store, me: &Holder) -> Result<Option<LeaseRow>, OperatorError> {
    let row = store.lease(ENGINE_LEASE).await?;
    Ok(row.filter(|row| row.is_held(&(me.time)()) && !(me.is_gone)(&row.holder)))
}
