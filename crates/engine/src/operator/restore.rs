//! After a backup was put back: what has to be so before anybody uses the store again.
//!
//! The store knows nothing of what happened since the backup was made. So every changing call is
//! stopped until a person says otherwise, whoever was known by a token is not any more, what was purged
//! is purged again, and every vendor is asked soon where its jobs stand. What was sent meanwhile is
//! found at the vendor before anything is sent ([`found`](crate::work::found)).

use domain::job::JobState;
use domain::{Event, Instant, Job, RequestId};
use serde::{Deserialize, Serialize};
use store::backup::Head;
use store::keys::KeyError;
use store::{From, JournalFilter, Store, StoreError, Transition};
use utoipa::ToSchema;

use super::controls::{PAUSED_ALL, PausedAll};
use super::desk::{Desk, OperatorError};
use super::fault::Fault;
use super::purge;
use crate::work::found::is_looked_for;

/// How the store was put back last.
const RESTORED: &str = "restored";
/// Where the token lies by which the first of all sets up the installation.
const SETUP: &str = "setup";

/// How the store was put back last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// How often that happened, counted from one.
    pub generation: u32,
    /// Since when the store may not know what was sent: since the backup was made, or one that was
    /// put back shortly before.
    pub made_at: Instant,
    /// When it was put back.
    pub at: Instant,
    /// The last request that it knew.
    pub last_request: Option<RequestId>,
}

/// What was done after a backup was put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RestoreView {
    /// When the backup was made.
    #[schema(value_type = Timestamp)]
    pub made_at: Instant,
    /// How often this installation was put back by now.
    pub generation: u32,
    /// Requests that the list beside the keys names, purged again.
    pub n_purged: usize,
    /// Requests whose keys were destroyed again, as they were after the backup; all of them closed.
    pub n_unreadable: u64,
    /// Tokens that ended.
    pub n_tokens_ended: u64,
    /// Webhooks and others that are told nothing until somebody enables them again.
    pub n_endpoints_disabled: u64,
    /// Jobs about which the vendors are asked at once.
    pub n_jobs: usize,
}

/// How the store was put back last, if it ever was.
pub async fn last(store: &Store) -> Result<Option<Restored>, StoreError> {
    let text = store.setting(RESTORED).await?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

/// Makes a store that was put back ready to be used. Where it can't be, the caller throws it away.
pub async fn begin(desk: &Desk<'_>, head: &Head) -> Result<RestoreView, OperatorError> {
    let store = desk.store;
    let before = last(store).await?;
    // By the clock that the store followed, which need not be the machine's.
    let last_entry = store.journal(From::Before(i64::MAX), &JournalFilter::default(), 1).await?;
    let last_at = last_entry.first().map_or(head.made_at, |(_, entry)| entry.at);
    let made_at = head.made_at.min(last_at);
    let restored = Restored {
        generation: before.as_ref().map_or(0, |before| before.generation) + 1,
        // What the backup before did not know of may still wait to be sent.
        made_at: before
            .filter(|one| is_looked_for(one, desk.now))
            .map_or(made_at, |before| made_at.min(before.made_at)),
        at: desk.now,
        last_request: store.newest_request().await?,
    };
    let why = format!("put back from the backup of {}", head.made_at);
    let paused = PausedAll { by: desk.name(), since: desk.now, why: Some(why) };
    let settings = [
        (RESTORED, serde_json::json!(restored).to_string()),
        (PAUSED_ALL, serde_json::json!(paused).to_string()),
        (SETUP, String::new()),
    ];
    let entry = desk
        .entry(Event::StoreRestored)
        .fact("generation", restored.generation)
        .fact("backup_made_at", head.made_at.to_string());
    let ended = store.start_over(&settings, &entry, desk.now).await?;
    let n_purged = purge::finish(desk).await?;
    let n_unreadable = refuse_lost(store).await?;
    let n_jobs = ask_all(desk).await?;
    Ok(RestoreView {
        made_at: head.made_at,
        generation: restored.generation,
        n_purged,
        n_unreadable,
        n_tokens_ended: ended.n_tokens,
        n_endpoints_disabled: ended.n_endpoints,
        n_jobs,
    })
}

/// Refuses a backup so old that keys of open requests were destroyed since, and one whose keys are
/// missing. Returns how many closed requests can't be read.
async fn refuse_lost(store: &Store) -> Result<u64, OperatorError> {
    let mut n_unreadable = 0;
    for epoch in store.lost_epochs().await? {
        if !epoch.was_destroyed {
            return Err(StoreError::Keys(KeyError::Missing(epoch.key)).into());
        }
        if epoch.n_open > 0 {
            let message = format!(
                "the backup is too old: the key {} was destroyed since, and without it {} of its open requests can't be read",
                epoch.key, epoch.n_open
            );
            return Err(OperatorError::Fault(Fault::new("", "E-BAK-004", message)));
        }
        n_unreadable += epoch.n_requests;
    }
    Ok(n_unreadable)
}

/// Lets every vendor be asked at once where its jobs stand.
async fn ask_all(desk: &Desk<'_>) -> Result<usize, OperatorError> {
    let mut n_jobs = 0;
    for connection in desk.store.all_connections().await? {
        for state in [JobState::Sending, JobState::Running] {
            let jobs = desk.store.jobs(connection.id, state).await?;
            n_jobs += jobs.len();
            for jobs in jobs.chunks(500) {
                let due = |job: &Job| Job { due_at: Some(desk.now), ..job.clone() };
                let jobs = jobs.iter().map(due).collect();
                desk.write(Transition { jobs, ..Transition::default() }).await?;
            }
        }
    }
    Ok(n_jobs)
}
