//! Keys are replaced while the store is in use: nothing is lost, and nobody is overlooked meanwhile.

use domain::{Actor, Digest, Entry, Event, Evidence, EvidenceId, IdentifierKind, Instant, Right};

use super::sealed_values::plant;
use super::setup::{Setup, now, on_sqlite, rotate, setup};
use super::telling::{self, added};
use crate::db::values;
use crate::keyring::ROTATING;
use crate::keys::{KeyError, KeyName};
use crate::lost::LostEpoch;
use crate::rotation::Walk;
use crate::{Applied, Store, StoreError, Transition};

fn name(text: &str) -> KeyName {
    KeyName::parse(text).unwrap()
}

async fn move_all(setup: &Setup) -> u64 {
    let (mut walk, mut n_moved) = (Walk::default(), 0);
    while let Some(n) = setup.store.move_piece(None, &mut walk).await.unwrap() {
        n_moved += n;
    }
    n_moved
}

/// Evidence about many, which no request's key seals.
async fn shared_evidence(setup: &Setup) -> EvidenceId {
    let connection = setup.connection("other").await;
    let job = setup.job(&connection);
    let evidence = Evidence {
        id: EvidenceId::new(&*setup.ids),
        task: None,
        job: Some(job.id),
        title: "the vendor's report".into(),
        at: now(),
        digest: Digest::of(b"body"),
        size_bytes: 4,
    };
    let id = evidence.id;
    let evidence = vec![(evidence, b"body".to_vec())];
    setup.done(Transition { new_jobs: vec![job], evidence, ..Default::default() }).await;
    id
}

#[tokio::test]
async fn everything_moves_under_the_new_keys_and_reads_back_without_the_old_ones() {
    let setup = setup().await;
    let task = plant(&setup).await;
    let shared = shared_evidence(&setup).await;
    let (endpoint, signs) = added(&setup, "desk").await;
    for purpose in ROTATING {
        setup.rotate(purpose).await;
    }
    let old = ["epoch-2026-11", "credentials-1", "evidence-1", "index-1"].map(name);
    for key in &old {
        assert!(setup.store.named(key).await.unwrap().n_rows > 0, "{key}");
    }
    assert!(move_all(&setup).await > 0);
    for key in &old {
        assert_eq!(setup.store.named(key).await.unwrap().n_rows, 0, "{key}");
    }
    assert_eq!(setup.store.named(&old[3]).await.unwrap().n_fixed, 2, "why requests are the same");
    for key in &old[..3] {
        assert!(setup.store.destroy_key(None, key).await.unwrap());
    }
    let again = setup.again().await;
    assert_eq!(again.identifiers_of(&[task.request]).await.unwrap().len(), 2);
    let evidence = again.evidence_of(task.id).await.unwrap()[0].id;
    assert_eq!(again.evidence_body(evidence).await.unwrap().unwrap(), b"mark-evidence");
    assert_eq!(again.evidence_body(shared).await.unwrap().unwrap(), b"body");
    let connection = again.connection_by_name("segment-eu").await.unwrap().unwrap();
    assert_eq!(again.secrets(connection.id).await.unwrap()["token"].expose(), "mark-secret");
    assert_eq!(again.endpoint_secrets(endpoint.id, now()).await.unwrap(), [signs]);
    assert_eq!(again.endpoint_url(endpoint.id).await.unwrap().unwrap().expose(), telling::URL);
    assert_eq!(again.sealed_setting("key").await.unwrap().unwrap().expose(), "mark-setting");
    assert_eq!(again.requests_named(&["mark-external"]).await.unwrap().len(), 1);
    assert_eq!(again.move_piece(None, &mut Walk::default()).await.unwrap(), None);
}

