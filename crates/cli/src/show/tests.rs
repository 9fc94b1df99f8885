//! Times, counts and sizes as people read them.

use super::{ahead, distance, n_of, size};
use domain::Instant;

#[test]
fn a_distance_is_told_in_the_unit_that_fits() {
    let check = |seconds: i64, expected: &str| {
        let now = Instant::from_second(1_800_000_000).unwrap();
        let at = Instant::from_second(1_800_000_000 + seconds).unwrap();
        assert_eq!(distance(at, now), expected, "{seconds} seconds");
    };
    check(0, "now");
    check(59, "now");
    check(60, "in 1 minute");
    check(-3_599, "59 minutes ago");
    check(5_400, "in 2 hours");
    check(86_400, "in 24 hours");
    check(30 * 86_400, "in 30 days");
    check(-3 * 86_400, "3 days ago");
}

#[test]
fn what_lies_ahead_is_told_no_earlier_than_it_is() {
    let end_of_month = "2026-11-30T23:59:59Z".parse().unwrap();
    assert_eq!(
        ahead(end_of_month, "2026-11-20T23:59:59Z".parse().unwrap()),
        "2026-12-01 00:00 (in 10 days)"
    );
    assert_eq!(ahead(end_of_month, end_of_month), "2026-11-30 23:59 (now)");
}

#[test]
fn a_count_agrees_with_its_noun() {
    assert_eq!(n_of(1, "task"), "1 task");
    assert_eq!(n_of(0, "task"), "0 tasks");
}

#[test]
fn a_size_has_one_decimal_and_a_unit() {
    assert_eq!(size(1), "1 byte");
    assert_eq!(size(1_500), "1.5 kB");
    assert_eq!(size(2_000_000_000), "2.0 GB");
}
