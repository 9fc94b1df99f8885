//! Who may make which webhook, and what the journal says of it.

use super::*;
use crate::operator::deliveries::{Again, replay};
use crate::operator::office::{now, office};
use crate::operator::shapes::strict::check;
use domain::Role;

fn new(name: &str, url: &str) -> NewWebhook {
    NewWebhook {
        name: name.into(),
        url: url.into(),
        events: None,
        reach: None,
        allow_private: false,
    }
}

fn shop() -> Reach {
    Reach::Brands(BTreeSet::from(["shop".to_owned()]))
}

fn code<T: std::fmt::Debug>(result: Result<T, OperatorError>) -> String {
    result.unwrap_err().code().to_owned()
}

const URL: &str = "https://example.org/hook?key=hush";

#[tokio::test]
async fn a_webhook_is_made_once_and_shows_its_secret_once() {
    let office = office().await;
    let desk = office.desk();
    let made = add(&desk, &new("desk", URL)).await.unwrap();
    assert!(made.secret.as_ref().unwrap().expose().starts_with("whsec_"));
    assert_eq!(made.webhook.events, Event::TOLD);
    check(&made);
    let again = add(&desk, &new("desk", URL)).await.unwrap();
    assert_eq!((again.webhook.id, again.secret), (made.webhook.id, None));
    assert_eq!(code(add(&desk, &new("desk", "https://example.org/")).await), "E-WEB-001");
    let journal = office.journal(Event::EndpointAdded).await.concat();
    assert!(journal.contains("desk") && !journal.contains("hush"), "{journal}");
}

#[tokio::test]
async fn what_can_not_be_a_webhook_is_refused() {
    let office = office().await;
    let desk = office.desk();
    assert_eq!(code(add(&desk, &new("Not A Name", URL)).await), "E-WEB-001");
    for url in ["http://example.org/", "https://10.0.0.1/", "hush", &"https://a/".repeat(300)] {
        assert_eq!(code(add(&desk, &new("desk", url)).await), "E-WEB-002", "{url}");
    }
    for events in [vec![], vec![Event::TokenMade]] {
        let events = Some(events.into_iter().collect());
        let refused = add(&desk, &NewWebhook { events, ..new("desk", URL) }).await;
        assert_eq!(code(refused), "E-WEB-003");
    }
    assert!(list(&desk).await.unwrap().webhooks.is_empty());
}

#[tokio::test]
async fn who_is_bound_to_brands_makes_and_finds_webhooks_of_these_only() {
    let office = office().await;
    add(&office.desk(), &new("all", URL)).await.unwrap();
    let bound = Desk { reach: shop(), ..office.desk() };
    assert_eq!(add(&bound, &new("own", URL)).await.unwrap().webhook.reach, shop());
    let wider = NewWebhook { reach: Some(Reach::All), ..new("wider", URL) };
    assert_eq!(code(add(&bound, &wider).await), "E-WEB-004");
    let wider = Changes { reach: Some(Reach::All), ..Changes::default() };
    assert_eq!(code(set(&bound, "own", &wider).await), "E-WEB-004");
    for name in ["all", "nobody"] {
        assert_eq!(code(view(&bound, name).await), "E-ACT-001");
        assert_eq!(code(remove(&bound, name).await), "E-ACT-001");
    }
    let names = list(&bound).await.unwrap().webhooks.into_iter().map(|one| one.name);
    assert_eq!(names.collect::<Vec<_>>(), ["own"]);
}

#[tokio::test]
async fn who_may_not_see_requests_lets_no_webhook_be_told_of_them() {
    let office = office().await;
    let all = office.desk();
    let manager = || Desk { roles: BTreeSet::from([Role::ConnectionsManager]), ..office.desk() };
    let of = |events: &[Event]| Some(BTreeSet::from_iter(events.iter().copied()));
    for events in [None, of(&[Event::ConnectionPaused, Event::TaskMoved]), of(&[Event::JobEnded])] {
        let new = NewWebhook { events, ..new("desk", URL) };
        assert_eq!(code(add(&manager(), &new).await), "E-WEB-006");
    }
    let own = NewWebhook { events: of(&[Event::ConnectionPaused]), ..new("own", URL) };
    add(&manager(), &own).await.unwrap();
    let wider = Changes { events: of(&[Event::RequestMoved]), ..Changes::default() };
    assert_eq!(code(set(&manager(), "own", &wider).await), "E-WEB-006");
    assert_eq!(
        replay(&manager(), Channel::Webhook, "own", Again::Dead {}).await.unwrap().n_again,
        0
    );
    add(&all, &new("all", URL)).await.unwrap();
    let elsewhere = Changes { url: Some("https://example.org/".into()), ..Changes::default() };
    assert_eq!(code(set(&manager(), "all", &elsewhere).await), "E-WEB-006");
    assert_eq!(code(rotate(&manager(), "all", &Rotation::default()).await), "E-WEB-006");
    disable(&manager(), "all").await.unwrap();
    assert_eq!(code(enable(&manager(), "all").await), "E-WEB-006");
    for again in [Again::Dead {}, Again::One(1), Again::Since(now())] {
        assert_eq!(code(replay(&manager(), Channel::Webhook, "all", again).await), "E-WEB-006");
    }
    let approver = BTreeSet::from([Role::ConnectionsManager, Role::Approver]);
    set(&Desk { roles: approver, ..office.desk() }, "all", &elsewhere).await.unwrap();
}

