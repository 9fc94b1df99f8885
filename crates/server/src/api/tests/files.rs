//! Files that come in and go out.

use axum::body::Body;
use domain::{Reach, Role};
use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use store::RequestFilter;

use super::office::{Answer, Office, Persona, office};

const CSV: (&str, &str) = ("content-type", "text/csv");

async fn import(office: &Office, who: &Persona, query: &str, file: &str) -> Answer {
    let uri = format!("/api/v1/imports{query}");
    office.send(who, Method::POST, &uri, &[CSV], file.to_owned()).await
}

/// The lines of an answer.
fn lines(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    // One line is a value by itself.
    let text = match &answer.body {
        Value::String(text) => text.clone(),
        one => one.to_string(),
    };
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn n_requests(office: &Office) -> usize {
    let filter = RequestFilter::default();
    office.stage.store.requests(&filter, None, 10_000).await.unwrap().len()
}

#[tokio::test]
async fn a_file_is_told_row_by_row_and_the_same_again_changes_nothing() {
    let office = office().await;
    let file = "right,email,external_id\naccess,a@b.example,A\nerase,x@y.example,B\n";
    let dry = lines(&import(&office, &Persona::Owner, "?dry_run=true", file).await);
    assert_eq!(dry.last().unwrap()["done"]["n_new"], 1);
    assert_eq!(n_requests(&office).await, 0);
    let told = lines(&import(&office, &Persona::Owner, "?rows=true", file).await);
    assert_eq!(told.len(), 4, "two rows, how far it is, and what it came to: {told:?}");
    assert!(told[0]["row"]["request"].as_str().unwrap().starts_with("req_"));
    assert_eq!(told[1]["row"], json!({"row": 3, "request": null, "errors": ["E-REQ-001"]}));
    assert_eq!(told[2]["progress"], json!({"n_rows": 2, "n_rows_total": 2}));
    let again = lines(&import(&office, &Persona::Owner, "", file).await);
    assert_eq!(again.last().unwrap()["done"]["n_known"], 1);
    assert_eq!(n_requests(&office).await, 1);
}

#[tokio::test]
async fn a_fault_of_the_file_is_told_at_once_and_nothing_is_imported() {
    let office = office().await;
    let broken = format!("right,email\n{}access,\"open\n", "access,a@b.example\n".repeat(5_000));
    for (file, code) in
        [("right,colour\naccess,red\n", "E-CSV-002"), ("", "E-CSV-005"), (&*broken, "E-CSV-007")]
    {
        let answer = import(&office, &Persona::Owner, "", file).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (422, code));
        assert!(!answer.body.to_string().contains("b.example"));
    }
    let uri = "/api/v1/imports";
    let json = [("content-type", "application/json")];
    let answer =
        office.send(&Persona::Owner, Method::POST, uri, &json, "right,email\n".to_owned()).await;
    assert_eq!(answer.code(), "E-API-005");
    assert_eq!(n_requests(&office).await, 0);
}

