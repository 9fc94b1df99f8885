//! Taking requests in: drafts become requests, each once, or come back with their faults.

mod same;
#[cfg(test)]
mod tests;

use domain::identifier::{Identifier, Origin, Region};
use domain::{Event, IdentifierId, Request, RequestId, RequestState};
use serde::{Deserialize, Serialize};
use store::{Added, NewRequest};
use utoipa::ToSchema;

use super::desk::{Desk, OperatorError};
use super::draft::{self, Checked, Draft, Rules};
use super::fault::Fault;
pub(super) use same::{Seen, twice};

/// A request that is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TakenIn {
    /// The request.
    pub request: RequestId,
    /// Whether it came in now; it was in before otherwise.
    pub is_new: bool,
}

/// What came of a draft: the request, new or known, or what is wrong with it.
pub type Taken = Result<TakenIn, Vec<Fault>>;

/// Where drafts come from. Both are kept from entering a request twice, each in its own way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Channel {
    /// Typed. Without an external id it is another request each time; one for the same person and
    /// right is refused while the first is open.
    Keyboard,
    /// A file, which may be read again after a fault or a crash. The same row is the same request.
    File,
}

/// Whether anything is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Run {
    /// Yes.
    Real,
    /// No: what would come of it is found out, ids apart.
    Dry,
}

/// What becomes of a draft, or would.
pub(super) enum Verdict {
    /// It was, or would be, taken in.
    New(New),
    /// It is in already.
    Known(RequestId),
    /// It can't be taken.
    Faults(Vec<Fault>),
}

/// A request that comes in.
#[derive(Clone, Copy, Default)]
pub(super) struct New {
    /// Its id, only if it was taken in.
    pub(super) id: Option<RequestId>,
    /// Whether it should have been answered already.
    pub(super) is_late: bool,
    /// Whether no connection serves it.
    pub(super) is_left_to_person: bool,
}

/// Takes in drafts that a person typed.
pub async fn submit(
    desk: &Desk<'_>,
    drafts: &[Draft],
    region: Option<Region>,
) -> Result<Vec<Taken>, OperatorError> {
    let rules = Rules::load(desk, region).await?;
    let mut seen = Seen::default();
    let verdicts = take(desk, &rules, Channel::Keyboard, Run::Real, &mut seen, drafts).await?;
    let taken = verdicts.into_iter().map(|verdict| match verdict {
        Verdict::New(New { id: Some(id), .. }) => Ok(TakenIn { request: id, is_new: true }),
        Verdict::Known(id) => Ok(TakenIn { request: id, is_new: false }),
        Verdict::Faults(faults) => Err(faults),
        Verdict::New(New { id: None, .. }) => Err(Vec::new()),
    });
    Ok(taken.collect())
}

/// Takes in a group of drafts in one transaction.
pub(super) async fn take(
    desk: &Desk<'_>,
    rules: &Rules,
    channel: Channel,
    run: Run,
    seen: &mut Seen,
    drafts: &[Draft],
) -> Result<Vec<Verdict>, OperatorError> {
    let mut verdicts: Vec<Option<Verdict>> = Vec::with_capacity(drafts.len());
    let mut checked = Vec::new();
    for draft in drafts {
        match draft::check(draft, rules).and_then(|one| seen.take(draft, one)) {
            Ok(one) => {
                checked.push((verdicts.len(), one));
                verdicts.push(None);
            }
            Err(faults) => verdicts.push(Some(Verdict::Faults(faults))),
        }
    }
    let standing = same::find(desk, channel, drafts, &checked).await?;
    let mut new = Vec::new();
    for ((index, one), standing) in checked.into_iter().zip(standing) {
        if standing.is_some() {
            put(&mut verdicts, index, standing);
        } else if let Some(draft) = drafts.get(index) {
            new.push((index, new_request(desk, channel, draft, one)));
        }
    }
    for (index, verdict) in add(desk, rules, run, new).await? {
        put(&mut verdicts, index, Some(verdict));
    }
    Ok(verdicts.into_iter().flatten().collect())
}

/// Adds requests, each with the index of its draft. A dry run only says what they would be.
async fn add(
    desk: &Desk<'_>,
    rules: &Rules,
    run: Run,
    new: Vec<(usize, NewRequest)>,
) -> Result<Vec<(usize, Verdict)>, OperatorError> {
    let about = |request: &Request| New {
        id: None,
        is_late: request.deadline.is_past(desk.now),
        is_left_to_person: rules.leave_to_person(request),
    };
    let told: Vec<_> = new.iter().map(|(index, one)| (*index, about(&one.request))).collect();
    if run == Run::Dry {
        return Ok(told.into_iter().map(|(index, new)| (index, Verdict::New(new))).collect());
    }
    let new = new.into_iter().map(|(_, one)| one).collect();
    let added = desk.store.add_requests(new, desk.now).await?;
    let verdicts = told.into_iter().zip(added).map(|((index, new), added)| match added {
        Added::New(id) => (index, Verdict::New(New { id: Some(id), ..new })),
        Added::Known(id) => (index, Verdict::Known(id)),
    });
    Ok(verdicts.collect())
}

fn put(verdicts: &mut [Option<Verdict>], index: usize, verdict: Option<Verdict>) {
    if let Some(place) = verdicts.get_mut(index) {
        *place = verdict;
    }
}

fn new_request(desk: &Desk<'_>, channel: Channel, draft: &Draft, one: Checked) -> NewRequest {
    let id = RequestId::new(desk.ids);
    let identifiers = one.identifiers.iter().map(|(kind, given, normalised)| Identifier {
        id: IdentifierId::new(desk.ids),
        kind: kind.clone(),
        given: given.clone(),
        normalised: normalised.clone(),
        origin: Origin::Given,
        seen_in: Vec::new(),
    });
    let how = if one.verified_as_given { "as given" } else { "by whoever entered it" };
    let received = desk
        .entry(Event::RequestReceived)
        .request(id)
        .fact("right", one.right.word())
        .fact("n_identifiers", one.identifiers.len())
        .fact("is_late", one.deadline.is_past(desk.now));
    let verified = desk.entry(Event::RequestVerified).request(id).fact("how", how);
    let idempotency = match channel {
        Channel::Keyboard if draft.external_id.is_none() => format!("typed:{id}"),
        _ => draft.key(),
    };
    NewRequest {
        identifiers: identifiers.collect(),
        idempotency,
        journal: vec![received, verified],
        request: request(id, one),
    }
}

fn request(id: RequestId, one: Checked) -> Request {
    Request {
        id,
        right: one.right,
        scope: one.scope,
        received_at: one.received_at,
        deadline: one.deadline,
        jurisdiction: one.jurisdiction,
        brand: one.brand,
        subject_kind: one.subject_kind,
        external_id: one.external_id,
        verified: Some(one.verified),
        routed: None,
        closing: None,
        state: RequestState::Received,
        version: 0,
    }
}
