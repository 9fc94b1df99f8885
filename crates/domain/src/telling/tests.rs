//! When a delivery is tried again, and what names a message.

use std::str::FromStr as _;

use jiff::SignedDuration;

use super::*;
use crate::journal::Actor;
use crate::{ConnectionId, RequestId};

fn now() -> Instant {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn endpoint_id() -> EndpointId {
    EndpointId::from_str("end_01934f5e7b2a7c4d8e9fa0b1c2d3e4f5").unwrap()
}

fn attempt(at: Instant) -> Attempt {
    Attempt { at, took_ms: 12, answer: "status 500".to_owned() }
}

#[test]
fn a_delivery_that_fails_is_tried_ten_times_over_about_three_days_and_then_given_up() {
    let mut delivery = Delivery::new(endpoint_id(), 7, now());
    let mut at = now();
    let mut waits = Vec::new();
    while let Some(due) = delivery.due_at {
        waits.push(at.duration_until(due));
        at = due;
        delivery = delivery.after(attempt(at), &Verdict::Again(None), at);
    }
    assert_eq!((delivery.n_attempts, delivery.state), (10, DeliveryState::Dead));
    assert_eq!(delivery.ended_at, Some(at));
    assert!(waits.is_sorted(), "{waits:?}");
    let days = now().duration_until(at).as_secs_f64() / 86_400.0;
    assert!((3.0..4.0).contains(&days), "{days}");
    for (wait, seconds) in waits.iter().skip(1).zip(WAITS) {
        let (wait, least) = (wait.as_secs_f64(), seconds as f64);
        assert!((least..=least * (1.0 + JITTER) + 0.001).contains(&wait), "{wait} for {least}");
    }
}

#[test]
fn what_the_other_side_asks_for_is_waited_for_but_never_longer_than_a_day() {
    let first = || Delivery::new(endpoint_id(), 7, now());
    let after = |hours| {
        let asked = now().checked_add(SignedDuration::from_hours(hours)).unwrap();
        first().after(attempt(now()), &Verdict::Again(Some(asked)), now()).due_at.unwrap()
    };
    assert_eq!(now().duration_until(after(2)).as_hours(), 2);
    assert_eq!(now().duration_until(after(24 * 365)).as_hours(), 24);
    let past = first().after(attempt(now()), &Verdict::Again(Some(Instant::MIN)), now());
    assert!(past.due_at > Some(now()));
}

#[test]
fn what_was_taken_or_is_hopeless_is_not_tried_again() {
    for (verdict, state) in [
        (Verdict::Taken, DeliveryState::Delivered),
        (Verdict::Gone, DeliveryState::Dead),
        (Verdict::Hopeless, DeliveryState::Dead),
    ] {
        let delivery =
            Delivery::new(endpoint_id(), 7, now()).after(attempt(now()), &verdict, now());
        assert_eq!((delivery.state, delivery.due_at), (state, None), "{verdict:?}");
        assert_eq!(delivery.ended_at, Some(now()));
    }
}

#[test]
fn a_message_is_named_by_the_whole_entry() {
    let id = |text: &str| RequestId::from_str(text).unwrap();
    let entry = || Entry::new(now(), Actor::Engine, Event::RequestMoved);
    let base = entry().request(id("req_01934f5e7b2a7c4d8e9fa0b1c2d3e4f5"));
    let same = message_id(1, &base);
    assert_eq!(message_id(1, &base), same);
    assert!(same.starts_with("evt_") && same.len() == 36, "{same}");
    let connection = ConnectionId::from_str("con_01934f5e7b2a7c4d8e9fa0b1c2d3e4f5").unwrap();
    let later = Entry { at: Instant::UNIX_EPOCH, ..base.clone() };
    let others = [
        message_id(2, &base),
        message_id(1, &later),
        message_id(1, &entry().request(id("req_01934f5e7b2a7c4d8e9fa0b1c2d3e4f6"))),
        message_id(1, &base.clone().connection(Some(connection))),
    ];
    assert!(others.iter().all(|other| *other != same));
}

#[test]
fn who_names_no_events_hears_what_is_told_and_nothing_else() {
    let mut endpoint = Endpoint {
        id: endpoint_id(),
        name: "desk".to_owned(),
        target: Target::Webhook { origin: "https://example.com/".to_owned(), allow_private: false },
        events: None,
        reach: Reach::All,
        disabled: None,
        made_at: now(),
        version: 0,
    };
    assert!(endpoint.listens_to(Event::RequestMoved));
    assert!(!endpoint.listens_to(Event::TokenMade));
    endpoint.events = Some(BTreeSet::from([Event::RequestMoved]));
    assert!(endpoint.listens_to(Event::RequestMoved));
    assert!(!endpoint.listens_to(Event::TaskMoved));
}
