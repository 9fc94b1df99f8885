//! Requests as rows, and how they come in and are found.
//!
//! `body` holds the whole request but for what has a column of its own; `external_id` may hold a
//! personal value, so it is sealed and found through its token.

mod list;

use std::collections::{BTreeSet, HashMap};

use domain::request::state;
use domain::{Entry, Identifier, Instant, Request, RequestId};

use crate::bulk::{Kind, Over};
use crate::db::{Row, Tx, Value, json, values};
use crate::error::StoreError;
use crate::keys::KeyName;
use crate::seal::Place;
use crate::store::Store;
use crate::task::prefix_range;
use crate::{identifier, journal};

macro_rules! columns {
    () => {
        "r.id, r.state, r.external_id, r.body, r.version"
    };
}
use columns;
pub use list::{RequestFilter, RequestPage};

/// Stands around each brand of a list; no brand holds a control character. Not `LIKE`, as for words,
/// since a brand may hold what that takes for a wildcard.
pub(crate) const BRAND_END: &str = "\u{1f}";
pub(crate) const EXTERNAL: &str = "external_id";
const IDEMPOTENCY: &str = "idempotency";

/// A request that comes in.
#[derive(Clone, Debug)]
pub struct NewRequest {
    /// The request; its state is derived here.
    pub request: Request,
    /// Its identifiers.
    pub identifiers: Vec<Identifier>,
    /// What makes it the same request when it comes again. Kept as a blind index only.
    pub idempotency: String,
    /// What to journal, if it is new.
    pub journal: Vec<Entry>,
}

/// What came of adding a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It is in.
    New(RequestId),
    /// It was in before, under this id.
    Known(RequestId),
}

static INSERT: Over = Over::insert(
    "request",
    &[
        ("id", Kind::Text),
        ("state", Kind::Text),
        ("right_word", Kind::Text),
        ("due_at", Kind::Int),
        ("idempotency", Kind::Text),
        ("external_token", Kind::Text),
        ("external_id", Kind::Bytes),
        ("body", Kind::Text),
        ("brand", Kind::Text),
        ("version", Kind::Int),
    ],
    "ON CONFLICT (idempotency) DO NOTHING RETURNING id",
);
static INSERT_KEY: Over = Over::insert(
    "request_key",
    &[("request_id", Kind::Text), ("wrapped", Kind::Bytes), ("epoch", Kind::Text)],
    "",
);
static BY_IDEMPOTENCY: Over = Over::new(
    &[("token", Kind::Text)],
    "SELECT r.id, v.token FROM v CROSS JOIN request r WHERE r.idempotency = v.token",
);
pub(crate) static UPDATE: Over = Over::new(
    &[("id", Kind::Text), ("expected", Kind::Int), ("due_at", Kind::Int), ("body", Kind::Text)],
    "UPDATE request SET due_at = v.due_at, body = v.body, version = v.expected + 1
     FROM v WHERE request.id = v.id AND request.version = v.expected",
);
pub(crate) static MOVE: Over = Over::new(
    &[("id", Kind::Text), ("state", Kind::Text)],
    "UPDATE request SET state = v.state FROM v WHERE request.id = v.id",
);
pub(crate) static BY_ID: Over = Over::new(
    &[("id", Kind::Text)],
    concat!("SELECT ", columns!(), " FROM v CROSS JOIN request r WHERE r.id = v.id"),
);
const UNROUTED: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM request r WHERE r.state = 'received' ORDER BY r.id LIMIT $1"
);
const PREFIX: &str = "SELECT id FROM request WHERE id >= $1 AND id < $2 ORDER BY id LIMIT 20";
static BY_EXTERNAL: Over = Over::new(
    &[("token", Kind::Text)],
    "SELECT r.id FROM v CROSS JOIN request r WHERE r.external_token = v.token",
);

/// What the engine asks again and again, for the test that nothing scans.
#[cfg(test)]
pub(crate) fn frequent(dialect: crate::db::Dialect) -> Vec<&'static str> {
    let sets = [&BY_EXTERNAL, &BY_ID, &BY_IDEMPOTENCY, &UPDATE, &MOVE];
    let sets = sets.iter().map(|set| set.longest_text(dialect));
    let ways = list::FREQUENT.into_iter().flat_map(|way| [way.page, way.end]);
    [UNROUTED, PREFIX].into_iter().chain(ways).chain(sets).collect()
}

