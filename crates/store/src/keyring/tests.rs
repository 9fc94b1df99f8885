//! What the keys in use promise.

use super::recent::RECENT;
use super::*;
use crate::keys::KeyFolder;

const PLACE: Place<'static> = Place { table: "identifier", row: "idn_1", column: "value" };

fn november() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn ring(root: &tempfile::TempDir) -> Keyring {
    let folder = KeyFolder::open(&root.path().join("keys"), &root.path().join("data")).unwrap();
    Keyring::open(Arc::new(folder), Making::Allowed).unwrap()
}

fn rotated(ring: &Keyring, purpose: &str) -> Result<KeyName, KeyError> {
    let made = ring.make_next(purpose, None, november())?;
    ring.take_up(purpose)?;
    Ok(made)
}

#[test]
fn a_request_key_opens_after_a_restart_and_only_for_its_request() {
    let root = tempfile::tempdir().unwrap();
    let new = ring(&root).new_request_key("req_1", november()).unwrap();
    let sealed = new.key.seal(PLACE, b"value").unwrap();

    let later = ring(&root);
    let key = later.request_key("req_1", &new.wrapped).unwrap();
    assert_eq!(key.open(PLACE, &sealed).unwrap().as_slice(), b"value");
    assert!(later.request_key("req_2", &new.wrapped).is_err(), "a row that was moved");
}

#[test]
fn destroying_an_epoch_key_makes_its_request_keys_useless_and_leaves_the_others() {
    let root = tempfile::tempdir().unwrap();
    let ring = ring(&root);
    let old = ring.new_request_key("req_1", november()).unwrap();
    let december = "2026-12-01T00:00:00Z".parse().unwrap();
    let new = ring.new_request_key("req_2", december).unwrap();
    ring.destroy(&KeyName::epoch(november())).unwrap();
    let refused = ring.request_key("req_1", &old.wrapped);
    assert!(matches!(refused, Err(KeyError::Destroyed(name)) if name.as_str() == "epoch-2026-11"));
    assert!(ring.request_key("req_2", &new.wrapped).is_ok());
    for newest in ["credentials-1", "fingerprint-1", "epoch-2026-12"] {
        let refused = ring.destroy(&KeyName::parse(newest).unwrap());
        assert!(matches!(refused, Err(KeyError::InUse(_))), "{newest}");
    }
}

#[test]
fn a_request_key_moves_to_a_new_epoch_unchanged() {
    let root = tempfile::tempdir().unwrap();
    let ring = ring(&root);
    let new = ring.new_request_key("req_1", november()).unwrap();
    let sealed = new.key.seal(PLACE, b"value").unwrap();
    let december = "2026-12-01T00:00:00Z".parse().unwrap();
    ring.make_epoch(december).unwrap();
    let wrapped = ring.rewrap("req_1", &new.wrapped, &KeyName::epoch(december)).unwrap();
    ring.destroy(&KeyName::epoch(november())).unwrap();
    let key = ring.request_key("req_1", &wrapped).unwrap();
    assert_eq!(key.open(PLACE, &sealed).unwrap().as_slice(), b"value");
}

#[test]
fn values_are_looked_for_under_every_living_index_key() {
    let root = tempfile::tempdir().unwrap();
    let first = ring(&root).token("email", "a@example.org").unwrap();
    let folder = KeyFolder::open(&root.path().join("keys"), &root.path().join("data")).unwrap();
    folder.get_or_make(&KeyName::parse("index-2").unwrap()).unwrap();
    let rotated = ring(&root);
    let tokens = rotated.tokens("email", "a@example.org");
    assert_eq!(tokens.len(), 2);
    assert!(tokens.contains(&first));
    assert!(rotated.token("email", "a@example.org").unwrap().starts_with("index-2:"));
}

