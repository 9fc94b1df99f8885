//! What whoever watches learns, and what they don't.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use domain::Event;
use store::LeaseTime;

use super::*;
use crate::holder::Offset;
use crate::operator::controls::PausedAll;
use crate::operator::office::{Office, now, office};
use crate::run::ENGINE_LEASE;

/// A process whose time is led.
fn holder(name: &str, time: &Arc<AtomicI64>) -> Holder {
    let time = Arc::clone(time);
    Holder {
        name: name.to_owned(),
        info: format!("pid 7 on {name}"),
        offset: Offset::default(),
        machine: Arc::new(move || LeaseTime {
            boot: "test".to_owned(),
            millis: time.load(Ordering::SeqCst),
        }),
        is_gone: Arc::new(|_| false),
    }
}

/// An office whose engine this process runs.
async fn running() -> (Office, Holder, Arc<AtomicI64>) {
    let (office, time) = (office().await, Arc::new(AtomicI64::new(0)));
    let me = holder("me", &time);
    me.take(&office.store, ENGINE_LEASE, &me.time(), now()).await.unwrap();
    (office, me, time)
}

/// What is wrong, each with what to do about it.
fn wrong(readiness: &Readiness) -> Vec<&str> {
    let wrong = readiness.checks.iter().filter(|check| !check.ok);
    wrong.inspect(|check| assert!(check.mend.is_some())).map(|check| &*check.name).collect()
}

#[tokio::test]
async fn a_program_at_work_is_ready_and_says_what_was_looked_at() {
    let (office, me, _) = running().await;
    let readiness = look(&office.store, &me, false).await;
    assert!(readiness.ready);
    assert_eq!(wrong(&readiness), [""; 0]);
    let names: Vec<_> = readiness.checks.iter().map(|check| &*check.name).collect();
    assert_eq!(names, ["store", "schema", "keys", "engine", "running", "changes"]);
}

#[tokio::test]
async fn it_is_not_ready_while_nobody_or_another_runs_the_engine() {
    let time = Arc::new(AtomicI64::new(0));
    let (office, me, other) = (office().await, holder("me", &time), holder("other", &time));
    let nobody = look(&office.store, &me, false).await;
    assert_eq!((nobody.ready, wrong(&nobody)), (false, vec!["engine"]));
    other.take(&office.store, ENGINE_LEASE, &other.time(), now()).await.unwrap();
    let readiness = look(&office.store, &me, false).await;
    assert_eq!((readiness.ready, wrong(&readiness)), (false, vec!["engine"]));
    assert_ne!(readiness, nobody);
}

#[tokio::test]
async fn a_lease_that_could_not_be_renewed_tells_that_nothing_is_written() {
    let (office, me, time) = running().await;
    time.store(11_000, Ordering::SeqCst);
    assert!(look(&office.store, &me, false).await.ready, "one renewal may be late");
    time.store(13_000, Ordering::SeqCst);
    let readiness = look(&office.store, &me, false).await;
    assert_eq!((readiness.ready, wrong(&readiness)), (false, vec!["store"]));
}

#[tokio::test]
async fn keys_that_are_gone_are_told_with_the_page_that_explains_it_and_no_path() {
    let (office, me, _) = running().await;
    std::fs::remove_dir_all(office.keys()).unwrap();
    let readiness = look(&office.store, &me, false).await;
    assert_eq!((readiness.ready, wrong(&readiness)), (false, vec!["keys"]));
    let check = readiness.checks.iter().find(|check| check.name == "keys").unwrap();
    assert_eq!(check.code.as_deref(), Some("E-KEY-005"));
    let told = serde_json::to_string(&readiness).unwrap();
    assert!(!told.contains(&*office.keys().to_string_lossy()), "{told}");
}

#[tokio::test]
async fn a_pause_is_told_and_leaves_the_program_ready_to_end_it() {
    let (office, me, _) = running().await;
    controls::pause_all(&office.desk()).await.unwrap();
    let by_a_person = look(&office.store, &me, false).await;
    assert_eq!((by_a_person.ready, wrong(&by_a_person)), (true, vec!["changes"]));
    controls::resume_all(&office.desk()).await.unwrap();
    let why = Some("put back from the backup of yesterday".to_owned());
    let paused = PausedAll { by: "ops".to_owned(), since: now(), why };
    let text = serde_json::json!(paused).to_string();
    let entry = office.desk().entry(Event::EnginePaused);
    office.store.set_setting(controls::PAUSED_ALL, &text, &entry).await.unwrap();
    let restored = look(&office.store, &me, false).await;
    assert_eq!((restored.ready, wrong(&restored)), (true, vec!["changes"]));
    assert_ne!(restored, by_a_person, "it says why");
    let told = serde_json::to_string(&restored).unwrap();
    assert!(!told.contains("ops") && !told.contains("pid"), "nor by whom: {told}");
}

#[tokio::test]
async fn a_program_that_is_being_stopped_is_not_ready() {
    let (office, me, _) = running().await;
    let readiness = look(&office.store, &me, true).await;
    assert_eq!((readiness.ready, wrong(&readiness)), (false, vec!["running"]));
}
