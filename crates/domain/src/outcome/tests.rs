//! The folding tables, row by row.

use super::*;

fn residue(place: &str) -> Share {
    Share::Residue {
        residue: vec![Residue { place: place.into(), what: "kept".into(), to_do: "delete".into() }],
    }
}

fn failed() -> Share {
    Share::Failed { why: "the vendor refused".into() }
}

fn check(shares: &[Share], expected: Option<&str>) {
    assert_eq!(fold_shares(shares, "n").as_ref().map(Outcome::word), expected, "{shares:?}");
}

#[test]
fn shares_fold_as_the_table_says() {
    let refuted = Share::Refuted { still_in: vec!["space 1".into()] };
    check(&[], None);
    check(&[Share::Done, Share::Open], None);
    check(&[refuted.clone(), Share::Open], None);
    check(&[refuted, Share::Done, failed()], Some("refuted"));
    check(&[failed(), failed()], Some("failed"));
    check(&[failed(), Share::Done], Some("done with residue"));
    check(&[residue("GA4"), Share::Done], Some("done with residue"));
    check(&[Share::AlreadyGone, Share::AlreadyGone], Some("already gone"));
    check(&[Share::AlreadyGone, Share::Done], Some("done"));
    check(&[Share::Done], Some("done"));
}

#[test]
fn confirmed_and_unproven_are_never_mixed() {
    let cant = Look::CantTell { why: "no profile token".into() };
    assert_eq!(fold_looks(&[Look::Absent, Look::Absent]), Proof::Confirmed { n_looks: 2 });
    for looks in [vec![], vec![cant.clone()], vec![Look::Absent, cant]] {
        assert!(matches!(fold_looks(&looks), Proof::Unproven { .. }), "{looks:?}");
    }
    let present = Look::Present { place: "space 1".into() };
    assert!(matches!(fold_looks(&[Look::Absent, present]), Proof::Unproven { .. }));
}
