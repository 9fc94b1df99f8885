//! The followed clock against a twin of this process: it stands still while anybody works, jumps
//! to what is due once nobody does, and only ever follows loopback.

use std::sync::Arc;
use std::time::Duration;

use domain::Instant;
use engine::{Busy, Clock};

use super::{FollowedClock, check_loopback};

async fn twin_in_idle_mode() -> (twins::Serving, Arc<dyn Clock>) {
    crate::tls::install();
    let serving =
        twins::serve(twins::Options { people: 1, ..twins::Options::default() }).await.unwrap();
    let url = serving.base_url_control().to_owned();
    let http = reqwest::Client::builder().build().unwrap();
    let mode = http.post(format!("{url}/clock")).body(r#"{"mode":"idle"}"#);
    mode.send().await.unwrap().error_for_status().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(FollowedClock::follow(&url).await.unwrap());
    (serving, clock)
}

async fn set(serving: &twins::Serving, change: &str) {
    let http = reqwest::Client::builder().build().unwrap();
    let call = http.post(format!("{}/clock", serving.base_url_control())).body(change.to_owned());
    call.send().await.unwrap().error_for_status().unwrap();
}

#[tokio::test]
async fn in_paced_mode_a_sleep_ends_when_its_time_comes() {
    let (serving, clock) = twin_in_idle_mode().await;
    let _me = Busy::on(&clock);
    // The mode is learnt with the next report.
    clock.sleep_until(later(&*clock, 1)).await;
    set(&serving, r#"{"mode":"paced","pace":3600}"#).await;
    let at = later(&*clock, 2);
    tokio::time::timeout(Duration::from_secs(8), clock.sleep_until(at)).await.unwrap();
    // And again, now that the mode is known, with a worker beside the sleeper.
    let _worker = Busy::on(&clock);
    for _ in 0..3 {
        let at = later(&*clock, 1);
        tokio::time::timeout(Duration::from_secs(3), clock.sleep_until(at)).await.unwrap();
        assert!(clock.now() >= at);
    }
}

fn later(clock: &dyn Clock, hours: i64) -> Instant {
    clock.now().checked_add(jiff::SignedDuration::from_hours(hours)).unwrap()
}

#[tokio::test]
async fn weeks_pass_at_once_when_nobody_works() {
    let (_serving, clock) = twin_in_idle_mode().await;
    let _me = Busy::on(&clock);
    let at = later(&*clock, 24 * 21);
    tokio::time::timeout(Duration::from_secs(20), clock.sleep_until(at)).await.unwrap();
    assert!(clock.now() >= at);
}

#[tokio::test]
async fn time_stands_still_while_anybody_works() {
    let (_serving, clock) = twin_in_idle_mode().await;
    let _worker = Busy::on(&clock);
    let before = clock.now();
    let sleeper = {
        let clock = Arc::clone(&clock);
        let at = later(&*clock, 1);
        tokio::spawn(async move {
            let _me = Busy::on(&clock);
            clock.sleep_until(at).await;
        })
    };
    let waited = tokio::time::timeout(Duration::from_millis(300), sleeper).await;
    assert!(waited.is_err(), "the sleeper woke while another worked");
    assert_eq!(clock.now(), before);
}

#[tokio::test]
async fn a_sleep_given_up_counts_as_work_again() {
    let (_serving, clock) = twin_in_idle_mode().await;
    let _me = Busy::on(&clock);
    let _other = Busy::on(&clock);
    let at = later(&*clock, 1);
    // The other never ends, so this sleep can only be given up.
    let slept = tokio::time::timeout(Duration::from_millis(50), clock.sleep_until(at)).await;
    assert!(slept.is_err());
    drop(_other);
    let before = clock.now();
    tokio::time::timeout(Duration::from_millis(200), std::future::pending::<()>())
        .await
        .unwrap_err();
    assert_eq!(clock.now(), before, "we still work, so time stands still");
}

#[tokio::test]
async fn those_who_sleep_wake_in_the_order_of_their_times() {
    let (_serving, clock) = twin_in_idle_mode().await;
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let start = clock.now();
    let busy = Busy::on(&clock);
    for hours in [48, 1, 12] {
        let (clock, tell) = (Arc::clone(&clock), tell.clone());
        let at = start.checked_add(jiff::SignedDuration::from_hours(hours)).unwrap();
        let me = Busy::on(&clock);
        tokio::spawn(async move {
            clock.sleep_until(at).await;
            tell.send((hours, clock.now())).unwrap();
            drop(me);
        });
    }
    drop(busy);
    for expected in [1, 12, 48] {
        let (hours, at) = told.recv().await.unwrap();
        assert_eq!(hours, expected);
        assert_eq!(at.duration_since(start).as_hours(), expected, "nobody oversleeps");
    }
}

#[test]
fn only_loopback_is_followed() {
    let check =
        |url: &str, is_fine: bool| assert_eq!(check_loopback(url).is_ok(), is_fine, "{url}");
    check("http://127.0.0.1:7810", true);
    check("http://localhost:7810/", true);
    check("http://[::1]:7810", true);
    check("http://127.0.0.1.example.com", false);
    check("https://time.example.com", false);
    check("not a url", false);
}
