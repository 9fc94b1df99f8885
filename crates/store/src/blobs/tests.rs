//! What the place of large bodies promises, be it a folder or a bucket of a real server.

use std::io::Read as _;

use object_store::{BackoffConfig, RetryConfig};

use super::bucket::PART_LEN;
use super::server::{Fault, Server};
use super::*;
use crate::seal::new_key;

const SLOW_DOWN: &str = "<Error><Code>SlowDown</Code><Message>m</Message></Error>";
const NO_BUCKET: &str = "<Error><Code>NoSuchBucket</Code></Error>";
const DENIED: &str = "<Error><Code>AccessDenied</Code><Message>planted-secret</Message></Error>";
const MOVED: &str = "<Error><Code>PermanentRedirect</Code></Error>";
const OTHER_REGION: &str = "<Error><Code>AuthorizationHeaderMalformed</Code></Error>";

fn key() -> Arc<SealingKey> {
    Arc::new(SealingKey::new("req_1", &new_key().unwrap()).unwrap())
}

fn body(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index / 7 % 251) as u8).collect()
}

/// A bucket that tries a call three times, at once.
fn open(folder: &tempfile::TempDir, bodies: &Bodies) -> Blobs {
    let at_once = Duration::from_millis(1);
    let backoff = BackoffConfig { init_backoff: at_once, max_backoff: 4 * at_once, base: 2.0 };
    let retry = RetryConfig { backoff, max_retries: 2, retry_timeout: Duration::from_secs(60) };
    let bucket = Bucket::open_with(bodies, retry).unwrap();
    let folder = Folder::open(folder.path().join("blobs")).unwrap();
    Blobs { folder, bucket: Some(bucket) }
}

async fn on_bucket() -> (Server, tempfile::TempDir, Blobs) {
    let (server, folder) = (Server::start().await, tempfile::tempdir().unwrap());
    let blobs = open(&folder, &server.bucket());
    (server, folder, blobs)
}

async fn put(
    blobs: &Blobs,
    id: &str,
    key: &Arc<SealingKey>,
    body: &[u8],
) -> Result<u64, StoreError> {
    let mut writer = blobs.create(id, Arc::clone(key)).unwrap();
    writer.write_all(body).unwrap();
    writer.finish().await
}

async fn read(blobs: &Blobs, id: &str, key: &Arc<SealingKey>) -> Result<Vec<u8>, StoreError> {
    let mut read = Vec::new();
    let mut reader = blobs.read(id, Arc::clone(key)).await?.unwrap();
    reader.read_to_end(&mut read).map_err(|error| StoreError::file("read", error))?;
    Ok(read)
}

