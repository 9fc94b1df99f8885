//! The desk: who acts, when, on which store. Every action of a person takes it.

use std::collections::{BTreeSet, HashSet};

use connector_api::Connector;
use domain::access::Permission;
use domain::id::IdSource;
use domain::{Actor, Entry, Event, Instant, Reach, RequestId, Role, Task};
use store::{Applied, Store, StoreError, Transition};

/// How often a decision is made anew before its maker is told to look again.
const TRIES: usize = 5;

/// The connectors that exist.
pub type Connectors = &'static [&'static dyn Connector];

/// Who acts, when, on which store.
pub struct Desk<'a> {
    /// The store.
    pub store: &'a Store,
    /// The connectors that exist.
    pub connectors: &'a [&'static dyn Connector],
    /// Where new ids come from.
    pub ids: &'a dyn IdSource,
    /// The person.
    pub actor: Actor,
    /// The person's roles: what they may give to others. Whether they may do a thing at all is asked
    /// by the face, before it comes here.
    pub roles: BTreeSet<Role>,
    /// The requests that the person sees and acts on.
    pub reach: Reach,
    /// The time.
    pub now: Instant,
}

impl Desk<'_> {
    /// A journal entry by this person, now.
    pub(super) fn entry(&self, event: Event) -> Entry {
        Entry::new(self.now, self.actor.clone(), event)
    }

    /// Whether one of the person's roles gives this permission, where the face could not ask for it.
    pub(super) fn may(&self, permission: Permission) -> bool {
        self.roles.iter().any(|role| role.allows(permission))
    }

    /// The person's name, for decisions that keep it.
    pub(super) fn name(&self) -> String {
        self.actor.to_string()
    }

    /// Those of these requests that the person may see.
    pub async fn within_reach(
        &self,
        ids: impl IntoIterator<Item = RequestId>,
    ) -> Result<HashSet<RequestId>, OperatorError> {
        if self.reach == Reach::All {
            return Ok(ids.into_iter().collect());
        }
        let mut ids: Vec<_> = ids.into_iter().collect();
        ids.sort();
        ids.dedup();
        let requests = self.store.requests_by_id(&ids).await?.into_iter();
        let covered = requests.filter(|request| self.reach.covers(request.brand.as_deref()));
        Ok(covered.map(|request| request.id).collect())
    }

    /// The connector of this name.
    pub(super) fn connector(&self, name: &str) -> Option<&'static dyn Connector> {
        self.connectors.iter().copied().find(|connector| connector.manifest().name == name)
    }

    /// Whether a task's system is still there. Nothing moves in one that was removed.
    pub(super) async fn has_system(&self, task: &Task) -> Result<bool, OperatorError> {
        let Some(id) = task.connection else { return Ok(true) };
        let connection = self.store.connection(id).await?;
        Ok(connection.is_some_and(|connection| connection.removed_at.is_none()))
    }

    /// Makes a transition out of what the store holds now and writes it; makes it again if somebody
    /// else, most often the engine, changed a row of it in between.
    pub(super) async fn write_fresh<T, Made>(
        &self,
        make: impl Fn() -> Made,
    ) -> Result<T, OperatorError>
    where
        Made: Future<Output = Result<(Transition, T), OperatorError>>,
    {
        for _ in 0..TRIES {
            let (transition, answer) = make().await?;
            if self.store.apply(None, &[transition]).await?.first() != Some(&Applied::Lost) {
                return Ok(answer);
            }
        }
        Err(OperatorError::ChangedMeanwhile)
    }

    /// Writes one transition; an error if somebody else changed a row of it first.
    pub(super) async fn write(&self, transition: Transition) -> Result<(), OperatorError> {
        match self.store.apply(None, &[transition]).await?.first() {
            Some(Applied::Lost) => Err(OperatorError::ChangedMeanwhile),
            _ => Ok(()),
        }
    }
}

/// Why an action of a person could not be carried out. Nothing of it was written.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// Nothing has this id or name.
    #[error("there is no such {what}")]
    NotFound {
        /// What was looked for.
        what: &'static str,
    },
    /// The beginning of an id fits several.
    #[error("{n} {what} begin like that; give more of the id")]
    Ambiguous {
        /// What was looked for.
        what: &'static str,
        /// How many.
        n: usize,
    },
    /// The task's state does not allow it.
    #[error("task {task}: {refused}")]
    Refused {
        /// The task.
        task: domain::TaskId,
        /// Why.
        refused: domain::task::Refused,
        /// What can be done instead, as a sentence with the command.
        instead: String,
    },
    /// The request's state does not allow it.
    #[error("the request is {state}: {why}")]
    WrongState {
        /// Its state.
        state: domain::RequestState,
        /// What is wrong with that.
        why: &'static str,
    },
    /// What was carried out can't be denied, or taken back, any more.
    #[error("it can't be {how} any more, since something was carried out: {}", .done.join("; "))]
    CarriedOut {
        /// The request.
        request: RequestId,
        /// As what it was to be closed.
        how: domain::request::ClosedAs,
        /// What, per system.
        done: Vec<String>,
    },
    /// Somebody else, or the engine, was quicker.
    #[error("it was changed by someone else at the same moment; look at it again")]
    ChangedMeanwhile,
    /// A connection that a failed call or check paused.
    #[error("it is paused because {why}; {remedy}")]
    NeedsCheck {
        /// Why it is paused.
        why: String,
        /// What to do about it.
        remedy: String,
    },
    /// A value can't be taken.
    #[error("{0}")]
    Fault(super::fault::Fault),
    /// Several values can't be taken.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Faults(Vec<super::fault::Fault>),
    /// A rule on who may do what stands against it.
    #[error("{0}")]
    Forbidden(super::fault::Fault),
    /// The store failed.
    #[error("the store could not be used")]
    Store(#[from] StoreError),
}