#[test]
fn a_sealed_credential_cannot_choose_a_key_of_another_purpose() {
    let root = tempfile::tempdir().unwrap();
    let ring = ring(&root);
    let sealed = ring.credentials().unwrap().seal(PLACE, b"token").unwrap();
    assert!(ring.credentials_of(&sealed).is_ok());
    let wrapped = ring.new_request_key("req_1", november()).unwrap().wrapped;
    assert!(ring.credentials_of(&wrapped).is_err());
    assert!(ring.request_key("req_9", &sealed).is_err());
}

#[test]
fn the_recent_keys_stay_bounded_and_keep_what_is_used() {
    let secret = new_key().unwrap();
    let key = Arc::new(SealingKey::new("req", &secret).unwrap());
    let mut recent = Recent::default();
    recent.put("used", Arc::clone(&key));
    for number in 0..3 * RECENT {
        recent.put(&number.to_string(), Arc::clone(&key));
        assert!(recent.get("used").is_some());
        assert!(recent.young.len() + recent.old.len() <= 2 * RECENT);
    }
    assert!(recent.get("0").is_none());
}

#[test]
fn a_key_made_within_a_month_is_the_one_in_use_until_the_next_month() {
    let root = tempfile::tempdir().unwrap();
    let ring = ring(&root);
    ring.make_epoch(november()).unwrap();
    for number in 2..12 {
        let made = rotated(&ring, "epoch").unwrap();
        assert_eq!(made.as_str(), format!("epoch-2026-11-{number}"));
    }
    let epoch = ring.new_request_key("req_1", november()).unwrap().epoch;
    assert_eq!(epoch.as_str(), "epoch-2026-11-11", "the eleventh comes after the second");
    let december = "2026-12-01T00:00:00Z".parse().unwrap();
    assert_eq!(ring.new_request_key("req_2", december).unwrap().epoch.as_str(), "epoch-2026-12");
    let back = ring.new_request_key("req_3", november()).unwrap().epoch;
    assert_eq!(back.as_str(), "epoch-2026-12", "a clock that goes back makes no older key");
}

#[test]
fn a_key_that_went_missing_is_followed_by_one_of_another_name() {
    let root = tempfile::tempdir().unwrap();
    let ring = ring(&root);
    ring.make_epoch(november()).unwrap();
    std::fs::remove_file(root.path().join("keys/epoch-2026-11.key")).unwrap();
    ring.reload(false).unwrap();
    let epoch = ring.new_request_key("req_1", november()).unwrap().epoch;
    assert_eq!(epoch.as_str(), "epoch-2026-11-2");
    assert_eq!(ring.new_request_key("req_2", november()).unwrap().epoch, epoch, "and by no more");
}

#[test]
fn while_values_move_to_a_new_index_key_they_are_filed_under_the_one_before_too() {
    let root = tempfile::tempdir().unwrap();
    let ring = ring(&root);
    let before = ring.token("email", "a@example.org").unwrap();
    assert_eq!(ring.older_token("email", "a@example.org"), None);
    rotated(&ring, "index").unwrap();
    assert_ne!(ring.token("email", "a@example.org").unwrap(), before);
    assert_eq!(ring.older_token("email", "a@example.org"), Some(before));
    ring.reload(false).unwrap();
    assert_eq!(ring.older_token("email", "a@example.org"), None);
}

#[test]
fn two_who_rotate_the_index_at_once_make_one_key_and_no_third_comes_while_values_move() {
    let root = tempfile::tempdir().unwrap();
    let ring = ring(&root);
    let made: Vec<_> = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..4).map(|_| scope.spawn(|| rotated(&ring, "index"))).collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).collect()
    });
    for made in made {
        assert!(
            matches!(&made, Ok(name) if name.as_str() == "index-2")
                || matches!(made, Err(KeyError::IndexMoving)),
            "{made:?}"
        );
    }
    assert_eq!(ring.names_of("index").len(), 2);
    assert!(matches!(rotated(&ring, "index"), Err(KeyError::IndexMoving)));
    ring.reload(false).unwrap();
    let known = KeyName::parse("index-7").unwrap();
    let next = ring.make_next("index", Some(&known), november()).unwrap();
    assert_eq!(next.as_str(), "index-8", "no name is given twice");
}