#[tokio::test]
async fn a_file_brings_in_no_more_than_its_sender_may_reach() {
    let office = office().await;
    let reach = Reach::Brands(["shoes".to_owned()].into());
    let shoes = office.persona("shoes", &[Role::RequestManager], reach).await;
    let file = "right,email,brand\naccess,a@b.example,shoes\naccess,c@d.example,hats\n\
                access,e@f.example,\n";
    let told = lines(&import(&office, &shoes, "", file).await);
    let done = &told.last().unwrap()["done"];
    assert_eq!((done["n_new"].as_u64(), done["n_left_out"].as_u64()), (Some(1), Some(2)));
    assert_eq!(done["bad_rows"][0]["faults"][0]["code"], "E-REQ-044");
    let auditor = office.persona("eve", &[Role::Auditor], Reach::All).await;
    assert_eq!(import(&office, &auditor, "", file).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_goes_on_though_nobody_hears_the_answer() {
    let office = office().await;
    let rows: String = (0..5_000).map(|n| format!("access,p{n}@b.example\n")).collect();
    let file = Body::from(format!("right,email\n{rows}"));
    let response =
        office.response(&Persona::Owner, Method::POST, "/api/v1/imports", &[CSV], file).await;
    assert_eq!(response.status(), StatusCode::OK);
    let mut body = response.into_body();
    body.frame().await.unwrap().unwrap();
    drop(body);
    while n_requests(&office).await < 5_000 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_package_is_made_of_what_reads_and_for_whoever_may_see_values() {
    let office = office().await;
    office.stage.connect().await.unwrap();
    let of = |right: &str, email: &str| json!({"right": right, "brand": "hats", "identifiers": [{"type": "email", "value": email}]});
    let enter = async |right, email| {
        let body = Some(of(right, email));
        let answer = office.ask(&Persona::Owner, Method::POST, "/requests", body).await;
        format!("/requests/{}/package", answer.body["request"].as_str().unwrap())
    };
    let access = enter("access", "a@b.example").await;
    let deletion = enter("deletion", "c@d.example").await;
    let answer = office.ask(&Persona::Owner, Method::POST, &deletion, None).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (422, "E-PKG-001"));
    let uri = format!("/api/v1{access}");
    let answer = office.response(&Persona::Owner, Method::POST, &uri, &[], Body::empty()).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let about: Value =
        serde_json::from_slice(answer.headers()["habeas-package"].as_bytes()).unwrap();
    let zip = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(about["size_bytes"].as_u64(), Some(zip.len() as u64));
    assert!(zip.starts_with(b"PK") && about["reservations"][0].is_string());
    let reach = Reach::Brands(["shoes".to_owned()].into());
    let shoes = office.persona("shoes", &[Role::RequestManager], reach).await;
    let answer = office.ask(&shoes, Method::POST, &access, None).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let approver = office.persona("ann", &[Role::Approver], Reach::All).await;
    let answer = office.ask(&approver, Method::POST, &access, None).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}

/// A file of so many rows.
fn rows(n: usize) -> String {
    let rows: String = (0..n).map(|n| format!("access,p{n}@b.example\n")).collect();
    format!("right,email\n{rows}")
}

#[tokio::test]
async fn an_import_ends_where_the_token_ends_that_began_it() {
    let office = office().await;
    let manager = office.persona("mira", &[Role::RequestManager], Reach::All).await;
    let file = Body::from(rows(20_000));
    let answer = office.response(&manager, Method::POST, "/api/v1/imports", &[CSV], file).await;
    let mut body = answer.into_body();
    let mut told = body.frame().await.unwrap().unwrap().into_data().unwrap().to_vec();
    let path = "/principals/mira/disable";
    let disabled = office.ask(&Persona::Owner, Method::POST, path, None).await;
    assert_eq!(disabled.status, StatusCode::OK, "{}", disabled.body);
    told.extend(body.collect().await.unwrap().to_bytes());
    let told = String::from_utf8(told).unwrap();
    let told: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [.., before, last] = &told[..] else { panic!("{told:?}") };
    assert_eq!(last["failed"]["code"], "E-AUTH-001", "{last}");
    assert!(before["progress"]["n_rows"].as_u64().unwrap() < 20_000);
}

#[tokio::test]
async fn no_more_files_are_there_than_there_are_places() {
    let office = office().await;
    let begin = async || {
        let file = Body::from(rows(20_000));
        let uri = "/api/v1/imports?dry_run=true";
        office.response(&Persona::Owner, Method::POST, uri, &[CSV], file).await
    };
    // Nobody reads what is told, so neither comes to its end.
    let (first, second) = (begin().await, begin().await);
    let mut third = std::pin::pin!(import(&office, &Persona::Owner, "", "right,email\n"));
    let early = tokio::time::timeout(std::time::Duration::from_millis(200), &mut third).await;
    assert!(early.is_err(), "there is no place for it");
    drop(first);
    assert_eq!(lines(&third.await).last().unwrap()["done"]["n_new"], 0);
    drop(second);
}
