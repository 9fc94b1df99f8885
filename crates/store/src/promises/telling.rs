//! What is told to others comes out of the journal, none of it twice and none left out; what signs it
//! stands nowhere in plain.

use std::ops::ControlFlow;

use domain::telling::{Attempt, Target, Verdict};
use domain::{Actor, Delivery, Endpoint, EndpointId, Entry, Event, Instant, Reach};
use jiff::SignedDuration;

use super::setup::{Setup, now, setup};
use crate::endpoint::entry;
use crate::signing::new_signing_secret;
use crate::{Applied, Fence, Replay, Sealed, Secret, StoreError, Told, Untold};

fn endpoint(setup: &Setup, name: &str) -> Endpoint {
    Endpoint {
        id: EndpointId::new(&*setup.ids),
        name: name.into(),
        target: Target::Webhook { origin: "https://example.org/…".into(), allow_private: false },
        events: None,
        reach: Reach::All,
        disabled: None,
        made_at: now(),
        version: 0,
    }
}

fn ops() -> Actor {
    Actor::Operator("ops".into())
}

/// Where webhooks are told, and what nobody who reads the store may see of it.
pub(super) const URL: &str = "https://example.org/hook/mark-hook?key=mark-query";

/// An endpoint that stands in the store, and its secret.
pub(super) async fn added(setup: &Setup, name: &str) -> (Endpoint, Secret) {
    let (endpoint, secret) = (endpoint(setup, name), new_signing_secret().unwrap());
    let entry = entry(now(), ops(), Event::EndpointAdded, &endpoint);
    let url = Secret::new(URL.into());
    let sealed = Some(Sealed { url: &url, signs: &secret });
    let applied = setup.store.add_endpoint(&endpoint, sealed, &entry).await.unwrap();
    assert_eq!(applied, Applied::Done);
    (endpoint, secret)
}

async fn happens(setup: &Setup, at: Instant) {
    let entry = Entry::new(at, ops(), Event::EnginePaused);
    setup.store.set_setting("key", "value", &entry).await.unwrap();
}

/// Tells an endpoint everything that it was not told yet.
async fn tell(setup: &Setup, fence: &Fence, id: EndpointId) -> Vec<i64> {
    let from = setup.store.endpoint(id).await.unwrap().unwrap().told_until;
    let entries = setup.store.tellable(from, 100).await.unwrap();
    let of: Vec<_> = entries.iter().map(|entry| entry.seq).collect();
    let until = of.last().copied().unwrap_or(from);
    let told = Told { endpoint: id, from, until, of: of.clone() };
    assert!(setup.store.tell(fence, &[told], now()).await.unwrap().is_continue());
    of
}

async fn waiting(setup: &Setup, id: EndpointId) -> Vec<i64> {
    let due = setup.store.due_deliveries(id, now(), 100).await.unwrap();
    due.iter().map(|delivery| delivery.seq).collect()
}

fn ended(delivery: Delivery, verdict: &Verdict) -> Delivery {
    let attempt = Attempt { at: now(), took_ms: 3, answer: "status 410".into() };
    delivery.after(attempt, verdict, now())
}

#[tokio::test]
async fn an_endpoint_is_told_what_happens_after_it_was_made_each_once() {
    let setup = setup().await;
    let fence = setup.lease("engine", "one").await;
    happens(&setup, now()).await;
    let (one, _) = added(&setup, "one").await;
    assert_eq!(tell(&setup, &fence, one.id).await, [0; 0]);
    happens(&setup, now()).await;
    happens(&setup, now()).await;
    let told = tell(&setup, &fence, one.id).await;
    assert_eq!(told.len(), 2);
    assert_eq!(waiting(&setup, one.id).await, told);
    assert_eq!(tell(&setup, &fence, one.id).await, [0; 0]);
    assert_eq!(waiting(&setup, one.id).await, told);
}

