//! Values are found without being readable, and a request holds each of them once.

use domain::identifier::Sighting;
use domain::task::Found;
use domain::{IdentifierKind, Right, TaskState};

use super::setup::setup;
use crate::keys::{KeyFolder, KeyName, KeySource as _};
use crate::{Added, Applied, Transition};

#[tokio::test]
async fn requests_that_share_a_value_are_found_by_kind_and_value() {
    let setup = setup().await;
    let one = setup.request(Right::Access, &["shared@example.org"]).await;
    let two = setup.request(Right::Deletion, &["SHARED@example.org", "b@example.org"]).await;
    setup.request(Right::Deletion, &["c@example.org"]).await;
    let asked = [(IdentifierKind::Email, "shared@example.org".to_owned())];
    let sharing = setup.store.requests_sharing(&asked).await.unwrap();
    let expected = [(one.id, IdentifierKind::Email), (two.id, IdentifierKind::Email)];
    assert_eq!(sharing, expected);
    let asked = [(IdentifierKind::UserId, "shared@example.org".to_owned())];
    assert!(setup.store.requests_sharing(&asked).await.unwrap().is_empty());
    let collecting = setup.store.open_collections_sharing(&[two.id]).await.unwrap();
    assert_eq!(collecting, [(two.id, one.id)]);
    assert!(setup.store.open_collections_sharing(&[one.id]).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_identifier_that_a_request_has_already_is_merged_with_its_sightings() {
    let setup = setup().await;
    let connection = setup.connection("segment-eu").await;
    let request = setup.request(Right::Deletion, &["a@example.org"]).await;
    let seen = |place: &str| Sighting { connection: connection.id, place: place.into() };
    let mut again = setup.identifier(IdentifierKind::Email, "a@example.org");
    again.seen_in = vec![seen("spa_1")];
    let mut twice = setup.identifier(IdentifierKind::Email, "a@example.org");
    twice.seen_in = vec![seen("spa_2")];
    let new = vec![(request.id, again), (request.id, twice)];
    setup.done(Transition { new_identifiers: new, ..Default::default() }).await;
    let identifiers = setup.store.identifiers_of(&[request.id]).await.unwrap();
    assert_eq!(identifiers.len(), 1);
    assert_eq!(identifiers[0].1.seen_in, [seen("spa_1"), seen("spa_2")]);
    let sightings = vec![(identifiers[0].1.id, vec![seen("spa_2"), seen("spa_3")])];
    setup.done(Transition { sightings, ..Default::default() }).await;
    let identifiers = setup.store.identifiers_of(&[request.id]).await.unwrap();
    assert_eq!(identifiers[0].1.seen_in, [seen("spa_1"), seen("spa_2"), seen("spa_3")]);
}

#[tokio::test]
async fn a_task_never_names_an_identifier_that_was_merged_away() {
    let setup = setup().await;
    let connection = setup.connection("segment-eu").await;
    let task = setup.task(&connection, "a@example.org").await;
    let again = setup.identifier(IdentifierKind::Email, "a@example.org");
    let mut changed = task.clone();
    changed.state = TaskState::Planned;
    let identifiers = vec![again.id];
    changed.findings.set_found(Found { identifiers, ..Found::default() });
    let names_it = Transition {
        tasks: vec![changed],
        new_identifiers: vec![(task.request, again)],
        ..Default::default()
    };
    assert_eq!(setup.apply(names_it).await.unwrap(), [Applied::Lost]);
    assert_eq!(setup.store.task(task.id).await.unwrap().unwrap(), task);
}

#[tokio::test]
async fn after_a_rotation_of_the_index_key_old_values_are_found_and_not_doubled() {
    let setup = setup().await;
    let mut old = setup.new_request(Right::Access, &["a@example.org"]);
    old.request.external_id = Some("TICKET-1".into());
    let id = old.request.id;
    setup.store.add_requests(vec![old.clone()], super::setup::now()).await.unwrap();
    let options = setup.options();
    let keys = KeyFolder::open(&options.keys, &options.data).unwrap();
    keys.get_or_make(&KeyName::parse("index-2").unwrap()).unwrap();

    let rotated = setup.again().await;
    let asked = [(IdentifierKind::Email, "a@example.org".to_owned())];
    assert_eq!(rotated.requests_sharing(&asked).await.unwrap().len(), 1);
    assert_eq!(rotated.request_by_prefix("TICKET-1").await.unwrap(), [id]);
    let mut again = setup.new_request(Right::Access, &["a@example.org"]);
    again.idempotency = old.idempotency;
    let added = rotated.add_requests(vec![again], super::setup::now()).await.unwrap();
    assert_eq!(added, [Added::Known(id)]);
    let same = setup.identifier(IdentifierKind::Email, "a@example.org");
    let merged = Transition { new_identifiers: vec![(id, same)], ..Default::default() };
    assert_eq!(rotated.apply(None, &[merged]).await.unwrap(), [Applied::Done]);
    assert_eq!(rotated.identifiers_of(&[id]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_fingerprint_ignores_order_and_repetition_and_survives_a_restart() {
    let setup = setup().await;
    let print = setup.store.fingerprint(["a", "b", "c"]);
    assert_eq!(setup.again().await.fingerprint(["c", "a", "b", "a"]), print);
    assert_ne!(setup.store.fingerprint(["ab", "c"]), print);
    assert_ne!(super::setup::setup().await.store.fingerprint(["a", "b", "c"]), print);
}
