//! A look at the journal: who is told of what came since.

use std::collections::HashMap;
use std::time::Duration;

use domain::{EndpointId, Instant, Reach, RequestId};
use store::{Fence, Standing, Store, StoreError, Tellable, Told};

use super::notices;
use crate::limits::add;
use crate::pump::PumpParts;

/// Entries looked at in one go.
const PAGE: u32 = 1_000;
/// Deliveries to one endpoint that may wait; what comes after them waits in the journal.
const MOST_WAITING: u32 = 10_000;
/// How long deliveries that ended can still be seen.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// How often older ones are looked for.
const SWEEP: Duration = Duration::from_secs(24 * 3600);

/// The brands of requests, as far as an endpoint asks for them.
type Brands = HashMap<RequestId, Option<String>>;

/// Raises notices, makes deliveries of what happened, and says when the next to each endpoint is due.
pub(super) async fn look(
    parts: &PumpParts,
    fence: &Fence,
    place: notices::Place,
) -> Result<(notices::Place, Vec<(EndpointId, Instant)>), StoreError> {
    let store = &parts.store;
    let place = notices::follow(parts, fence, place).await?;
    while tell_a_page(parts, fence).await? {}
    let mut next = Vec::new();
    let standing = store.endpoints().await?;
    if !standing.is_empty() {
        sweep(parts, fence).await?;
    }
    for one in standing.iter().filter(|one| one.endpoint.disabled.is_none()) {
        if let Some(due) = store.next_delivery(one.endpoint.id).await? {
            next.push((one.endpoint.id, one.rest_until.map_or(due, |rest| due.max(rest))));
        }
    }
    Ok((place, next))
}

/// Forgets deliveries that ended long ago.
async fn sweep(parts: &PumpParts, fence: &Fence) -> Result<(), StoreError> {
    let Some(oldest) = parts.store.oldest_ended().await? else { return Ok(()) };
    let now = parts.clock.now();
    if add(oldest, KEPT + SWEEP) < now {
        let kept = jiff::SignedDuration::try_from(KEPT).unwrap_or_default();
        let before = now.checked_sub(kept).unwrap_or(Instant::MIN);
        parts.store.sweep_deliveries(fence, before).await?;
    }
    Ok(())
}

/// Tells a page of the journal to those who have not been told of it; says whether there may be more.
async fn tell_a_page(parts: &PumpParts, fence: &Fence) -> Result<bool, StoreError> {
    let store = &parts.store;
    let mut standing = store.endpoints().await?;
    standing.retain(|one| one.endpoint.disabled.is_none());
    let mut open = Vec::with_capacity(standing.len());
    for one in standing {
        if !store.has_waiting(one.endpoint.id, MOST_WAITING).await? {
            open.push(one);
        }
    }
    let Some(from) = open.iter().map(|one| one.told_until).min() else { return Ok(false) };
    let page = store.tellable(from, PAGE).await?;
    let Some(last) = page.last() else { return Ok(false) };
    let brands = brands(store, &open, &page).await?;
    let told: Vec<_> = open
        .iter()
        .filter(|one| one.told_until < last.seq)
        .map(|one| Told {
            endpoint: one.endpoint.id,
            from: one.told_until,
            until: last.seq,
            of: page.iter().filter(|entry| is_told(one, entry, &brands)).map(|e| e.seq).collect(),
        })
        .collect();
    // Where a place was moved meanwhile, the same page is told anew.
    let is_behind = store.tell(fence, &told, parts.clock.now()).await?.is_break();
    Ok(is_behind || page.len() == PAGE as usize)
}

/// The brands of the requests of a page, if anybody is bound to brands.
async fn brands(store: &Store, open: &[Standing], page: &[Tellable]) -> Result<Brands, StoreError> {
    if open.iter().all(|one| one.endpoint.reach == Reach::All) {
        return Ok(Brands::new());
    }
    let mut ids: Vec<_> = page.iter().filter_map(|entry| entry.request).collect();
    ids.sort();
    ids.dedup();
    let requests = store.requests_by_id(&ids).await?.into_iter();
    Ok(requests.map(|request| (request.id, request.brand)).collect())
}

fn is_told(one: &Standing, entry: &Tellable, brands: &Brands) -> bool {
    let Standing { endpoint, told_until, .. } = one;
    let takes = entry.kind.is_none_or(|kind| endpoint.takes(kind));
    if entry.seq <= *told_until || !endpoint.listens_to(entry.event) || !takes {
        return false;
    }
    endpoint.reach == Reach::All
        || entry
            .request
            .and_then(|id| brands.get(&id))
            .is_some_and(|brand| endpoint.reach.covers(brand.as_deref()))
}
