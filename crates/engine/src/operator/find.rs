//! Finding what a person names: ids may be shortened, requests also named by their external id.

use domain::{Connection, RequestId, TaskId};
use store::Store;

use super::desk::OperatorError;

/// The one request that this text names.
pub async fn request(store: &Store, text: &str) -> Result<RequestId, OperatorError> {
    one("request", "requests", &store.request_by_prefix(text).await?)
}

/// The one task that this text names.
pub async fn task(store: &Store, text: &str) -> Result<TaskId, OperatorError> {
    one("task", "tasks", &store.task_by_prefix(text).await?)
}

/// The living connection of this name.
pub async fn connection(store: &Store, name: &str) -> Result<Connection, OperatorError> {
    let found = store.connection_by_name(name).await?;
    found.ok_or(OperatorError::NotFound { what: "connection" })
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
