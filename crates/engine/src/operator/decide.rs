//! Decisions on a request: denying, cancelling, answering, adding an identifier, opening again.

mod effect;
#[cfg(test)]
mod tests;

use domain::identifier::Region;
use domain::request::{ClosedAs, Closing, closes_as, state};
use domain::task::{Command, Refused};
use domain::{
    Entry, Event, Identifier, IdentifierId, IdentifierKind, Origin, Outcome, Request, RequestId,
    RequestState, Task, TaskId,
};
use serde::{Deserialize, Serialize};
use store::Transition;
use utoipa::ToSchema;

use super::desk::{Desk, OperatorError};
use super::draft::{Given, Rules, read_identifier};
use super::fault::Fault;
use super::note;
use super::tasks::TaskView;
use crate::wake;
pub use effect::Effect;

/// What stopping a request came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Stopped {
    /// The request.
    pub request: RequestId,
    /// As what it was closed.
    pub closed: ClosedAs,
    /// Tasks that will not be carried out.
    pub cancelled: Vec<TaskId>,
    /// Tasks that can't be stopped any more: something was, or may have been, sent.
    pub cant_be_stopped: Vec<TaskView>,
    /// What was carried out already, or may have been; it stays so.
    pub carried_out: Vec<Effect>,
}

/// Refuses a request. What was not sent is cancelled; once anything was carried out, nothing may be
/// called denied any more.
pub async fn deny(desk: &Desk<'_>, id: RequestId, note: &str) -> Result<Stopped, OperatorError> {
    stop(desk, id, ClosedAs::Denied, Event::RequestDenied, note).await
}

/// Ends a request that its person took back. What was not sent is cancelled; once all of it is over
/// and anything was carried out, nothing may be called withdrawn any more.
pub async fn cancel(desk: &Desk<'_>, id: RequestId, note: &str) -> Result<Stopped, OperatorError> {
    stop(desk, id, ClosedAs::Withdrawn, Event::RequestCancelled, note).await
}

async fn stop(
    desk: &Desk<'_>,
    id: RequestId,
    how: ClosedAs,
    event: Event,
    note: &str,
) -> Result<Stopped, OperatorError> {
    let note = note::read(desk, id, note).await?;
    desk.write_fresh(|| async {
        let (request, tasks) = load(desk, id).await?;
        refuse_closed(&request)?;
        let mut transition = Transition::default();
        let carried_out = effect::of(desk, &tasks).await?;
        // A withdrawal stops what is left; where nothing is, it would only hide what was done. Data
        // that was collected has changed nothing, and is handed to nobody then.
        let is_done = tasks.iter().all(Task::is_over) && !request.right.only_reads();
        let is_too_late = how == ClosedAs::Denied || is_done;
        if is_too_late && !carried_out.is_empty() {
            let done = carried_out.iter().map(ToString::to_string).collect();
            return Err(OperatorError::CarriedOut { request: id, how, done });
        }
        let mut stopped = Stopped {
            request: id,
            closed: how,
            cancelled: Vec::new(),
            cant_be_stopped: Vec::new(),
            carried_out,
        };
        for task in tasks.into_iter().filter(|task| !task.is_over()) {
            match task.apply(Command::Cancel, &desk.actor, desk.now) {
                Ok((moved, entry)) => {
                    stopped.cancelled.push(task.id);
                    transition.tasks.push(moved);
                    transition.journal.push(entry);
                }
                Err(_) => stopped.cant_be_stopped.push(TaskView::from(&task)),
            }
        }
        let entry = desk
            .entry(event)
            .request(id)
            .fact("n_cancelled", stopped.cancelled.len())
            .fact("n_cant_be_stopped", stopped.cant_be_stopped.len())
            .fact("n_carried_out", stopped.carried_out.len());
        transition.journal.insert(0, noted(entry, "note", &note));
        if request.right.only_reads() {
            wake::after_collecting(desk.store, id, desk.now, &mut transition).await?;
        }
        transition.requests.push(close(desk, request, how, &note));
        Ok((transition, stopped))
    })
    .await
}

/// That a request was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Answered {
    /// The request.
    pub request: RequestId,
    /// As what it was closed.
    pub closed_as: ClosedAs,
}