#[tokio::test]
async fn a_page_that_was_told_meanwhile_is_not_told_again_nor_by_who_lost_the_lease() {
    let setup = setup().await;
    let fence = setup.lease("engine", "one").await;
    let (one, _) = added(&setup, "one").await;
    let from = setup.store.endpoint(one.id).await.unwrap().unwrap().told_until;
    happens(&setup, now()).await;
    tell(&setup, &fence, one.id).await;
    let late = Told { endpoint: one.id, from, until: from + 1, of: vec![from + 1] };
    let answer = setup.store.tell(&fence, &[late], now()).await.unwrap();
    assert_eq!(answer, ControlFlow::Break(()));
    let old = Fence { fence: fence.fence + 1, ..fence };
    let refused = setup.store.tell(&old, &[], now()).await;
    assert!(matches!(refused, Err(StoreError::FenceLost)));
}

#[tokio::test]
async fn how_far_an_endpoint_is_behind_is_seen_and_what_was_given_up() {
    let setup = setup().await;
    let fence = setup.lease("engine", "one").await;
    let ((one, _), (two, _)) = (added(&setup, "one").await, added(&setup, "two").await);
    let earlier = now().checked_sub(SignedDuration::from_mins(10)).unwrap();
    happens(&setup, earlier).await;
    happens(&setup, now()).await;
    tell(&setup, &fence, one.id).await;
    let due = setup.store.due_deliveries(one.id, now(), 9).await.unwrap();
    let untold = async |id| setup.store.untold(id).await.unwrap();
    // The first tells that the other endpoint was made.
    let [made, before, _] = &due[..] else { panic!("{due:?}") };
    let end = async |delivery: &Delivery, verdict| {
        let over = [ended(delivery.clone(), &verdict)];
        setup.store.keep_attempts(&fence, one.id, &over, None).await.unwrap();
    };
    end(made, Verdict::Taken).await;
    let behind = Untold { waiting: 2, oldest: Some(earlier), dead: 0 };
    assert_eq!(untold(one.id).await, behind);
    end(before, Verdict::Gone).await;
    let behind = Untold { waiting: 1, oldest: Some(now()), dead: 1 };
    assert_eq!(untold(one.id).await, behind);
    assert_eq!(untold(two.id).await, Untold { waiting: 0, oldest: None, dead: 0 });
}

#[tokio::test]
async fn what_was_given_up_can_be_told_again_one_all_or_everything_since() {
    let setup = setup().await;
    let fence = setup.lease("engine", "one").await;
    let (one, _) = added(&setup, "one").await;
    for _ in 0..3 {
        happens(&setup, now()).await;
    }
    let told = tell(&setup, &fence, one.id).await;
    let due = setup.store.due_deliveries(one.id, now(), 9).await.unwrap();
    let verdicts = [Verdict::Taken, Verdict::Gone, Verdict::Gone];
    let over: Vec<_> = due.into_iter().zip(&verdicts).map(|(one, v)| ended(one, v)).collect();
    let rest = now().checked_add(SignedDuration::from_hours(1)).unwrap();
    setup.store.keep_attempts(&fence, one.id, &over, Some(rest)).await.unwrap();
    assert_eq!(waiting(&setup, one.id).await, [0; 0]);
    assert_eq!(setup.store.endpoint(one.id).await.unwrap().unwrap().rest_until, Some(rest));
    let dead = setup.store.deliveries(one.id, true, i64::MAX, 9).await.unwrap();
    assert_eq!(dead.iter().map(|one| one.seq).collect::<Vec<_>>(), [told[2], told[1]]);
    let again = async |replay| {
        let entry = entry(now(), ops(), Event::EndpointReplayed, &one);
        setup.store.replay(one.id, replay, now(), &entry).await.unwrap()
    };
    assert_eq!(again(Replay::One(told[2])).await, 1);
    assert_eq!(setup.store.endpoint(one.id).await.unwrap().unwrap().rest_until, None);
    assert_eq!(waiting(&setup, one.id).await, [told[2]]);
    assert_eq!(again(Replay::Dead).await, 1);
    assert_eq!(waiting(&setup, one.id).await, [told[1], told[2]]);
    assert_eq!(again(Replay::After(told[0] - 1)).await, 1);
    tell(&setup, &fence, one.id).await;
    assert!(waiting(&setup, one.id).await.starts_with(&told));
}

