//! The clock and those who follow it, over the control interface.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::Bench;

async fn register(bench: &Bench) -> String {
    let answer = bench.control("POST", "/clock/followers", json!({})).await;
    answer["id"].as_str().unwrap().to_owned()
}

async fn report(bench: &Bench, id: &str, next_due: Value) -> Value {
    bench.control("POST", "/clock/followers", json!({"id": id, "next_due": next_due})).await
}

async fn now(bench: &Bench) -> String {
    let clock = bench.control("GET", "/clock", Value::Null).await;
    clock["now"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_idle_clock_stands_still_until_it_is_told_to_move() {
    let bench = Bench::new();
    let before = now(&bench).await;
    bench.get("/").await;
    assert_eq!(now(&bench).await, before);
    bench.advance("P1D").await;
    let day = bench.twins.now().duration_since(before.parse().unwrap());
    assert_eq!(day, jiff::SignedDuration::from_hours(24));
}

#[tokio::test]
async fn a_lone_idle_follower_is_taken_to_its_next_due_time_at_once() {
    let bench = Bench::new();
    let id = register(&bench).await;
    let answer = report(&bench, &id, json!("2026-12-24T18:00:00Z")).await;
    assert_eq!(answer["now"], "2026-12-24T18:00:00Z");
    assert_eq!(answer["mode"], "idle");
}

#[tokio::test(start_paused = true)]
async fn a_follower_that_works_holds_the_clock_for_the_others() {
    let bench = Bench::new();
    let before = now(&bench).await;
    let (busy, idle) = (register(&bench).await, register(&bench).await);
    let started = Instant::now();
    let answer = report(&bench, &idle, json!("2026-12-24T18:00:00Z")).await;
    assert_eq!(answer["now"].as_str().unwrap(), before);
    assert!(started.elapsed() >= Duration::from_secs(3));
    let both = tokio::join!(
        report(&bench, &idle, json!("2026-12-24T18:00:00Z")),
        report(&bench, &busy, json!("2026-12-20T18:00:00Z")),
    );
    assert_eq!(both.1["now"], "2026-12-20T18:00:00Z");
    assert_eq!(both.0["now"], "2026-12-20T18:00:00Z", "held for three seconds, not taken further");
}

#[tokio::test(start_paused = true)]
async fn a_silent_follower_is_dropped_after_ten_real_seconds() {
    let bench = Bench::new();
    let (_killed, alive) = (register(&bench).await, register(&bench).await);
    let mut answers = 0;
    let due = json!("2026-12-24T18:00:00Z");
    while report(&bench, &alive, due.clone()).await["now"] != due {
        answers += 1;
        assert!(answers < 6, "the silent one is never dropped");
    }
    assert!(answers >= 3);
}

#[tokio::test(start_paused = true)]
async fn a_newer_report_of_a_follower_ends_its_older_one() {
    let bench = Bench::new();
    let (_busy, id) = (register(&bench).await, register(&bench).await);
    let started = Instant::now();
    let older = report(&bench, &id, json!("2026-12-24T18:00:00Z"));
    let newer = bench.control("POST", "/clock/followers", json!({"id": id, "busy": true}));
    tokio::join!(older, newer);
    assert!(started.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn an_idle_clock_goes_through_the_vendors_own_events_first() {
    let bench = Bench::new();
    let job = bench.regulate("DELETE_ONLY", &["cust-100000"]).await;
    let id = register(&bench).await;
    // With nothing due, the clock runs on to the last thing that the vendor has to do.
    report(&bench, &id, Value::Null).await;
    let regulation = bench.get(&format!("/regulations/{job}")).await["regulation"].clone();
    assert_eq!(regulation["overallStatus"], "FINISHED");
    let finished_at: jiff::Timestamp = regulation["finishedAt"].as_str().unwrap().parse().unwrap();
    let gap = bench.twins.now().duration_since(finished_at);
    assert!(gap.as_secs() == 0, "{gap}");
}

#[tokio::test]
async fn ten_thousand_jumps_take_less_than_a_minute() {
    let bench = Bench::new();
    let id = register(&bench).await;
    let mut due = bench.twins.now();
    let started = Instant::now();
    for _ in 0..2000 {
        due += jiff::SignedDuration::from_mins(7);
        assert_eq!(report(&bench, &id, json!(due)).await["now"], json!(due));
    }
    assert!(started.elapsed() < Duration::from_secs(12), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_paced_clock_answers_when_the_time_has_come_by_itself() {
    let bench = Bench::new();
    bench.control("POST", "/clock", json!({"mode": "paced", "pace": 86400})).await;
    let id = register(&bench).await;
    let due = bench.twins.now() + jiff::SignedDuration::from_hours(24);
    let started = Instant::now();
    let answer = report(&bench, &id, json!(due)).await;
    let reached: jiff::Timestamp = answer["now"].as_str().unwrap().parse().unwrap();
    assert!(reached >= due, "{reached}");
    let took = started.elapsed();
    assert!(took > Duration::from_millis(900) && took < Duration::from_millis(1500), "{took:?}");
}

#[tokio::test]
async fn a_clock_call_that_makes_no_sense_is_refused() {
    let bench = Bench::new();
    for bad in [
        json!({"advance": "-P1D"}),
        json!({"advance": "soon"}),
        json!({"advance": "P9000000D"}),
        json!({"mode": "fast"}),
        json!({"mode": "paced", "pace": -1}),
        json!({"step": 1}),
    ] {
        let reply =
            super::send(bench.twins.control(), "POST", "/clock", &[], bad.to_string()).await;
        assert_eq!(reply.status, 422, "{bad}");
    }
}
