//! Finding what a person names: ids may be shortened, requests also named by their external id.
//!
//! The one place where a person's text becomes an id. What lies outside a person's reach is not there
//! for them, so no answer tells that it exists.

#[cfg(test)]
mod tests;

use domain::{Connection, Principal, RequestId, TaskId, TokenId};
use serde::{Deserialize, Serialize};
use store::Store;
use utoipa::ToSchema;

use super::desk::{Desk, OperatorError};

/// How ids of tasks begin.
const TASK: &str = "tsk_";

/// What a person calls a request or a task. It may tell of a person, so it stands in no URL.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// Its id or the beginning of it; of a request also its external id.
    pub text: String,
}

/// What was meant.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
pub struct Found {
    /// The request; that of the task, if a task was meant.
    pub request: RequestId,
    /// The task, if one was meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
}

/// What this text names: a task where it begins like one's id, else a request.
pub async fn either(desk: &Desk<'_>, text: &str) -> Result<Found, OperatorError> {
    if !text.starts_with(TASK) {
        return Ok(Found { request: request(desk, text).await?, task: None });
    }
    let id = task(desk, text).await?;
    let task = desk.store.task(id).await?.ok_or(OperatorError::NotFound { what: "task" })?;
    Ok(Found { request: task.request, task: Some(id) })
}

/// The one request that this text names.
pub async fn request(desk: &Desk<'_>, text: &str) -> Result<RequestId, OperatorError> {
    let mut found = desk.store.request_by_prefix(text).await?;
    let within = desk.within_reach(found.iter().copied()).await?;
    found.retain(|id| within.contains(id));
    one("request", "requests", &found)
}

/// The request of exactly this id.
pub async fn request_of(desk: &Desk<'_>, id: RequestId) -> Result<RequestId, OperatorError> {
    let found = desk.store.request(id).await?;
    let found = found.filter(|request| desk.reach.covers(request.brand.as_deref()));
    found.map(|request| request.id).ok_or(OperatorError::NotFound { what: "request" })
}

/// The one task that this text names.
pub async fn task(desk: &Desk<'_>, text: &str) -> Result<TaskId, OperatorError> {
    let found = desk.store.task_by_prefix(text).await?;
    let mut tasks = desk.store.tasks(&found).await?;
    let within = desk.within_reach(tasks.iter().map(|task| task.request)).await?;
    tasks.retain(|task| within.contains(&task.request));
    let found: Vec<_> = tasks.iter().map(|task| task.id).collect();
    one("task", "tasks", &found)
}

/// The living connection of this name.
pub async fn connection(store: &Store, name: &str) -> Result<Connection, OperatorError> {
    let found = match name.parse() {
        Ok(id) => store.connection(id).await?.filter(|connection| connection.removed_at.is_none()),
        Err(_) => store.connection_by_name(name).await?,
    };
    found.ok_or(OperatorError::NotFound { what: "connection" })
}

/// The principal of this name or id.
pub async fn principal(store: &Store, text: &str) -> Result<Principal, OperatorError> {
    let found = match text.parse() {
        Ok(id) => store.principal(id).await?,
        Err(_) => store.principal_by_name(text).await?,
    };
    found.ok_or(OperatorError::NotFound { what: "principal" })
}

/// The one token that this id names; never its text.
pub async fn token(store: &Store, text: &str) -> Result<TokenId, OperatorError> {
    one("token", "tokens", &store.token_by_prefix(text).await?)
}

fn one<T: Copy>(
    what: &'static str,
    several: &'static str,
    found: &[T],
) -> Result<T, OperatorError> {
    match found {
        [] => Err(OperatorError::NotFound { what }),
        [one] => Ok(*one),
        more => Err(OperatorError::Ambiguous { what: several, n: more.len() }),
    }
}
