//! The Tracking API, and what its events do to profiles.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::tests::{Bench, send};

async fn ids(bench: &Bench, id: &str) -> Vec<String> {
    let reply = bench.profile(0, id, "external_ids?limit=100").await;
    let listed = reply.json()["data"].as_array().cloned().unwrap_or_default();
    listed.iter().map(|held| held["id"].as_str().unwrap().to_owned()).collect()
}

async fn effect(bench: &Bench, name: &str) -> u64 {
    let calls = bench.control("GET", "/calls", Value::Null).await;
    calls["effects"]["segment"][name].as_u64().unwrap()
}

#[tokio::test]
async fn a_batch_makes_a_profile_that_every_id_finds() {
    let bench = Bench::new();
    let batch = json!({"batch": [
        {"type": "identify", "userId": "new-1", "anonymousId": "anon-1", "messageId": "m-1",
         "traits": {"email": "new@example.com", "phone": "+12015550199x", "city": "Oslo"}},
        {"type": "track", "userId": "new-1", "anonymousId": null, "event": "Order Completed",
         "messageId": "m-2", "properties": {"total": 59.9}},
        {"type": "group", "userId": "new-1", "groupId": "acct-new", "traits": {"name": "New"},
         "messageId": "m-3"},
        {"type": "page", "userId": "new-1", "name": "Home", "messageId": "m-4"},
    ]});
    let reply = bench.track("/v1/batch", batch).await;
    assert_eq!((reply.status, reply.json()), (200, json!({"success": true})));
    for id in ["user_id:new-1", "email:new%40example.com", "anonymous_id:anon-1"] {
        assert_eq!(bench.profile(0, id, "metadata").await.status, 200, "{id}");
    }
    let traits = bench.profile(0, "user_id:new-1", "traits").await.json();
    assert_eq!(traits["traits"]["city"], "Oslo");
    let events = bench.profile(0, "user_id:new-1", "events").await.json();
    assert_eq!(events["data"].as_array().unwrap().len(), 1, "pages are not told");
    assert_eq!(events["data"][0]["event"], "Order Completed");
    let links = bench.profile(0, "user_id:new-1", "links").await.json();
    assert_eq!(links["data"][0]["external_ids"][0]["id"], "acct-new");
    let audit = bench.control("GET", "/audit/segment", Value::Null).await;
    assert_eq!(audit["events"][1]["messageId"], "m-2");
    assert_eq!(audit["events"][1]["event"], "Order Completed");
}

#[tokio::test]
async fn every_single_call_is_taken_by_its_own_route_and_by_basic() {
    let bench = Bench::new();
    let basic = format!("Basic {}", STANDARD.encode(format!("{}:", bench.write_key)));
    let headers = [("authorization", basic.as_str())];
    for (n, method) in
        ["identify", "track", "page", "screen", "group", "alias"].into_iter().enumerate()
    {
        let body = json!({
            "userId": "solo", "previousId": "before", "event": "E", "groupId": "g",
            "messageId": format!("solo-{n}"),
        });
        let path = format!("/v1/{method}");
        let router = bench.twins.tracking_api();
        let reply = send(router, "POST", &path, &headers, body.to_string()).await;
        assert_eq!(reply.status, 200, "{method}");
    }
    assert_eq!(effect(&bench, "events_accepted").await, 6);
    assert_eq!(ids(&bench, "user_id:solo").await, ["solo", "before"]);
}

#[tokio::test]
async fn a_message_id_counts_once() {
    let bench = Bench::new();
    let event = json!({"userId": "u", "event": "E", "messageId": "same"});
    bench.track("/v1/track", event.clone()).await;
    assert_eq!(bench.track("/v1/track", event).await.status, 200);
    assert_eq!(effect(&bench, "events_accepted").await, 1);
    assert_eq!(effect(&bench, "events_repeated").await, 1);
}

#[tokio::test]
async fn what_can_not_be_read_or_has_nobody_is_refused() {
    let bench = Bench::new();
    let nobody = bench.track("/v1/track", json!({"event": "E"})).await;
    assert_eq!((nobody.status, &nobody.json()["message"]), (400, &json!("no_user_anon_id")));
    assert_eq!(bench.track("/v1/track", json!({"userId": "u"})).await.status, 400);
    let large = json!({"userId": "u", "traits": {"text": "x".repeat(33_000)}});
    assert_eq!(bench.track("/v1/identify", large).await.status, 400);
    let event = json!({"type": "track", "userId": "u", "event": "E"});
    let many = json!({"batch": vec![event; 2501]});
    assert_eq!(bench.track("/v1/batch", many).await.status, 400);
    assert_eq!(bench.track("/v1/nothing", json!({"userId": "u"})).await.status, 404);
}

#[tokio::test]
async fn an_unknown_write_key_is_thanked_and_its_data_lost() {
    let bench = Bench::new();
    let body = json!({"userId": "lost", "event": "E", "writeKey": "wrong"}).to_string();
    let reply = send(bench.twins.tracking_api(), "POST", "/v1/track", &[], body).await;
    assert_eq!(reply.status, 200);
    assert_eq!(effect(&bench, "events_accepted").await, 0);
}