impl Store {
    /// Takes requests in: each once, with a key of its own under the epoch of `now`, all in one
    /// transaction.
    pub async fn add_requests(
        &self,
        new: Vec<NewRequest>,
        now: Instant,
    ) -> Result<Vec<Added>, StoreError> {
        let seal =
            || new.iter().map(|one| self.seal_request(one, now)).collect::<Result<Vec<_>, _>>();
        let mut incoming = seal()?;
        let mut tx = self.db().begin().await?;
        if self.is_behind(&mut tx).await? {
            drop(tx);
            self.reload_keys().await?;
            incoming = seal()?;
            tx = self.db().begin().await?;
        }
        let mut known = self.known(&mut tx, &new).await?;
        let fresh = incoming.iter().filter(|one| !known.contains_key(&one.token));
        let rows: Vec<_> = fresh.map(|one| one.row.clone()).collect();
        let mut inserted = HashMap::new();
        for row in INSERT.run(&mut tx, rows).await? {
            inserted.insert(row.parse::<RequestId>("id")?, ());
        }
        // A request that came twice in one go: the first is in, the others are known by now.
        let missed: Vec<_> = incoming
            .iter()
            .filter(|one| !inserted.contains_key(&one.id) && !known.contains_key(&one.token))
            .map(|one| values![&*one.token])
            .collect();
        for row in BY_IDEMPOTENCY.run(&mut tx, missed).await? {
            known.insert(row.get("token")?, row.parse("id")?);
        }
        let is_new = |id: RequestId| inserted.contains_key(&id);
        let of_new = incoming.iter_mut().filter(|one| is_new(one.id));
        let (mut keys, mut identifiers) = (Vec::new(), Vec::new());
        for one in of_new {
            let epoch = one.epoch.to_string();
            keys.push(values![one.id, std::mem::take(&mut one.wrapped), epoch]);
            identifiers.append(&mut one.identifiers);
        }
        INSERT_KEY.change(&mut tx, keys).await?;
        identifier::INSERT.change(&mut tx, identifiers).await?;
        let entries = new.iter().filter(|one| is_new(one.request.id)).flat_map(|one| &one.journal);
        journal::append(&mut tx, entries).await?;
        tx.commit().await?;
        self.note_asked();
        let answer = |one: &Incoming| match known.get(&one.token) {
            Some(id) if !is_new(one.id) => Added::Known(*id),
            _ => Added::New(one.id),
        };
        Ok(incoming.iter().map(answer).collect())
    }

    /// A request.
    pub async fn request(&self, id: RequestId) -> Result<Option<Request>, StoreError> {
        Ok(self.requests_by_id(&[id]).await?.into_iter().next())
    }

    /// The requests with these ids, in the order of their ids.
    pub async fn requests_by_id(&self, ids: &[RequestId]) -> Result<Vec<Request>, StoreError> {
        let rows = BY_ID.read(self.db(), ids.iter().map(|id| values![*id])).await?;
        let mut requests = self.open_requests(&rows).await?;
        requests.sort_by_key(|request| request.id);
        requests.dedup_by_key(|request| request.id);
        Ok(requests)
    }

    /// The requests that an operator may mean: those whose id begins so (`req_` may be left out), or
    /// whose external id is exactly this. At most 20. A whole id names its request alone, whatever
    /// another system calls another one.
    pub async fn request_by_prefix(&self, text: &str) -> Result<Vec<RequestId>, StoreError> {
        let mut rows = self.db().fetch(PREFIX, prefix_range("req_", text)).await?;
        let is_whole = text.parse::<RequestId>().is_ok() && !rows.is_empty();
        if !is_whole {
            let tokens = self.keys().tokens(EXTERNAL, text).into_iter().map(|it| values![it]);
            rows.extend(BY_EXTERNAL.read(self.db(), tokens).await?);
        }
        let mut ids = rows.iter().map(|row| row.parse("id")).collect::<Result<Vec<_>, _>>()?;
        ids.sort();
        ids.dedup();
        Ok(ids)
    }

    /// The requests that have one of these external ids.
    pub async fn requests_named(&self, external_ids: &[&str]) -> Result<Vec<Request>, StoreError> {
        let tokens = external_ids.iter().flat_map(|id| self.keys().tokens(EXTERNAL, id));
        let rows = BY_EXTERNAL.read(self.db(), tokens.map(|token| values![token])).await?;
        let ids = rows.iter().map(|row| row.parse("id")).collect::<Result<Vec<_>, _>>()?;
        self.requests_by_id(&ids).await
    }

    /// The requests that came in under one of these [idempotency texts](NewRequest::idempotency), each
    /// with its own.
    pub async fn requests_taken_as(
        &self,
        texts: &[&str],
    ) -> Result<Vec<(String, Request)>, StoreError> {
        let tokens_of = |text| self.keys().tokens(IDEMPOTENCY, text).into_iter();
        let texts = texts.iter().flat_map(|text| tokens_of(text).map(|token| (token, *text)));
        let texts: HashMap<String, &str> = texts.collect();
        let rows = texts.keys().map(|token| values![&**token]);
        let mut taken = HashMap::new();
        for row in BY_IDEMPOTENCY.read(self.db(), rows).await? {
            if let Some(text) = texts.get(row.get::<&str>("token")?) {
                taken.insert(row.parse::<RequestId>("id")?, (*text).to_owned());
            }
        }
        let requests = self.requests_by_id(&taken.keys().copied().collect::<Vec<_>>()).await?;
        let with_text = requests.into_iter().map(|one| Some((taken.remove(&one.id)?, one)));
        Ok(with_text.flatten().collect())
    }