#[tokio::test]
async fn an_attempt_under_way_does_not_undo_that_a_person_lets_it_be_made_again() {
    let setup = setup().await;
    let fence = setup.lease("engine", "one").await;
    let (one, _) = added(&setup, "one").await;
    happens(&setup, now()).await;
    let told = tell(&setup, &fence, one.id).await;
    let keep = async |delivery: &Delivery, verdict| {
        let over = [ended(delivery.clone(), &verdict)];
        setup.store.keep_attempts(&fence, one.id, &over, None).await.unwrap();
    };
    let mut due = setup.store.due_deliveries(one.id, now(), 9).await.unwrap();
    keep(&due[0], Verdict::Again(None)).await;
    due[0].n_attempts = 1;
    let entry = entry(now(), ops(), Event::EndpointReplayed, &one);
    setup.store.replay(one.id, Replay::One(told[0]), now(), &entry).await.unwrap();
    keep(&due[0], Verdict::Gone).await;
    assert_eq!(waiting(&setup, one.id).await, told);
    let again = setup.store.deliveries(one.id, false, i64::MAX, 9).await.unwrap();
    assert_eq!((again[0].n_attempts, again[0].ended_at), (0, None));
}

#[tokio::test]
async fn many_are_told_again_swept_and_removed_piece_by_piece_and_none_is_left() {
    let setup = setup().await;
    let fence = setup.lease("engine", "one").await;
    let (one, _) = added(&setup, "one").await;
    let from = setup.store.endpoint(one.id).await.unwrap().unwrap().told_until;
    let of: Vec<_> = (1..=2_500).map(|n| from + n).collect();
    let told = Told { endpoint: one.id, from, until: from + 2_500, of };
    assert!(setup.store.tell(&fence, &[told], now()).await.unwrap().is_continue());
    let end = async || {
        let due = setup.store.due_deliveries(one.id, now(), 3_000).await.unwrap();
        let over: Vec<_> = due.into_iter().map(|one| ended(one, &Verdict::Gone)).collect();
        setup.store.keep_attempts(&fence, one.id, &over, None).await.unwrap();
        over.len()
    };
    let again = async |replay| {
        let entry = entry(now(), ops(), Event::EndpointReplayed, &one);
        setup.store.replay(one.id, replay, now(), &entry).await.unwrap()
    };
    assert_eq!((end().await, again(Replay::Dead).await, end().await), (2_500, 2_500, 2_500));
    assert_eq!(again(Replay::After(from + 500)).await, 2_000);
    assert_eq!(setup.store.endpoint(one.id).await.unwrap().unwrap().told_until, from + 500);
    let of: Vec<_> = (501..=2_500).map(|n| from + n).collect();
    let told = Told { endpoint: one.id, from: from + 500, until: from + 2_500, of };
    assert!(setup.store.tell(&fence, &[told], now()).await.unwrap().is_continue());
    assert_eq!(end().await, 2_000);
    let later = now().checked_add(SignedDuration::from_secs(1)).unwrap();
    setup.store.sweep_deliveries(&fence, now()).await.unwrap();
    assert_eq!(setup.store.count_deliveries(one.id).await.unwrap().n_dead, 2_500);
    setup.store.sweep_deliveries(&fence, later).await.unwrap();
    assert_eq!(setup.store.oldest_ended().await.unwrap(), None);
    let of: Vec<_> = (2_501..=5_000).map(|n| from + n).collect();
    let told = Told { endpoint: one.id, from: from + 2_500, until: from + 5_000, of };
    assert!(setup.store.tell(&fence, &[told], now()).await.unwrap().is_continue());
    let entry = entry(now(), ops(), Event::EndpointRemoved, &one);
    let removed = setup.store.remove_endpoint(&one, &entry).await.unwrap();
    assert_eq!(removed, Applied::Done);
    assert_eq!(setup.store.count_deliveries(one.id).await.unwrap().n_waiting, 0);
}

