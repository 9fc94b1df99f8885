//! Taking requests in: drafts become requests, each once, or come back with their faults.

mod same;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use domain::identifier::{Identifier, Origin, Region};
use domain::{Event, IdentifierId, IdentifierKind, Request, RequestId, RequestState};
use serde::{Deserialize, Serialize};
use store::{Added, NewRequest};
use utoipa::ToSchema;

use super::desk::{Desk, OperatorError};
use super::draft::{self, Checked, Common, Draft, Given, Rules};
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

/// Where drafts come from. Both are kept from entering a request twice, each in its own way, and each
/// calls identifiers by what whoever gave them sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Channel {
    /// Typed. Without an external id it is another request each time; one for the same person and
    /// right is refused while the first is open.
    Keyboard,
    /// A file, which may be read again after a fault or a crash. The same row is the same request.
    File,
}

impl Channel {
    /// What an identifier is called in a fault.
    pub(super) fn identifier(self, index: usize, kind: &IdentifierKind) -> String {
        match self {
            Self::Keyboard => Given::field(index),
            Self::File => kind.to_string(),
        }
    }

    /// What all identifiers together are called in a fault. In a file they stand in many columns.
    pub(super) fn identifiers(self) -> &'static str {
        match self {
            Self::Keyboard => "identifiers",
            Self::File => "",
        }
    }
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
    /// It, or its person under the same right, came before among the drafts at hand.
    Twice(Fault),
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

/// A draft, and the desk of whoever typed it.
pub struct Submission<'a> {
    /// The desk.
    pub desk: Desk<'a>,
    /// The region of phone numbers without a country.
    pub region: Option<Region>,
    /// The draft.
    pub draft: &'a Draft,
    /// What the sender calls it, to be known by if it is sent again. An external id goes before it.
    pub key: Option<&'a str>,
}

/// A draft, and what it is measured by where it is handed in.
#[derive(Clone, Copy)]
pub(super) struct Handed<'a> {
    pub(super) desk: &'a Desk<'a>,
    pub(super) rules: &'a Rules,
    pub(super) draft: &'a Draft,
    pub(super) key: Option<&'a str>,
}

impl Handed<'_> {
    /// By what it is known where it is sent again, if its sender named something: the same key of
    /// another sender is another key. An external id is known by itself.
    fn sent_as(&self) -> Option<String> {
        let key = self.key.filter(|_| self.draft.external_id.is_none())?;
        Some(format!("sent:{}\n{key}", self.desk.name()))
    }
}

/// Takes in drafts that a person typed.
pub async fn submit(
    desk: &Desk<'_>,
    drafts: &[Draft],
    region: Option<Region>,
) -> Result<Vec<Taken>, OperatorError> {
    let rules = Rules::load(desk, region).await?;
    let handed = drafts.iter().map(|draft| Handed { desk, rules: &rules, draft, key: None });
    take_typed(handed.collect()).await
}