#[tokio::test]
async fn a_person_is_recognised_while_values_move_to_a_new_index_key() {
    let setup = setup().await;
    let email = "ada@example.org";
    let old_access = setup.request(Right::Access, &[email]).await;
    let old_deletion = setup.request(Right::Deletion, &[email]).await;
    setup.rotate("index").await;
    assert!(setup.store.is_index_moving());
    let new_access = setup.request(Right::Access, &[email]).await;
    let new_deletion = setup.request(Right::Deletion, &[email]).await;
    for moved in [false, true] {
        let value = [(IdentifierKind::Email, email.to_owned())];
        assert_eq!(setup.store.requests_sharing(&value).await.unwrap().len(), 4, "moved: {moved}");
        for deletion in [old_deletion.id, new_deletion.id] {
            let waits = setup.store.open_collections_sharing(&[deletion]).await.unwrap();
            let mut awaited: Vec<_> = waits.into_iter().map(|(_, open)| open).collect();
            awaited.sort();
            assert_eq!(awaited, [old_access.id, new_access.id], "moved: {moved}");
        }
        move_all(&setup).await;
    }
    let before = setup.store.named(&name("index-1")).await.unwrap();
    assert_eq!((before.n_rows, before.n_fixed), (0, 2));
    assert!(!setup.store.is_index_moving());
}

