//! Notices: what an operator has to know of, whether it is mended, and trying who is told of them.

#[cfg(test)]
mod tests;

use domain::access::Permission;
use domain::telling::{Attempt, Target};
use domain::{Endpoint, Event, Notice, NoticeId, Reach};
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use store::Transition;
use utoipa::ToSchema;

use super::desk::{Desk, OperatorError};
use super::endpoints::{self, Channel, about};
use super::{mail, webhooks};
use crate::telling::WebhookClient;

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

/// What came of trying everybody who is told of notices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NoticeTest {
    /// One by one; nobody is told where it is empty.
    pub channels: Vec<ChannelTest>,
}

/// What came of trying one who is told of notices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChannelTest {
    /// By what it is told.
    pub channel: Channel,
    /// Its name.
    pub name: String,
    /// Whether it was taken.
    pub is_taken: bool,
    /// The attempt.
    pub attempt: Attempt,
    /// The code of what went wrong, where it has a page.
    pub code: Option<String>,
    /// What can be done about it.
    pub advice: Option<String>,
}

/// Sends everybody within reach who is told of notices a test at once. None is sent again.
pub async fn test(desk: &Desk<'_>, client: &WebhookClient) -> Result<NoticeTest, OperatorError> {
    let mut told = endpoints::list(desk, Channel::Webhook).await?;
    told.extend(endpoints::list(desk, Channel::Mail).await?);
    let endpoints = told.into_iter().map(|standing| standing.endpoint);
    let endpoints =
        endpoints.filter(|one| one.disabled.is_none() && one.listens_to(Event::NoticeRaised));
    let tests = endpoints.map(|endpoint| test_one(desk, endpoint, client));
    Ok(NoticeTest { channels: try_join_all(tests).await? })
}

async fn test_one(
    desk: &Desk<'_>,
    endpoint: Endpoint,
    client: &WebhookClient,
) -> Result<ChannelTest, OperatorError> {
    let channel = Channel::of(&endpoint);
    let Target::Mail { address, .. } = &endpoint.target else {
        let webhooks::Tried { is_taken, attempt } =
            webhooks::test(desk, &endpoint.name, client).await?;
        let advice = (!is_taken)
            .then(|| "see that its receiver answers with a status from 200 to 299".to_owned());
        let name = endpoint.name;
        return Ok(ChannelTest { channel, name, is_taken, attempt, code: None, advice });
    };
    let (attempt, came_to) = mail::test(desk, address).await?;
    let entry = about(desk, Event::EndpointTested, &endpoint);
    let journal = vec![entry.fact("answer", attempt.answer.as_str())];
    desk.write(Transition { journal, ..Transition::default() }).await?;
    let refused = came_to.err();
    Ok(ChannelTest {
        channel,
        name: endpoint.name,
        is_taken: refused.is_none(),
        attempt,
        code: refused.as_ref().map(|refused| refused.code().to_owned()),
        advice: refused.as_ref().map(|refused| refused.advice().to_owned()),
    })
}