/// Records that the person was told what came of it, and closes the request.
pub async fn answer(desk: &Desk<'_>, id: RequestId, note: &str) -> Result<Answered, OperatorError> {
    let note = note::read(desk, id, note).await?;
    if note.is_empty() {
        let fault = Fault::new("note", "E-REQ-050", "is empty: say how the person was told");
        return Err(OperatorError::Fault(fault));
    }
    desk.write_fresh(|| async {
        let (request, tasks) = load(desk, id).await?;
        refuse_closed(&request)?;
        let state = state(&request, &tasks);
        if state != RequestState::Answering {
            let why = "not every system is settled, so there is no answer to give yet";
            return Err(OperatorError::WrongState { state, why });
        }
        let how = closes_as(&tasks);
        let entry = desk
            .entry(Event::RequestAnswered)
            .request(id)
            .fact("closed_as", how.word())
            .fact("note", note.as_str());
        let transition = Transition {
            requests: vec![close(desk, request, how, &note)],
            journal: vec![entry],
            ..Transition::default()
        };
        Ok((transition, Answered { request: id, closed_as: how }))
    })
    .await
}

/// Opens a closed request again. What had been cancelled begins anew, where its system still is.
pub async fn reopen(desk: &Desk<'_>, id: RequestId, note: &str) -> Result<(), OperatorError> {
    let note = note::read(desk, id, note).await?;
    desk.write_fresh(|| async {
        let (request, tasks) = load(desk, id).await?;
        let Some(closing) = &request.closing else {
            let why = "only a closed request can be opened again";
            return Err(OperatorError::WrongState { state: request.state, why });
        };
        if closing.purged.is_some() {
            let why = "it was purged: nothing is left by which its person could be found";
            return Err(OperatorError::WrongState { state: request.state, why });
        }
        let entry = desk.entry(Event::RequestReopened).request(id).fact("was", closing.how.word());
        let entry = noted(entry, "why", &note);
        let mut transition = Transition { journal: vec![entry], ..Transition::default() };
        for task in tasks {
            let was_cancelled = task.detail.outcome == Some(Outcome::Cancelled);
            if was_cancelled && desk.has_system(&task).await? {
                begin_anew(desk, &task, &mut transition)?;
            }
        }
        transition.requests.push(Request { closing: None, ..request });
        Ok((transition, ()))
    })
    .await
}

fn begin_anew(
    desk: &Desk<'_>,
    task: &Task,
    transition: &mut Transition,
) -> Result<(), OperatorError> {
    if let Some(work) = &task.detail.hand {
        let id = TaskId::new(desk.ids);
        let (connection, work) = (task.connection, work.clone());
        let hand = Task::by_hand(id, task.request, task.right, connection, work, desk.now);
        let entry = desk.entry(Event::TaskCreated).request(task.request).task(id);
        transition.journal.push(entry.connection(task.connection).fact("for", "a person"));
        transition.new_tasks.push(hand);
        return Ok(());
    }
    let (moved, entry) = apply(desk, task, Command::Retry)?;
    transition.tasks.push(moved);
    transition.journal.push(entry);
    Ok(())
}

/// What adding identifiers came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = IdentifiersAdded)]
pub struct Added {
    /// Identifiers that are new to the request.
    pub n_new: usize,
    /// Identifiers that it had already.
    pub n_known: usize,
    /// Tasks that look for the person again, now or when what is under way is finished.
    pub tasks: Vec<TaskId>,
}

/// Adds identifiers to an open request. Systems that can use one of them look again.
pub async fn add_identifiers(
    desk: &Desk<'_>,
    id: RequestId,
    given: &[Given],
    region: Option<Region>,
) -> Result<Added, OperatorError> {
    let rules = Rules::load(desk, region).await?;
    let mut read = Vec::new();
    for (index, Given { kind, value }) in given.iter().enumerate() {
        let fault =
            |(code, message)| OperatorError::Fault(Fault::new(Given::field(index), code, message));
        read.push((kind, value.trim(), read_identifier(kind, value, &rules).map_err(fault)?));
    }
    desk.write_fresh(|| async {
        let (request, tasks) = load(desk, id).await?;
        refuse_closed(&request)?;
        desk.store.refuse_unopened(&[id]).await?;
        let known = desk.store.identifiers_of(&[id]).await?;
        let is_known = |kind: &IdentifierKind, normalised: &str| {
            known.iter().any(|(_, one)| one.kind == *kind && one.normalised == normalised)
        };
        let mut transition = Transition::default();
        let mut added = Added::default();
        let mut kinds = Vec::new();
        for (kind, given, normalised) in &read {
            if is_known(kind, normalised) {
                added.n_known += 1;
                continue;
            }
            let identifier = new_identifier(desk, kind, given, normalised);
            let entry = desk.entry(Event::IdentifierAdded).request(id);
            let entry = entry.fact("kind", kind.to_string());
            transition.journal.push(entry.fact("identifier", identifier.id.to_string()));
            transition.new_identifiers.push((id, identifier));
            kinds.push((*kind).clone());
        }
        added.n_new = kinds.len();
        added.tasks = look_again(desk, &tasks, &kinds, &mut transition).await?;
        Ok((transition, added))
    })
    .await
}

