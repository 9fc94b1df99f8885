//! The same request, or the same person under the same right, once more: in the drafts at hand, and
//! among the requests that are open.

use std::collections::{HashMap, HashSet};

use domain::{Digest, Identifier, IdentifierKind, Origin, Request, RequestId};
use serde::Serialize;
use store::Store;

use super::{Channel, Handed, Verdict};
use crate::operator::desk::{Desk, OperatorError};
use crate::operator::draft::{Checked, Draft};
use crate::operator::fault::Fault;

/// What was seen in the drafts at hand: short digests, no values. Cleared group by group, since what
/// was stored is found in the store; kept over the whole of a dry run, which stores nothing.
#[derive(Default)]
pub(in crate::operator) struct Seen {
    /// By what makes a row the same: what it asks for.
    rows: HashMap<u64, u64>,
    people: HashSet<u64>,
}

impl Seen {
    /// Lets a draft pass unless it, or its person under the same right and scope, came before.
    pub(super) fn take(&mut self, handed: &Handed<'_>, one: &Checked) -> Result<(), Fault> {
        let scope = one.scope.to_string();
        let wish = short(&(one.right, &scope, routed_by(one), normalised_values(one)));
        let name = handed.sent_as().unwrap_or_else(|| handed.draft.key());
        match self.rows.insert(short(&name), wish) {
            None => {}
            Some(earlier) if earlier == wish => return Err(twice()),
            Some(_) => return Err(Name::ExternalId.is_used_by("an earlier row")),
        }
        let of_one_person = naming(one);
        let people: Vec<_> = of_one_person
            .map(|(kind, value)| short(&(one.right, &scope, kind.to_string(), value)))
            .collect();
        if people.iter().any(|person| self.people.contains(person)) {
            let message = "an earlier row asks for the same right for the same person";
            return Err(Fault::new("", "E-REQ-041", message));
        }
        self.people.extend(people);
        Ok(())
    }

    /// Forgets everything.
    pub(in crate::operator) fn clear(&mut self) {
        self.rows.clear();
        self.people.clear();
    }
}

/// That a row stands in a file twice.
pub(in crate::operator) fn twice() -> Fault {
    Fault::new("", "E-CSV-013", "the same row stands further up in this file")
}

/// What makes a request the same when it comes again.
#[derive(Clone, Copy)]
enum Name {
    ExternalId,
    /// The `Idempotency-Key` that it was sent with.
    Key,
}

impl Name {
    /// That it names a request which asks for something else.
    fn is_used_by(self, by: &str) -> Fault {
        self.fault(format!("is used by {by}, which asks for something else or for somebody else"))
    }

    /// That it names a request whose phone numbers were read as another country's.
    fn is_read_otherwise(self, by: RequestId) -> Fault {
        self.fault(format!(
            "is used by {by}, whose phone number was read under another --phone-region and so is \
             another person's"
        ))
    }

    fn fault(self, message: String) -> Fault {
        match self {
            Self::ExternalId => Fault::new("external_id", "E-REQ-042", message),
            Self::Key => Fault::new("Idempotency-Key", "E-REQ-043", message),
        }
    }
}

fn short(value: &impl Serialize) -> u64 {
    let digest = Digest::of_json(value);
    digest.bytes().iter().take(8).fold(0, |short, byte| short << 8 | u64::from(*byte))
}

/// The identifiers by which two requests are known to be about one person. What a household shares
/// says nothing.
fn naming(one: &Checked) -> impl Iterator<Item = (&IdentifierKind, &str)> {
    let naming = one.identifiers.iter().filter(|(kind, ..)| !kind.is_shared_by_people());
    naming.map(|(kind, _, value)| (kind, value.as_str()))
}

