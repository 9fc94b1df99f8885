//! The daily guard over days, on a store of its own.

use domain::connection::Switches;
use domain::{Connection, Instant};
use store::Transition;

use super::{Answer, DailyGuard};
use crate::operator::office::{Office, office};

/// An instant of this day and hour.
fn at(day: u8, hour: u8) -> Instant {
    format!("2026-11-{day:02}T{hour:02}:30:00Z").parse().unwrap()
}

/// An office whose connection lets so many pass by itself.
async fn guarded(bound: Option<u32>) -> (Office, Connection) {
    let office = office().await;
    let connection = office.connection().await;
    let switches = Switches { guard: bound, ..connection.switches.clone() };
    (office, Connection { switches, ..connection })
}

/// Asks so often, and counts what passed in the store, as the gate does.
async fn ask(
    guard: &DailyGuard,
    (office, connection): &(Office, Connection),
    now: Instant,
    n: u32,
) -> u32 {
    let mut n_passed = 0;
    for _ in 0..n {
        if let Answer::Passes { date } = guard.ask(&office.store, connection, now).await.unwrap() {
            n_passed += 1;
            let approved_today = vec![(connection.id, date, 1)];
            office.write(Transition { approved_today, ..Transition::default() }).await;
        }
    }
    n_passed
}

#[tokio::test]
async fn a_new_day_begins_a_new_count_within_one_shift() {
    let office = guarded(Some(2)).await;
    let guard = DailyGuard::default();
    assert_eq!(ask(&guard, &office, at(22, 9), 3).await, 2);
    assert_eq!(ask(&guard, &office, at(22, 23), 3).await, 0, "it is the same day still");
    assert_eq!(ask(&guard, &office, at(23, 0), 3).await, 2);
    assert_eq!(ask(&guard, &office, at(23, 22), 1).await, 0);
}

#[tokio::test]
async fn a_shift_that_begins_in_a_day_goes_on_with_its_count() {
    let office = guarded(Some(2)).await;
    assert_eq!(ask(&DailyGuard::default(), &office, at(22, 9), 1).await, 1);
    assert_eq!(ask(&DailyGuard::default(), &office, at(22, 10), 3).await, 1);
}

#[tokio::test]
async fn a_new_day_learns_a_new_bound_from_the_days_before_it() {
    let office = guarded(None).await;
    let (connection, guard) = (&office.1, DailyGuard::default());
    // Fourteen of the last thirty days had fifty; this day makes them fifteen, and the median so.
    for day in 8..22 {
        let approved_today = vec![(connection.id, format!("2026-11-{day:02}"), 50)];
        office.0.write(Transition { approved_today, ..Transition::default() }).await;
    }
    assert_eq!(ask(&guard, &office, at(22, 9), 101).await, 100);
    assert_eq!(ask(&guard, &office, at(23, 9), 151).await, 150);
}

#[tokio::test]
async fn days_longer_than_a_month_ago_teach_nothing() {
    let office = guarded(None).await;
    let connection = &office.1;
    for day in 1..31 {
        let approved_today = vec![(connection.id, format!("2026-08-{day:02}"), 50)];
        office.0.write(Transition { approved_today, ..Transition::default() }).await;
    }
    assert_eq!(ask(&DailyGuard::default(), &office, at(22, 9), 101).await, 100);
}

#[tokio::test]
async fn a_number_that_was_set_holds_until_its_date_and_not_beyond() {
    let (office, connection) = guarded(Some(1)).await;
    let switches = Switches { guard_until: Some(at(22, 12)), ..connection.switches.clone() };
    let office = (office, Connection { switches, ..connection });
    let guard = DailyGuard::default();
    assert_eq!(ask(&guard, &office, at(22, 9), 3).await, 1);
    assert_eq!(ask(&guard, &office, at(22, 13), 3).await, 3, "the learnt bound holds again");
}
