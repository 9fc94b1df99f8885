//! Bodies in an S3-compatible bucket, an object each, laid out as in the folder.
//!
//! The client signs, retries and waits where it is asked to; a read that breaks off goes on from its
//! offset, as long as the object is the same. A body counts as written once the bucket shows it at its
//! full length, and as read once all of it came. What the server says is kept out of errors but for its
//! code: an answer may name a key.

mod fault;

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path;
use object_store::{
    Error, MultipartUpload, ObjectMeta, ObjectStore as _, ObjectStoreExt as _, PutPayload,
    RetryConfig,
};

use super::{LEFT, spread};
use crate::connection::Secret;
use crate::error::StoreError;
use crate::seal::random;
pub use fault::BucketFault;

/// How much of a body goes out at once: S3 takes parts from 5 MiB, and 10,000 of them.
pub(super) const PART_LEN: u64 = 8 * 1024 * 1024;
/// What says to which installation the bodies belong.
const INSTALLATION: &str = "installation";
/// How long a single call may be tried over and over.
const RETRIED_FOR: Duration = Duration::from_secs(60);
const RETRIES: usize = 6;

/// Which bucket, and what opens it.
#[derive(Clone, Debug)]
pub struct Bodies {
    /// `s3://bucket` or `s3://bucket/prefix`. No secret stands in it.
    pub url: String,
    /// What else the client is told, under the names of the standard `AWS_` variables.
    pub access: Vec<(String, Secret)>,
}

/// A bucket of sealed bodies.
#[derive(Clone, Debug)]
pub struct Bucket {
    url: Arc<str>,
    prefix: Path,
    client: Arc<AmazonS3>,
}

impl Bucket {
    /// Makes the client; calls nobody.
    pub fn open(bodies: &Bodies) -> Result<Self, StoreError> {
        let retry = RetryConfig {
            max_retries: RETRIES,
            retry_timeout: RETRIED_FOR,
            ..RetryConfig::default()
        };
        Self::open_with(bodies, retry)
    }

    pub(super) fn open_with(bodies: &Bodies, retry: RetryConfig) -> Result<Self, StoreError> {
        let named = BucketFault::Name.during("name the bucket");
        let Some((bucket, prefix)) = parts_of(&bodies.url) else { return Err(named) };
        let prefix = Path::parse(prefix).map_err(|_| named)?;
        let mut builder = AmazonS3Builder::new();
        for (name, value) in &bodies.access {
            // A variable that the client doesn't know is another program's.
            if let Ok(key) = AmazonS3ConfigKey::from_str(&name.to_ascii_lowercase()) {
                builder = builder.with_config(key, value.expose());
            }
        }
        // One call removes one body: not every server knows the call for many.
        let builder = builder.with_bucket_name(bucket).with_retry(retry);
        let client = builder.with_disable_bulk_delete(true).build();
        let client = client
            .map_err(|error| BucketFault::Settings.because("set up the bucket's client", &error))?;
        Ok(Self { url: bodies.url.trim_end_matches('/').into(), prefix, client: client.into() })
    }

    /// The bucket's name and prefix, as they are kept and shown.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Writes a small object, reads it back and removes it, so that a wrong key is found before work
    /// begins. Gives the time that the bucket goes by, in seconds.
    pub async fn try_out(&self) -> Result<i64, StoreError> {
        const TRY: &str = "try the bucket of large bodies out";
        let failed = |error| BucketFault::of(&error).because(TRY, &error);
        let text: [u8; 16] = random()?;
        let path = self.path(&format!("trial-{:032x}", u128::from_be_bytes(text)))?;
        self.client.put(&path, PutPayload::from(text.to_vec())).await.map_err(failed)?;
        let read = self.client.get(&path).await.map_err(failed)?;
        let at = read.meta.last_modified.timestamp();
        let is_same = read.bytes().await.map_err(failed)?.as_ref() == text;
        self.client.delete(&path).await.map_err(failed)?;
        if is_same { Ok(at) } else { Err(BucketFault::Unexpected.during(TRY)) }
    }

    /// Notes in the bucket to which installation its bodies belong, or refuses one that is another's.
    pub async fn belong_to(&self, installation: &str) -> Result<(), StoreError> {
        const NOTE: &str = "see to whom the bodies in the bucket belong";
        let failed = |error| BucketFault::of(&error).because(NOTE, &error);
        let path = self.prefix.clone().join(INSTALLATION);
        let there = match self.client.get(&path).await {
            Ok(read) => Some(read.bytes().await.map_err(failed)?),
            Err(error) if is_absent(&error) => None,
            Err(error) => return Err(failed(error)),
        };
        match there {
            Some(id) if id == installation.as_bytes() => Ok(()),
            Some(_) => Err(BucketFault::Foreign.during(NOTE)),
            None => {
                let id = PutPayload::from(installation.as_bytes().to_vec());
                self.client.put(&path, id).await.map(drop).map_err(failed)
            }
        }
    }

