//! Faults on order, and what is left of a call that one hits.

use serde_json::{Value, json};

use super::{Bench, Reply};
use crate::NoAnswer;

async fn plan(bench: &Bench, faults: Value) {
    bench.control("PUT", "/faults/segment", faults).await;
}

async fn create(bench: &Bench) -> Reply {
    let body = json!({
        "regulationType": "DELETE_ONLY", "subjectType": "USER_ID", "subjectIds": ["cust-100000"],
    });
    bench.public("POST", "/regulations", body).await
}

async fn n_created(bench: &Bench) -> u64 {
    let calls = bench.control("GET", "/calls", Value::Null).await;
    calls["effects"]["segment"]["regulations_created"].as_u64().unwrap()
}

/// One creation under a fault: what the caller sees, and how many regulations there are then.
async fn struck(fault: &str) -> (Reply, u64) {
    let bench = Bench::new();
    let create_calls = json!({"method": "POST", "path": "/regulations"});
    plan(&bench, json!([{"match": create_calls, "fault": fault, "count": 1}])).await;
    let reply = create(&bench).await;
    let created = n_created(&bench).await;
    assert_eq!(create(&bench).await.status, 200, "{fault} strikes once");
    (reply, created)
}

#[tokio::test]
async fn refusals_come_in_the_vendors_form_and_have_no_effect() {
    for (fault, status) in [("429", 429), ("500", 500), ("503", 503), ("401", 401), ("404", 404)] {
        let (reply, created) = struck(fault).await;
        assert_eq!((reply.status, created), (status, 0), "{fault}");
        assert!(reply.json()["errors"][0]["type"].is_string());
    }
}

#[tokio::test]
async fn a_lost_answer_tells_apart_whether_the_call_took_effect() {
    for (fault, kind, effects) in [
        ("timeout", NoAnswer::Held, 0),
        ("timeout_after_effect", NoAnswer::Held, 1),
        ("close", NoAnswer::Closed, 0),
        ("close_after_effect", NoAnswer::Closed, 1),
    ] {
        let (reply, created) = struck(fault).await;
        assert_eq!((reply.no_answer, created), (Some(kind), effects), "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn spoiled_answers_come_after_the_effect() {
    for fault in ["cut_body", "html", "malformed_json", "slow"] {
        let (reply, created) = struck(fault).await;
        assert_eq!((reply.status, created), (200, 1), "{fault}");
        let is_json = serde_json::from_slice::<Value>(&reply.body).is_ok();
        assert_eq!(reply.is_cut, fault == "cut_body", "{fault}");
        assert_eq!(is_json, fault == "slow", "{fault}");
    }
}

#[tokio::test]
async fn a_fault_hits_only_what_it_matches_and_only_as_often_as_planned() {
    let bench = Bench::new();
    let glob = json!({"path": "/v1/spaces/*/collections/users/profiles/email*metadata"});
    plan(&bench, json!([{"match": glob, "fault": "500", "count": 2}])).await;
    let email = "email:ana.quill.0%40example.com";
    let mut seen = Vec::new();
    for (id, what) in [
        (email, "traits"),
        (email, "metadata"),
        ("user_id:cust-100000", "metadata"),
        (email, "metadata"),
        (email, "metadata"),
    ] {
        seen.push(bench.profile(0, id, what).await.status);
    }
    assert_eq!(seen, [200, 500, 200, 500, 200]);
    assert_eq!(bench.control("GET", "/faults/segment", Value::Null).await[0]["count"], 0);
}

#[tokio::test]
async fn a_rate_hits_about_its_share_and_the_same_calls_each_time() {
    async fn hits() -> Vec<u16> {
        let bench = Bench::new();
        bench.switch(json!({"limits": false})).await;
        plan(&bench, json!([{"fault": "503", "rate": 0.25}])).await;
        let mut seen = Vec::new();
        for _ in 0..400 {
            seen.push(bench.profile(0, "user_id:nobody", "metadata").await.status);
        }
        seen
    }
    let (first, again) = (hits().await, hits().await);
    let share = first.iter().filter(|status| **status == 503).count();
    assert!((70..130).contains(&share), "{share}");
    assert_eq!(first, again);
}

#[tokio::test]
async fn unknown_faults_and_vendors_are_refused() {
    let bench = Bench::new();
    let control = || bench.twins.control();
    let bad = json!([{"fault": "earthquake"}]).to_string();
    assert_eq!(super::send(control(), "PUT", "/faults/segment", &[], bad).await.status, 422);
    let none = "[]".to_owned();
    assert_eq!(super::send(control(), "PUT", "/faults/nobody", &[], none).await.status, 404);
}
