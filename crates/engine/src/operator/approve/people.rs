//! One person behind several requests: those of the same right that share an identifier, given or
//! found. What a household shares says nothing.

use std::collections::{BTreeSet, HashMap};

use domain::{Identifier, IdentifierKind, Request, RequestId};

use crate::operator::desk::OperatorError;
use store::Store;

/// For each of these requests, the other open ones of the same person and right.
pub(in crate::operator) async fn same_person(
    store: &Store,
    requests: &HashMap<RequestId, Request>,
    identifiers: &[(RequestId, Identifier)],
) -> Result<HashMap<RequestId, BTreeSet<RequestId>>, OperatorError> {
    let mut values: HashMap<RequestId, Vec<(IdentifierKind, String)>> = HashMap::new();
    for (request, one) in identifiers.iter().filter(|(_, one)| !one.kind.is_shared_by_people()) {
        values.entry(*request).or_default().push((one.kind.clone(), one.normalised.clone()));
    }
    let mut same = HashMap::new();
    among(&values, &mut same);
    beyond(store, requests, &values, &mut same).await?;
    same.retain(|id, others: &mut BTreeSet<RequestId>| {
        let right = requests.get(id).map(|request| request.right);
        others.retain(|other| match requests.get(other) {
            Some(other) => Some(other.right) == right && other.closing.is_none(),
            None => true,
        });
        !others.is_empty()
    });
    Ok(same)
}

type Values = HashMap<RequestId, Vec<(IdentifierKind, String)>>;
type Same = HashMap<RequestId, BTreeSet<RequestId>>;

/// Those at hand that share a value with each other.
fn among(values: &Values, same: &mut Same) {
    let mut by_value: HashMap<&(IdentifierKind, String), Vec<RequestId>> = HashMap::new();
    for (request, values) in values {
        values.iter().for_each(|value| by_value.entry(value).or_default().push(*request));
    }
    for sharing in by_value.values().filter(|sharing| sharing.len() > 1) {
        for one in sharing {
            let others = sharing.iter().filter(|other| *other != one);
            same.entry(*one).or_default().extend(others);
        }
    }
}

/// Those at hand that share a value with others. All are asked for at once, and each only if there
/// is any.
async fn beyond(
    store: &Store,
    requests: &HashMap<RequestId, Request>,
    values: &Values,
    same: &mut Same,
) -> Result<(), OperatorError> {
    let all: Vec<_> = values.values().flatten().cloned().collect();
    let mut others: Vec<_> =
        store.requests_sharing(&all).await?.into_iter().map(|(id, _)| id).collect();
    others.retain(|id| !requests.contains_key(id));
    others.dedup();
    let mut others = store.requests_by_id(&others).await?;
    others.retain(|other| other.closing.is_none());
    if others.is_empty() {
        return Ok(());
    }
    for (id, values) in values {
        let right = requests.get(id).map(|request| request.right);
        let sharing = store.requests_sharing(values).await?;
        let fits = |other: &&Request| {
            Some(other.right) == right && sharing.iter().any(|(id, _)| *id == other.id)
        };
        let found: Vec<_> = others.iter().filter(fits).map(|other| other.id).collect();
        if !found.is_empty() {
            same.entry(*id).or_default().extend(found);
        }
    }
    Ok(())
}