#[tokio::test]
async fn the_next_month_s_key_takes_over_and_the_key_in_use_is_never_destroyed() {
    let setup = setup().await;
    let request = setup.request(Right::Access, &["ada@example.org"]).await;
    let december: Instant = "2026-12-02T00:00:00Z".parse().unwrap();
    let new = setup.new_request(Right::Access, &["bob@example.org"]);
    setup.store.add_requests(vec![new], december).await.unwrap();
    assert_eq!(move_all(&setup).await, 1);
    let destroy = |key: &str| {
        let key = name(key);
        let store = &setup.store;
        async move { store.destroy_key(None, &key).await }
    };
    assert!(!destroy("epoch-2026-12").await.unwrap(), "requests name it");
    let in_use = destroy("evidence-1").await;
    assert!(matches!(in_use, Err(StoreError::Keys(KeyError::InUse(_)))));
    assert!(destroy("epoch-2026-11").await.unwrap());
    assert_eq!(setup.again().await.identifiers_of(&[request.id]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_that_is_missing_is_told_and_one_that_was_destroyed_is_not_missed() {
    let setup = setup().await;
    let request = setup.request(Right::Access, &["ada@example.org"]).await;
    let path = setup.options().keys.join("epoch-2026-11.key");
    let held = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let missing = Store::open_read_only(&setup.options()).await.unwrap();
    let (identifiers, unopened) = missing.identifiers_or_why(&[request.id]).await.unwrap();
    assert!(identifiers.is_empty());
    assert!(unopened[&request.id].starts_with("the key epoch-2026-11 is missing"), "{unopened:?}");
    assert_eq!(missing.requests_by_id(&[request.id]).await.unwrap().len(), 1);
    let key = name("epoch-2026-11");
    let lost = LostEpoch { key, was_destroyed: false, n_requests: 1, n_open: 1 };
    assert_eq!(missing.lost_epochs().await.unwrap(), std::slice::from_ref(&lost));
    std::fs::write(&path, held).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    setup.rotate("epoch").await;
    setup.store.keys().destroy(&name("epoch-2026-11")).unwrap();
    let again = setup.again().await;
    assert!(again.identifiers_of(&[request.id]).await.unwrap().is_empty());
    let destroyed = LostEpoch { was_destroyed: true, ..lost };
    assert_eq!(again.lost_epochs().await.unwrap(), [destroyed]);
}

#[tokio::test]
async fn a_row_that_does_not_open_keeps_no_other_from_being_read_and_none_from_moving() {
    let setup = on_sqlite().await;
    let altered = setup.request(Right::Access, &["ada@example.org"]).await;
    let other = setup.request(Right::Access, &["bob@example.org"]).await;
    let ids = [altered.id, other.id];
    let mut tx = setup.store.db().begin().await.unwrap();
    for sql in [
        "UPDATE request_key SET wrapped = ZEROBLOB(20) WHERE request_id = $1",
        "UPDATE identifier SET normalised = ZEROBLOB(20) WHERE request_id = $1",
    ] {
        tx.execute(sql, values![altered.id]).await.unwrap();
    }
    tx.commit().await.unwrap();
    let again = setup.again().await;
    let (identifiers, unopened) = again.identifiers_or_why(&ids).await.unwrap();
    assert_eq!((identifiers.len(), identifiers[0].0), (1, other.id));
    assert!(unopened[&altered.id].contains("altered"), "{unopened:?}");
    for purpose in ["epoch", "index"] {
        rotate(&again, purpose).await.unwrap();
    }
    let mut walk = Walk::default();
    while again.move_piece(None, &mut walk).await.unwrap().is_some() {}
    assert!(again.is_index_moving(), "until it opens, values are filed under both keys");
    // What was altered stays; by the older key of the index the other is still found too.
    for (key, n_rows) in [("epoch-2026-11", 1), ("index-1", 2)] {
        assert_eq!(again.named(&name(key)).await.unwrap().n_rows, n_rows, "{key}");
    }
    assert_eq!(again.identifiers_of(&ids).await.unwrap().len(), 1);
}

#[tokio::test]
async fn rows_that_do_not_open_are_passed_a_piece_at_a_time_and_not_again_for_each_piece() {
    let setup = on_sqlite().await;
    let new = |n: i32| setup.new_request(Right::Access, &[format!("p{n}@example.org").as_str()]);
    let requests: Vec<_> = (0..1_700).map(new).collect();
    setup.store.add_requests(requests, now()).await.unwrap();
    let mut tx = setup.store.db().begin().await.unwrap();
    // The first by their ids, which a page begins with.
    let spoil = "UPDATE request_key SET wrapped = ZEROBLOB(20) WHERE request_id IN
        (SELECT request_id FROM request_key ORDER BY request_id LIMIT 1200)";
    tx.execute(spoil, []).await.unwrap();
    tx.commit().await.unwrap();
    let again = setup.again().await;
    for purpose in ["epoch", "index"] {
        rotate(&again, purpose).await.unwrap();
    }
    let (mut walk, mut pieces) = (Walk::default(), Vec::new());
    while let Some(n) = again.move_piece(None, &mut walk).await.unwrap() {
        pieces.push(n);
    }
    assert_eq!(pieces.iter().sum::<u64>(), 2 * 500);
    assert_eq!(pieces[..4], [0, 0, 300, 200], "500 rows are looked at in each");
    // All rows once, those that are left once more, and the end of each of the two.
    assert!(pieces.len() <= (4 + 4) + 1 + (3 + 3), "{pieces:?}");
    assert_eq!(again.named(&name("epoch-2026-11")).await.unwrap().n_rows, 1_200);
}

/// A key folder as it was before the newest key of a purpose was made.
fn take_back(setup: &Setup, key: &str) {
    std::fs::remove_file(setup.options().keys.join(format!("{key}.key"))).unwrap();
}

#[tokio::test]
async fn a_key_folder_without_the_newest_key_of_a_purpose_is_refused_and_no_name_is_given_twice() {
    for purpose in ["index", "credentials", "evidence"] {
        let setup = setup().await;
        let newest = setup.rotate(purpose).await;
        setup.again().await;
        take_back(&setup, newest.as_str());
        let options = setup.options();
        let ids = std::sync::Arc::clone(&setup.ids);
        for opened in [
            Store::open(&options, ids, now()).await,
            Store::open_read_only(&options).await,
            rotate(&setup.store, purpose).await.map(|_| unreachable!()),
        ] {
            let error = opened.unwrap_err();
            let is_it =
                matches!(&error, StoreError::Keys(KeyError::Missing(name)) if *name == newest);
            assert!(is_it, "{error:?}");
        }
    }
}

#[tokio::test]
async fn a_process_that_has_not_heard_of_a_rotation_writes_under_the_new_keys() {
    let setup = setup().await;
    let request = setup.request(Right::Access, &["ada@example.org"]).await;
    let other = setup.again().await;
    for purpose in ["epoch", "index"] {
        setup.rotate(purpose).await;
    }
    let new = setup.new_request(Right::Access, &["bob@example.org"]);
    other.add_requests(vec![new], now()).await.unwrap();
    let third = setup.again().await;
    setup.rotate("epoch").await;
    let found = setup.identifier(IdentifierKind::UserId, "ada-1");
    let new_identifiers = vec![(request.id, found)];
    let found = Transition { new_identifiers, ..Default::default() };
    let applied = third.apply(None, &[found]).await.unwrap();
    assert_eq!(applied, [Applied::Done]);
    let named = |key: &str| {
        let key = name(key);
        let store = &setup.store;
        async move { store.named(&key).await.unwrap().n_rows }
    };
    assert_eq!(named("epoch-2026-11").await, 1, "only what was there before");
    assert_eq!(named("epoch-2026-11-2").await, 1);
    // That of the one which was there before; of the others the old token stands beside the new.
    assert_eq!(named("index-1").await, 3);
    assert_eq!(named("index-2").await, 2);
}

#[tokio::test]
async fn only_whoever_holds_the_lease_retires_and_destroys_keys() {
    let setup = setup().await;
    let old = setup.lease("engine", "first").await;
    setup.rotate("evidence").await;
    let free = crate::LeaseTime { millis: 60_000, ..super::setup::time(0) };
    let taken = setup.store.take_lease("engine", "second", "a test", &free, 1000, now()).await;
    let crate::LeaseAnswer::Taken { fence: new, .. } = taken.unwrap() else { panic!("it is held") };
    let key = name("evidence-1");
    let destroyed = setup.store.destroy_key(Some(&old), &key).await;
    assert!(matches!(destroyed, Err(StoreError::FenceLost)));
    assert!(setup.store.key_names().contains(&key));
    let entry = Entry::new(now(), Actor::Engine, Event::KeyRetired);
    let set = async |fence, before, value| {
        setup.store.replace_setting(fence, "key", before, value, &entry).await
    };
    assert!(matches!(set(&old, None, "a").await, Err(StoreError::FenceLost)));
    assert_eq!(set(&new, None, "a").await.unwrap(), Applied::Done);
    assert_eq!(set(&new, None, "b").await.unwrap(), Applied::Lost);
    assert_eq!(set(&new, Some("a"), "b").await.unwrap(), Applied::Done);
    assert_eq!(setup.store.setting("key").await.unwrap().as_deref(), Some("b"));
    assert!(setup.store.destroy_key(Some(&new), &key).await.unwrap());
}

#[tokio::test]
async fn a_month_s_key_that_a_clock_which_was_ahead_has_made_is_replaced_each_month() {
    let setup = setup().await;
    let store = &setup.store;
    let day = |n: i64| now().checked_add(jiff::SignedDuration::from_hours(24 * n)).unwrap();
    assert_eq!(store.epoch_ahead(now()), None);
    store.make_epoch("2031-05-01T00:00:00Z".parse().unwrap()).await.unwrap();
    assert_eq!(store.epoch_ahead(now()), Some(name("epoch-2031-05")));
    for (n, newest) in [(0, ""), (30, ""), (32, "-2"), (33, "-2"), (60, "-2"), (65, "-3")] {
        store.make_epoch(day(n)).await.unwrap();
        let expected = name(&format!("epoch-2031-05{newest}"));
        assert_eq!(store.epoch_ahead(day(n)), Some(expected), "day {n}");
    }
}

#[tokio::test]
async fn a_month_s_key_that_is_missing_is_not_made_anew_under_its_name() {
    let setup = setup().await;
    assert_eq!(setup.rotate("epoch").await.as_str(), "epoch-2026-11-2");
    take_back(&setup, "epoch-2026-11-2");
    let again = setup.again().await;
    let names = again.key_names().into_iter().filter(|name| name.purpose() == "epoch");
    let names: Vec<_> = names.map(|name| name.to_string()).collect();
    assert_eq!(names, ["epoch-2026-11", "epoch-2026-11-3"], "another serves in its place");
    assert_eq!(rotate(&again, "epoch").await.unwrap().as_str(), "epoch-2026-11-4");
}

#[tokio::test]
async fn no_table_holds_sealed_values_that_rotation_does_not_know_of() {
    let setup = on_sqlite().await;
    let sql = "SELECT m.name || '.' || c.name AS place FROM sqlite_master m
        JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND c.type = 'BLOB' ORDER BY place";
    let rows = setup.store.db().fetch(sql, []).await.unwrap();
    let places: Vec<String> = rows.iter().map(|row| row.get("place").unwrap()).collect();
    let known = [
        "endpoint_secret.sealed",
        "endpoint_url.sealed",
        "evidence.sealed",
        // Under the key of their request, which is wrapped anew.
        "identifier.given",
        "identifier.normalised",
        "request.external_id",
        "request_key.wrapped",
        "sealed_setting.sealed",
        "secret.sealed",
    ];
    assert_eq!(places, known);
}
