//! The stream of what happens: from where it was left, to whoever may see it.

use axum::body::{Body, BodyDataStream};
use domain::{Reach, Role};
use futures_util::StreamExt as _;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::office::{Office, Persona, office};

/// A stream that is being read.
struct Reading {
    stream: BodyDataStream,
    text: String,
}

impl Reading {
    async fn begin(office: &Office, who: &Persona, headers: &[(&str, &str)], query: &str) -> Self {
        let uri = format!("/api/v1/events{query}");
        let response = office.response(who, Method::GET, &uri, headers, Body::empty()).await;
        assert_eq!(response.status(), StatusCode::OK);
        Self { stream: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The next event: its id, its name, its data.
    async fn next(&mut self) -> (i64, String, Value) {
        loop {
            if let Some((event, rest)) = self.text.clone().split_once("\n\n") {
                self.text = rest.to_owned();
                let field = |name: &str| {
                    let line = event.lines().find_map(|line| line.strip_prefix(name));
                    line.map(|line| line.trim_start_matches(": ").to_owned())
                };
                if let (Some(id), Some(name), Some(data)) =
                    (field("id"), field("event"), field("data"))
                {
                    return (id.parse().unwrap(), name, serde_json::from_str(&data).unwrap());
                }
                continue;
            }
            let chunk = self.stream.next().await.expect("the stream goes on").unwrap();
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

async fn enter(office: &Office, brand: &str, email: &str) -> String {
    let new = json!({"right": "access", "brand": brand,
                     "identifiers": [{"type": "email", "value": email}]});
    let made = office.ask(&Persona::Owner, Method::POST, "/requests", Some(new)).await;
    made.body["request"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_happens_is_told_once_and_goes_on_where_it_was_left() {
    let office = office().await;
    office.stage.connect().await.unwrap();
    let mut reading = Reading::begin(&office, &Persona::Owner, &[], "").await;
    let first = enter(&office, "hats", "a@example.com").await;
    let (id, name, data) = reading.next().await;
    assert_eq!((name.as_str(), &data["request"]), ("request.received", &json!(first)));
    assert_eq!(data["seq"], json!(id));
    assert!(!data.to_string().contains("a@example.com"));
    drop(reading);
    let second = enter(&office, "hats", "b@example.com").await;
    let seen = id.to_string();
    let mut again = Reading::begin(&office, &Persona::Owner, &[("last-event-id", &seen)], "").await;
    let (later, name, data) = again.next().await;
    assert!(later > id);
    assert_eq!((name.as_str(), &data["request"]), ("request.received", &json!(second)));
}

#[tokio::test]
async fn who_is_bound_to_a_brand_hears_of_that_brand_alone() {
    let office = office().await;
    office.stage.connect().await.unwrap();
    let reach = Reach::Brands(["shoes".to_owned()].into());
    let shoes = office.persona("shoes", &[Role::RequestManager], reach).await;
    enter(&office, "hats", "a@example.com").await;
    let own = enter(&office, "shoes", "b@example.com").await;
    let mut reading = Reading::begin(&office, &shoes, &[], "?after=0").await;
    let (_, _, data) = reading.next().await;
    assert_eq!(data["request"], json!(own));
}

#[tokio::test]
async fn a_stream_ends_when_its_token_does_and_one_from_nowhere_is_refused() {
    let office = office().await;
    let ada = office.persona("ada", &[Role::Auditor], Reach::All).await;
    let reading = Reading::begin(&office, &ada, &[], "").await;
    let path = "/principals/ada/tokens";
    let tokens = office.ask(&Persona::Owner, Method::GET, path, None).await;
    let path = format!("/tokens/{}", tokens.body["tokens"][0]["id"].as_str().unwrap());
    assert_eq!(office.ask(&Persona::Owner, Method::DELETE, &path, None).await.status, 200);
    let rest: Vec<_> = reading.stream.collect().await;
    assert!(rest.iter().all(Result::is_ok));
    let nowhere = [("last-event-id", "abc")];
    let path = "/api/v1/events";
    let refused = office.send(&Persona::Owner, Method::GET, path, &nowhere, String::new()).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::BAD_REQUEST, "E-API-003"));
}

#[tokio::test]
async fn a_stream_ends_when_the_server_does() {
    let office = office().await;
    let reading = Reading::begin(&office, &Persona::Owner, &[], "").await;
    office.stop();
    let rest: Vec<_> = reading.stream.collect().await;
    assert!(rest.iter().all(Result::is_ok));
}
