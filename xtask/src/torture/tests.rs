//! Tests of the harness: the choices and the report.

use std::time::Duration;

use super::{Chance, Report, show};

const LONG: Duration = Duration::from_secs(20);

#[test]
fn the_same_seed_makes_the_same_choices() {
    let choices = |seed| -> Vec<Duration> {
        let mut chance = Chance::new(seed);
        (0..20).map(|_| chance.moment(&(Duration::ZERO..LONG))).collect()
    };
    assert_eq!(choices(7), choices(7));
    assert_ne!(choices(7), choices(8));
}

#[test]
fn there_is_no_choice_among_nothing() {
    let mut chance = Chance::new(1);
    assert_eq!(chance.one_of::<u8>(&[]), None);
    assert_eq!(chance.one_of(&[3]), Some(&3));
}

#[test]
fn a_report_with_a_broken_promise_is_not_good() {
    let good = Report { lines: vec!["5 kills".to_owned()], broken: Vec::new() };
    assert!(show("kill", &good));
    assert!(!show("kill", &Report { broken: vec!["one was lost".to_owned()], ..good }));
}
