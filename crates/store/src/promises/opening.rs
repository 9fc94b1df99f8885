//! A store is opened by many at once, never by an older program, and never made by a reader.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use domain::{Actor, Entry, Event, Right};

use super::setup::{now, on_sqlite, setup};
use crate::keys::KeyError;
use crate::migrate::{Migration, SQLITE};
use crate::{Options, Store, StoreError, Transition, db, driver::sqlite};

/// The newest schema of this program.
const KNOWN: i64 = SQLITE[SQLITE.len() - 1].number;

/// A step that a newer program has.
fn next(sql: &'static str) -> Migration {
    Migration { number: KNOWN + 1, name: "next", sql }
}

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
    let options = Options {
        data: root.path().join("data"),
        keys: root.path().join("keys"),
        database: None,
        bodies: None,
    };
    let opened = Store::open_read_only(&options).await;
    assert!(matches!(opened, Err(StoreError::Missing { .. })));
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn what_is_no_store_is_told_before_its_keys_are_looked_at() {
    let ids = setup().await.ids;
    let root = tempfile::tempdir().unwrap();
    let options = Options {
        data: root.path().join("data"),
        keys: root.path().join("keys"),
        database: None,
        bodies: None,
    };
    std::fs::write(&options.data, "right,email\n").unwrap();
    for opened in [
        Store::open(&options, Arc::clone(&ids), now()).await,
        Store::open_read_only(&options).await,
    ] {
        assert!(matches!(opened, Err(StoreError::NoFolder { .. })), "{opened:?}");
    }
    std::fs::remove_file(&options.data).unwrap();
    std::fs::create_dir(&options.data).unwrap();
    std::fs::write(options.data.join(sqlite::FILE), "something else").unwrap();
    for opened in [
        Store::open(&options, Arc::clone(&ids), now()).await,
        Store::open_read_only(&options).await,
    ] {
        assert!(matches!(opened, Err(StoreError::NoDatabase { .. })), "{opened:?}");
    }
}

#[tokio::test]
async fn the_data_version_tells_what_anybody_wrote_but_the_engine() {
    let setup = setup().await;
    let other = setup.again().await;
    let fence = setup.lease("engine", "one").await;
    let entry = Transition { journal: vec![setting()], ..Transition::default() };
    let version = async || setup.store.data_version().await.unwrap();
    let before = version().await;
    setup.store.apply(Some(&fence), std::slice::from_ref(&entry)).await.unwrap();
    assert_eq!(version().await, before, "the engine knows what it did");
    setup.store.apply(None, &[entry]).await.unwrap();
    let by_a_person_here = version().await;
    assert_ne!(by_a_person_here, before);
    other.set_setting("key", "theirs", &setting()).await.unwrap();
    assert_ne!(version().await, by_a_person_here);
    assert_eq!(setup.store.setting("key").await.unwrap().as_deref(), Some("theirs"));
}

