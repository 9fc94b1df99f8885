//! What sealing promises.

use super::*;

fn key(name: &str) -> SealingKey {
    SealingKey::new(name, &new_key().unwrap()).unwrap()
}

const PLACE: Place<'static> = Place { table: "identifier", row: "idn_1", column: "value" };

#[test]
fn what_is_sealed_opens_at_its_place_and_nowhere_else() {
    let key = key("req_1");
    let sealed = key.seal(PLACE, b"a@example.org").unwrap();
    assert_eq!(key.open(PLACE, &sealed).unwrap().as_slice(), b"a@example.org");
    for elsewhere in [
        Place { table: "evidence", ..PLACE },
        Place { row: "idn_2", ..PLACE },
        Place { column: "given", ..PLACE },
        // The same letters, parted elsewhere.
        Place { table: "identifieri", row: "dn_1", column: "value" },
    ] {
        assert!(matches!(key.open(elsewhere, &sealed), Err(SealError::Refused)), "{elsewhere:?}");
    }
}

#[test]
fn every_bit_of_a_sealed_value_counts() {
    let key = key("req_1");
    let sealed = key.seal(PLACE, b"value").unwrap();
    for position in 0..sealed.len() {
        let mut altered = sealed.clone();
        altered[position] ^= 1;
        assert!(key.open(PLACE, &altered).is_err(), "byte {position}");
        assert!(key.open(PLACE, &sealed[..position]).is_err(), "cut at {position}");
    }
}

#[test]
fn a_sealed_value_names_its_key_and_opens_under_no_other() {
    let sealed = key("epoch-2026-11").seal(PLACE, b"value").unwrap();
    assert_eq!(key_name_of(&sealed).unwrap(), "epoch-2026-11");
    assert!(matches!(key("epoch-2026-12").open(PLACE, &sealed), Err(SealError::OtherKey)));
    assert!(matches!(key("epoch-2026-11").open(PLACE, &sealed), Err(SealError::Refused)));
}

#[test]
fn equal_values_are_sealed_differently_and_hold_no_plain_text() {
    let key = key("req_1");
    let one = key.seal(PLACE, b"planted-mark").unwrap();
    let two = key.seal(PLACE, b"planted-mark").unwrap();
    assert_ne!(one, two);
    assert!(!one.windows(7).any(|window| window == b"planted"));
}

#[test]
fn a_token_is_stable_and_depends_on_key_kind_and_value() {
    let secret = new_key().unwrap();
    let index = IndexKey::new("index-1", &secret);
    let token = index.token("email", "a@example.org");
    assert_eq!(token, IndexKey::new("index-1", &secret).token("email", "a@example.org"));
    assert!(token.starts_with("index-1:"));
    assert_ne!(token, index.token("user_id", "a@example.org"));
    assert_ne!(token, index.token("email", "b@example.org"));
    assert_ne!(index.token("ab", "c"), index.token("a", "bc"));
    assert_ne!(
        token,
        IndexKey::new("index-1", &new_key().unwrap()).token("email", "a@example.org")
    );
}
