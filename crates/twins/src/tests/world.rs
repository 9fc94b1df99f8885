//! The population, the counters, the switches and the reset.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Bench;
use crate::{Options, Twins};

#[tokio::test]
async fn the_same_seed_makes_the_same_world_and_another_seed_another() {
    let first = Bench::new();
    let again = Bench::new();
    let other = Bench::with(Options { seed: 2, ..Options::default() });
    assert_eq!(first.description, again.description);
    assert_ne!(first.description["subjects"], other.description["subjects"]);
    assert_ne!(first.token, other.token);
    let course = async |bench: &Bench| {
        let id = bench.regulate("SUPPRESS_WITH_DELETE", &["cust-100000"]).await;
        bench.advance("P25D").await;
        bench.get(&format!("/regulations/{id}")).await
    };
    assert_eq!(course(&first).await, course(&again).await, "jobs too, to the microsecond");
}

#[tokio::test]
async fn the_described_subjects_hold_regular_people_first_and_some_of_every_kind() {
    let bench = Bench::new();
    let subjects = bench.description["subjects"].as_array().unwrap();
    assert_eq!(subjects.len(), 100);
    assert!(subjects[..73].iter().all(|subject| subject["kind"] == "regular"));
    let kinds: BTreeSet<&str> = subjects.iter().map(|s| s["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds.len(), 10);
    let domains = ["@example.com", "@example.org", "@example.net"];
    let email = |subject: &Value| subject["email"].as_str().unwrap().to_owned();
    assert!(subjects.iter().all(|s| domains.iter().any(|domain| email(s).ends_with(domain))));
}

#[tokio::test]
async fn every_regular_person_has_exactly_five_external_ids_in_the_first_space() {
    let options = Options { people: 60, regular_only: true, ..Options::default() };
    let bench = Bench::with(options);
    for subject in bench.description["subjects"].as_array().unwrap() {
        let id = format!("user_id:{}", subject["user_id"].as_str().unwrap());
        let ids = bench.profile(0, &id, "external_ids").await.json();
        let types: Vec<&str> =
            ids["data"].as_array().unwrap().iter().map(|id| id["type"].as_str().unwrap()).collect();
        assert_eq!(types, ["user_id", "email", "phone", "anonymous_id", "anonymous_id"]);
        assert_eq!(bench.profile(1, &id, "metadata").await.status, 404);
    }
}

#[test]
fn no_two_people_of_a_large_population_share_an_identifier() {
    let twins = Twins::new(Options { people: 3000, ..Options::default() });
    let lines = twins.world.segment.population(0, usize::MAX);
    let mut known = BTreeSet::new();
    for line in lines.lines() {
        let person: Value = serde_json::from_str(line).unwrap();
        for space in person["spaces"].as_array().unwrap() {
            for id in space["external_ids"].as_array().unwrap() {
                let key = format!("{}{}{}", space["space_id"], id["type"], id["id"]);
                assert!(known.insert(key), "{id}");
            }
        }
    }
}

#[tokio::test]
async fn switches_merge_and_refuse_what_they_do_not_know() {
    let bench = Bench::new();
    bench.switch(json!({"limits": false, "latency_ms": 1})).await;
    bench.switch(json!({"aggregate": "partial"})).await;
    let switches = bench.control("GET", "/switches/segment", Value::Null).await;
    assert_eq!(switches["limits"], false);
    assert_eq!(switches["latency_ms"], 1);
    assert_eq!(switches["aggregate"], "partial");
    for bad in [
        json!({"limit": true}),
        json!({"forbidden_status": 402}),
        json!({"webhook_url": "http://vendor.example.com/"}),
        json!({"deletion_takes": "P1M"}),
        json!([]),
    ] {
        let control = bench.twins.control();
        let reply = super::send(control, "PUT", "/switches/segment", &[], bad.to_string()).await;
        assert_eq!(reply.status, 422, "{bad}");
    }
}

#[tokio::test]
async fn calls_are_counted_by_endpoint_and_status_beside_their_effects() {
    let bench = Bench::new();
    bench.regulate("SUPPRESS_ONLY", &["a", "b"]).await;
    bench.public("GET", "/regulations/nowhere", Value::Null).await;
    bench.profile(0, "user_id:nobody", "metadata").await;
    let calls = bench.control("GET", "/calls", Value::Null).await;
    assert_eq!(calls["segment"]["POST /regulations"], json!({"200": 1}));
    assert_eq!(calls["segment"]["GET /regulations/{id}"], json!({"404": 1}));
    let metadata = "GET /v1/spaces/{space}/collections/users/profiles/{id}/metadata";
    assert_eq!(calls["segment"][metadata], json!({"404": 1}));
    assert_eq!(calls["effects"]["segment"]["regulation_subjects"], 2);
}

#[tokio::test]
async fn a_reset_brings_back_people_time_and_switches() {
    let bench = Bench::new();
    bench.regulate("DELETE_ONLY", &["cust-100000"]).await;
    bench.switch(json!({"aggregate": "partial"})).await;
    bench.advance("P40D").await;
    assert_eq!(bench.profile(0, "user_id:cust-100000", "metadata").await.status, 404);
    bench.control("POST", "/reset", Value::Null).await;
    assert_eq!(bench.profile(0, "user_id:cust-100000", "metadata").await.status, 200);
    assert_eq!(bench.control("GET", "/switches/segment", Value::Null).await["aggregate"], "failed");
    let audit = bench.control("GET", "/audit/segment", Value::Null).await;
    assert_eq!(audit["regulations"], json!([]));
}