/// Takes in what several people typed at the same moment, at desks of one store. Each draft comes to
/// what it would have come to alone, and few transactions serve them all.
pub async fn submit_together(typed: &[Submission<'_>]) -> Result<Vec<Taken>, OperatorError> {
    let Some(first) = typed.first() else { return Ok(Vec::new()) };
    let common = Arc::new(Common::load(&first.desk).await?);
    let rules = typed.iter().map(|one| Rules::of(&one.desk, one.region.clone(), common.clone()));
    let rules: Vec<_> = rules.collect();
    let handed = typed.iter().zip(&rules);
    let handed = handed.map(|(one, rules)| {
        let Submission { desk, draft, key, .. } = one;
        Handed { desk, rules, draft, key: *key }
    });
    take_typed(handed.collect()).await
}

/// Takes typed drafts in. One that may be the same as another before it waits until that one is in,
/// and is then compared with it in the store, as if it had been typed later.
async fn take_typed(handed: Vec<Handed<'_>>) -> Result<Vec<Taken>, OperatorError> {
    let mut taken: Vec<Option<Taken>> = handed.iter().map(|_| None).collect();
    let mut left: Vec<_> = handed.into_iter().enumerate().collect();
    while !left.is_empty() {
        let round: Vec<_> = left.iter().map(|(_, handed)| *handed).collect();
        let verdicts = take(Channel::Keyboard, Run::Real, &mut Seen::default(), &round).await?;
        let mut later = Vec::new();
        for ((index, handed), verdict) in left.into_iter().zip(verdicts) {
            let one = match verdict {
                Verdict::New(New { id: Some(id), .. }) => Ok(TakenIn { request: id, is_new: true }),
                Verdict::Known(id) => Ok(TakenIn { request: id, is_new: false }),
                Verdict::Faults(faults) => Err(faults),
                Verdict::New(New { id: None, .. }) => Err(Vec::new()),
                Verdict::Twice(_) => {
                    later.push((index, handed));
                    continue;
                }
            };
            put(&mut taken, index, Some(one));
        }
        left = later;
    }
    Ok(taken.into_iter().flatten().collect())
}

/// Takes in a group of drafts in one transaction. The first of them never is [`Verdict::Twice`].
pub(super) async fn take(
    channel: Channel,
    run: Run,
    seen: &mut Seen,
    handed: &[Handed<'_>],
) -> Result<Vec<Verdict>, OperatorError> {
    let mut verdicts: Vec<Option<Verdict>> = Vec::with_capacity(handed.len());
    let mut checked = Vec::new();
    for one in handed {
        verdicts.push(match draft::check(one.draft, channel, one.rules) {
            Err(faults) => Some(Verdict::Faults(faults)),
            Ok(good) => match seen.take(one, &good) {
                Err(fault) => Some(Verdict::Twice(fault)),
                Ok(()) => {
                    checked.push((verdicts.len(), *one, good));
                    None
                }
            },
        });
    }
    let standing = same::find(channel, &checked).await?;
    let mut new = Vec::new();
    for ((index, one, good), standing) in checked.into_iter().zip(standing) {
        if standing.is_some() {
            put(&mut verdicts, index, standing);
        } else {
            new.push((index, one, new_request(channel, &one, good)));
        }
    }
    for (index, verdict) in add(run, new).await? {
        put(&mut verdicts, index, Some(verdict));
    }
    Ok(verdicts.into_iter().flatten().collect())
}

/// Adds requests, each with the index of its draft. A dry run only says what they would be.
async fn add(
    run: Run,
    new: Vec<(usize, Handed<'_>, NewRequest)>,
) -> Result<Vec<(usize, Verdict)>, OperatorError> {
    let Some(&(_, Handed { desk, .. }, _)) = new.first() else { return Ok(Vec::new()) };
    let about = |one: &Handed<'_>, request: &Request| New {
        id: None,
        is_late: request.deadline.is_past(one.desk.now),
        is_left_to_person: one.rules.leave_to_person(request),
    };
    let told = new.iter().map(|(index, one, new)| (*index, about(one, &new.request)));
    let told: Vec<_> = told.collect();
    if run == Run::Dry {
        return Ok(told.into_iter().map(|(index, new)| (index, Verdict::New(new))).collect());
    }
    let new = new.into_iter().map(|(.., new)| new).collect();
    let added = desk.store.add_requests(new, desk.now).await?;
    let verdicts = told.into_iter().zip(added).map(|((index, new), added)| match added {
        Added::New(id) => (index, Verdict::New(New { id: Some(id), ..new })),
        Added::Known(id) => (index, Verdict::Known(id)),
    });
    Ok(verdicts.collect())
}

fn put<T>(all: &mut [Option<T>], index: usize, one: Option<T>) {
    if let Some(place) = all.get_mut(index) {
        *place = one;
    }
}

fn new_request(channel: Channel, handed: &Handed<'_>, one: Checked) -> NewRequest {
    let Handed { desk, draft, .. } = handed;
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
    let idempotency = handed.sent_as().unwrap_or_else(|| match channel {
        Channel::Keyboard if draft.external_id.is_none() => format!("typed:{id}"),
        _ => draft.key(),
    });
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