/// Lets the systems that can use one of these kinds look again.
async fn look_again(
    desk: &Desk<'_>,
    tasks: &[Task],
    kinds: &[IdentifierKind],
    transition: &mut Transition,
) -> Result<Vec<TaskId>, OperatorError> {
    let mut looking = Vec::new();
    for task in tasks.iter().filter(|task| task.detail.hand.is_none()) {
        if !can_use(desk, task, kinds).await? {
            continue;
        }
        if let Ok((moved, entry)) = task.apply(Command::AddIdentifier, &desk.actor, desk.now) {
            looking.push(task.id);
            transition.tasks.push(moved);
            transition.journal.push(entry);
        }
    }
    Ok(looking)
}

fn new_identifier(
    desk: &Desk<'_>,
    kind: &IdentifierKind,
    given: &str,
    normalised: &str,
) -> Identifier {
    Identifier {
        id: IdentifierId::new(desk.ids),
        kind: kind.clone(),
        given: given.to_owned(),
        normalised: normalised.to_owned(),
        origin: Origin::Added,
        seen_in: Vec::new(),
    }
}

/// Whether a task's system can look up, or lacks, one of these kinds.
async fn can_use(
    desk: &Desk<'_>,
    task: &Task,
    kinds: &[IdentifierKind],
) -> Result<bool, OperatorError> {
    if task.detail.needs.iter().any(|kind| kinds.contains(kind)) {
        return Ok(true);
    }
    let Some(id) = task.connection else { return Ok(false) };
    let connection = desk.store.connection(id).await?;
    let connection = connection.filter(|connection| connection.removed_at.is_none());
    let connector = connection.and_then(|connection| desk.connector(&connection.connector));
    Ok(connector.is_some_and(|connector| {
        let takes = connector.manifest().takes;
        kinds.iter().any(|kind| matches!(kind, IdentifierKind::Custom(_)) || takes.contains(kind))
    }))
}

/// A request with its tasks.
pub(super) async fn load(
    desk: &Desk<'_>,
    id: RequestId,
) -> Result<(Request, Vec<Task>), OperatorError> {
    let request =
        desk.store.request(id).await?.ok_or(OperatorError::NotFound { what: "request" })?;
    Ok((request, desk.store.tasks_of(&[id]).await?))
}

/// Carries a command out on a task.
pub(super) fn apply(
    desk: &Desk<'_>,
    task: &Task,
    command: Command,
) -> Result<(Task, Entry), OperatorError> {
    task.apply(command, &desk.actor, desk.now).map_err(|refused| refuse(task, refused))
}

/// Why a task stays as it is, and what can be done instead.
pub(super) fn refuse(task: &Task, refused: Refused) -> OperatorError {
    let Task { id, request, .. } = task;
    let instead = match (task.is_over(), &task.detail.hand) {
        (true, None) => format!("another round of it: `habeas task retry {id}`"),
        (true, Some(_)) => format!(
            "what was recorded of it stays; say what was different in the note of `habeas request answer {request}`"
        ),
        (false, _) => format!("what can be done now: `habeas request show {request}`"),
    };
    OperatorError::Refused { task: *id, refused, instead }
}

/// Refuses to act on a closed request.
pub(super) fn refuse_closed(request: &Request) -> Result<(), OperatorError> {
    match request.closing {
        None => Ok(()),
        Some(_) => Err(OperatorError::WrongState {
            state: RequestState::Closed,
            why: "open it again first (habeas request reopen)",
        }),
    }
}

/// An entry with what the operator wrote, if anything.
fn noted(entry: Entry, fact: &'static str, note: &str) -> Entry {
    if note.is_empty() { entry } else { entry.fact(fact, note) }
}

fn close(desk: &Desk<'_>, request: Request, how: ClosedAs, note: &str) -> Request {
    let (by, note) = (desk.name(), note.to_owned());
    let closing = Closing { how, at: desk.now, by, note, purged: None };
    Request { closing: Some(closing), ..request }
}
