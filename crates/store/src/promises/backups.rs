//! A backup is whole or not there, holds no key, and brings nothing back that was purged.

use std::fs;
use std::path::PathBuf;

use domain::request::ClosedAs;
use domain::{Actor, Digest, Entry, Event, Right};

use super::sealed_values::{find_marks, plant};
use super::setup::{Setup, now, on_sqlite};
use crate::backup::{self, BackupError, Existing, Manifest, put_back};
use crate::keys::{KeyError, PurgedLine};
use crate::{Applied, From, JournalFilter, Options, Store, StoreError, Transition};

impl Setup {
    fn beside(&self, name: &str) -> PathBuf {
        self.data().with_file_name(name)
    }

    async fn back_up(&self, name: &str, existing: Existing) -> Result<Manifest, BackupError> {
        backup::write(&self.options(), &self.beside(name), existing, (now(), "1.0"), |_| {}).await
    }

    /// Puts a backup back, without what a person is told.
    async fn restored(&self, backup: &str, data: &str) -> Store {
        let options = Options { data: self.beside(data), ..self.options() };
        let (backup, data) = (self.beside(backup), &options.data);
        let (_, draft) = put_back(&backup, data, &options.keys, |_| {}).unwrap();
        draft.finish().unwrap();
        Store::open(&options, std::sync::Arc::clone(&self.ids), now()).await.unwrap()
    }
}

#[tokio::test]
async fn a_backup_beside_a_writer_holds_all_that_was_committed_and_nothing_after() {
    let setup = on_sqlite().await;
    let task = plant(&setup).await;
    let manifest = setup.back_up("backup", Existing::Refuse).await.unwrap();
    assert_eq!(manifest.n_files, 3, "database, installation, one body");
    let later = setup.request(Right::Access, &["later@example.org"]).await;
    assert_eq!(find_marks(&setup.beside("backup")), Vec::<String>::new());
    assert_eq!(backup::verify(&setup.beside("backup"), |_| {}).unwrap(), manifest);

    let store = setup.restored("backup", "other").await;
    assert_eq!(store.identifiers_of(&[task.request]).await.unwrap().len(), 2);
    let body = store.collected_of(task.request).await.unwrap()[0].blob;
    let mut reader = store.blob_reader(task.request, body).await.unwrap().unwrap();
    assert!(reader.next_chunk().unwrap().unwrap().starts_with(b"mark-body"));
    assert!(store.request(later.id).await.unwrap().is_none());
}

#[tokio::test]
async fn a_backup_replaces_nothing_unasked_and_leaves_nothing_half_written() {
    let setup = on_sqlite().await;
    setup.request(Right::Access, &["ada@example.org"]).await;
    setup.back_up("backup", Existing::Refuse).await.unwrap();
    let again = setup.back_up("backup", Existing::Refuse).await;
    assert!(matches!(again, Err(BackupError::Exists(_))));
    setup.request(Right::Access, &["bob@example.org"]).await;
    setup.back_up("backup", Existing::Replace).await.unwrap();
    let inside = setup.back_up("data/backup", Existing::Refuse).await;
    assert!(matches!(inside, Err(BackupError::InsideData(_))));
    let inside = setup.back_up("keys/backup", Existing::Refuse).await;
    assert!(matches!(inside, Err(BackupError::InsideKeys(_))));
    fs::remove_file(setup.data().join("installation")).unwrap();
    assert!(setup.back_up("third", Existing::Refuse).await.is_err());
    let names = fs::read_dir(setup.beside("")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert_eq!(names, ["backup", "data", "keys"], "no draft is left");
}

#[test]
fn a_manifest_of_more_bytes_than_can_be_counted_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let digest = Digest::of(b"a file");
    let head = r#"{"habeas_backup":1,"made_at":"2026-11-22T12:00:00Z","program":"1.0","schema":1}"#;
    let line = format!("{digest} {} installation\n", u64::MAX);
    let text = format!("{head}\n{line}{line}");
    let end = format!("end {}\n", Digest::of(text.as_bytes()));
    fs::write(folder.path().join("manifest"), text + &end).unwrap();
    let read = Manifest::read(folder.path());
    assert!(matches!(read, Err(BackupError::NoBackup(_))), "{read:?}");
}

#[tokio::test]
async fn a_backup_in_place_of_a_link_leaves_alone_what_the_link_leads_to() {
    let setup = on_sqlite().await;
    setup.request(Right::Access, &["ada@example.org"]).await;
    setup.back_up("first", Existing::Refuse).await.unwrap();
    std::os::unix::fs::symlink(setup.beside("first"), setup.beside("latest")).unwrap();
    setup.back_up("latest", Existing::Replace).await.unwrap();
    setup.restored("first", "one").await;
    setup.restored("latest", "two").await;
    assert!(!setup.beside("latest.before").exists());
}

