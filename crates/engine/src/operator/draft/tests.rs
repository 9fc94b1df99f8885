//! Drafts, field by field: what is taken, and the code of what is not.

use std::sync::Arc;

use domain::Reach;
use domain::guard::Placeholders;

use super::*;
use crate::operator::office::{code, draft, now};

fn rules() -> Rules {
    Rules {
        now: now(),
        region: None,
        entered_by: "ops".into(),
        reach: Reach::All,
        common: Arc::new(Common {
            placeholders: Placeholders { extra: vec!["house@acme.de".into()] },
            respond_within: 30,
            taken: None,
            connections: Vec::new(),
        }),
    }
}

fn codes(draft: &Draft) -> Vec<(String, &'static str)> {
    match check(draft, Channel::Keyboard, &rules()) {
        Ok(_) => Vec::new(),
        Err(faults) => {
            faults.into_iter().map(|fault| (fault.field.clone(), code(&fault))).collect()
        }
    }
}

fn one(change: impl FnOnce(&mut Draft)) -> Vec<(String, &'static str)> {
    let mut draft = draft("deletion", "ada@lovelace.org");
    change(&mut draft);
    codes(&draft)
}

#[test]
fn each_bad_identifier_has_its_code() {
    let email = |value: &str| one(|draft| draft.identifiers[0].value = value.into());
    let of = |kind, value: &str| one(|draft| draft.identifiers.push(Given::new(kind, value)));
    let email_fault = |code| vec![(Given::field(0), code)];
    assert_eq!(email("ada@lovelace.org"), []);
    assert_eq!(email(" "), email_fault("E-REQ-010"));
    assert_eq!(email("a\nb@c.de"), email_fault("E-REQ-011"));
    assert_eq!(email("аda@lovelace.org"), email_fault("E-REQ-012"));
    assert_eq!(email("ada\u{200b}@lovelace.org"), email_fault("E-REQ-012"));
    assert_eq!(email("ada at lovelace"), email_fault("E-REQ-013"));
    assert_eq!(email("test@test.com"), email_fault("E-REQ-016"));
    assert_eq!(email("House@Acme.de"), email_fault("E-REQ-016"));
    for placeholder in ["null", "N/A", "none", " (not set) "] {
        assert_eq!(email(placeholder), email_fault("E-REQ-016"), "{placeholder}");
    }
    let phone = |code| vec![(Given::field(1), code)];
    assert_eq!(of(IdentifierKind::Phone, "+1 212 555 0123"), []);
    assert_eq!(of(IdentifierKind::Phone, "212 555 0123"), phone("E-REQ-015"));
    assert_eq!(of(IdentifierKind::Phone, "+1 2"), phone("E-REQ-014"));
    assert_eq!(of(IdentifierKind::Phone, "n/a"), phone("E-REQ-016"));
    assert_eq!(of(IdentifierKind::Phone, "0000000"), phone("E-REQ-016"));
    assert_eq!(
        of(IdentifierKind::UserId, "null"),
        [("identifiers[1].value".to_owned(), "E-REQ-016")]
    );
}

