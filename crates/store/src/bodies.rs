//! Which place holds the large bodies of an installation: the database remembers a bucket, so that
//! nobody looks for bodies, or leaves new ones, in another place.

use crate::db::{Db, values};
use crate::error::StoreError;
use crate::keys::installation_of;
use crate::setting::GET;
use crate::store::{Options, Store};

const SETTING: &str = "bodies";
const CLAIM: &str = "INSERT INTO setting (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING";
const ANY: &str = "SELECT blob_id FROM collected LIMIT 1";

impl Store {
    /// Writes, reads and removes a small object where bodies lie in a bucket, so that a wrong key is found
    /// before work begins.
    pub async fn try_bodies(&self) -> Result<(), StoreError> {
        match self.blobs().bucket() {
            Some(bucket) => bucket.try_out().await.map(drop),
            None => Ok(()),
        }
    }

    /// The bucket in which the bodies lie, if they lie in one.
    pub fn bucket(&self) -> Option<&str> {
        self.blobs().bucket().map(crate::blobs::Bucket::url)
    }

    /// Refuses a place that is not the one which the database remembers. One that is named before anything
    /// was collected is remembered by the first who writes.
    pub(crate) async fn check_bodies(&self) -> Result<(), StoreError> {
        let before = remembered(self.db()).await?;
        if before.is_none() && self.db().fetch_optional(ANY, []).await?.is_none() {
            return Ok(());
        }
        compare(before.as_deref(), self.bucket())
    }

    /// Remembers a bucket that is named for the first time, once it has shown that it can be used. What
    /// was collected before lies in the folder, and keeps it there.
    pub(crate) async fn settle_bodies(&self, options: &Options) -> Result<(), StoreError> {
        self.check_bodies().await?;
        let (None, Some(bucket)) = (remembered(self.db()).await?, self.blobs().bucket()) else {
            return Ok(());
        };
        bucket.try_out().await?;
        bucket.belong_to(&installation_of(options)?).await?;
        let mut tx = self.db().begin().await?;
        tx.execute(CLAIM, values![SETTING, bucket.url()]).await?;
        tx.commit().await?;
        // Another process may have been quicker, with another bucket.
        self.check_bodies().await
    }
}

/// The bucket that a database remembers.
pub(crate) async fn remembered(db: &Db) -> Result<Option<String>, StoreError> {
    let row = db.fetch_optional(GET, values![SETTING]).await?;
    row.map(|row| row.get("value")).transpose()
}

fn compare(remembered: Option<&str>, named: Option<&str>) -> Result<(), StoreError> {
    let why = match (remembered, named) {
        _ if remembered == named => return Ok(()),
        (Some(bucket), _) => {
            format!("the large bodies of this installation lie in {bucket}, and it was not named")
        }
        (None, _) => {
            "large bodies of this installation lie in its data folder, and not in a bucket".into()
        }
    };
    Err(StoreError::BodiesElsewhere { why })
}