    /// Writes a sealed body out of a file.
    pub async fn put(&self, id: &str, mut file: File) -> Result<(), StoreError> {
        const SAVE: &str = "save a body";
        let failed = |error| BucketFault::of(&error).because(SAVE, &error);
        let path = self.path(id)?;
        let of_file = |error| StoreError::file(SAVE, error);
        let size = file.metadata().map_err(of_file)?.len();
        file.rewind().map_err(of_file)?;
        if size <= PART_LEN {
            let whole = part(&mut file)?;
            self.client.put(&path, whole.into()).await.map_err(failed)?;
        } else {
            let mut upload = self.client.put_multipart(&path).await.map_err(failed)?;
            if let Err(error) = put_parts(&mut *upload, file).await {
                // Where this fails too, the bucket's rule for unfinished uploads does it.
                let _aborted = upload.abort().await;
                return Err(error);
            }
        }
        let shown = self.client.head(&path).await.map_err(failed)?.size;
        if shown == size { Ok(()) } else { Err(BucketFault::Short.during(SAVE)) }
    }

    /// Writes a sealed body into a file; says whether there is one.
    pub async fn fetch(&self, id: &str, file: &mut File) -> Result<bool, StoreError> {
        const FETCH: &str = "read a body";
        let failed = |error| BucketFault::of(&error).because(FETCH, &error);
        let read = match self.client.get(&self.path(id)?).await {
            Ok(read) => read,
            Err(error) if is_absent(&error) => return Ok(false),
            Err(error) => return Err(failed(error)),
        };
        let (promised, mut came) = (read.meta.size, 0);
        let mut pieces = read.into_stream();
        while let Some(piece) = pieces.try_next().await.map_err(failed)? {
            file.write_all(&piece).map_err(|error| StoreError::file(FETCH, error))?;
            came += piece.len() as u64;
        }
        if came == promised { Ok(true) } else { Err(BucketFault::Short.during(FETCH)) }
    }

    /// Removes a body, if it is there.
    pub async fn remove(&self, id: &str) -> Result<(), StoreError> {
        match self.client.delete(&self.path(id)?).await {
            Err(error) if !is_absent(&error) => {
                Err(BucketFault::of(&error).because("remove a body", &error))
            }
            _ => Ok(()),
        }
    }

    /// The ids of the bodies that nobody touched for [`LEFT`] at a time that the bucket told.
    pub fn left_at(&self, now: i64) -> impl Stream<Item = Result<String, StoreError>> + Send + '_ {
        let left = now.saturating_sub(LEFT.as_secs().cast_signed());
        let failed =
            |error: Error| BucketFault::of(&error).because("list the large bodies", &error);
        let id_of = move |object: ObjectMeta| async move {
            let id = object.location.filename().unwrap_or_default();
            let is_body = self.path(id).is_ok_and(|path| path == object.location);
            Ok((is_body && object.last_modified.timestamp() <= left).then(|| id.to_owned()))
        };
        let under = (!self.prefix.as_ref().is_empty()).then_some(&self.prefix);
        self.client.list(under).map_err(failed).try_filter_map(id_of).boxed()
    }

    fn path(&self, id: &str) -> Result<Path, StoreError> {
        Ok(self.prefix.clone().join(spread(id)?).join(id))
    }
}

/// What is not there; a bucket that is not there is something else.
fn is_absent(error: &Error) -> bool {
    matches!(error, Error::NotFound { .. }) && BucketFault::of(error) == BucketFault::NoObject
}

async fn put_parts(upload: &mut dyn MultipartUpload, mut file: File) -> Result<(), StoreError> {
    let failed = |error: Error| BucketFault::of(&error).because("save a body", &error);
    loop {
        let bytes = part(&mut file)?;
        if bytes.is_empty() {
            return upload.complete().await.map(drop).map_err(failed);
        }
        upload.put_part(bytes.into()).await.map_err(failed)?;
    }
}

/// The next bytes of a file, at most a part of them.
fn part(file: &mut File) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    let read = file.take(PART_LEN).read_to_end(&mut bytes);
    read.map_err(|error| StoreError::file("save a body", error))?;
    Ok(bytes)
}

/// Bucket and prefix of `s3://bucket/prefix`; nothing that could hold a secret is taken.
fn parts_of(url: &str) -> Option<(&str, &str)> {
    let rest = url.strip_prefix("s3://")?.trim_end_matches('/');
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    (!bucket.is_empty() && rest.chars().all(is_plain)).then_some((bucket, prefix))
}
