//! What the doctor finds, and that it writes nothing.

use domain::connection::Pause;
use domain::{Event, TaskState};
use store::Transition;

use super::*;
use crate::operator::office::{now, office, put};
use crate::operator::webhooks;

fn worst(findings: &[Finding]) -> Vec<(&str, Severity)> {
    let bad = findings.iter().filter(|finding| finding.severity != Severity::Well);
    bad.map(|finding| (finding.about.as_str(), finding.severity)).collect()
}

#[tokio::test]
async fn a_store_in_order_gets_no_advice() {
    let office = office().await;
    office.connection().await;
    let findings = examine(&office.desk()).await.unwrap();
    assert_eq!(worst(&findings), []);
    assert!(findings.iter().all(|finding| finding.mend.is_none()));
}

#[tokio::test]
async fn each_thing_that_is_wrong_is_told_with_what_mends_it() {
    let office = office().await;
    let mut connection = office.connection().await;
    let id = office.request("deletion", "ada@lovelace.org").await;
    office.task(id, &connection, |task| put(task, TaskState::Deciding)).await;
    connection.paused = Some(Pause {
        why: "its token was refused".into(),
        remedy: "enter another".into(),
        since: now(),
        by_person: false,
    });
    let connections = vec![connection];
    office.write(Transition { connections, ..Transition::default() }).await;
    controls::pause_all(&office.desk()).await.unwrap();
    let n_entries = office.journal(Event::EnginePaused).await.len();
    let findings = examine(&office.desk()).await.unwrap();
    let expected = [
        ("engine", Severity::Warning),
        ("connection files", Severity::Broken),
        ("work", Severity::Warning),
    ];
    assert_eq!(worst(&findings), expected);
    let mends = findings.iter().filter(|finding| finding.severity != Severity::Well);
    assert!(mends.clone().all(|finding| finding.mend.is_some()));
    assert_eq!(office.journal(Event::EnginePaused).await.len(), n_entries, "it only reads");
}

#[tokio::test]
async fn an_endpoint_that_is_told_nothing_is_said_with_what_enables_it() {
    let office = office().await;
    let new = webhooks::NewWebhook {
        name: "desk".into(),
        url: "https://example.org/hook".into(),
        events: None,
        reach: None,
        allow_private: false,
    };
    webhooks::add(&office.desk(), &new).await.unwrap();
    assert_eq!(worst(&examine(&office.desk()).await.unwrap()), []);
    webhooks::disable(&office.desk(), "desk").await.unwrap();
    let findings = examine(&office.desk()).await.unwrap();
    assert_eq!(worst(&findings), [("webhook desk", Severity::Warning)]);
    let told = findings.iter().find(|finding| finding.about == "webhook desk").unwrap();
    assert!(told.what.contains("ops disabled it"), "{}", told.what);
    assert!(told.mend.as_ref().unwrap().contains("habeas webhooks enable desk"));
}

#[tokio::test]
async fn a_clock_that_is_behind_what_was_written_is_told() {
    let office = office().await;
    controls::pause_all(&office.desk()).await.unwrap();
    let earlier = "2020-01-01T00:00:00Z".parse().unwrap();
    let desk = Desk { now: earlier, ..office.desk() };
    let findings = examine(&desk).await.unwrap();
    assert!(worst(&findings).contains(&("clock", Severity::Warning)), "{findings:?}");
}