#[tokio::test]
async fn a_backup_that_was_altered_or_cut_short_or_is_of_other_keys_is_refused() {
    let (setup, other) = (on_sqlite().await, on_sqlite().await);
    plant(&setup).await;
    setup.back_up("backup", Existing::Refuse).await.unwrap();
    let (backup, new) = (setup.beside("backup"), setup.beside("new"));
    let keys = setup.options().keys;
    let refused = |keys: &PathBuf| put_back(&backup, &new, keys, |_| {}).map(drop).unwrap_err();
    let of_others = refused(&other.options().keys);
    let is_of_others = |error: &BackupError| {
        matches!(error, BackupError::Store(StoreError::Keys(KeyError::OtherInstallation { .. })))
    };
    assert!(is_of_others(&of_others), "{of_others}");
    let in_use = put_back(&backup, &setup.data(), &keys, |_| {});
    assert!(matches!(in_use, Err(BackupError::NotEmpty(_))));

    let database = backup.join("habeas.db");
    let mut bytes = fs::read(&database).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&database, bytes).unwrap();
    assert!(matches!(refused(&keys), BackupError::Damaged { file } if file == "habeas.db"));
    assert!(backup::verify(&backup, |_| {}).is_err());
    let manifest = fs::read_to_string(backup.join("manifest")).unwrap();
    for altered in [
        manifest.replace("\"schema\":", "\"schema\":9"),
        manifest.replace(" habeas.db", " ../habeas.db"),
        manifest.lines().take(2).collect::<Vec<_>>().join("\n"),
    ] {
        assert_ne!(altered, manifest);
        fs::write(backup.join("manifest"), altered).unwrap();
        assert!(matches!(refused(&keys), BackupError::NoBackup(_)));
    }
    assert!(!new.exists() && !setup.beside("new.restoring").exists());
}

#[tokio::test]
async fn what_was_purged_can_t_be_read_from_an_old_backup_once_its_key_is_gone() {
    let setup = on_sqlite().await;
    let task = plant(&setup).await;
    let evidence = setup.store.evidence_of(task.id).await.unwrap()[0].id;
    let body = setup.store.collected_of(task.request).await.unwrap()[0].blob;
    let other = setup.request(Right::Access, &["other@example.org"]).await;
    setup.back_up("backup", Existing::Refuse).await.unwrap();
    let line = PurgedLine {
        request: task.request,
        at: now(),
        how: ClosedAs::Fulfilled,
        version: 1,
        by: "ops".to_owned(),
    };
    let purged = setup.store.purge(&line, Transition::default()).await.unwrap();
    assert_eq!(purged, Applied::Done);
    let within = setup.restored("backup", "within").await;
    assert_eq!(within.identifiers_of(&[task.request]).await.unwrap().len(), 2, "within the window");

    setup.rotate("epoch").await;
    let mut walk = crate::rotation::Walk::default();
    while setup.store.move_piece(None, &mut walk).await.unwrap().is_some() {}
    let old = crate::keys::KeyName::parse("epoch-2026-11").unwrap();
    assert_eq!(setup.store.named(&old).await.unwrap().n_rows, 0);
    assert!(setup.store.destroy_key(None, &old).await.unwrap());
    assert_eq!(setup.again().await.identifiers_of(&[other.id]).await.unwrap().len(), 1);

    let restored = setup.restored("backup", "after").await;
    assert!(restored.has_key(task.request).await.unwrap(), "the row is there, and opens nothing");
    assert!(restored.identifiers_of(&[task.request]).await.unwrap().is_empty());
    assert!(restored.evidence_body(evidence).await.unwrap().is_none());
    assert!(restored.blob_reader(task.request, body).await.unwrap().is_none());
    restored.close().await;
    // Not one of the keys that are left opens what the row holds, whatever its name.
    for folder in ["after", "backup"] {
        assert_eq!(find_marks(&setup.beside(folder)), Vec::<String>::new());
    }
    let names = setup.store.key_names();
    assert!(names.iter().all(|name| name.as_str() != "epoch-2026-11"));
    let wrapped = wrapped_in(&setup, "after", task.request).await;
    for name in names {
        let file = fs::read_to_string(setup.options().keys.join(format!("{name}.key"))).unwrap();
        let secret = key_bytes(file.lines().nth(2).unwrap());
        let forged = crate::seal::SealingKey::new("epoch-2026-11", &secret).unwrap();
        let place = crate::seal::Place::new("request_key", "x", "wrapped");
        let place = crate::seal::Place { row: &task.request.to_string(), ..place };
        assert!(forged.open(place, &wrapped).is_err(), "{name}");
    }
}

async fn wrapped_in(setup: &Setup, data: &str, request: domain::RequestId) -> Vec<u8> {
    let db = crate::db::Db::open_read_only(&setup.beside(data)).await.unwrap();
    let sql = "SELECT wrapped FROM request_key WHERE request_id = $1";
    let row = db.fetch_optional(sql, crate::db::values![request]).await.unwrap().unwrap();
    row.get::<&[u8]>("wrapped").unwrap().to_vec()
}

fn key_bytes(text: &str) -> crate::seal::KeyBytes {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    zeroize::Zeroizing::new(bytes.try_into().unwrap())
}

#[tokio::test]
async fn a_store_that_starts_over_gives_no_number_and_no_lease_twice() {
    let setup = on_sqlite().await;
    setup.request(Right::Access, &["ada@example.org"]).await;
    let fence = setup.lease("engine", "first").await;
    let entry = Entry::new(now(), Actor::Operator("ops".into()), Event::StoreRestored);
    let settings = [("generation", "2".to_owned())];
    let (told, _) = super::telling::added(&setup, "desk").await;
    let ended = setup.store.start_over(&settings, &entry, now()).await.unwrap();
    assert_eq!((ended.n_tokens, ended.n_endpoints), (0, 1));
    let standing = setup.store.endpoint(told.id).await.unwrap().unwrap();
    assert!(standing.endpoint.disabled.unwrap().why.starts_with("put back from a backup"));
    assert_eq!(setup.store.setting("generation").await.unwrap().as_deref(), Some("2"));
    let next = setup.lease("engine", "second").await;
    assert_eq!(next.fence, fence.fence + 1);
    let filter = JournalFilter::default();
    let journal = setup.store.journal(From::Before(i64::MAX), &filter, 2).await.unwrap();
    assert_eq!(journal[0].1.event, Event::StoreRestored);
    assert!(journal[0].0 - journal[1].0 >= 1_000_000_000);
}
