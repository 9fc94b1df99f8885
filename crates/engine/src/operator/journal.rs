//! The journal, page by page: what happened, when, by whom, and why.

#[cfg(test)]
mod tests;

use domain::{Entry, Event};
use serde::{Deserialize, Serialize};
use store::{From, JournalFilter};
use utoipa::ToSchema;

use super::desk::{Desk, OperatorError};
use super::find;

/// Which entries to show. The default is all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = JournalFilter)]
pub struct Filter {
    /// About this request, by its id, the beginning of it, or its external id.
    pub request: Option<String>,
    /// About this task, by its id or the beginning of it.
    pub task: Option<String>,
    /// About the connection of this name.
    pub connection: Option<String>,
    /// Of this kind.
    pub event: Option<Event>,
}

/// A page of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JournalPage {
    /// The entries, in the direction in which was read.
    pub entries: Vec<JournalEntry>,
    /// The number from which the next page goes on; absent on the last.
    pub next: Option<i64>,
}

/// An entry of the journal with its number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JournalEntry {
    /// Its number; a later one is higher.
    pub seq: i64,
    /// The entry.
    #[serde(flatten)]
    pub entry: Entry,
}

/// A page of the entries that fit, from a number on, forward or backward, without those about requests
/// out of reach.
pub async fn page(
    desk: &Desk<'_>,
    filter: &Filter,
    from: From,
    limit: u32,
) -> Result<JournalPage, OperatorError> {
    let filter = resolve(desk, filter).await?;
    // One more than fits says whether another page follows.
    let mut entries = desk.store.journal(from, &filter, limit.saturating_add(1)).await?;
    let is_more = entries.len() > limit as usize;
    entries.truncate(limit as usize);
    let next = entries.last().map(|(seq, _)| *seq).filter(|_| is_more);
    let is_bound = desk.reach.brands().is_some();
    let entries = entries.into_iter().map(|(seq, mut entry)| {
        if is_bound {
            // It names another request, which may be another brand's.
            entry.facts.remove("begun_for");
        }
        JournalEntry { seq, entry }
    });
    Ok(JournalPage { entries: entries.collect(), next })
}

async fn resolve(desk: &Desk<'_>, filter: &Filter) -> Result<JournalFilter, OperatorError> {
    let brands = desk.reach.brands().cloned();
    let mut resolved = JournalFilter { event: filter.event, brands, ..JournalFilter::default() };
    if let Some(text) = &filter.request {
        resolved.request = Some(find::request(desk, text).await?);
    }
    if let Some(text) = &filter.task {
        resolved.task = Some(find::task(desk, text).await?);
    }
    if let Some(name) = &filter.connection {
        resolved.connection = Some(find::connection(desk.store, name).await?.id);
    }
    Ok(resolved)
}