/// For each draft, with its index, what an open request of the same person says about it, if there is
/// one. All are handed in at desks of one store.
pub(super) async fn find(
    channel: Channel,
    checked: &[(usize, Handed<'_>, Checked)],
) -> Result<Vec<Option<Verdict>>, OperatorError> {
    let Some((_, Handed { desk: Desk { store, .. }, .. }, _)) = checked.first() else {
        return Ok(Vec::new());
    };
    let values = |one: &Checked| -> Vec<_> {
        naming(one).map(|(kind, value)| (kind.clone(), value.to_owned())).collect()
    };
    let all: Vec<_> = checked.iter().flat_map(|(.., one)| values(one)).collect();
    let sharing = store.requests_sharing(&all).await?;
    let mut ids: Vec<_> = sharing.into_iter().map(|(id, _)| id).collect();
    ids.dedup();
    let open: HashMap<_, _> = open_requests(store, &ids).await?;
    let ids = checked.iter().filter_map(|(.., one)| one.external_id.as_deref());
    let named = requests_named(store, &ids.collect::<Vec<_>>()).await?;
    let keys: Vec<_> = checked.iter().filter_map(|(_, handed, _)| handed.sent_as()).collect();
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    let sent: HashMap<_, _> = store.requests_taken_as(&keys).await?.into_iter().collect();
    let known =
        vouched_for(store, named.values().chain(sent.values()).map(|request| request.id)).await?;
    let mut found = Vec::with_capacity(checked.len());
    for (_, handed, one) in checked {
        let Handed { desk, draft, .. } = handed;
        let by_id = one.external_id.as_ref().and_then(|id| named.get(id));
        let by_key = handed.sent_as().and_then(|key| sent.get(&key));
        let before = by_id.map(|request| (Name::ExternalId, request));
        let before = before.or_else(|| by_key.map(|request| (Name::Key, request)));
        let mut verdict = before.map(|(name, request)| {
            let known = known.get(&request.id).map_or(&[][..], Vec::as_slice);
            judge_named(desk, name, one, request, known)
        });
        if verdict.is_none() && !open.is_empty() {
            let sharing = store.requests_sharing(&values(one)).await?;
            let ids = sharing.iter().filter_map(|(id, _)| open.get(id));
            let same = ids.filter(|request| request.right == one.right && covers(request, one));
            for request in same {
                verdict = Some(judge(desk, channel, draft, one, request).await?);
                if matches!(verdict, Some(Verdict::Known(_))) {
                    break;
                }
            }
        }
        found.push(verdict);
    }
    Ok(found)
}

async fn requests_named(
    store: &Store,
    ids: &[&str],
) -> Result<HashMap<String, Request>, OperatorError> {
    let requests = store.requests_named(ids).await?;
    let named = requests.into_iter().filter_map(|one| Some((one.external_id.clone()?, one)));
    Ok(named.collect())
}

/// Whether the request that has a draft's name is what the draft asks for. It may know more of its
/// person by now.
fn judge_named(
    desk: &Desk<'_>,
    name: Name,
    one: &Checked,
    request: &Request,
    known: &[Identifier],
) -> Verdict {
    let all = |is: fn(&Identifier, &(IdentifierKind, String, String)) -> bool| {
        one.identifiers.iter().all(|new| known.iter().any(|old| old.kind == new.0 && is(old, new)))
    };
    let is_wish = one.right == request.right
        && one.scope == request.scope
        && routed_by(one) == [&request.jurisdiction, &request.brand, &request.subject_kind];
    if is_wish && all(|old, (_, _, value)| old.normalised == *value) {
        return Verdict::Known(request.id);
    }
    // The same text was read as another value: only a phone number's country can do that.
    let is_read_otherwise = is_wish && all(|old, (_, text, _)| old.given == *text);
    Verdict::Faults(vec![match is_read_otherwise {
        true => name.is_read_otherwise(request.id),
        false => name.is_used_by(&named(desk, request)),
    }])
}

async fn open_requests(
    store: &Store,
    ids: &[RequestId],
) -> Result<HashMap<RequestId, Request>, OperatorError> {
    let requests = store.requests_by_id(ids).await?;
    let open = requests.into_iter().filter(|request| request.closing.is_none());
    Ok(open.map(|request| (request.id, request)).collect())
}

fn covers(request: &Request, one: &Checked) -> bool {
    one.scope.words().iter().all(|word| request.scope.words().contains(word))
}

/// Whether an open request of the same person and right is this very draft, taken in before.
async fn judge(
    desk: &Desk<'_>,
    channel: Channel,
    draft: &Draft,
    one: &Checked,
    request: &Request,
) -> Result<Verdict, OperatorError> {
    let is_same = match (&one.external_id, &request.external_id) {
        (Some(one), Some(other)) => one == other,
        (None, None) if channel == Channel::File => {
            (draft.received_at.is_none() || one.received_at == request.received_at)
                && (draft.due_at.is_none() || one.deadline == request.deadline)
                && one.scope == request.scope
                && routed_by(one) == [&request.jurisdiction, &request.brand, &request.subject_kind]
                && given_values(desk, request).await? == normalised_values(one)
        }
        _ => false,
    };
    if is_same {
        return Ok(Verdict::Known(request.id));
    }
    let request = named(desk, request);
    let message =
        format!("a request of the same person under the same right is still open: {request}");
    Ok(Verdict::Faults(vec![Fault::new("", "E-REQ-040", message)]))
}

/// A request as whoever enters another may be told of it: what is out of reach is not named.
fn named(desk: &Desk<'_>, request: &Request) -> String {
    match desk.reach.covers(request.brand.as_deref()) {
        true => request.id.to_string(),
        false => "a request of another brand".to_owned(),
    }
}

/// What, beside its right, decides which connections serve a request.
fn routed_by(one: &Checked) -> [&Option<String>; 3] {
    [&one.jurisdiction, &one.brand, &one.subject_kind]
}

/// The identifiers of requests that their person or an operator named.
async fn vouched_for(
    store: &Store,
    requests: impl Iterator<Item = RequestId>,
) -> Result<HashMap<RequestId, Vec<Identifier>>, OperatorError> {
    let requests: Vec<_> = requests.collect();
    let mut known: HashMap<_, Vec<_>> = HashMap::with_capacity(requests.len());
    for (request, identifier) in store.identifiers_of(&requests).await? {
        if identifier.origin.is_vouched_for() {
            known.entry(request).or_default().push(identifier);
        }
    }
    Ok(known)
}

async fn given_values(
    desk: &Desk<'_>,
    request: &Request,
) -> Result<Vec<(IdentifierKind, String)>, OperatorError> {
    let identifiers = desk.store.identifiers_of(&[request.id]).await?.into_iter();
    let given = identifiers
        .map(|(_, identifier)| identifier)
        .filter(|identifier| identifier.origin == Origin::Given);
    let mut values: Vec<_> =
        given.map(|identifier| (identifier.kind, identifier.normalised)).collect();
    values.sort();
    Ok(values)
}

fn normalised_values(one: &Checked) -> Vec<(IdentifierKind, String)> {
    let values = one.identifiers.iter();
    let mut values: Vec<_> = values.map(|(kind, _, value)| (kind.clone(), value.clone())).collect();
    values.sort();
    values
}
