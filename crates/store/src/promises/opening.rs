//! A store is opened by many at once, never by an older program, and never made by a reader.

use std::os::unix::fs::PermissionsExt as _;

use domain::{Actor, Entry, Event, Right};

use super::setup::{now, setup};
use crate::migrate::{MIGRATIONS, Migration};
use crate::{Options, Store, StoreError, db, driver::sqlite};

fn setting() -> Entry {
    Entry::new(now(), Actor::Engine, Event::SettingChanged)
}

#[tokio::test]
async fn a_reader_sees_what_a_holder_commits_and_cannot_write() {
    let setup = setup().await;
    let reader = Store::open_read_only(&setup.options()).await.unwrap();
    let before = reader.data_version().await.unwrap();
    assert_eq!(reader.data_version().await.unwrap(), before);
    let request = setup.request(Right::Access, &["a@example.org"]).await;
    assert_ne!(reader.data_version().await.unwrap(), before);
    assert!(reader.request(request.id).await.unwrap().is_some());
    let email = &reader.identifiers_of(&[request.id]).await.unwrap()[0].1;
    assert_eq!(email.normalised, "a@example.org");
    let refused = reader.set_setting("key", "value", &setting()).await;
    assert!(matches!(refused, Err(StoreError::ReadOnly { .. })));
    assert!(matches!(reader.blob_writer(request.id).await, Err(StoreError::ReadOnly { .. })));
}

#[tokio::test]
async fn a_reader_reads_when_nobody_holds_the_store() {
    let setup = setup().await;
    let request = setup.request(Right::Access, &["a@example.org"]).await;
    setup.store.close().await;
    let reader = Store::open_read_only(&setup.options()).await.unwrap();
    assert!(reader.request(request.id).await.unwrap().is_some());
}

#[tokio::test]
async fn a_reader_makes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let options = Options { data: root.path().join("data"), keys: root.path().join("keys") };
    let opened = Store::open_read_only(&options).await;
    assert!(matches!(opened, Err(StoreError::Missing { .. })));
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn the_data_version_tells_the_commits_of_others_from_our_own() {
    let setup = setup().await;
    let other = setup.again().await;
    let before = setup.store.data_version().await.unwrap();
    setup.store.set_setting("key", "ours", &setting()).await.unwrap();
    assert_eq!(setup.store.data_version().await.unwrap(), before);
    other.set_setting("key", "theirs", &setting()).await.unwrap();
    assert_ne!(setup.store.data_version().await.unwrap(), before);
    assert_eq!(setup.store.setting("key").await.unwrap().as_deref(), Some("theirs"));
}

#[tokio::test]
async fn only_the_owner_may_read_the_database_and_its_log() {
    let setup = setup().await;
    for name in ["habeas.db", "habeas.db-wal", "habeas.db-shm"] {
        let mode = std::fs::metadata(setup.data().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let setup = setup().await;
    setup.request(Right::Access, &["a@example.org"]).await;
    setup.store.close().await;
    let next = Migration { number: 2, name: "next", sql: "CREATE TABLE next (id TEXT)" };
    let newer = [MIGRATIONS, &[next]].concat();
    sqlite::Database::open(&setup.data(), &newer).await.unwrap().close().await;
    for opened in [
        Store::open(&setup.options(), setup.ids.clone(), now()).await,
        Store::open_read_only(&setup.options()).await,
    ] {
        assert!(matches!(opened, Err(StoreError::NewerSchema { found: 2, known: 1 })));
    }
    assert!(sqlite::Database::open_read_only(&setup.data(), &newer).await.is_ok());
}

#[tokio::test]
async fn a_reader_does_not_migrate_an_older_schema() {
    let setup = setup().await;
    let next = Migration { number: 2, name: "next", sql: "CREATE TABLE next (id TEXT)" };
    let newer = [MIGRATIONS, &[next]].concat();
    let opened = sqlite::Database::open_read_only(&setup.data(), &newer).await;
    assert!(matches!(opened, Err(StoreError::OlderSchema { found: 1, known: 2 })));
}

#[tokio::test]
async fn a_migration_that_was_edited_after_it_ran_is_told() {
    let setup = setup().await;
    let edited = Migration { sql: "CREATE TABLE other (id TEXT)", ..MIGRATIONS[0] };
    let opened = sqlite::Database::open(&setup.data(), &[edited]).await;
    assert!(matches!(opened, Err(StoreError::MigrationDiffers { number: 1 })));
}

#[tokio::test]
async fn a_migration_that_fails_leaves_the_schema_as_it_was() {
    let setup = setup().await;
    let broken = "CREATE TABLE half (id TEXT); CREATE TABLE half (id TEXT)";
    let broken = Migration { number: 2, name: "broken", sql: broken };
    let newer = [MIGRATIONS, &[broken]].concat();
    assert!(sqlite::Database::open(&setup.data(), &newer).await.is_err());
    let db = db::Db::open(&setup.data()).await.unwrap();
    assert!(!db.has_table("half").await.unwrap());
}

#[tokio::test]
async fn many_may_open_a_fresh_store_at_once() {
    let setup = setup().await;
    let root = tempfile::tempdir().unwrap();
    let options = Options { data: root.path().join("data"), keys: root.path().join("keys") };
    let open = || Store::open(&options, setup.ids.clone(), now());
    let (one, two, three) = tokio::join!(open(), open(), open());
    for store in [one, two, three] {
        store.unwrap().set_setting("key", "value", &setting()).await.unwrap();
    }
}
