//! What a person is shown before a gate is opened: who would be acted on by what, with which side
//! effects, and what else should be known.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::identifier::mask;
use domain::plan::{HandWork, PlanItem};
use domain::{
    Connection, Digest, Identifier, IdentifierId, IdentifierKind, Instant, Origin, Outcome, Plan,
    Request, RequestId, Right, Scope, Task, TaskId, TaskState,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::people::same_person;
use super::{GateName, gate_of};
use crate::operator::desk::{Desk, OperatorError};

domain::words! {
    /// What passing the gate lets happen.
    Passing: "what is approved" {
        /// The search for the person begins.
        Begin = "begin",
        /// The plan is carried out.
        Act = "act",
        /// What was collected may go to the person.
        Release = "release",
    }
}

impl Passing {
    /// What passing its gate would mean for a task, if it waits at one.
    pub(super) fn of(task: &Task) -> Option<Self> {
        match task.state {
            TaskState::Reviewing => Some(Self::Begin),
            TaskState::Approving if task.detail.outcome.is_some() => Some(Self::Release),
            TaskState::Approving => Some(Self::Act),
            _ => None,
        }
    }
}

/// One task at a gate, as a person is shown it. Values are masked.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Pending {
    /// The task.
    pub task: TaskId,
    /// The task's version as it was shown: what changed since is not approved.
    pub version: i64,
    /// The digest of the plan that is shown, if there is one; an approval holds for this one only.
    pub plan: Option<Digest>,
    /// Its request.
    pub request: RequestId,
    /// The gate it waits at.
    pub gate: GateName,
    /// What passing means.
    pub what: Passing,
    /// The connection's name.
    pub connection: String,
    /// The right.
    pub right: Right,
    /// Its scope; empty where the right has none.
    pub scope: Scope,
    /// When the request must be answered.
    #[schema(value_type = Timestamp)]
    pub due_at: Instant,
    /// Whether that has passed.
    pub is_late: bool,
    /// Why it waits, in words; names a guard that stopped it.
    pub why: String,
    /// The vendor's word for the way it would be done.
    pub variant: Option<String>,
    /// Identifiers that would be sent, counted by type.
    pub sends: Vec<Sent>,
    /// How many profiles the person has there, once known.
    pub n_profiles: Option<u32>,
    /// Everything known to name the person, and where each came from.
    pub identifiers: Vec<IdentifierView>,
    /// What else happens.
    pub side_effects: Vec<String>,
    /// What is left to a person.
    pub by_hand: Vec<HandWork>,
    /// Whether the vendor can still stop it once it is sent.
    pub can_be_stopped: bool,
    /// What changed since an earlier approval.
    pub changes: Vec<String>,
    /// What was collected, in words, where its release is asked.
    pub collected: Option<String>,
    /// How many records would be released.
    pub n_records: u64,
    /// How many files they lie in.
    pub n_files: u64,
    /// Access requests of the same person for which something is still to be collected: a deletion
    /// waits for them.
    pub open_accesses: Vec<RequestId>,
    /// Other open requests of the same person under the same right.
    pub same_person: Vec<RequestId>,
    /// Why the connection can't be reached or acted on now, if so.
    pub hindered: Option<String>,
    /// The plan itself, to say what changed; it does not leave the program.
    #[serde(skip)]
    pub(super) planned: Option<Plan>,
}

/// How many identifiers of a type would be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sent {
    /// The type.
    pub kind: IdentifierKind,
    /// How many.
    pub n: u32,
}

/// An identifier, masked, with where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IdentifierView {
    /// Its id.
    pub id: IdentifierId,
    /// Its type.
    pub kind: IdentifierKind,
    /// Its value, masked.
    pub masked: String,
    /// Who or what named it.
    pub origin: String,
    /// Whether the requester or an operator vouches for it.
    pub is_vouched_for: bool,
    /// Where it was seen, as `connection/place`.
    pub seen_in: Vec<String>,
}

impl IdentifierView {
    /// An identifier as it may be shown.
    pub(in crate::operator) fn new(identifier: &Identifier, connections: &[Connection]) -> Self {
        let name = |id| {
            let connection = connections.iter().find(|connection| connection.id == id);
            connection.map_or("a connection", |connection| connection.name.as_str())
        };
        Self {
            id: identifier.id,
            kind: identifier.kind.clone(),
            masked: mask(&identifier.kind, &identifier.given),
            origin: match &identifier.origin {
                Origin::Given => "given with the request".to_owned(),
                Origin::Added => "added by an operator".to_owned(),
                Origin::Found { connection, .. } => format!("found in {}", name(*connection)),
            },
            is_vouched_for: identifier.origin.is_vouched_for(),
            seen_in: identifier
                .seen_in
                .iter()
                .map(|seen| format!("{}/{}", name(seen.connection), seen.place))
                .collect(),
        }
    }
}

/// What is known around tasks at the gates.
struct Around<'a> {
    connections: &'a [Connection],
    requests: HashMap<RequestId, Request>,
    identifiers: HashMap<RequestId, Vec<IdentifierView>>,
    open_accesses: Vec<(RequestId, RequestId)>,
    same_person: HashMap<RequestId, BTreeSet<RequestId>>,
    /// Records and files that were collected, per task and round.
    collected: HashMap<(TaskId, u32), (u64, u64)>,
    now: Instant,
}

