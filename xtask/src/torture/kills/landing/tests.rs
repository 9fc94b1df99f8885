//! Tests of the report on where the kills landed.

use std::collections::BTreeSet;

use super::{LONG, Landing, Open, Phase, tell};
use crate::torture::Report;

fn told(landings: &[Landing]) -> Report {
    let mut report = Report { lines: Vec::new(), broken: Vec::new() };
    tell(landings, &mut report);
    report
}

fn landing(open: Open, phases: &[Phase]) -> Landing {
    Landing { open, phases: BTreeSet::from_iter(phases.iter().copied()) }
}

/// A long run in which a third of the kills found an intent open, and each phase was hit.
fn balanced() -> Vec<Landing> {
    let mut landings = vec![landing(Open::Own, &[Phase::Waiting]); LONG / 3 + 1];
    landings.push(landing(Open::Older, &[]));
    landings.resize(LONG, landing(Open::None, &Phase::ALL));
    landings
}

#[test]
fn kills_everywhere_and_a_third_with_an_intent_open_are_good() {
    let report = told(&balanced());
    assert_eq!(report.broken, [""; 0]);
    let row = report.lines.iter().find(|line| line.contains("waiting on the vendor")).unwrap();
    let counts: Vec<&str> = row.split_whitespace().rev().take(3).collect();
    assert_eq!(counts, ["12", "0", "7"], "{row}");
}

#[test]
fn fewer_than_a_third_with_an_intent_open_are_not_enough() {
    let mut landings = balanced();
    landings[0].open = Open::Older;
    let broken = told(&landings).broken;
    assert_eq!(broken, ["only 6 of 20 kills found an intent open"]);
}

#[test]
fn a_long_run_that_never_hits_a_phase_is_not_good() {
    for phase in Phase::ALL {
        let mut landings = balanced();
        landings.iter_mut().filter(|one| one.open == Open::None).for_each(|one| {
            one.phases.remove(&phase);
        });
        let broken = told(&landings).broken;
        assert_eq!(broken.len(), 1, "{phase:?}: {broken:?}");
        assert!(broken[0].contains(phase.told()), "{broken:?}");
    }
}

#[test]
fn a_long_run_that_never_hits_a_reconciliation_is_not_good() {
    let mut landings = balanced();
    landings.retain(|one| one.open != Open::Older);
    landings.push(landing(Open::None, &[]));
    let broken = told(&landings).broken;
    assert_eq!(broken, ["no kill landed while an older intent was to be reconciled"]);
}

#[test]
fn a_short_run_need_not_hit_everything() {
    let report = told(&[landing(Open::Own, &[]), landing(Open::Older, &[Phase::Locating])]);
    assert_eq!(report.broken, [""; 0]);
}
