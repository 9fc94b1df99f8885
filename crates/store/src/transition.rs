//! Transitions: the one way in which the engine writes.
//!
//! A transition is everything that happens at once: changed rows, new rows, journal. Many of them are
//! committed together. All of a group are written as sets first; if a single row was changed by
//! somebody else meanwhile, the group is undone and written again one transition at a time, and only
//! the losers are left out. The state of every request that was touched is derived anew in the same
//! transaction, so nobody can forget it.

use std::collections::BTreeMap;

use domain::identifier::Sighting;
use domain::job::Carried;
use domain::{
    Connection, ConnectionId, Entry, Evidence, Identifier, IdentifierId, Instant, Job, Principal,
    Request, RequestId, Task, TokenId,
};

use crate::collected::Collected;
use crate::connection::Secret;
use crate::db::Tx;
use crate::error::StoreError;
use crate::intent::{Intent, IntentOutcome};
use crate::lease::{self, Fence};
use crate::principal::NewToken;
use crate::store::Store;
use crate::write::{Rows, Written, write};

/// Everything that happens at once. Rows that exist carry the version that was loaded.
#[derive(Clone, Debug, Default)]
pub struct Transition {
    /// Tasks that exist.
    pub tasks: Vec<Task>,
    /// New tasks.
    pub new_tasks: Vec<Task>,
    /// Requests that exist; their state is derived, not taken.
    pub requests: Vec<Request>,
    /// New identifiers. One that the request has already is merged into it; if a task of the same
    /// transition names the new one, the transition loses instead and finds the other one next time.
    pub new_identifiers: Vec<(RequestId, Identifier)>,
    /// Where identifiers that exist were seen.
    pub sightings: Vec<(IdentifierId, Vec<Sighting>)>,
    /// New vendor jobs.
    pub new_jobs: Vec<Job>,
    /// Vendor jobs that exist.
    pub jobs: Vec<Job>,
    /// What jobs carry.
    pub carried: Vec<Carried>,
    /// Changing calls about to be made.
    pub new_intents: Vec<Intent>,
    /// What became of changing calls.
    pub intents: Vec<IntentOutcome>,
    /// Evidence with its body.
    pub evidence: Vec<(Evidence, Vec<u8>)>,
    /// What was collected.
    pub collected: Vec<Collected>,
    /// New connections.
    pub new_connections: Vec<Connection>,
    /// Connections that exist.
    pub connections: Vec<Connection>,
    /// Secrets of connections, in place of all that they had.
    pub secrets: Vec<(ConnectionId, BTreeMap<String, Secret>)>,
    /// New principals.
    pub new_principals: Vec<Principal>,
    /// Principals that exist.
    pub principals: Vec<Principal>,
    /// New tokens.
    pub new_tokens: Vec<NewToken>,
    /// Tokens that end now. One that has ended already makes the transition lose.
    pub revoked_tokens: Vec<(TokenId, Instant)>,
    /// Deletions approved: connection, day as `YYYY-MM-DD`, how many more.
    pub approved_today: Vec<(ConnectionId, String, u32)>,
    /// Requests whose values are destroyed; see [`Store::purge`].
    pub purged: Vec<RequestId>,
    /// What to journal.
    pub journal: Vec<Entry>,
}

/// What came of a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It is durable.
    Done,
    /// Somebody else changed one of its rows first; nothing of it was written.
    Lost,
}

/// Transitions with their rows: what takes time before the writer's turn begins is done, above all
/// sealing. Many may be prepared side by side.
pub struct Prepared {
    transitions: Vec<Transition>,
    /// Nothing where the key of a request was destroyed.
    rows: Option<Rows>,
}

impl Prepared {
    /// How many transitions there are.
    pub fn len(&self) -> usize {
        self.transitions.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.transitions.is_empty()
    }
}

impl Store {
    /// Writes transitions in one durable transaction, under a fence if one is given. Either the
    /// fence is lost and nothing is written, or each transition is written whole or not at all.
    /// Without a fence, what others write at the same moment shares the transaction.
    pub async fn apply(
        &self,
        fence: Option<&Fence>,
        transitions: &[Transition],
    ) -> Result<Vec<Applied>, StoreError> {
        let prepared = self.prepare(transitions.to_vec()).await?;
        if fence.is_some() {
            return self.apply_prepared(fence, vec![prepared]).await;
        }
        let applied = match self.apply_with_others(prepared).await {
            Some(applied) => applied,
            // Alone, so that whoever fails learns why, and fails alone if it was theirs.
            None => {
                self.apply_prepared(None, vec![self.prepare(transitions.to_vec()).await?]).await?
            }
        };
        self.note_asked();
        Ok(applied)
    }

