//! The rows of the request keys: wrapped under an epoch's key, and gone for good once destroyed.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use domain::RequestId;

use crate::bulk::{Kind, Over};
use crate::db::values;
use crate::error::StoreError;
use crate::keys::KeyError;
use crate::seal::SealingKey;
use crate::store::Store;

static WRAPPED: Over = Over::new(
    &[("id", Kind::Text)],
    "SELECT k.request_id, k.wrapped FROM v CROSS JOIN request_key k WHERE k.request_id = v.id",
);

/// The keys of some requests, without those that were destroyed or are missing.
pub(crate) type RequestKeys = HashMap<RequestId, Arc<SealingKey>>;

/// Requests whose values can't be opened although nobody destroyed them, and why not.
pub type Unopened = BTreeMap<RequestId, String>;

impl Store {
    /// The requests among these whose values can't be opened although nobody destroyed them.
    pub async fn unopened(&self, requests: &[RequestId]) -> Result<Unopened, StoreError> {
        Ok(self.keys_or_why(requests.iter().copied()).await?.1)
    }

    /// Refuses to go on with requests whose values can't be opened although nobody destroyed them:
    /// where a value that is not there would be taken for one that is not known.
    pub async fn refuse_unopened(&self, requests: &[RequestId]) -> Result<(), StoreError> {
        match self.unopened(requests).await?.into_values().next() {
            Some(why) => Err(StoreError::Unopened { why }),
            None => Ok(()),
        }
    }

    /// The keys of some requests.
    pub(crate) async fn request_keys(
        &self,
        requests: impl IntoIterator<Item = RequestId>,
    ) -> Result<RequestKeys, StoreError> {
        Ok(self.keys_or_why(requests).await?.0)
    }

    /// The keys of some requests; and of those that can't be unwrapped, why. One of these must not
    /// keep the others from being read.
    pub(crate) async fn keys_or_why(
        &self,
        requests: impl IntoIterator<Item = RequestId>,
    ) -> Result<(RequestKeys, Unopened), StoreError> {
        let (mut keys, mut unopened) = (RequestKeys::new(), Unopened::new());
        let mut others = Vec::new();
        for request in requests {
            if keys.contains_key(&request) {
                continue;
            }
            match self.keys().recent_request_key(&request.to_string()) {
                Some(key) => drop(keys.insert(request, key)),
                None => others.push(request),
            }
        }
        others.sort();
        others.dedup();
        for row in WRAPPED.read(self.db(), others.iter().map(|id| values![*id])).await? {
            let request: RequestId = row.parse("request_id")?;
            let wrapped: &[u8] = row.get("wrapped")?;
            match self.keys().request_key(&request.to_string(), wrapped).map_err(StoreError::from) {
                Ok(key) => drop(keys.insert(request, key)),
                // As if its row were gone: this is an old backup, put back.
                Err(StoreError::Keys(KeyError::Destroyed(_))) => {}
                Err(error) if error.is_unopened() => {
                    unopened.insert(request, error.why_unopened());
                }
                Err(error) => return Err(error),
            }
        }
        Ok((keys, unopened))
    }
}
