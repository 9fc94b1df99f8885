//! Values that have many forms: each form fits the schema, and what is none of them does not.

use domain::connection::Account;
use domain::journal::{Actor, Event};
use domain::outcome::Residue;
use domain::plan::HandWork;
use domain::{Digest, IdentifierKind, Outcome, Proof, RequestId, Right, Scope};
use serde_json::json;

use super::strict::{check, faults};
use crate::operator::connections::NewConnection;
use crate::operator::journal::JournalEntry;
use crate::operator::office::now;
use crate::operator::show::Standing;
use crate::operator::{Draft, Given, fault::Fault};

#[test]
fn every_outcome_and_proof_fits() {
    let text = || "words".to_owned();
    let residue = Residue { place: text(), what: text(), to_do: text() };
    for outcome in [
        Outcome::Done { counts: text() },
        Outcome::DoneWithResidue { residue: vec![residue] },
        Outcome::LeftToPeople { works: vec![HandWork { place: text(), what: text() }] },
        Outcome::NothingFound { searched: vec![text()], not_searchable: Vec::new() },
        Outcome::AlreadyGone,
        Outcome::Refuted { still_in: vec![text()] },
        Outcome::Failed { why: text() },
        Outcome::Expired,
        Outcome::Cancelled,
        Outcome::Settled { by: text(), done: true, note: text() },
    ] {
        check(&outcome);
    }
    check(&Proof::Confirmed { n_looks: 3 });
    check(&Proof::Unproven { why: vec![text()] });
}

#[test]
fn every_standing_fits() {
    let (why, remedy, since, check_due_at) = (String::new(), String::new(), now(), now());
    check(&Standing::Working { check_due_at });
    check(&Standing::Observing { check_due_at });
    check(&Standing::PausedByPerson { why: why.clone(), since });
    check(&Standing::PausedByFailure { why, remedy, since, check_due_at });
    check(&Standing::None);
}

#[test]
fn text_of_a_fixed_form_fits() {
    check(&RequestId::new(&*crate::operator::office::ids()));
    check(&Digest::of(b"anything"));
    check(&Scope::parse(Right::OptOut, "sale|sharing").unwrap());
    check(&Actor::Engine);
    check(&Actor::Operator("ops".into()));
    check(&Fault::new("email", "E-REQ-013", "is no address"));
    Event::ALL.iter().for_each(check);
    IdentifierKind::BUILT_IN.iter().for_each(check);
    check(&IdentifierKind::Custom("crm.no-1_b".into()));
}

#[test]
fn what_is_no_such_text_does_not_fit() {
    assert!(!faults::<RequestId>(&json!("tsk_01934f5e7b2a7c4d8e9fa0b1c2d3e4f5")).is_empty());
    assert!(!faults::<Right>(&json!("delete")).is_empty());
    assert!(!faults::<IdentifierKind>(&json!("id.")).is_empty());
    assert!(!faults::<Digest>(&json!("9f86")).is_empty());
}

#[test]
fn a_field_that_no_schema_names_is_found() {
    let account = json!({ "id": "acc_1", "name": "Account" });
    assert_eq!(faults::<Account>(&account), [""; 0]);
    let more = json!({ "id": "acc_1", "name": "Account", "owner": "somebody" });
    assert!(!faults::<Account>(&more).is_empty());
    let entry = json!({ "at": now(), "actor": "engine", "event": "looked", "seq": 1 });
    assert_eq!(faults::<JournalEntry>(&entry), [""; 0]);
    let mut more = entry;
    more["sequence"] = 1.into();
    assert!(!faults::<JournalEntry>(&more).is_empty(), "of several parts, too");
}

#[test]
fn a_connection_is_read_as_its_schema_says() {
    let json = json!({
        "name": "files",
        "connector": "paper",
        "secrets": { "token": "t" },
        "switches": { "mode": "act", "guard": "5" },
    });
    assert_eq!(faults::<NewConnection>(&json), [""; 0]);
    let new: NewConnection = serde_json::from_value(json).unwrap();
    assert_eq!(new.secrets["token"].expose(), "t");
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(new.switches, [pair("guard", "5"), pair("mode", "act")]);
}

#[test]
fn a_draft_is_read_as_its_schema_says() {
    let read = |json| serde_json::from_value::<Draft>(json).ok();
    let short = json!({
        "right": "deletion",
        "identifiers": [{ "type": "email", "value": "ada@example.com" }],
    });
    assert_eq!(faults::<Draft>(&short), [""; 0]);
    let draft = read(short.clone()).unwrap();
    assert!(draft.identifiers == [Given::new(IdentifierKind::Email, "ada@example.com")]);
    check(&draft);
    let mut unknown = short;
    unknown["rigth"] = "access".into();
    assert!(!faults::<Draft>(&unknown).is_empty() && read(unknown).is_none());
    let without = json!({ "right": "deletion" });
    assert!(!faults::<Draft>(&without).is_empty() && read(without).is_none());
}
