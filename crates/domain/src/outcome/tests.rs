//! The folding tables, row by row.

use super::*;
use crate::Instant;
use crate::id::TimedIds;

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

/// What a task came to whose jobs carried these identifiers, one after the other.
fn folded(jobs: &[(&[usize], Share)]) -> Option<String> {
    let ids = TimedIds::new(|| Instant::UNIX_EPOCH, || [7; 8]);
    let identifiers: Vec<_> = (0..3).map(|_| IdentifierId::new(&ids)).collect();
    let mut shares = Shares::default();
    for (carried, share) in jobs {
        let carried: Vec<_> = carried.iter().map(|n| identifiers[*n]).collect();
        let job = JobId::new(&ids);
        shares.add(job, &carried, share.clone());
        // A stop before the job was ended writes the same down again.
        shares.add(job, &carried, share.clone());
    }
    shares.fold(&format!("{} sent", shares.n_identifiers())).map(|outcome| outcome.to_string())
}

#[test]
fn every_job_answers_for_its_identifiers_until_a_later_one_carries_them_again() {
    let came_to = |jobs: &[(&[usize], Share)]| folded(jobs).unwrap_or_default();
    assert_eq!(came_to(&[(&[0, 1], Share::Done), (&[2], Share::Done)]), "done (3 sent)");
    let residue = residue("GA4");
    let left = "done with residue (left in: GA4)";
    assert_eq!(came_to(&[(&[0], residue.clone()), (&[1], Share::Done)]), left);
    assert_eq!(came_to(&[(&[0, 1], residue.clone()), (&[1], Share::Done)]), left);
    assert_eq!(came_to(&[(&[0], residue), (&[0, 1], Share::Done)]), "done (2 sent)");
    assert_eq!(came_to(&[(&[0], failed()), (&[0], Share::Done)]), "done (1 sent)");
    let in_part = "done with residue (left in: part of the job)";
    assert_eq!(came_to(&[(&[0], Share::Done), (&[1], failed())]), in_part);
    assert_eq!(came_to(&[(&[], Share::Done), (&[1], Share::Done)]), "done (1 sent)");
    assert_eq!(folded(&[(&[0], Share::Done), (&[1], Share::Open)]), None);
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
