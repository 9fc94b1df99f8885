//! CSV files, good and bad, through one reader.

use std::io::Read;

use domain::IdentifierKind;

use super::*;
use crate::operator::Given;
use crate::operator::office::code;

/// Gives one byte at a time, so that every boundary is met.
struct Drops<'a>(&'a [u8]);

impl Read for Drops<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let n = self.0.len().min(into.len()).min(1);
        into[..n].copy_from_slice(&self.0[..n]);
        self.0 = &self.0[n..];
        Ok(n)
    }
}

type Read1 = Result<Vec<(u64, Result<Draft, &'static str>)>, FileFault>;

fn read(file: &[u8]) -> Read1 {
    fn all(from: impl Read) -> Read1 {
        let mut reader = Reader::open(from)?;
        let mut rows = Vec::new();
        while let Some((row, draft)) = reader.next_row()? {
            rows.push((row, draft.map_err(|fault| code(&fault))));
        }
        Ok(rows)
    }
    let whole = all(file);
    let in_drops = all(Drops(file));
    match (&whole, &in_drops) {
        (Ok(one), Ok(other)) => assert!(one == other),
        (Err(one), Err(other)) => assert_eq!(one.code(), other.code()),
        _ => panic!("how it is read must not matter"),
    }
    whole
}

fn emails(file: &str) -> Vec<(u64, Vec<String>)> {
    let rows = read(file.as_bytes()).unwrap_or_else(|fault| panic!("{fault}"));
    let of = |draft: Draft| draft.identifiers.into_iter().map(|one| one.value).collect();
    rows.into_iter()
        .map(|(row, draft)| (row, draft.map(of).unwrap_or_else(|code| vec![code.to_owned()])))
        .collect()
}

fn check(file: &str, expected: &[(u64, &[&str])]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(row, values)| (*row, values.iter().map(|value| (*value).to_owned()).collect()))
        .collect();
    assert_eq!(emails(file), expected, "{file:?}");
}

#[test]
fn commas_semicolons_and_a_byte_order_mark_are_taken() {
    check("right,email\ndeletion,a@b.de\n", &[(2, &["a@b.de"])]);
    check("right;email\ndeletion;a@b.de", &[(2, &["a@b.de"])]);
    check("\u{feff}right,email\r\ndeletion,a@b.de\r\n", &[(2, &["a@b.de"])]);
    check("right,email\rdeletion,a@b.de\r", &[(2, &["a@b.de"])]);
}

#[test]
fn several_values_of_a_cell_are_parted() {
    check("right,email\ndeletion, a@b.de | c@d.de |\n", &[(2, &["a@b.de", "c@d.de"])]);
    check("right,email\ndeletion,\"a@b.de|c,d\"\n", &[(2, &["a@b.de", "c,d"])]);
}

#[test]
fn empty_rows_are_faults_and_count() {
    let file = "right,email\n\ndeletion,a@b.de\r\n\r\n\r\n,\ndeletion,c@d.de\n\n\n";
    let empty: &[&str] = &["E-CSV-010"];
    check(
        file,
        &[(2, empty), (3, &["a@b.de"]), (4, empty), (5, empty), (6, empty), (7, &["c@d.de"])],
    );
}

#[test]
fn rows_of_another_length_are_faults() {
    let fault: &[&str] = &["E-CSV-011"];
    check(
        "right,email\ndeletion\naccess,a@b.de,x\naccess,e@f.de\n",
        &[(2, fault), (3, fault), (4, &["e@f.de"])],
    );
}

#[test]
fn a_cell_beyond_measure_is_a_fault_of_its_row() {
    let file = format!("right,email\ndeletion,{}\naccess,a@b.de\n", "x".repeat(9_000));
    check(&file, &[(2, &["E-CSV-012"]), (3, &["a@b.de"])]);
}

