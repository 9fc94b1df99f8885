//! The rows of the request keys: wrapped under an epoch's key, and gone for good once destroyed.

use std::collections::HashMap;
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

/// The keys of some requests, without those that were destroyed.
pub(crate) type RequestKeys = HashMap<RequestId, Arc<SealingKey>>;

impl Store {
    /// The keys of some requests.
    pub(crate) async fn request_keys(
        &self,
        requests: impl IntoIterator<Item = RequestId>,
    ) -> Result<RequestKeys, StoreError> {
        let mut keys = RequestKeys::new();
        let mut missing = Vec::new();
        for request in requests {
            if keys.contains_key(&request) {
                continue;
            }
            match self.keys().recent_request_key(&request.to_string()) {
                Some(key) => drop(keys.insert(request, key)),
                None => missing.push(request),
            }
        }
        missing.sort();
        missing.dedup();
        for row in WRAPPED.read(self.db(), missing.iter().map(|id| values![*id])).await? {
            let request: RequestId = row.parse("request_id")?;
            let wrapped: &[u8] = row.get("wrapped")?;
            match self.keys().request_key(&request.to_string(), wrapped) {
                Ok(key) => drop(keys.insert(request, key)),
                // As if its row were gone: this is an old backup, put back.
                Err(KeyError::Destroyed(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(keys)
    }
}
