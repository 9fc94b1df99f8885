//! When a job is asked about next.

use domain::Instant;

use super::with_others;

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

#[test]
fn polls_that_are_hours_away_fall_on_whole_minutes() {
    let now = at("2026-03-01T10:20:30.004Z");
    let due = |text: &str| with_others(at(text), now).to_string();
    assert_eq!(due("2026-03-01T16:20:30.004Z"), "2026-03-01T16:21:00Z");
    assert_eq!(due("2026-03-01T16:20:59.999Z"), "2026-03-01T16:21:00Z");
    assert_eq!(due("2026-03-01T16:21:00Z"), "2026-03-01T16:21:00Z");
}

#[test]
fn a_poll_that_is_wanted_soon_keeps_its_moment() {
    let now = at("2026-03-01T10:20:30.004Z");
    let soon = at("2026-03-01T10:21:00.004Z");
    assert_eq!(with_others(soon, now), soon);
    assert_eq!(with_others(Instant::MAX, now), Instant::MAX);
}