    /// Requests that are verified and not yet routed, the oldest first.
    pub async fn unrouted(&self, limit: u32) -> Result<Vec<Request>, StoreError> {
        self.open_requests(&self.db().fetch(UNROUTED, values![i64::from(limit)]).await?).await
    }

    /// Reads rows of requests, and opens what is sealed in them.
    async fn open_requests(&self, rows: &[Row]) -> Result<Vec<Request>, StoreError> {
        let mut requests = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let keys = self.request_keys(requests.iter().map(|request| request.id)).await?;
        for (request, row) in requests.iter_mut().zip(rows) {
            if let Some(sealed) = row.get::<Option<&[u8]>>("external_id")? {
                let id = request.id.to_string();
                // One whose key was destroyed or is missing shows without the value.
                let place = Place::new("request", &id, EXTERNAL);
                let plain = keys.get(&request.id).and_then(|key| key.open(place, sealed).ok());
                request.external_id = plain.map(|plain| crate::text(&plain)).transpose()?;
            }
        }
        Ok(requests)
    }

    fn seal_request(&self, new: &NewRequest, now: Instant) -> Result<Incoming, StoreError> {
        let request = &new.request;
        let id = request.id.to_string();
        let key = self.keys().new_request_key(&id, now)?;
        let token = self.keys().token(IDEMPOTENCY, &new.idempotency)?;
        let external = request.external_id.as_deref();
        let sealed = external
            .map(|value| key.key.seal(Place::new("request", &id, EXTERNAL), value.as_bytes()))
            .transpose()?;
        let row = values![
            request.id,
            state(request, &[]).word(),
            request.right.word(),
            request.deadline.at,
            &*token,
            external.map(|value| self.keys().token(EXTERNAL, value)).transpose()?,
            sealed,
            body(request)?,
            request.brand.as_ref().map(|brand| brand.to_ascii_lowercase()),
            0_i64,
        ];
        let seal = |one| identifier::row(self.keys(), &key.key, request.id, one);
        let identifiers = new.identifiers.iter().map(seal).collect::<Result<_, _>>()?;
        let (wrapped, epoch) = (key.wrapped, key.epoch);
        Ok(Incoming { id: request.id, token, row, wrapped, epoch, identifiers })
    }

    /// The requests among these that came in before an index key was rotated.
    async fn known(
        &self,
        tx: &mut Tx,
        new: &[NewRequest],
    ) -> Result<HashMap<String, RequestId>, StoreError> {
        let mut known = HashMap::new();
        let mut newest_of = HashMap::new();
        for one in new {
            let newest = self.keys().token(IDEMPOTENCY, &one.idempotency)?;
            for token in self.keys().tokens(IDEMPOTENCY, &one.idempotency) {
                if token != newest {
                    newest_of.insert(token, newest.clone());
                }
            }
        }
        let rows: Vec<_> = newest_of.keys().map(|token| values![&**token]).collect();
        for row in BY_IDEMPOTENCY.run(tx, rows).await? {
            if let Some(newest) = newest_of.get(row.get::<&str>("token")?) {
                known.insert(newest.clone(), row.parse("id")?);
            }
        }
        Ok(known)
    }
}

/// A request that is ready to be written.
struct Incoming {
    id: RequestId,
    token: String,
    row: Vec<Value>,
    wrapped: Vec<u8>,
    epoch: KeyName,
    identifiers: Vec<Vec<Value>>,
}

/// The row that replaces the version which was loaded.
pub(crate) fn change(request: &Request) -> Result<Vec<Value>, StoreError> {
    Ok(values![request.id, request.version, request.deadline.at, body(request)?])
}

/// Brands as a statement takes them. A list of none is not empty text, which means all.
pub(crate) fn brand_list(brands: &BTreeSet<String>) -> String {
    let list = |list: String, brand: &String| list + &brand.to_ascii_lowercase() + BRAND_END;
    brands.iter().fold(BRAND_END.to_owned(), list)
}

/// Reads a row, but for what is sealed in it.
pub(crate) fn read(row: &Row) -> Result<Request, StoreError> {
    let mut request: Request = row.json("body")?;
    request.state = row.parse("state")?;
    request.version = row.get("version")?;
    Ok(request)
}

fn body(request: &Request) -> Result<String, StoreError> {
    json(&Request { external_id: None, ..request.clone() })
}
