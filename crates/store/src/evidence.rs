//! Evidence as rows: what a vendor answered, its body sealed.
//!
//! Evidence about one person is sealed under the key of his request and dies with it; evidence about
//! many, which holds no identifiers, under a key of its own purpose.

use domain::{Evidence, EvidenceId, JobId, TaskId};

use crate::bulk::{Kind, Over};
use crate::db::{Value, json, values};
use crate::error::StoreError;
use crate::keyring::Keyring;
use crate::request_key::RequestKeys;
use crate::seal::Place;
use crate::store::Store;

pub(crate) static INSERT: Over = Over::insert(
    "evidence",
    &[
        ("id", Kind::Text),
        ("owner", Kind::Text),
        ("request_id", Kind::Text),
        ("body", Kind::Text),
        ("sealed", Kind::Bytes),
        ("sealed_under", Kind::Text),
    ],
    "",
);
const OF_OWNER: &str = "SELECT body FROM evidence WHERE owner = $1 ORDER BY id";
const BODY: &str = "SELECT request_id, sealed FROM evidence WHERE id = $1";

impl Store {
    /// The evidence of a task, in the order it was taken.
    pub async fn evidence_of(&self, task: TaskId) -> Result<Vec<Evidence>, StoreError> {
        self.evidence_of_owner(task.to_string()).await
    }

    /// The evidence of a job, in the order it was taken.
    pub async fn evidence_of_job(&self, job: JobId) -> Result<Vec<Evidence>, StoreError> {
        self.evidence_of_owner(job.to_string()).await
    }

    /// The body of a piece of evidence, or nothing if there is none, or its key was destroyed or is missing.
    pub async fn evidence_body(&self, id: EvidenceId) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(row) = self.db().fetch_optional(BODY, values![id]).await? else { return Ok(None) };
        let sealed: &[u8] = row.get("sealed")?;
        let key = match row.parse_optional("request_id")? {
            Some(request) => self.request_keys([request]).await?.remove(&request),
            None => Some(self.keys().evidence_of(sealed)?),
        };
        let Some(key) = key else { return Ok(None) };
        Ok(Some(key.open(place(&id.to_string()), sealed)?.to_vec()))
    }

    async fn evidence_of_owner(&self, owner: String) -> Result<Vec<Evidence>, StoreError> {
        let rows = self.db().fetch(OF_OWNER, values![owner]).await?;
        rows.iter().map(|row| row.json("body")).collect()
    }
}

/// The row of a piece of evidence, or nothing if the key of its request was destroyed or is missing.
pub(crate) fn row(
    keys: &Keyring,
    request_keys: &RequestKeys,
    evidence: &Evidence,
    body: &[u8],
) -> Result<Option<Vec<Value>>, StoreError> {
    let id = evidence.id.to_string();
    let request = evidence.task.map(|(request, _)| request);
    let key = match request {
        Some(request) => request_keys.get(&request).cloned(),
        None => Some(keys.evidence()?),
    };
    let Some(key) = key else { return Ok(None) };
    let owner = match (evidence.task, evidence.job) {
        (Some((_, task)), _) => Value::from(task),
        (None, job) => Value::from(job),
    };
    let sealed = key.seal(place(&id), body)?;
    let shared = request.is_none().then(|| key.name().to_owned());
    let id = Value::from(evidence.id);
    Ok(Some(vec![id, owner, request.into(), json(evidence)?.into(), sealed.into(), shared.into()]))
}

pub(crate) fn place(id: &str) -> Place<'_> {
    Place::new("evidence", id, "body")
}
