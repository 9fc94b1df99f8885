//! Bodies in a bucket: the database remembers which, and what a bucket that refuses leaves is swept.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use super::sealed_values::{line, plant};
use super::setup::{Setup, now, setup};
use crate::blobs::server::{Fault, Server};
use crate::{Applied, Bodies, Options, Store, StoreError, Transition};

const DENIED: &str = "<Error><Code>AccessDenied</Code><Message>m</Message></Error>";

async fn open(setup: &Setup, bodies: Option<Bodies>) -> Result<Store, StoreError> {
    let options = Options { bodies, ..setup.options() };
    Store::open(&options, Arc::clone(&setup.ids), now()).await
}

#[tokio::test]
async fn nobody_looks_for_bodies_in_another_place_than_the_one_that_has_them() {
    let (server, mut setup) = (Server::start().await, setup().await);
    let unaware = setup.again().await;
    setup.store = open(&setup, Some(server.bucket())).await.unwrap();
    let task = plant(&setup).await;
    let refused = |opened: Result<_, StoreError>| match opened {
        Err(StoreError::BodiesElsewhere { why }) => why,
        Err(other) => panic!("{other:?}"),
        Ok(()) => panic!("it was opened"),
    };
    let why = refused(open(&setup, None).await.map(drop));
    assert!(why.contains("s3://bodies/habeas"), "{why}");
    refused(Store::open_read_only(&setup.options()).await.map(drop));
    let other = server.bodies("s3://bodies/other", "a-secret-of-tests");
    refused(open(&setup, Some(other)).await.map(drop));
    refused(unaware.blob_writer(task.request).await.map(drop));
    let again = open(&setup, Some(server.bucket())).await.unwrap();
    let blob = again.collected_of(task.request).await.unwrap()[0].blob;
    assert!(again.blob_reader(task.request, blob).await.unwrap().is_some());
}

#[tokio::test]
async fn a_bucket_is_not_named_where_bodies_lie_in_the_folder_or_where_it_refuses() {
    let (server, setup) = (Server::start().await, setup().await);
    server.fail("PUT", Fault::Says(403, DENIED), 1);
    let refused = open(&setup, Some(server.bucket())).await.map(drop);
    assert!(matches!(refused, Err(StoreError::Bucket { .. })), "{refused:?}");
    plant(&setup).await;
    let refused = open(&setup, Some(server.bucket())).await.map(drop);
    assert!(matches!(refused, Err(StoreError::BodiesElsewhere { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_purge_takes_the_key_though_the_bucket_refuses_and_a_sweep_takes_the_body() {
    let (server, mut setup) = (Server::start().await, setup().await);
    setup.store = open(&setup, Some(server.bucket())).await.unwrap();
    let task = plant(&setup).await;
    let blob = setup.store.collected_of(task.request).await.unwrap()[0].blob;
    let kept = server.path(&blob.to_string());
    let age = || {
        let file = File::options().write(true).open(&kept).unwrap();
        let touched_at = file.metadata().unwrap().modified().unwrap();
        file.set_modified(touched_at - Duration::from_secs(2 * 24 * 3600)).unwrap();
    };
    age();
    assert_eq!(setup.store.sweep_blobs().await.unwrap().n_removed, 0, "a row names it");

    server.fail("DELETE", Fault::Says(403, DENIED), 1);
    let purged = setup.store.purge(&line(task.request), Transition::default()).await;
    assert_eq!(purged.unwrap(), Applied::Done);
    assert!(!setup.store.has_key(task.request).await.unwrap());
    assert_eq!(server.n_bodies(), 1, "the bucket refused");
    let swept = setup.store.sweep_blobs().await.unwrap();
    assert_eq!((swept.n_removed, swept.failed.len(), server.n_bodies()), (1, 0, 0));
}
