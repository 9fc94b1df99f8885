//! What became of what an endpoint was told, and telling it again.

use domain::access::Permission;
use domain::telling::{Attempt, DeliveryState};
use domain::{ConnectionId, Event, Instant, JobId, RequestId, TaskId};
use serde::{Deserialize, Serialize};
use store::Replay;
use utoipa::ToSchema;

use super::desk::{Desk, OperatorError};
use super::endpoints::{Channel, about, find, refuse_requests};
use super::fault::Fault;
use crate::telling::message::Message;

/// Which deliveries to show. The default is all of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only those that were given up.
    pub only_dead: bool,
    /// Before this number of the journal; the newest if absent.
    pub before: Option<i64>,
}

/// A page of deliveries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryPage {
    /// Those of the newest entries first.
    pub deliveries: Vec<DeliveryView>,
    /// The number before which the next page begins; absent on the last.
    pub next: Option<i64>,
}

/// One thing that an endpoint is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryView {
    /// Its number in the journal.
    pub seq: i64,
    /// What names the message: the `webhook-id`, or what its `Message-ID` begins with.
    pub id: String,
    /// What happened.
    pub event: Event,
    /// When it happened.
    #[schema(value_type = Timestamp)]
    pub happened_at: Instant,
    /// The request it is about, where whoever looks may see requests. So with task and job.
    pub request: Option<RequestId>,
    /// The task it is about.
    pub task: Option<TaskId>,
    /// The connection it is about.
    pub connection: Option<ConnectionId>,
    /// The vendor job it is about.
    pub job: Option<JobId>,
    /// How far it is.
    pub state: DeliveryState,
    /// When it is tried next.
    #[schema(value_type = Option<Timestamp>)]
    pub due_at: Option<Instant>,
    /// When it was delivered or given up.
    #[schema(value_type = Option<Timestamp>)]
    pub ended_at: Option<Instant>,
    /// How often it was tried.
    pub n_attempts: u32,
    /// The last attempt.
    pub last: Option<Attempt>,
}

/// What to tell again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Again {
    /// The delivery of this number.
    One(i64),
    /// All that were given up: `{"dead": {}}`.
    Dead {},
    /// Everything that happened since, delivered or not.
    #[schema(value_type = Timestamp)]
    Since(Instant),
}

/// What will be told again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Replayed {
    /// How many deliveries that had ended are made again. What had not been told before is not
    /// counted.
    pub n_again: u64,
}

/// A page of what an endpoint was told, or is to be.
pub async fn page(
    desk: &Desk<'_>,
    channel: Channel,
    name: &str,
    filter: Filter,
    limit: u32,
) -> Result<DeliveryPage, OperatorError> {
    let endpoint = find(desk, channel, name).await?.endpoint;
    let before = filter.before.unwrap_or(i64::MAX);
    // One more than fits says whether another page follows.
    let fetched = limit.saturating_add(1);
    let mut found = desk.store.deliveries(endpoint.id, filter.only_dead, before, fetched).await?;
    let is_more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().map(|delivery| delivery.seq).filter(|_| is_more);
    let seqs: Vec<_> = found.iter().map(|delivery| delivery.seq).collect();
    let entries = desk.store.journal_entries(&seqs).await?;
    let sees_requests = desk.may(Permission::RequestsRead);
    let deliveries = found.into_iter().filter_map(|delivery| {
        let (seq, entry) = entries.iter().find(|(seq, _)| *seq == delivery.seq)?;
        Some(DeliveryView {
            seq: *seq,
            id: Message::of(*seq, entry).id,
            event: entry.event,
            happened_at: entry.at,
            request: entry.request.filter(|_| sees_requests),
            task: entry.task.filter(|_| sees_requests),
            connection: entry.connection,
            job: entry.job.filter(|_| sees_requests),
            state: delivery.state,
            due_at: delivery.due_at,
            ended_at: delivery.ended_at,
            n_attempts: delivery.n_attempts,
            last: delivery.last,
        })
    });
    Ok(DeliveryPage { deliveries: deliveries.collect(), next })
}

/// Tells an endpoint something again: one delivery, all that were given up, or everything since a
/// time.
pub async fn replay(
    desk: &Desk<'_>,
    channel: Channel,
    name: &str,
    again: Again,
) -> Result<Replayed, OperatorError> {
    let endpoint = find(desk, channel, name).await?.endpoint;
    refuse_requests(desk, &endpoint)?;
    let entry = about(desk, Event::EndpointReplayed, &endpoint);
    let (replay, entry) = match again {
        Again::One(seq) => (Replay::One(seq), entry.fact("seq", seq)),
        Again::Dead {} => (Replay::Dead, entry.fact("which", "dead")),
        Again::Since(since) if since > desk.now => {
            let fault = Fault::new("since", "E-WEB-005", "lies in the future");
            return Err(OperatorError::Fault(fault));
        }
        Again::Since(since) => {
            let before = desk.store.journal_before(since).await?;
            (Replay::After(before), entry.fact("since", since.to_string()))
        }
    };
    let n_again = desk.store.replay(endpoint.id, replay, desk.now, &entry).await?;
    match (replay, n_again) {
        (Replay::One(_), 0) => Err(OperatorError::NotFound { what: "delivery" }),
        _ => Ok(Replayed { n_again }),
    }
}