/// Describes tasks at the gates.
pub(super) async fn describe(
    desk: &Desk<'_>,
    connections: &[Connection],
    tasks: &[Task],
) -> Result<Vec<Pending>, OperatorError> {
    let mut ids: Vec<_> = tasks.iter().map(|task| task.request).collect();
    ids.sort();
    ids.dedup();
    let requests = desk.store.requests_by_id(&ids).await?.into_iter();
    let requests = requests.map(|request| (request.id, request)).collect();
    let known = desk.store.identifiers_of(&ids).await?;
    let mut identifiers: HashMap<RequestId, Vec<IdentifierView>> = HashMap::new();
    for (request, identifier) in &known {
        let view = IdentifierView::new(identifier, connections);
        identifiers.entry(*request).or_default().push(view);
    }
    let deletions = tasks.iter().filter(|task| task.right == Right::Deletion);
    let deletions: Vec<_> = deletions.map(|task| task.request).collect();
    let mut collected: HashMap<_, (u64, u64)> = HashMap::new();
    let releases = tasks.iter().filter(|task| Passing::of(task) == Some(Passing::Release));
    for request in releases.map(|task| task.request).collect::<BTreeSet<_>>() {
        for one in desk.store.collected_of(request).await? {
            let (n_records, n_files) = collected.entry((one.task, one.round)).or_default();
            *n_records += one.n_records;
            *n_files += 1;
        }
    }
    let mut same_person = same_person(desk.store, &requests, &known).await?;
    let mut open_accesses = desk.store.open_collections_sharing(&deletions).await?;
    // Of what lies out of reach, not even the id is told.
    let others = open_accesses.iter().map(|(_, open)| open).chain(same_person.values().flatten());
    let within = desk.within_reach(others.copied()).await?;
    open_accesses.retain(|(_, open)| within.contains(open));
    same_person.values_mut().for_each(|others| others.retain(|id| within.contains(id)));
    let around = Around {
        collected,
        same_person,
        open_accesses,
        connections,
        requests,
        identifiers,
        now: desk.now,
    };
    Ok(tasks.iter().filter_map(|task| around.pending(task)).collect())
}

impl Around<'_> {
    fn pending(&self, task: &Task) -> Option<Pending> {
        let id = task.request;
        let request = self.requests.get(&id)?;
        let is_its = |connection: &&Connection| Some(connection.id) == task.connection;
        let connection = self.connections.iter().find(is_its);
        let plan = task.findings.plan();
        let (n_records, n_files) =
            self.collected.get(&(task.id, task.round)).copied().unwrap_or_default();
        let accesses = self.open_accesses.iter().filter(|(waiting, _)| *waiting == id);
        Some(Pending {
            task: task.id,
            version: task.version,
            request: id,
            gate: gate_of(task)?,
            what: Passing::of(task)?,
            connection: connection.map_or_else(String::new, |connection| connection.name.clone()),
            right: task.right,
            scope: request.scope.clone(),
            due_at: request.deadline.at,
            is_late: request.deadline.is_past(self.now),
            why: task.detail.wait.as_ref().map_or_else(String::new, |wait| wait.why.clone()),
            variant: plan.map(|plan| plan.variant.clone()),
            sends: plan.map(|plan| count(&plan.acts_on)).unwrap_or_default(),
            n_profiles: task.findings.found().map(|found| found.n_profiles),
            identifiers: self.identifiers.get(&id).cloned().unwrap_or_default(),
            side_effects: plan.map(|plan| plan.side_effects.clone()).unwrap_or_default(),
            by_hand: plan.map(|plan| plan.by_hand.clone()).unwrap_or_default(),
            can_be_stopped: plan.is_some_and(|plan| plan.can_be_stopped),
            changes: task.detail.changes.clone(),
            collected: task.detail.outcome.as_ref().map(|outcome| match outcome {
                Outcome::Done { counts } if !counts.is_empty() => counts.clone(),
                other => other.to_string(),
            }),
            n_records,
            n_files,
            open_accesses: accesses.map(|(_, open)| *open).collect(),
            same_person: self.same_person.get(&id).into_iter().flatten().copied().collect(),
            hindered: connection.and_then(hindered),
            plan: plan.map(Plan::digest),
            planned: plan.cloned(),
        })
    }
}

fn count(items: &[PlanItem]) -> Vec<Sent> {
    let mut counts = BTreeMap::new();
    for item in items {
        *counts.entry(&item.kind).or_insert(0) += 1;
    }
    counts.into_iter().map(|(kind, n)| Sent { kind: kind.clone(), n }).collect()
}

/// Why nothing would happen on a connection now, if so.
fn hindered(connection: &Connection) -> Option<String> {
    if let Some(pause) = &connection.paused {
        return Some(format!("the connection is paused: {}", pause.why));
    }
    let is_removed = connection.removed_at.is_some();
    is_removed.then(|| "the connection was removed".to_owned())
}