#[test]
fn each_other_bad_field_has_its_code() {
    let some = |text: &str| Some(text.to_owned());
    let check = |change: &dyn Fn(&mut Draft), field: &str, code: &'static str| {
        assert_eq!(one(change), [(field.to_owned(), code)], "{field}");
    };
    check(&|draft| draft.right = "erasure".into(), "right", "E-REQ-001");
    check(&|draft| draft.scope = "sale".into(), "scope", "E-REQ-002");
    check(&|draft| draft.identifiers.clear(), "identifiers", "E-REQ-003");
    check(&|draft| draft.brand = Some("x".repeat(201)), "brand", "E-REQ-004");
    check(&|draft| draft.received_at = some("yesterday"), "received_at", "E-REQ-020");
    check(&|draft| draft.received_at = some("2026-11-23"), "received_at", "E-REQ-021");
    check(&|draft| draft.due_at = some("22.11.2026"), "due_at", "E-REQ-020");
    check(&|draft| draft.verified_at = some("2026-11-01"), "verified_at", "E-REQ-024");
    let early = |draft: &mut Draft| {
        draft.received_at = some("2026-11-10");
        draft.due_at = some("2026-11-09");
    };
    check(&early, "due_at", "E-REQ-022");
    let future = |draft: &mut Draft| {
        draft.verified_by = some("passport");
        draft.verified_at = some("2027-01-01");
    };
    check(&future, "verified_at", "E-REQ-023");
    let many = |draft: &mut Draft| {
        let kind = IdentifierKind::UserId;
        draft.identifiers =
            (0..51).map(|n| Given::new(kind.clone(), format!("user-{n}"))).collect();
    };
    check(&many, "identifiers", "E-REQ-005");
}

#[test]
fn identifiers_are_called_as_whoever_gave_them_sees_them() {
    let mut draft = draft("deletion", "nobody");
    draft.identifiers.push(Given::new(IdentifierKind::Email, "null"));
    let fields = |draft: &Draft, channel| -> Vec<_> {
        let faults = check(draft, channel, &rules()).err().unwrap();
        faults.into_iter().map(|fault| fault.field).collect()
    };
    let places = ["identifiers[0].value", "identifiers[1].value"];
    assert_eq!(fields(&draft, Channel::Keyboard), places);
    assert_eq!(fields(&draft, Channel::File), ["email"]);
    draft.identifiers.clear();
    assert_eq!(fields(&draft, Channel::Keyboard), ["identifiers"]);
    assert_eq!(fields(&draft, Channel::File), [""]);
}

#[test]
fn all_faults_are_told_at_once_and_none_repeats_a_value() {
    let mut draft = draft("banish", "secret-value");
    draft.received_at = Some("secret-date".into());
    let faults = check(&draft, Channel::Keyboard, &rules()).err().unwrap();
    assert_eq!(faults.len(), 3);
    assert!(faults.iter().all(|fault| !fault.to_string().contains("secret")));
}

#[test]
fn a_date_that_has_passed_is_taken_as_late() {
    let mut draft = draft("deletion", "ada@lovelace.org");
    draft.received_at = Some("2026-09-01".into());
    let checked = check(&draft, Channel::Keyboard, &rules()).ok().unwrap();
    assert_eq!(checked.received_at, "2026-09-01T00:00:00Z".parse().unwrap());
    assert!(checked.deadline.is_past(now()));
    assert_eq!(checked.deadline.at, "2026-10-01T00:00:00Z".parse().unwrap());
    draft.due_at = Some("2026-12-24T18:00:00+01:00".into());
    let checked = check(&draft, Channel::Keyboard, &rules()).ok().unwrap();
    assert_eq!(checked.deadline.at, "2026-12-24T17:00:00Z".parse().unwrap());
}

#[test]
fn who_enters_it_vouches_unless_somebody_else_does() {
    let mut draft = draft("deletion", "ada@lovelace.org");
    assert_eq!(check(&draft, Channel::Keyboard, &rules()).ok().unwrap().verified.by, "ops");
    draft.verified_by = Some("passport".into());
    draft.verified_at = Some("2026-11-20".into());
    let verified = check(&draft, Channel::Keyboard, &rules()).ok().unwrap().verified;
    assert_eq!((&*verified.by, verified.at), ("passport", "2026-11-20T00:00:00Z".parse().unwrap()));
}

#[test]
fn the_same_identifier_twice_is_one() {
    let mut draft = draft("deletion", "ada@lovelace.org");
    draft.identifiers.push(Given::new(IdentifierKind::Email, "ADA@lovelace.org"));
    assert_eq!(check(&draft, Channel::Keyboard, &rules()).ok().unwrap().identifiers.len(), 1);
}
