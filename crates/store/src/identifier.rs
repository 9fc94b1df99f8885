//! Identifiers as rows: their values sealed under the request's key, found through tokens.

use std::collections::{BTreeMap, HashMap};

use domain::identifier::Sighting;
use domain::{Identifier, IdentifierId, IdentifierKind, RequestId};

use crate::bulk::{Kind, Over};
use crate::db::{Row, Tx, Value, json, values};
use crate::error::StoreError;
use crate::keyring::Keyring;
use crate::request_key::Unopened;
use crate::seal::{Place, SealingKey};
use crate::store::Store;

pub(crate) static INSERT: Over = Over::insert(
    "identifier",
    &[
        ("request_id", Kind::Text),
        ("id", Kind::Text),
        ("kind", Kind::Text),
        ("token", Kind::Text),
        ("older_token", Kind::Text),
        ("normalised", Kind::Bytes),
        ("given", Kind::Bytes),
        ("origin", Kind::Text),
        ("seen_in", Kind::Text),
    ],
    "ON CONFLICT (request_id, token) DO NOTHING",
);
static BY_REQUEST: Over = Over::new(
    &[("request_id", Kind::Text)],
    "SELECT i.request_id, i.id, i.kind, i.normalised, i.given, i.origin, i.seen_in
     FROM v CROSS JOIN identifier i WHERE i.request_id = v.request_id",
);
static SEEN: Over = Over::new(
    &[("id", Kind::Text)],
    "SELECT i.id, i.seen_in FROM v CROSS JOIN identifier i WHERE i.id = v.id",
);
static SEE: Over = Over::new(
    &[("id", Kind::Text), ("seen_in", Kind::Text)],
    "UPDATE identifier SET seen_in = v.seen_in FROM v WHERE identifier.id = v.id",
);
static BY_TOKEN: Over = Over::new(
    &[("token", Kind::Text)],
    "SELECT i.id, i.request_id, i.kind, i.token FROM v CROSS JOIN identifier i WHERE i.token = v.token",
);
static BY_TOKEN_AND_REQUEST: Over = Over::new(
    &[("token", Kind::Text), ("request_id", Kind::Text)],
    "SELECT i.id, i.token, i.request_id FROM v
     CROSS JOIN identifier i WHERE i.token = v.token AND i.request_id = v.request_id",
);
static COLLECTING: Over = Over::new(
    &[("request_id", Kind::Text)],
    ", mine AS MATERIALIZED (
        SELECT i.request_id, i.token, i.older_token
        FROM v CROSS JOIN identifier i WHERE i.request_id = v.request_id
     ), shared AS MATERIALIZED (
        SELECT mine.request_id AS waiting, other.request_id AS open
        FROM mine CROSS JOIN identifier other
        WHERE (other.token IN (mine.token, mine.older_token) OR other.older_token = mine.token)
            AND other.request_id <> mine.request_id
     ), asked AS MATERIALIZED (
        SELECT shared.waiting, r.id, r.state FROM shared CROSS JOIN request r
        WHERE r.id = shared.open
            AND r.state <> 'closed' AND r.right_word IN ('access', 'portability')
     )
     SELECT asked.waiting, asked.id AS open FROM asked WHERE asked.state IN ('received', 'verifying')
     UNION
     SELECT asked.waiting, asked.id AS open FROM asked CROSS JOIN task t
     WHERE t.request_id = asked.id AND t.state <> 'ended'
        AND NOT (t.state = 'approving' AND t.outcome IS NOT NULL)
        AND t.state <> 'by hand'",
);

/// What the engine asks again and again, for the test that nothing scans.
#[cfg(test)]
pub(crate) fn frequent(dialect: crate::db::Dialect) -> Vec<&'static str> {
    let sets = [&BY_REQUEST, &SEEN, &SEE, &BY_TOKEN, &BY_TOKEN_AND_REQUEST, &COLLECTING];
    sets.iter().map(|set| set.longest_text(dialect)).collect()
}