#[tokio::test]
async fn the_place_of_an_instant_in_the_journal_is_found() {
    let setup = setup().await;
    assert_eq!(setup.store.journal_before(now()).await.unwrap(), 0);
    let at = |minutes| now().checked_add(SignedDuration::from_mins(minutes)).unwrap();
    for minute in 0..20 {
        happens(&setup, at(minute / 2)).await;
    }
    let first = setup.store.tellable(0, 1).await.unwrap()[0].seq;
    for minute in 0..10 {
        let before = setup.store.journal_before(at(minute)).await.unwrap();
        let expected = if minute == 0 { 0 } else { first - 1 + minute * 2 };
        assert_eq!(before, expected, "{minute}");
    }
    assert_eq!(setup.store.journal_before(at(99)).await.unwrap(), first + 19);
}

#[tokio::test]
async fn a_secret_signs_beside_its_successor_for_a_while_and_stands_nowhere_in_plain() {
    let setup = setup().await;
    let (one, first) = added(&setup, "one").await;
    let secrets = async |at| setup.store.endpoint_secrets(one.id, at).await.unwrap();
    assert_eq!(secrets(now()).await, std::slice::from_ref(&first));
    let second = new_signing_secret().unwrap();
    let until = now().checked_add(SignedDuration::from_hours(24)).unwrap();
    let entry = entry(now(), ops(), Event::EndpointRotated, &one);
    setup.store.rotate_endpoint_secret(one.id, &second, until, &entry).await.unwrap();
    assert_eq!(secrets(now()).await, [second.clone(), first.clone()]);
    assert_eq!(secrets(until).await, std::slice::from_ref(&second));
    setup.store.close().await;
    for file in std::fs::read_dir(setup.data()).unwrap() {
        let path = file.unwrap().path();
        let Ok(content) = std::fs::read(&path) else { continue };
        for secret in [&first, &second] {
            let secret = secret.expose().strip_prefix("whsec_").unwrap().as_bytes();
            assert!(!content.windows(secret.len()).any(|part| part == secret), "{path:?}");
        }
    }
}

#[tokio::test]
async fn of_two_who_change_an_endpoint_the_second_loses_and_a_removed_one_is_gone() {
    let setup = setup().await;
    let fence = setup.lease("engine", "one").await;
    let (one, _) = added(&setup, "one").await;
    let entry = |event| entry(now(), ops(), event, &one);
    let taken = endpoint(&setup, "one");
    let lost = setup.store.add_endpoint(&taken, None, &entry(Event::EndpointAdded)).await;
    assert_eq!(lost.unwrap(), Applied::Lost);
    let moved = Secret::new("https://example.org/moved".into());
    let renamed = Endpoint { name: "two".into(), ..one.clone() };
    let set = async || {
        let entry = entry(Event::EndpointSet);
        setup.store.set_endpoint(None, &renamed, Some(&moved), &entry).await.unwrap()
    };
    assert_eq!((set().await, set().await), (Applied::Done, Applied::Lost));
    assert_eq!(setup.store.endpoint_url(one.id).await.unwrap(), Some(moved));
    happens(&setup, now()).await;
    tell(&setup, &fence, one.id).await;
    let counts = setup.store.count_deliveries(one.id).await.unwrap();
    assert_eq!((counts.n_waiting, counts.n_dead), (2, 0));
    let stands = setup.store.endpoint_by_name("two").await.unwrap().unwrap().endpoint;
    let entry = entry(Event::EndpointRemoved);
    let removed = setup.store.remove_endpoint(&stands, &entry).await.unwrap();
    assert_eq!(removed, Applied::Done);
    assert!(setup.store.endpoints().await.unwrap().is_empty());
    assert_eq!(setup.store.endpoint_url(one.id).await.unwrap(), None);
    assert_eq!(setup.store.count_deliveries(one.id).await.unwrap().n_waiting, 0);
}

#[tokio::test]
async fn of_a_notice_it_is_known_of_which_kind_it_is_when_it_is_told() {
    let setup = setup().await;
    let (one, _) = added(&setup, "one").await;
    for event in [Event::NoticeRaised, Event::EnginePaused] {
        let entry = Entry::new(now(), ops(), event).fact("kind", "job_overdue");
        setup.store.set_setting("key", "value", &entry).await.unwrap();
    }
    let from = setup.store.endpoint(one.id).await.unwrap().unwrap().told_until;
    let told = setup.store.tellable(from, 9).await.unwrap();
    let kinds: Vec<_> = told.iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [Some(domain::NoticeKind::JobOverdue), None]);
}
