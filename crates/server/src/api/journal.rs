//! The journal: what happened, when, by whom, and why.

#![expect(unused_qualifications, reason = "utoipa qualifies what stands in `params(…)`")]

use axum::extract::State;
use domain::{Event, RequestId, TaskId};
use engine::operator::journal::{self, Filter, JournalPage};
use serde::Deserialize;
use store::From;
use utoipa::IntoParams;

use crate::app::App;
use crate::body::{Json, Query};
use crate::caller::Caller;
use crate::page::Limit;
use crate::problem::Problem;

/// Which entries, and which page of them.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Reading {
    /// About this request.
    request: Option<RequestId>,
    /// About this task.
    task: Option<TaskId>,
    /// About the connection of this name.
    connection: Option<String>,
    /// Of this kind.
    event: Option<Event>,
    /// Forward, after the entry of this number; from the first on if neither is given.
    after: Option<i64>,
    /// Backward, before the entry of this number.
    before: Option<i64>,
    /// How many to read at most.
    #[param(value_type = u32, minimum = 1, maximum = 500, default = 50)]
    limit: Limit,
}

/// Reads the journal, forward or backward. `next` of a page goes where `after`, or `before`, was.
#[utoipa::path(get, path = "/journal", operation_id = "read_journal", tag = "journal",
    params(Reading), responses((status = 200, description = "A page", body = JournalPage)))]
pub(super) async fn read(
    State(app): State<App>,
    caller: Caller,
    Query(reading): Query<Reading>,
) -> Result<Json<JournalPage>, Problem> {
    let from = match (reading.after, reading.before) {
        (Some(_), Some(_)) => {
            return Err(Problem::malformed("a page lies after a number, or before one, not both"));
        }
        (None, Some(before)) => From::Before(before),
        (after, None) => From::After(after.unwrap_or(0)),
    };
    let filter = Filter {
        request: reading.request.map(|id| id.to_string()),
        task: reading.task.map(|id| id.to_string()),
        connection: reading.connection,
        event: reading.event,
    };
    let desk = app.desk(&caller);
    Ok(Json(journal::page(&desk, &filter, from, reading.limit.rows()).await?))
}