#[tokio::test]
async fn only_the_owner_may_read_the_database_and_its_log() {
    let setup = on_sqlite().await;
    for name in ["habeas.db", "habeas.db-wal", "habeas.db-shm"] {
        let mode = std::fs::metadata(setup.data().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let setup = on_sqlite().await;
    setup.request(Right::Access, &["a@example.org"]).await;
    setup.store.close().await;
    let next = next("CREATE TABLE next (id TEXT)");
    let newer = [SQLITE, &[next]].concat();
    sqlite::Database::open(&setup.data(), &newer).await.unwrap().close().await;
    for opened in [
        Store::open(&setup.options(), setup.ids.clone(), now()).await,
        Store::open_read_only(&setup.options()).await,
    ] {
        let Err(StoreError::NewerSchema { found, known }) = opened else { panic!("it opened") };
        assert_eq!((found, known), (KNOWN + 1, KNOWN));
    }
    assert!(sqlite::Database::open_read_only(&setup.data(), &newer).await.is_ok());
}

#[tokio::test]
async fn whoever_holds_a_store_learns_that_a_newer_program_has_changed_it() {
    let setup = on_sqlite().await;
    setup.store.check_schema().await.unwrap();
    let next = next("CREATE TABLE next (id TEXT)");
    let newer = [SQLITE, &[next]].concat();
    sqlite::Database::open(&setup.data(), &newer).await.unwrap().close().await;
    let checked = setup.store.check_schema().await;
    assert!(matches!(checked, Err(StoreError::NewerSchema { .. })), "{checked:?}");
}

#[tokio::test]
async fn whoever_holds_a_store_learns_that_its_keys_are_gone() {
    let setup = setup().await;
    let keys = setup.options().keys;
    setup.store.check_keys().unwrap();
    let (there, away) = (keys.join("credentials-1.key"), keys.with_extension("away"));
    std::fs::rename(&there, &away).unwrap();
    let checked = setup.store.check_keys();
    let missing = matches!(&checked, Err(StoreError::Keys(KeyError::Missing(name)))
        if name.as_str() == "credentials-1");
    assert!(missing, "{checked:?}");
    std::fs::rename(&away, &there).unwrap();
    setup.store.check_keys().unwrap();
    std::fs::rename(&keys, &away).unwrap();
    assert!(matches!(setup.store.check_keys(), Err(StoreError::Keys(_))));
}

#[tokio::test]
async fn a_reader_does_not_migrate_an_older_schema() {
    let setup = on_sqlite().await;
    let next = next("CREATE TABLE next (id TEXT)");
    let newer = [SQLITE, &[next]].concat();
    let opened = sqlite::Database::open_read_only(&setup.data(), &newer).await;
    assert!(matches!(opened, Err(StoreError::OlderSchema { found: KNOWN, .. })));
}

#[tokio::test]
async fn a_request_of_before_brands_had_a_column_gets_its_brand_there() {
    let data = tempfile::tempdir().unwrap();
    let first = &SQLITE[..1];
    let older = sqlite::Database::open(data.path(), first).await.unwrap();
    let mut tx = db::Tx::Sqlite(older.begin_as_is().await.unwrap());
    tx.run_script(
        "INSERT INTO request (id, state, right_word, due_at, idempotency, body, version) VALUES
            ('req_1', 'closed', 'access', 0, 'a', '{\"brand\":\"Shop\"}', 0),
            ('req_2', 'closed', 'access', 0, 'b', '{\"brand\":null}', 0)",
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    older.close().await;
    let db = db::Db::open(data.path()).await.unwrap();
    let rows = db.fetch("SELECT brand FROM request ORDER BY id", []).await.unwrap();
    let brands: Vec<Option<String>> = rows.iter().map(|row| row.get("brand").unwrap()).collect();
    assert_eq!(brands, [Some("shop".to_owned()), None]);
}

#[tokio::test]
async fn a_webhook_of_before_urls_were_sealed_keeps_none() {
    let data = tempfile::tempdir().unwrap();
    let older = sqlite::Database::open(data.path(), &SQLITE[..9]).await.unwrap();
    let mut tx = db::Tx::Sqlite(older.begin_as_is().await.unwrap());
    tx.run_script(
        "INSERT INTO endpoint (id, name, told_until, body, version) VALUES
            ('end_1', 'desk', 0, '{\"target\":{\"webhook\":{\"url\":\"https://a.example/hush\",\"allow_private\":true}}}', 3),
            ('end_2', 'pager', 0, '{\"target\":{\"mail\":{\"address\":\"p@a.example\"}}}', 1)",
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    older.close().await;
    let db = db::Db::open(data.path()).await.unwrap();
    let rows = db.fetch("SELECT body, version FROM endpoint ORDER BY id", []).await.unwrap();
    let body = |row: &db::Row| row.json::<serde_json::Value>("body").unwrap()["target"].clone();
    let webhook = serde_json::json!({"webhook": {"allow_private": true, "origin": "…"}});
    let mail = serde_json::json!({"mail": {"address": "p@a.example"}});
    assert_eq!(rows.iter().map(body).collect::<Vec<_>>(), [webhook, mail]);
    let versions: Vec<i64> = rows.iter().map(|row| row.get("version").unwrap()).collect();
    assert_eq!(versions, [4, 1]);
}

#[tokio::test]
async fn a_migration_that_was_edited_after_it_ran_is_told() {
    let setup = on_sqlite().await;
    let edited = Migration { sql: "CREATE TABLE other (id TEXT)", ..SQLITE[0] };
    let edited = [&[edited], &SQLITE[1..]].concat();
    let opened = sqlite::Database::open(&setup.data(), &edited).await;
    assert!(matches!(opened, Err(StoreError::MigrationDiffers { number: 1 })));
}

#[tokio::test]
async fn a_migration_that_fails_leaves_the_schema_as_it_was() {
    let setup = on_sqlite().await;
    let broken = "CREATE TABLE half (id TEXT); CREATE TABLE half (id TEXT)";
    let newer = [SQLITE, &[next(broken)]].concat();
    assert!(sqlite::Database::open(&setup.data(), &newer).await.is_err());
    let db = db::Db::open(&setup.data()).await.unwrap();
    assert!(!db.has_table("half").await.unwrap());
}

#[tokio::test]
async fn many_may_open_a_fresh_store_at_once() {
    let setup = setup().await;
    let root = tempfile::tempdir().unwrap();
    let options = Options {
        data: root.path().join("data"),
        keys: root.path().join("keys"),
        database: None,
        bodies: None,
    };
    let open = || Store::open(&options, setup.ids.clone(), now());
    let (one, two, three) = tokio::join!(open(), open(), open());
    for store in [one, two, three] {
        store.unwrap().set_setting("key", "value", &setting()).await.unwrap();
    }
}

#[tokio::test]
async fn a_key_that_is_missing_or_damaged_is_told_and_nothing_is_made_in_its_place() {
    use crate::keys::KeyError;
    let setup = setup().await;
    setup.request(Right::Access, &["ada@example.org"]).await;
    setup.store.close().await;
    let keys = setup.options().keys;
    let open = async || Store::open(&setup.options(), Arc::clone(&setup.ids), now()).await;
    for name in ["index-1", "credentials-1", "evidence-1", "fingerprint-1", "epoch-2026-11"] {
        let path = keys.join(format!("{name}.key"));
        let held = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let told = open().await.unwrap_err();
        let is_it = |key: &crate::keys::KeyName| key.as_str() == name;
        assert!(
            matches!(&told, StoreError::Keys(KeyError::Missing(key)) if is_it(key)),
            "{name}: {told:?}"
        );
        assert!(!path.exists(), "{name} was made anew");
        std::fs::write(&path, b"damaged").unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&path, private).unwrap();
        if name == "index-1" || name == "fingerprint-1" {
            let told = open().await.unwrap_err();
            assert!(matches!(&told, StoreError::Keys(KeyError::Malformed { .. })), "{told:?}");
        }
        std::fs::write(&path, held).unwrap();
    }
    assert!(open().await.is_ok());
    std::fs::remove_dir_all(&keys).unwrap();
    assert!(matches!(open().await, Err(StoreError::Keys(KeyError::Lost { .. }))));
    assert!(!keys.exists(), "no empty folder stands in for it");
}