#[tokio::test]
async fn the_whole_url_is_shown_to_those_who_may_change_it() {
    let office = office().await;
    add(&office.desk(), &new("desk", URL)).await.unwrap();
    add(&office.desk(), &new("root", "https://example.org:8443")).await.unwrap();
    let urls = async |role: Role| {
        let desk = Desk { roles: BTreeSet::from([role]), ..office.desk() };
        let webhooks = list(&desk).await.unwrap().webhooks;
        webhooks.into_iter().map(|one| one.url).collect::<Vec<_>>()
    };
    assert_eq!(urls(Role::ConnectionsManager).await, [URL, "https://example.org:8443"]);
    assert_eq!(urls(Role::Auditor).await, ["https://example.org/…", "https://example.org:8443/"]);
}

#[tokio::test]
async fn leave_to_call_this_machine_holds_for_the_url_it_was_given_for() {
    let office = office().await;
    let desk = office.desk();
    let local = NewWebhook { allow_private: true, ..new("desk", "http://127.0.0.1:9/") };
    add(&desk, &local).await.unwrap();
    let to = |url: &str| Changes { url: Some(url.to_owned()), ..Changes::default() };
    assert_eq!(code(set(&desk, "desk", &to("https://10.0.0.1/")).await), "E-WEB-002");
    assert_eq!(code(set(&desk, "desk", &to("http://127.0.0.1:9/")).await), "E-WEB-002");
    let said_again = Changes { allow_private: Some(true), ..to("http://127.0.0.1:9/") };
    assert!(set(&desk, "desk", &said_again).await.unwrap().allow_private);
    assert!(!set(&desk, "desk", &to(URL)).await.unwrap().allow_private);
}

#[tokio::test]
async fn a_webhook_is_changed_disabled_enabled_and_removed_and_the_journal_says_so() {
    let office = office().await;
    let desk = office.desk();
    add(&desk, &new("desk", URL)).await.unwrap();
    let events = Some(BTreeSet::from([Event::JobOverdue]));
    let changed = set(&desk, "desk", &Changes { events, ..Changes::default() }).await.unwrap();
    assert_eq!(changed.events, [Event::JobOverdue]);
    set(&desk, "desk", &Changes::default()).await.unwrap();
    let disabled = disable(&desk, "desk").await.unwrap().disabled.unwrap();
    assert_eq!((&*disabled.why, disabled.since), ("ops disabled it", now()));
    disable(&desk, "desk").await.unwrap();
    assert_eq!(enable(&desk, "desk").await.unwrap().disabled, None);
    let rotation = Rotation { overlap_hours: Some(200) };
    assert_eq!(code(rotate(&desk, "desk", &rotation).await), "E-WEB-005");
    assert!(rotate(&desk, "desk", &Rotation::default()).await.unwrap().secret.is_some());
    assert_eq!(code(replay(&desk, Channel::Webhook, "desk", Again::One(7)).await), "E-ACT-001");
    let future = Again::Since("2027-01-01T00:00:00Z".parse().unwrap());
    assert_eq!(code(replay(&desk, Channel::Webhook, "desk", future).await), "E-WEB-005");
    remove(&desk, "desk").await.unwrap();
    for event in [
        Event::EndpointSet,
        Event::EndpointDisabled,
        Event::EndpointEnabled,
        Event::EndpointRotated,
        Event::EndpointRemoved,
    ] {
        assert_eq!(office.journal(event).await.len(), 1, "{event}");
    }
    assert!(office.journal(Event::EndpointReplayed).await.is_empty());
}
