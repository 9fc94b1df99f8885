//! Rates and monthly quotas, in virtual time.

use serde_json::{Value, json};

use crate::tests::Bench;

fn creation(kind: &str, n: usize) -> Value {
    let ids: Vec<String> = (0..n).map(|n| format!("id-{n}")).collect();
    json!({"regulationType": kind, "subjectType": "USER_ID", "subjectIds": ids})
}

#[tokio::test]
async fn a_space_takes_a_hundred_profile_calls_a_second() {
    let bench = Bench::new();
    let calls = async || {
        let mut statuses = Vec::new();
        for _ in 0..103 {
            statuses.push(bench.profile(0, "user_id:nobody", "metadata").await.status);
        }
        statuses.iter().filter(|status| **status == 429).count()
    };
    assert_eq!(calls().await, 3);
    assert_eq!(bench.profile(1, "user_id:nobody", "metadata").await.status, 404, "per space");
    bench.advance("PT1S").await;
    assert_eq!(calls().await, 3);
    let refused = bench.profile(0, "user_id:nobody", "metadata").await;
    assert_eq!(refused.json()["error"]["code"], "rate_limit_error");
    assert_eq!(refused.header("retry-after"), "");
    bench.switch(json!({"profile_retry_after": true})).await;
    let refused = bench.profile(0, "user_id:nobody", "metadata").await;
    assert_eq!(refused.header("retry-after"), "1");
    bench.switch(json!({"limits": false})).await;
    assert_eq!(calls().await, 0);
}

#[tokio::test]
async fn creations_are_limited_to_six_hundred_a_minute() {
    let bench = Bench::new();
    for _ in 0..600 {
        bench.regulate("SUPPRESS_ONLY", &["a"]).await;
    }
    let reply = bench.public("POST", "/regulations", creation("SUPPRESS_ONLY", 1)).await;
    assert_eq!(reply.status, 429);
    assert_eq!(reply.header("retry-after"), "60");
    let error = reply.json()["errors"][0].clone();
    assert_eq!(error["type"], "RequestError");
    let hint = json!({"remainingPoints": 0, "msBeforeNext": 60000, "consumedPoints": 601});
    assert_eq!(error["data"], hint);
    bench.advance("PT1M").await;
    bench.regulate("SUPPRESS_ONLY", &["a"]).await;
}

#[tokio::test]
async fn successful_answers_tell_the_rate_of_the_token() {
    let bench = Bench::new();
    bench.switch(json!({"public_rate_per_minute": 2})).await;
    let reply = bench.public("GET", "/", Value::Null).await;
    assert_eq!(reply.header("x-ratelimit-consumed"), "1");
    assert_eq!(reply.header("x-ratelimit-remaining"), "1");
    assert!(reply.header("x-ratelimit-reset").ends_with(" GMT"));
    bench.get("/").await;
    assert_eq!(bench.public("GET", "/", Value::Null).await.status, 429);
    let other = bench.description["credentials"]["without"]["spaces"]["token"].as_str().unwrap();
    assert_eq!(bench.public_as(other, "GET", "/", Value::Null).await.status, 200);
}

#[tokio::test]
async fn the_hints_of_a_429_are_switched() {
    let bench = Bench::new();
    bench.switch(json!({"public_rate_per_minute": 0})).await;
    for (hint, has_header, has_data) in [
        ("both", true, true),
        ("retry_after", true, false),
        ("data", false, true),
        ("none", false, false),
    ] {
        bench.switch(json!({"rate_hint": hint})).await;
        let reply = bench.public("GET", "/", Value::Null).await;
        assert_eq!(reply.status, 429);
        assert_eq!(reply.header("retry-after").is_empty(), !has_header, "{hint}");
        assert_eq!(reply.json()["errors"][0]["data"].is_object(), has_data, "{hint}");
    }
}

#[tokio::test]
async fn the_month_takes_110000_users_per_category_and_begins_anew() {
    let bench = Bench::new();
    for _ in 0..22 {
        let reply = bench.public("POST", "/regulations", creation("DELETE_ONLY", 5000)).await;
        assert_eq!(reply.status, 200);
    }
    let full = bench.public("POST", "/regulations", creation("SUPPRESS_WITH_DELETE", 1)).await;
    assert_eq!(full.status, 429);
    assert_eq!(full.header("x-ratelimit-reset"), "Wed, 30 Sep 2026 23:59:59 GMT");
    let wait = full.json()["errors"][0]["data"]["msBeforeNext"].as_i64().unwrap();
    assert!(wait > 29 * 24 * 3600 * 1000, "{wait}");
    let other = bench.public("POST", "/regulations", creation("DELETE_INTERNAL", 1)).await;
    assert_eq!(other.status, 200, "the other category has its own");
    assert_eq!(other.header("x-ratelimit-remaining"), "109999");
    bench.advance("P30D").await;
    let next = bench.public("POST", "/regulations", creation("DELETE_ONLY", 1)).await;
    assert_eq!(next.status, 200);
    assert_eq!(next.header("x-ratelimit-consumed"), "1");
    assert_eq!(next.header("x-ratelimit-reset"), "Sat, 31 Oct 2026 23:59:59 GMT");
}

#[tokio::test]
async fn what_is_left_of_a_quota_can_be_set_even_without_limits() {
    let bench = Bench::new();
    bench.switch(json!({"limits": false, "quota_left": {"segment_and_destination": 3}})).await;
    let post = async |kind: &str, n: usize| {
        bench.public("POST", "/regulations", creation(kind, n)).await.status
    };
    assert_eq!(post("DELETE_ONLY", 4).await, 429);
    assert_eq!(post("DELETE_ONLY", 3).await, 200);
    assert_eq!(post("DELETE_ONLY", 1).await, 429);
    assert_eq!(post("SUPPRESS_ONLY", 9).await, 200);
}
