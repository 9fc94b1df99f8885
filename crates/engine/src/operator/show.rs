//! What a person is told about a request: what was asked, what is known per system, what waits, what
//! happens next by itself, and what they can do now.
//!
//! Works on a store that is open read-only. Values are masked; [`reveal`] shows them, and journals
//! that it did.

mod advice;
mod awaited;
mod next;
mod systems;
#[cfg(test)]
mod tests;
mod view;

use std::collections::HashMap;

use domain::identifier::mask;
use domain::request::state;
use domain::{Event, IdentifierKind, Instant, Request, RequestId, Right, Task};
use serde::{Deserialize, Serialize};
use store::{From, JournalFilter, Store, Transition};
use utoipa::ToSchema;

use super::approve::{IdentifierView, same_person};
use super::controls;
use super::desk::{Desk, OperatorError};
pub use advice::{Advice, advise, repair};
pub use awaited::Awaited;
pub use systems::lost_answers;
pub use view::{
    Asked, EvidenceView, Handed, JobView, LeftOut, NextAct, RequestView, Standing, SystemView,
    WaitView, at_place, next_minute,
};

/// Reads everything there is to tell about a request. Only the outermost crate can tell whether
/// somebody runs the engine now. Of other requests only those within reach are named.
pub async fn request_view(
    desk: &Desk<'_>,
    id: RequestId,
    is_served: bool,
) -> Result<RequestView, OperatorError> {
    let (store, now) = (desk.store, desk.now);
    let request = store.request(id).await?.ok_or(OperatorError::NotFound { what: "request" })?;
    let tasks = store.tasks_of(&[id]).await?;
    let connections = store.all_connections().await?;
    let (identifiers, mut unopened) = store.identifiers_or_why(&[id]).await?;
    let at_hand = HashMap::from([(id, request.clone())]);
    let same_person = same_person(store, &at_hand, &identifiers).await?;
    let same_person: Vec<_> = same_person.into_values().flatten().collect();
    let mut awaited = awaited::awaited(store, id, &tasks, &connections).await?;
    let others = awaited.iter().map(|one| one.request).chain(same_person.iter().copied());
    let within = desk.within_reach(others).await?;
    awaited.retain(|one| within.contains(&one.request));
    let mut systems = Vec::with_capacity(tasks.len());
    for task in &tasks {
        systems.push(systems::system(store, task, &connections, now).await?);
    }
    mark_reappearances(store, id, &mut systems).await?;
    let is_paused = controls::is_paused(store).await?;
    let identifiers = identifiers.iter().map(|(_, one)| IdentifierView::new(one, &connections));
    let asked = Asked {
        identifiers: identifiers.collect(),
        unopened: unopened.remove(&id),
        same_person: same_person.into_iter().filter(|id| within.contains(id)).collect(),
        ..asked(&request, &tasks, now)
    };
    let left_out = request.routed.iter().flatten().filter_map(|routed| {
        let why = routed.left_out.clone()?;
        Some(LeftOut { connection: routed.name.clone(), why })
    });
    let mut view = RequestView {
        awaited,
        is_served,
        left_out: left_out.collect(),
        waits: next::waits(&asked, &systems, is_paused),
        next: next::acts(&asked, &systems, is_paused, now),
        advice: Vec::new(),
        is_paused_everywhere: is_paused,
        asked,
        systems,
    };
    view.advice = advise(&view);
    Ok(view)
}

fn asked(request: &Request, tasks: &[Task], now: Instant) -> Asked {
    let external = request.external_id.as_ref();
    let is_open = request.closing.is_none();
    Asked {
        request: request.id,
        right: request.right,
        scope: request.scope.clone(),
        state: state(request, tasks),
        received_at: request.received_at,
        due_at: request.deadline.at,
        due_basis: request.deadline.basis,
        is_late: is_open && request.deadline.is_past(now),
        jurisdiction: request.jurisdiction.clone(),
        brand: request.brand.clone(),
        subject_kind: request.subject_kind.clone(),
        external_id: external.map(|id| mask(&IdentifierKind::UserId, id)),
        verified: request.verified.clone(),
        closing: request.closing.clone(),
        is_routed: request.routed.is_some(),
        hands_over: matches!(request.right, Right::Access | Right::Portability),
        identifiers: Vec::new(),
        unopened: None,
        same_person: Vec::new(),
    }
}

/// Notes in which systems what had gone was found again.
async fn mark_reappearances(
    store: &Store,
    id: RequestId,
    systems: &mut [SystemView],
) -> Result<(), OperatorError> {
    const LATELY: u32 = 1_000;
    let filter = JournalFilter {
        request: Some(id),
        event: Some(Event::TaskMoved),
        ..JournalFilter::default()
    };
    for (_, entry) in store.journal(From::Before(i64::MAX), &filter, LATELY).await? {
        let is_back = entry.facts.get("by").and_then(|by| by.as_str()) == Some("reappear");
        let system = systems.iter_mut().find(|system| Some(system.task) == entry.task);
        if let (true, Some(system)) = (is_back, system) {
            system.reappeared_at = system.reappeared_at.max(Some(entry.at));
        }
    }
    Ok(())
}

/// A value as given, shown in plain.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Revealed {
    /// The type of the identifier, or `external_id` for another system's name of the request.
    pub kind: String,
    /// Its value, as given or found.
    pub value: String,
}

impl std::fmt::Debug for Revealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Revealed").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// Shows a request's values to a named person, after journalling it.
pub async fn reveal(desk: &Desk<'_>, id: RequestId) -> Result<Vec<Revealed>, OperatorError> {
    let request =
        desk.store.request(id).await?.ok_or(OperatorError::NotFound { what: "request" })?;
    if request.closing.as_ref().is_some_and(|closing| closing.purged.is_some()) {
        let why = "it was purged: its values are gone";
        return Err(OperatorError::WrongState { state: request.state, why });
    }
    let identifiers = desk.store.identifiers_of(&[id]).await?;
    let entry = desk.entry(Event::Revealed).request(id).fact("n_values", identifiers.len());
    desk.write(Transition { journal: vec![entry], ..Transition::default() }).await?;
    let external =
        request.external_id.map(|value| Revealed { kind: "external_id".to_owned(), value });
    let revealed = identifiers.into_iter().map(|(_, identifier)| Revealed {
        kind: identifier.kind.to_string(),
        value: identifier.given,
    });
    Ok(external.into_iter().chain(revealed).collect())
}
