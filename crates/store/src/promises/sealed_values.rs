//! No personal value stands in any file of the data folder, and none survives its key.

use std::path::{Path, PathBuf};

use domain::request::ClosedAs;
use domain::{Actor, Entry, Event, IdentifierKind, Right};

use super::setup::{Setup, on_sqlite, setup};
use super::telling;
use crate::keys::PurgedLine;
use crate::{Applied, Collected, Secret, Transition};

pub(super) const MARKS: [&str; 9] = [
    "mark-email",
    "mark-user",
    "mark-evidence",
    "mark-body",
    "mark-secret",
    "mark-external",
    "mark-setting",
    "mark-hook",
    "mark-query",
];

/// Puts a mark into every place that takes a personal value or a secret.
pub(super) async fn plant(setup: &Setup) -> domain::Task {
    let connection = setup.connection("segment-eu").await;
    let secret = [("token".to_owned(), Secret::new("mark-secret".into()))].into();
    let secrets = vec![(connection.id, secret)];
    setup.store.apply(None, &[Transition { secrets, ..Transition::default() }]).await.unwrap();
    let entry = Entry::new(super::setup::now(), Actor::Engine, Event::SettingChanged);
    let setting = Secret::new("mark-setting".into());
    setup.store.set_sealed_setting("key", Some(&setting), &entry).await.unwrap();
    telling::added(setup, "planted").await;
    let task = setup.task(&connection, "mark-email@example.org").await;
    let mut new = setup.new_request(Right::Access, &["mark-email@example.org"]);
    new.request.external_id = Some("mark-external".into());
    new.idempotency = "mark-external".into();
    setup.store.add_requests(vec![new], super::setup::now()).await.unwrap();
    let mut writer = setup.store.blob_writer(task.request).await.unwrap();
    writer.append(&b"mark-body ".repeat(40_000)).unwrap();
    let (blob, n_bytes) = writer.finish().await.unwrap();
    let (request, round) = (task.request, 1);
    let found = setup.identifier(IdentifierKind::UserId, "mark-user");
    setup
        .done(Transition {
            new_identifiers: vec![(task.request, found)],
            evidence: vec![setup.evidence(&task, "mark-evidence")],
            collected: vec![Collected {
                task: task.id,
                request,
                round,
                blob,
                n_records: 1,
                n_bytes,
            }],
            ..Default::default()
        })
        .await;
    task
}

pub(super) fn line(request: domain::RequestId) -> PurgedLine {
    let (at, how) = (super::setup::now(), ClosedAs::Denied);
    PurgedLine { request, at, how, version: 1, by: "ops".to_owned() }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files
}

pub(super) fn find_marks(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for file in files(folder) {
        let content = std::fs::read(&file).unwrap().to_ascii_lowercase();
        for mark in MARKS {
            if content.windows(mark.len()).any(|window| window == mark.as_bytes()) {
                found.push(format!("{mark} in {}", file.display()));
            }
        }
    }
    found
}

#[tokio::test]
async fn no_planted_mark_is_found_in_any_byte_of_the_data_folder() {
    let setup = on_sqlite().await;
    let task = plant(&setup).await;
    assert!(files(&setup.data()).iter().any(|file| file.ends_with("habeas.db-wal")));
    assert_eq!(find_marks(&setup.data()), Vec::<String>::new(), "beside the open store");
    let identifiers = setup.store.identifiers_of(&[task.request]).await.unwrap();
    assert_eq!(identifiers[0].1.given, "MARK-EMAIL@EXAMPLE.ORG");
    setup.store.close().await;
    assert_eq!(find_marks(&setup.data()), Vec::<String>::new(), "after closing");
    assert_eq!(find_marks(&setup.options().keys), Vec::<String>::new(), "in the key folder");
}

#[tokio::test]
async fn a_purge_makes_all_values_of_a_request_unreadable_and_no_others() {
    let setup = setup().await;
    let task = plant(&setup).await;
    let other = setup.request(Right::Access, &["other@example.org"]).await;
    let evidence = setup.store.evidence_of(task.id).await.unwrap()[0].id;
    let body = setup.store.collected_of(task.request).await.unwrap()[0].blob;
    assert!(setup.store.blob_reader(task.request, body).await.unwrap().is_some());
    let line = line(task.request);
    let purged = setup.store.purge(&line, Transition::default()).await.unwrap();
    assert_eq!(purged, Applied::Done);
    assert_eq!(setup.again().await.purged_lines().unwrap(), [line]);
    for store in [setup.store.clone(), setup.again().await] {
        assert!(store.identifiers_of(&[task.request]).await.unwrap().is_empty());
        assert!(store.evidence_body(evidence).await.unwrap().is_none());
        assert!(store.blob_reader(task.request, body).await.unwrap().is_none());
        let email = [(IdentifierKind::Email, "mark-email@example.org".to_owned())];
        let sharing = store.requests_sharing(&email).await.unwrap();
        assert!(sharing.iter().all(|(request, _)| *request != task.request), "nothing finds it");
        assert!(!store.has_key(task.request).await.unwrap());
        assert_eq!(store.identifiers_of(&[other.id]).await.unwrap().len(), 1);
        assert!(store.task(task.id).await.unwrap().is_some(), "the record stays");
    }
    let blobs = files(&setup.data().join("blobs"));
    assert!(blobs.iter().all(|path| !path.ends_with(body.to_string())), "its room is free");
}