impl Store {
    /// The identifiers of these requests with their values, in the order of their ids. Those of a
    /// request that can't be opened are left out.
    pub async fn identifiers_of(
        &self,
        requests: &[RequestId],
    ) -> Result<Vec<(RequestId, Identifier)>, StoreError> {
        Ok(self.identifiers_or_why(requests).await?.0)
    }

    /// The same; and the requests of which one at least does not open, with why: of those there are
    /// none.
    pub async fn identifiers_or_why(
        &self,
        requests: &[RequestId],
    ) -> Result<(Vec<(RequestId, Identifier)>, Unopened), StoreError> {
        let (keys, mut unopened) = self.keys_or_why(requests.iter().copied()).await?;
        let ids = keys.keys().map(|id| values![*id]);
        let read = |row: &Row| {
            let request: RequestId = row.parse("request_id")?;
            let Some(key) = keys.get(&request) else { return Ok(None) };
            match open(key, row) {
                Ok(one) => Ok(Some((request, one))),
                Err(error) if error.is_unopened() => {
                    unopened.insert(request, error.why_unopened());
                    Ok(None)
                }
                Err(error) => Err(error),
            }
        };
        let identifiers = BY_REQUEST.read_as(self.db(), ids, read).await?;
        let mut identifiers: Vec<_> = identifiers.into_iter().flatten().collect();
        identifiers.retain(|(request, _)| !unopened.contains_key(request));
        identifiers.sort_by_key(|(request, identifier)| (*request, identifier.id));
        Ok((identifiers, unopened))
    }

    /// The requests that know one of these values (normalised), with the kind by which they do.
    pub async fn requests_sharing(
        &self,
        values: &[(IdentifierKind, String)],
    ) -> Result<Vec<(RequestId, IdentifierKind)>, StoreError> {
        let tokens =
            values.iter().flat_map(|(kind, value)| self.keys().tokens(&kind.to_string(), value));
        let rows = BY_TOKEN.read(self.db(), tokens.map(|token| values![token])).await?;
        let read = |row: &Row| Ok((row.parse("request_id")?, row.parse("kind")?));
        let mut sharing = rows.iter().map(read).collect::<Result<Vec<_>, StoreError>>()?;
        sharing.sort();
        sharing.dedup();
        Ok(sharing)
    }

    /// Which of these requests share an identifier with another one, open, under a right that
    /// reads, for which something is still to be collected: `(the one given, the open one)`.
    pub async fn open_collections_sharing(
        &self,
        requests: &[RequestId],
    ) -> Result<Vec<(RequestId, RequestId)>, StoreError> {
        let rows = COLLECTING.read(self.db(), requests.iter().map(|id| values![*id])).await?;
        rows.iter().map(|row| Ok((row.parse("waiting")?, row.parse("open")?))).collect()
    }
}

/// The row of a new identifier.
pub(crate) fn row(
    keys: &Keyring,
    key: &SealingKey,
    request: RequestId,
    identifier: &Identifier,
) -> Result<Vec<Value>, StoreError> {
    let id = identifier.id.to_string();
    let kind = identifier.kind.to_string();
    let token = keys.token(&kind, &identifier.normalised)?;
    let older_token = keys.older_token(&kind, &identifier.normalised);
    let seal =
        |column, value: &str| key.seal(Place::new("identifier", &id, column), value.as_bytes());
    let differs = identifier.given != identifier.normalised;
    Ok(values![
        request,
        identifier.id,
        kind,
        token,
        older_token,
        seal("normalised", &identifier.normalised)?,
        differs.then(|| seal("given", &identifier.given)).transpose()?,
        json(&identifier.origin)?,
        json(&identifier.seen_in)?,
    ])
}