#[tokio::test]
async fn an_event_with_ids_of_two_profiles_merges_them() {
    let bench = Bench::new();
    bench.track("/v1/track", json!({"anonymousId": "visit-1", "event": "A"})).await;
    bench.track("/v1/track", json!({"anonymousId": "visit-2", "event": "B"})).await;
    let traits = json!({"email": "m@example.com"});
    let first = json!({"userId": "merged", "anonymousId": "visit-1", "traits": traits});
    bench.track("/v1/identify", first).await;
    let second = json!({"anonymousId": "visit-2", "traits": traits});
    bench.track("/v1/identify", second).await;
    let mut merged = ids(&bench, "anonymous_id:visit-2").await;
    merged.sort();
    assert_eq!(merged, ["m@example.com", "merged", "visit-1", "visit-2"]);
    let events = bench.profile(0, "user_id:merged", "events").await.json();
    assert_eq!(events["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_second_user_id_does_not_join_a_profile_over_a_shared_address() {
    let bench = Bench::new();
    let traits = json!({"email": "household@example.com"});
    bench.track("/v1/identify", json!({"userId": "one", "traits": traits})).await;
    bench.track("/v1/identify", json!({"userId": "two", "traits": traits})).await;
    assert_eq!(ids(&bench, "email:household@example.com").await, ["one", "household@example.com"]);
    assert_eq!(ids(&bench, "user_id:two").await, ["two"]);
}

#[tokio::test]
async fn null_takes_a_trait_away() {
    let bench = Bench::new();
    let identify = async |traits: Value| {
        bench.track("/v1/identify", json!({"userId": "t", "traits": traits})).await;
        bench.profile(0, "user_id:t", "traits").await.json()["traits"].clone()
    };
    assert_eq!(identify(json!({"a": 1, "b": "x"})).await, json!({"a": 1, "b": "x"}));
    assert_eq!(identify(json!({"a": null, "b": ""})).await, json!({"b": ""}));
}

#[tokio::test]
async fn suppressed_people_are_dropped_from_activation_on_and_not_before() {
    let bench = Bench::new();
    let track = async |n: u32| {
        let event = json!({"userId": "cust-100000", "event": "E", "messageId": format!("s-{n}")});
        assert_eq!(bench.track("/v1/track", event).await.status, 200);
        effect(&bench, "events_suppressed").await
    };
    bench.switch(json!({"suppression_takes": "PT5H"})).await;
    bench.regulate("SUPPRESS_ONLY", &["cust-100000"]).await;
    assert_eq!(track(1).await, 0);
    bench.advance("PT5H").await;
    assert_eq!(track(2).await, 1);
}

#[tokio::test]
async fn events_after_a_deletion_make_the_profile_anew_unless_suppressed() {
    let bench = Bench::new();
    bench.regulate("DELETE_ONLY", &["cust-100000"]).await;
    bench.regulate("SUPPRESS_WITH_DELETE", &["cust-100001"]).await;
    bench.advance("P25D").await;
    for user_id in ["cust-100000", "cust-100001"] {
        bench.track("/v1/track", json!({"userId": user_id, "event": "Back"})).await;
    }
    assert_eq!(bench.profile(0, "user_id:cust-100000", "metadata").await.status, 200);
    assert_eq!(bench.profile(0, "user_id:cust-100001", "metadata").await.status, 404);
}

#[tokio::test]
async fn a_new_profile_may_take_a_while_to_be_seen() {
    let bench = Bench::new();
    bench.switch(json!({"visible_after": "PT3M"})).await;
    bench.track("/v1/identify", json!({"userId": "slow"})).await;
    assert_eq!(bench.profile(0, "user_id:slow", "metadata").await.status, 404);
    bench.advance("PT3M").await;
    assert_eq!(bench.profile(0, "user_id:slow", "metadata").await.status, 200);
}

#[tokio::test]
async fn a_consent_event_is_kept_and_never_shown_by_the_profile_api() {
    let bench = Bench::new();
    let consent = json!({"categoryPreferences": {"sale-of-data": false}});
    let event = json!({
        "userId": "cust-100000", "event": "Segment Consent Preference Updated",
        "messageId": "our-key", "context": {"consent": consent},
    });
    bench.track("/v1/track", event).await;
    let audit = bench.control("GET", "/audit/segment", Value::Null).await;
    assert_eq!(audit["events"][0]["consent"], consent);
    let state = bench.twins.world.segment.state();
    let profile = state.spaces[0].look_up("user_id", "cust-100000").unwrap();
    assert_eq!(profile.consent, Some(consent));
}

#[tokio::test]
async fn events_beyond_unifys_limits_vanish_silently() {
    let bench = Bench::new();
    let traits: serde_json::Map<String, Value> =
        (0..301).map(|n| (format!("t{n}"), json!(n))).collect();
    let wide = json!({"userId": "wide", "traits": traits});
    assert_eq!(bench.track("/v1/identify", wide).await.status, 200);
    let long = json!({"userId": "long", "event": "E", "messageId": "m".repeat(101)});
    assert_eq!(bench.track("/v1/track", long).await.status, 200);
    assert_eq!(effect(&bench, "events_dropped").await, 2);
}

#[tokio::test]
async fn a_senders_clock_tells_only_how_long_ago_an_event_was() {
    let bench = Bench::new();
    let event = json!({
        "userId": "skewed", "event": "E",
        "timestamp": "2031-01-01T10:00:00Z", "sentAt": "2031-01-01T13:00:00+00:00",
    });
    bench.track("/v1/track", event).await;
    let events = bench.profile(0, "user_id:skewed", "events").await.json();
    let at: jiff::Timestamp = events["data"][0]["timestamp"].as_str().unwrap().parse().unwrap();
    assert_eq!(bench.twins.now().duration_since(at), jiff::SignedDuration::from_hours(3));
}