/// Whether a file of the data folder holds these bytes anywhere, in use or not.
fn holds(setup: &Setup, bytes: &[u8]) -> bool {
    files(&setup.data()).iter().any(|file| {
        let content = std::fs::read(file).unwrap();
        content.windows(bytes.len()).any(|window| window == bytes)
    })
}

#[tokio::test]
async fn no_byte_of_a_purged_key_or_of_what_found_its_person_stays_in_the_files() {
    let setup = on_sqlite().await;
    let task = plant(&setup).await;
    let of_request =
        async |sql| setup.store.db().fetch(sql, crate::db::values![task.request]).await.unwrap();
    let row = &of_request("SELECT wrapped FROM request_key WHERE request_id = $1").await[0];
    let wrapped = row.get::<&[u8]>("wrapped").unwrap().to_vec();
    let rows =
        of_request("SELECT token, normalised FROM identifier WHERE request_id = $1 ORDER BY id")
            .await;
    let mut gone = vec![wrapped];
    for row in &rows {
        gone.push(row.get::<&str>("token").unwrap().as_bytes().to_vec());
        gone.push(row.get::<&[u8]>("normalised").unwrap().to_vec());
    }
    // Another request of this person is found by the same token, as long as it stands.
    let email = gone.remove(1);
    assert!(rows.len() == 2 && gone.iter().all(|bytes| holds(&setup, bytes)));
    assert!(holds(&setup, &email));
    let line = line(task.request);
    setup.store.purge(&line, Transition::default()).await.unwrap();
    assert!(gone.iter().all(|bytes| !holds(&setup, bytes)), "beside the open store");
    setup.store.close().await;
    assert!(gone.iter().all(|bytes| !holds(&setup, bytes)), "after closing");
}

#[tokio::test]
async fn what_was_collected_reads_back_and_what_nobody_names_is_swept() {
    let setup = setup().await;
    let task = plant(&setup).await;
    let mut forgotten = setup.store.blob_writer(task.request).await.unwrap();
    forgotten.append(b"nobody names this").unwrap();
    let (forgotten, _) = forgotten.finish().await.unwrap();
    let sweep = async || setup.store.sweep_blobs().await.unwrap();
    let is_swept = async || setup.store.are_blobs_swept().await.unwrap();
    assert_eq!(sweep().await.n_removed, 0, "it may be about to be named");
    assert!(is_swept().await);
    setup.store.blobs().folder().age();
    assert!(!is_swept().await, "a day is over");
    // A folder that can't be listed, wherever it stands among the others.
    let broken = ["00", "zz"].map(|name| setup.options().data.join("blobs").join(name));
    broken.iter().for_each(|path| std::fs::write(path, "").unwrap());
    let swept = sweep().await;
    assert_eq!((swept.n_removed, swept.failed.len()), (1, 2));
    assert!(is_swept().await, "not by the next command");
    broken.iter().for_each(|path| std::fs::remove_file(path).unwrap());
    setup.store.blobs().folder().age();
    assert!(!is_swept().await, "it is tried again");
    assert_eq!((sweep().await.n_removed, is_swept().await), (0, true));
    assert!(setup.store.blob_reader(task.request, forgotten).await.unwrap().is_none());
    let collected = setup.store.collected_of(task.request).await.unwrap()[0];
    let reader = setup.store.blob_reader(task.request, collected.blob).await.unwrap();
    let (mut reader, mut length) = (reader.unwrap(), 0);
    while let Some(chunk) = reader.next_chunk().unwrap() {
        length += chunk.len() as u64;
    }
    assert_eq!((length, collected.n_bytes), (400_000, 400_000));
}

#[tokio::test]
async fn a_secret_opens_for_its_connection_and_never_prints() {
    let setup = setup().await;
    plant(&setup).await;
    let connection = setup.store.connection_by_name("segment-eu").await.unwrap().unwrap();
    let secrets = setup.again().await.secrets(connection.id).await.unwrap();
    assert_eq!(secrets["token"].expose(), "mark-secret");
    assert!(!format!("{secrets:?}").contains("mark"));
    let secrets = vec![(connection.id, Default::default())];
    setup.store.apply(None, &[Transition { secrets, ..Transition::default() }]).await.unwrap();
    assert!(setup.store.secrets(connection.id).await.unwrap().is_empty());
}
