//! `/metrics`: who may read it, and that it says what is open.

use domain::{Reach, Role};
use http::{Method, StatusCode};
use serde_json::json;

use super::office::{Persona, office};

#[tokio::test]
async fn measurements_are_for_those_who_may_read_them() {
    let office = office().await;
    let manager = office.persona("mira", &[Role::RequestManager], Reach::All).await;
    let auditor = office.persona("otto", &[Role::Auditor], Reach::All).await;
    let cases = [
        (&Persona::Visitor, StatusCode::UNAUTHORIZED),
        (&manager, StatusCode::FORBIDDEN),
        (&auditor, StatusCode::OK),
        (&Persona::Owner, StatusCode::OK),
    ];
    for (who, status) in cases {
        let answer = office.send(who, Method::GET, "/metrics", &[], String::new()).await;
        assert_eq!(answer.status, status, "{}", answer.body);
    }
}

#[tokio::test]
async fn measurements_say_what_is_open_and_nothing_of_anybody() {
    let office = office().await;
    office.stage.connect().await.unwrap();
    let new = json!({
        "right": "access",
        "external_id": "T-77",
        "identifiers": [{"type": "email", "value": "mia@example.com"}],
        "due_at": "2020-01-01T00:00:00Z",
        "received_at": "2019-12-01T00:00:00Z",
    });
    let taken = office.ask(&Persona::Owner, Method::POST, "/requests", Some(new)).await;
    assert_eq!(taken.status, StatusCode::CREATED, "{}", taken.body);
    let hook = json!({"name": "desk", "url": "https://127.0.0.1:1/mia", "allow_private": true});
    let made = office.ask(&Persona::Owner, Method::POST, "/webhooks", Some(hook)).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    office.stage.run().await.unwrap();
    let id = taken.body["request"].as_str().unwrap();
    let shown = format!("/api/v1/requests/{id}");
    office.send(&Persona::Owner, Method::GET, &shown, &[], String::new()).await;
    office.send(&Persona::Visitor, Method::GET, "/made/up", &[], String::new()).await;
    let answer = office.send(&Persona::Owner, Method::GET, "/metrics", &[], String::new()).await;
    let text = answer.body.as_str().unwrap();
    for begin in [
        "habeas_build_info{version=\"",
        "habeas_requests{state=\"answering\"} 1",
        "habeas_requests_overdue{state=\"answering\"} 1",
        "habeas_tasks_ended_total{connection=\"segment\",outcome=\"nothing found\",proof=\"none\"} 1",
        "habeas_due{connection=\"segment\",kind=\"task\",for_seconds=\"0\"} 0",
        "habeas_connection_paused{connection=\"segment\"} 0",
        "habeas_engine_paused 0",
        "habeas_lease_seconds_left{lease=\"engine\",connection=\"\",held_by=\"nobody\"} 0",
        "habeas_journal_entries ",
        "habeas_delivery_waiting{endpoint=\"desk\",kind=\"webhook\"} ",
        "habeas_delivery_oldest_seconds{endpoint=\"desk\",kind=\"webhook\"} ",
        "habeas_delivery_dead{endpoint=\"desk\",kind=\"webhook\"} 0",
        "habeas_endpoint_disabled{endpoint=\"desk\",kind=\"webhook\"} 0",
        "habeas_http_request_seconds_count{route=\"/api/v1/requests/{id}\",method=\"GET\",status=\"200\"} 1",
        "habeas_http_request_seconds_count{route=\"other\",method=\"GET\",status=\"404\"} 1",
        "habeas_http_refused_total{why=\"rate\"} 0",
    ] {
        assert!(text.lines().any(|line| line.starts_with(begin)), "{begin} in {text}");
    }
    for mark in ["mia", "T-77", id, "made"] {
        assert!(!text.contains(mark), "{mark} in {text}");
    }
}