#[test]
fn every_column_lands_in_its_field() {
    let file = "id.loyalty,verified_at,right,scope,email,phone,user_id,anonymous_id,mpid,\
                advertising_id,cookie,contact_id,jurisdiction,brand,subject_kind,external_id,\
                received_at,due_at,verified_by\n\
                L1,2026-01-03,opt_out,sale|sharing,e,p,u,a,m,ad,c,ct,CCPA,Acme,customer,X-1,\
                2026-01-01,2026-02-01,passport\n";
    let (_, draft) = read(file.as_bytes()).unwrap().remove(0);
    let draft = draft.unwrap();
    assert_eq!((&*draft.right, &*draft.scope), ("opt_out", "sale|sharing"));
    assert_eq!(draft.identifiers.len(), 9);
    assert!(
        draft.identifiers.contains(&Given::new(IdentifierKind::Custom("loyalty".into()), "L1"))
    );
    let texts = [
        (&draft.jurisdiction, "CCPA"),
        (&draft.brand, "Acme"),
        (&draft.subject_kind, "customer"),
        (&draft.external_id, "X-1"),
        (&draft.received_at, "2026-01-01"),
        (&draft.due_at, "2026-02-01"),
        (&draft.verified_by, "passport"),
        (&draft.verified_at, "2026-01-03"),
    ];
    for (field, expected) in texts {
        assert_eq!(field.as_deref(), Some(expected));
    }
}

#[test]
fn a_fault_of_the_file_imports_nothing() {
    let long = format!("right,email\ndeletion,\"a@b.de\n{}", "x,y\n".repeat(30_000));
    let cases: &[(&[u8], &str)] = &[
        (b"", "E-CSV-005"),
        (b"\xef\xbb\xbf", "E-CSV-005"),
        (b"\n\n", "E-CSV-005"),
        (b"\nright,email\n", "E-CSV-004"),
        (b"right,email\ndeletion,caf\xe9@b.de\n", "E-CSV-001"),
        (b"\xff\xfer\0i\0g\0h\0t\0", "E-CSV-001"),
        (b"right,email,colour\n", "E-CSV-002"),
        (b"right,email,\n", "E-CSV-002"),
        (b"right,email,right\n", "E-CSV-003"),
        (b"email\na@b.de\n", "E-CSV-004"),
        (b"right,scope\ndeletion,\n", "E-CSV-004"),
        (b"right,email\ndeletion,\"a@b.de\naccess,c@d.de\n", "E-CSV-007"),
        (long.as_bytes(), "E-CSV-006"),
    ];
    for (file, code) in cases {
        let fault = read(file).map(|_| ()).unwrap_err();
        assert_eq!(fault.code(), Some(*code), "{:?}", String::from_utf8_lossy(file).get(..40));
    }
}

#[test]
fn a_first_row_of_data_is_not_repeated() {
    let fault = read(b"ada@example.com,deletion\n").map(|_| ()).unwrap_err();
    assert!(!fault.to_string().contains("ada"), "{fault}");
    let fault = read(b"right,email,ada@example.com\n").map(|_| ()).unwrap_err();
    assert!(
        !fault.to_string().contains("ada") && fault.to_string().contains("column 3 has a heading")
    );
}

#[test]
fn names_of_columns_may_be_in_letters_of_either_case() {
    check("Right, EMAIL \ndeletion,a@b.de", &[(2, &["a@b.de"])]);
    let (_, draft) = read(b"RIGHT,Id.Loyalty\ndeletion,L1\n").unwrap().remove(0);
    assert_eq!(draft.unwrap().identifiers[0].kind, IdentifierKind::Custom("Loyalty".into()));
    let fault = read(b"right,email,Email\n").map(|_| ()).unwrap_err();
    assert_eq!(fault.code(), Some("E-CSV-003"));
}

#[test]
fn a_slip_in_the_name_of_a_column_is_told_with_what_was_meant() {
    let says = |header: &str| read(header.as_bytes()).map(|_| ()).unwrap_err().to_string();
    for (name, meant) in [
        ("e-mail", "email"),
        ("emial", "email"),
        ("External ID", "external_id"),
        ("userid", "user_id"),
        ("dueat", "due_at"),
    ] {
        let told = says(&format!("right,email,{name}\n"));
        assert!(
            told.contains(&format!(
                "“{name}”, has a heading that is not known: did you mean “{meant}”?"
            )),
            "{told}"
        );
    }
    let told = says("rights,email\n");
    assert!(
        told.starts_with("column 1 has a heading that is not known: did you mean “right”?"),
        "{told}"
    );
    assert!(!says("right,email,colour\n").contains("did you mean"));
}

#[test]
fn a_quotation_mark_within_a_plain_cell_is_harmless() {
    check("right,email\ndeletion,a\"b@c.de", &[(2, &["a\"b@c.de"])]);
    check("right,email\ndeletion,a\"b@c.de\n", &[(2, &["a\"b@c.de"])]);
}