fn fault(error: &StoreError) -> BucketFault {
    match error {
        StoreError::Bucket { fault, .. } => *fault,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn both_places_keep_a_body_until_it_is_removed() {
    let (_server, folder, bucket) = on_bucket().await;
    let plain = Blobs::open(folder.path().join("plain"), None).unwrap();
    let key = key();
    for blobs in [plain, bucket] {
        let large = 2 * PART_LEN as usize + 17;
        for (id, length) in [("blb_00", 0), ("blb_01", 1), ("blb_02", 300_000), ("blb_03", large)] {
            assert_eq!(put(&blobs, id, &key, &body(length)).await.unwrap(), length as u64);
            assert!(read(&blobs, id, &key).await.unwrap() == body(length), "{length} bytes");
        }
        let mut dropped = blobs.create("blb_04", Arc::clone(&key)).unwrap();
        dropped.write_all(&body(600_000)).unwrap();
        drop(dropped);
        assert!(blobs.read("blb_04", Arc::clone(&key)).await.unwrap().is_none());
        blobs.remove("blb_03").await.unwrap();
        blobs.remove("blb_03").await.unwrap();
        assert!(blobs.read("blb_03", Arc::clone(&key)).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_part_that_fails_is_sent_again_and_an_upload_that_fails_is_aborted() {
    let (server, _folder, blobs) = on_bucket().await;
    let (key, large) = (key(), body(2 * PART_LEN as usize));
    server.fail("PUT", Fault::Says(503, SLOW_DOWN), 2);
    put(&blobs, "blb_01", &key, &large).await.unwrap();
    assert!(read(&blobs, "blb_01", &key).await.unwrap() == large);

    server.fail("PUT", Fault::Says(503, SLOW_DOWN), 3);
    let error = put(&blobs, "blb_02", &key, &large).await.unwrap_err();
    assert!(fault(&error) == BucketFault::Away && error.may_pass(), "{error:?}");
    assert!(blobs.read("blb_02", key).await.unwrap().is_none());
    let aborted = server.calls().iter().any(|call| call.starts_with("DELETE uploadId="));
    assert!(aborted, "{:?}", server.calls());
}

#[tokio::test]
async fn a_read_that_breaks_off_goes_on_and_one_that_stays_short_fails() {
    let (server, _folder, blobs) = on_bucket().await;
    let (key, text) = (key(), body(3_000_000));
    put(&blobs, "blb_01", &key, &text).await.unwrap();
    server.fail("GET", Fault::CutsAt(1_000_000), 2);
    assert!(read(&blobs, "blb_01", &key).await.unwrap() == text, "it goes on from its offset");
    server.fail("GET", Fault::CutsAt(100), 3);
    let error = blobs.read("blb_01", Arc::clone(&key)).await.map(drop).unwrap_err();
    assert!(error.may_pass(), "{error:?}");

    // What the server itself lost can't be told by its length.
    let kept = server.path("blb_01");
    let whole = std::fs::read(&kept).unwrap();
    std::fs::write(&kept, &whole[..whole.len() / 2]).unwrap();
    assert!(read(&blobs, "blb_01", &key).await.is_err(), "never a shorter body");
}

#[tokio::test]
async fn a_bucket_that_can_not_be_used_is_told_before_work() {
    let (server, folder, blobs) = on_bucket().await;
    let bucket = blobs.bucket().unwrap();
    bucket.try_out().await.unwrap();
    let wrong_key = open(&folder, &server.bodies("s3://bodies/habeas", "another"));
    let error = wrong_key.bucket().unwrap().try_out().await.unwrap_err();
    assert_eq!(fault(&error), BucketFault::Refused);
    server.fail("PUT", Fault::Says(404, NO_BUCKET), 1);
    assert_eq!(fault(&bucket.try_out().await.unwrap_err()), BucketFault::NoBucket);
    server.fail("GET", Fault::Says(404, NO_BUCKET), 1);
    let error = blobs.read("blb_01", key()).await.map(drop).unwrap_err();
    assert_eq!(fault(&error), BucketFault::NoBucket, "it says nothing about the body");
    server.fail("GET", Fault::Says(200, "<html>log in first</html>"), 1);
    assert_eq!(fault(&bucket.try_out().await.unwrap_err()), BucketFault::Unexpected);

    server.fail("PUT", Fault::Says(301, MOVED), 1);
    assert_eq!(fault(&bucket.try_out().await.unwrap_err()), BucketFault::Elsewhere);
    server.fail("PUT", Fault::Says(400, OTHER_REGION), 1);
    assert_eq!(fault(&bucket.try_out().await.unwrap_err()), BucketFault::Elsewhere);

    server.fail("PUT", Fault::Says(403, DENIED), 1);
    let error = bucket.try_out().await.unwrap_err();
    assert!(fault(&error) == BucketFault::Refused && !error.may_pass());
    let told = format!("{error} {error:?}");
    assert!(told.contains("403 AccessDenied") && !told.contains("planted-secret"), "{told}");
}

#[tokio::test]
async fn a_bucket_belongs_to_one_installation() {
    let (_server, _folder, blobs) = on_bucket().await;
    let bucket = blobs.bucket().unwrap();
    bucket.belong_to("one").await.unwrap();
    bucket.belong_to("one").await.unwrap();
    let error = bucket.belong_to("another").await.unwrap_err();
    assert_eq!(fault(&error), BucketFault::Foreign);
}

#[test]
fn no_key_is_taken_in_the_name_of_a_bucket() {
    for url in ["bodies", "s3://", "s3:///habeas", "s3://key:secret@bodies", "s3://bodies?key=1"] {
        let error = Bucket::open(&Bodies { url: url.into(), access: Vec::new() }).unwrap_err();
        assert_eq!(fault(&error), BucketFault::Name, "{url}");
        assert!(!error.to_string().contains("secret"));
    }
}