pub(crate) fn open(key: &SealingKey, row: &Row) -> Result<Identifier, StoreError> {
    let id: IdentifierId = row.parse("id")?;
    let text_id = id.to_string();
    let open = |column, sealed: &[u8]| {
        crate::text(&key.open(Place::new("identifier", &text_id, column), sealed)?)
    };
    let normalised = open("normalised", row.get("normalised")?)?;
    let given = match row.get::<Option<&[u8]>>("given")? {
        Some(sealed) => open("given", sealed)?,
        None => normalised.clone(),
    };
    let (origin, seen_in) = (row.json("origin")?, row.json("seen_in")?);
    Ok(Identifier { id, kind: row.parse("kind")?, given, normalised, origin, seen_in })
}

/// Adds identifiers to requests. One that a request has already is not added: the answer leads from
/// its id to that of the one which stands.
pub(crate) async fn add(
    tx: &mut Tx,
    keys: &Keyring,
    new: &[(RequestId, &Identifier)],
    mut rows: Vec<Vec<Value>>,
) -> Result<HashMap<IdentifierId, IdentifierId>, StoreError> {
    let mut merged = standing(tx, keys, new, Tokens::Older).await?;
    let mut index = 0..;
    rows.retain(|_| {
        let one = index.next().and_then(|index: usize| new.get(index));
        one.is_none_or(|(_, identifier)| !merged.contains_key(&identifier.id))
    });
    let n_rows = rows.len() as u64;
    if INSERT.change(tx, rows).await? < n_rows {
        let is_left = |id: &IdentifierId| !merged.contains_key(id);
        let left: Vec<_> = new.iter().filter(|(_, one)| is_left(&one.id)).copied().collect();
        let others = standing(tx, keys, &left, Tokens::Newest).await?;
        merged.extend(others.into_iter().filter(|(id, into)| id != into));
    }
    let sightings = new.iter().filter_map(|(_, identifier)| {
        merged.get(&identifier.id).map(|into| (*into, identifier.seen_in.as_slice()))
    });
    see(tx, sightings).await?;
    Ok(merged)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tokens {
    Newest,
    Older,
}

/// Which of these identifiers stand already, under the newest index key or under older ones.
async fn standing(
    tx: &mut Tx,
    keys: &Keyring,
    new: &[(RequestId, &Identifier)],
    which: Tokens,
) -> Result<HashMap<IdentifierId, IdentifierId>, StoreError> {
    let mut asked: HashMap<(String, RequestId), Vec<IdentifierId>> = HashMap::new();
    for (request, identifier) in new {
        let mut tokens = keys.tokens(&identifier.kind.to_string(), &identifier.normalised);
        let newest = tokens.pop();
        let tokens = if which == Tokens::Newest { newest.into_iter().collect() } else { tokens };
        for token in tokens {
            asked.entry((token, *request)).or_default().push(identifier.id);
        }
    }
    let rows: Vec<_> = asked.keys().map(|(token, request)| values![&**token, *request]).collect();
    let mut standing = HashMap::new();
    for row in BY_TOKEN_AND_REQUEST.run(tx, rows).await? {
        let into: IdentifierId = row.parse("id")?;
        let asked_for = asked.get(&(row.get("token")?, row.parse("request_id")?));
        for id in asked_for.into_iter().flatten() {
            standing.insert(*id, into);
        }
    }
    Ok(standing)
}

/// Adds sightings to identifiers that stand.
pub(crate) async fn see(
    tx: &mut Tx,
    sightings: impl Iterator<Item = (IdentifierId, &[Sighting])>,
) -> Result<(), StoreError> {
    let mut wanted: BTreeMap<IdentifierId, Vec<Sighting>> = BTreeMap::new();
    for (id, seen) in sightings {
        wanted.entry(id).or_default().extend_from_slice(seen);
    }
    let mut changed = Vec::new();
    let asked: Vec<_> = wanted.keys().map(|id| values![*id]).collect();
    for row in SEEN.run(tx, asked).await? {
        let id: IdentifierId = row.parse("id")?;
        let before: Vec<Sighting> = row.json("seen_in")?;
        let mut after = before.clone();
        after.extend(wanted.remove(&id).unwrap_or_default());
        after.sort();
        after.dedup();
        if after != before {
            changed.push(values![id, json(&after)?]);
        }
    }
    SEE.change(tx, changed).await.map(drop)
}