    /// Writes what people decided at the same moment; nothing if that failed as a whole.
    async fn apply_with_others(&self, prepared: Prepared) -> Option<Vec<Applied>> {
        let write = |all: Vec<Prepared>| async move {
            let lengths: Vec<usize> = all.iter().map(Prepared::len).collect();
            let Ok(applied) = self.apply_prepared(None, all).await else { return Vec::new() };
            let mut applied = applied.into_iter();
            lengths.into_iter().map(|n| applied.by_ref().take(n).collect()).collect()
        };
        self.decisions().ask(prepared, write).await
    }

    /// Makes transitions ready to be written.
    pub async fn prepare(&self, transitions: Vec<Transition>) -> Result<Prepared, StoreError> {
        let keys = self.request_keys(transitions.iter().flat_map(sealed_for)).await?;
        let rows = Rows::of(self.keys(), &keys, &transitions)?;
        Ok(Prepared { transitions, rows })
    }

    /// What `apply` does, for transitions that were prepared apart from each other.
    pub async fn apply_prepared(
        &self,
        fence: Option<&Fence>,
        prepared: Vec<Prepared>,
    ) -> Result<Vec<Applied>, StoreError> {
        let mut transitions = Vec::with_capacity(prepared.iter().map(Prepared::len).sum());
        let mut rows = Some(Rows::default());
        for one in prepared {
            transitions.extend(one.transitions);
            rows = rows.zip(one.rows).map(|(all, new)| all.and(new));
        }
        if let Some(rows) = rows
            && self.apply_together(fence, &transitions, rows).await? == Written::All
        {
            self.tally().note(transitions.iter().flat_map(|one| &one.journal));
            return Ok(vec![Applied::Done; transitions.len()]);
        }
        let applied = self.apply_one_by_one(fence, &transitions).await?;
        let done = transitions.iter().zip(&applied).filter(|(_, what)| **what == Applied::Done);
        self.tally().note(done.flat_map(|(one, _)| &one.journal));
        Ok(applied)
    }

    async fn apply_together(
        &self,
        fence: Option<&Fence>,
        transitions: &[Transition],
        rows: Rows,
    ) -> Result<Written, StoreError> {
        let mut tx = self.db().begin().await?;
        lease::check(&mut tx, fence).await?;
        if self.is_behind(&mut tx).await? {
            // What was prepared names keys that another process has replaced.
            drop(tx);
            self.reload_keys().await?;
            return Ok(Written::Lost);
        }
        let written = self.write_or_lose(&mut tx, transitions, rows).await?;
        if written == Written::All {
            tx.commit().await?;
        }
        Ok(written)
    }

    async fn apply_one_by_one(
        &self,
        fence: Option<&Fence>,
        transitions: &[Transition],
    ) -> Result<Vec<Applied>, StoreError> {
        let keys = self.request_keys(transitions.iter().flat_map(sealed_for)).await?;
        let mut tx = self.db().begin().await?;
        lease::check(&mut tx, fence).await?;
        let mut applied = Vec::with_capacity(transitions.len());
        for transition in transitions {
            let one = std::slice::from_ref(transition);
            let Some(rows) = Rows::of(self.keys(), &keys, one)? else {
                applied.push(Applied::Lost);
                continue;
            };
            tx.mark().await?;
            if self.write_or_lose(&mut tx, one, rows).await? == Written::All {
                tx.keep().await?;
                applied.push(Applied::Done);
            } else {
                tx.undo().await?;
                applied.push(Applied::Lost);
            }
        }
        tx.commit().await?;
        Ok(applied)
    }

    /// Writes; a row that exists already is somebody else's, who was first.
    async fn write_or_lose(
        &self,
        tx: &mut Tx,
        transitions: &[Transition],
        rows: Rows,
    ) -> Result<Written, StoreError> {
        match write(tx, self.keys(), transitions, rows).await {
            Err(StoreError::Duplicate { .. }) => Ok(Written::Lost),
            other => other,
        }
    }
}

/// The requests whose keys a transition needs.
fn sealed_for(transition: &Transition) -> impl Iterator<Item = RequestId> {
    let identifiers = transition.new_identifiers.iter().map(|(request, _)| *request);
    let evidence = transition.evidence.iter().filter_map(|(evidence, _)| evidence.task);
    identifiers.chain(evidence.map(|(request, _)| request))
}
