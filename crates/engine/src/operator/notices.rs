//! Notices: what an operator has to know of, and whether it is mended.

#[cfg(test)]
mod tests;

use domain::access::Permission;
use domain::{Notice, NoticeId, Reach};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::desk::{Desk, OperatorError};

/// Which notices to show. The default is all of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only those whose cause is not mended.
    pub only_open: bool,
    /// Before this one; the newest if absent.
    pub before: Option<NoticeId>,
}

/// A page of notices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NoticePage {
    /// The newest first. Of requests, tasks and jobs they name what whoever looks may see.
    pub notices: Vec<Notice>,
    /// The notice before which the next page begins; absent on the last.
    pub next: Option<NoticeId>,
}

/// A page of notices, without those about requests out of reach.
pub async fn page(
    desk: &Desk<'_>,
    filter: Filter,
    limit: u32,
) -> Result<NoticePage, OperatorError> {
    // One more than fits says whether another page follows.
    let fetched = limit.saturating_add(1);
    let mut notices = desk.store.notices(filter.only_open, filter.before, fetched).await?;
    let is_more = notices.len() > limit as usize;
    notices.truncate(limit as usize);
    let next = notices.last().map(|notice| notice.id).filter(|_| is_more);
    let about = notices.iter().filter_map(|notice| notice.about.request);
    let within = desk.within_reach(about).await?;
    notices.retain(|notice| notice.about.request.is_none_or(|id| within.contains(&id)));
    notices.iter_mut().for_each(|notice| hide(desk, notice));
    Ok(NoticePage { notices, next })
}

/// Leaves out of a notice what whoever looks may not see; that there is something stays to be seen.
fn hide(desk: &Desk<'_>, notice: &mut Notice) {
    let about = &mut notice.about;
    if !desk.may(Permission::RequestsRead) {
        (about.request, about.task, about.job) = (None, None, None);
    }
    // A job may carry requests of any brand.
    if desk.reach != Reach::All {
        about.job = None;
    }
}
