//! Creating, reading and listing regulations: what is taken and what is refused.

use serde_json::{Value, json};

use crate::tests::Bench;

fn body(kind: &str, subject_type: &str, subjects: &[&str]) -> Value {
    json!({"regulationType": kind, "subjectType": subject_type, "subjectIds": subjects})
}

#[tokio::test]
async fn every_violation_of_a_creation_is_an_item_of_its_own() {
    let bench = Bench::new();
    let fields = async |body: Value| {
        let reply = bench.public("POST", "/regulations", body).await;
        assert_eq!(reply.status, 422);
        let errors = reply.json()["errors"].clone();
        let field = |error: &Value| error["field"].as_str().unwrap().to_owned();
        errors.as_array().unwrap().iter().map(field).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(fields(json!({})).await, "regulationType subjectType subjectIds");
    assert_eq!(fields(body("ERASE", "EMAIL", &[])).await, "regulationType subjectType subjectIds");
    assert_eq!(fields(body("DELETE_ONLY", "USER_ID", &["a", ""])).await, "subjectIds");
    assert_eq!(fields(body("DELETE_ONLY", "ANONYMOUS_ID", &["a"])).await, "subjectType");
    assert_eq!(fields(body("DELETE_ARCHIVE_ONLY", "USER_ID", &["a"])).await, "regulationType");
}

#[tokio::test]
async fn five_thousand_subjects_are_taken_and_one_more_is_not() {
    let bench = Bench::new();
    let ids: Vec<String> = (0..5001).map(|n| format!("id-{n}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let post = async |ids: &[&str]| {
        bench.public("POST", "/regulations", body("DELETE_ONLY", "USER_ID", ids)).await.status
    };
    assert_eq!(post(&ids).await, 422);
    assert_eq!(post(&ids[..5000]).await, 200);
    let long = "x".repeat(4_000_000);
    assert_eq!(post(&[&long]).await, 413);
}

#[tokio::test]
async fn repeated_subjects_count_once_and_unknown_fields_are_ignored() {
    let bench = Bench::new();
    let mut body = body("SUPPRESS_ONLY", "USER_ID", &["a", "b", "a"]);
    body["note"] = json!("x");
    let reply = bench.public("POST", "/regulations", body).await;
    assert_eq!(reply.header("x-ratelimit-consumed"), "2");
    let listed = bench.get("/regulations").await["regulations"][0].clone();
    assert_eq!(listed["subjects"], json!(["a", "b"]));
    let fields: Vec<&String> = listed.as_object().unwrap().keys().collect();
    let expected = ["createdAt", "id", "regulationType", "status", "subjectType", "subjects"];
    assert_eq!(fields, expected);
}

#[tokio::test]
async fn source_and_cloud_source_regulations_have_their_own_rules() {
    let bench = Bench::new();
    let sources = bench.get("/sources").await["sources"].clone();
    let path = |kind: &str, n: usize| {
        format!("/regulations/{kind}/{}", sources[n]["id"].as_str().unwrap())
    };
    let post = async |path: &str, body: Value| bench.public("POST", path, body).await.status;
    let (web, crm) = (path("sources", 0), path("cloudsources", 5));
    assert_eq!(post(&web, body("DELETE_ONLY", "USER_ID", &["a"])).await, 200);
    assert_eq!(post(&web, body("DELETE_ARCHIVE_ONLY", "USER_ID", &["a"])).await, 200);
    assert_eq!(post(&web, body("DELETE_ARCHIVE_ONLY", "ANONYMOUS_ID", &["a"])).await, 422);
    assert_eq!(post(&web, body("DELETE_ONLY", "OBJECT_ID", &["a"])).await, 422);
    assert_eq!(post("/regulations/sources/no", body("DELETE_ONLY", "USER_ID", &["a"])).await, 404);
    let mut object = body("DELETE_INTERNAL", "OBJECT_ID", &["0035g00000001"]);
    assert_eq!(post(&crm, object.clone()).await, 422, "a collection is missing");
    object["collection"] = json!("contacts");
    assert_eq!(post(&crm, object.clone()).await, 200);
    assert_eq!(post(&path("cloudsources", 0), object).await, 422, "the web source is no cloud");
    let listed = bench.get(&web).await;
    assert_eq!(listed["regulations"].as_array().unwrap().len(), 2);
    assert_eq!(listed.get("pagination"), None);
    let of_workspace = bench.get("/regulations").await;
    assert_eq!(of_workspace["regulations"], json!([]), "those of sources are listed per source");
    bench.switch(json!({"anonymous_id_enabled": true})).await;
    assert_eq!(post(&web, body("DELETE_ARCHIVE_ONLY", "ANONYMOUS_ID", &["a"])).await, 200);
}

#[tokio::test]
async fn lists_filter_by_status_and_by_types_in_every_encoding() {
    let bench = Bench::new();
    bench.regulate("DELETE_ONLY", &["a"]).await;
    bench.advance("P30D").await;
    bench.regulate("SUPPRESS_ONLY", &["b"]).await;
    bench.regulate("UNSUPPRESS", &["c"]).await;
    let types = async |query: &str| {
        let listed = bench.get(&format!("/regulations?{query}")).await["regulations"].clone();
        let kind = |entry: &Value| entry["regulationType"].as_str().unwrap().to_owned();
        listed.as_array().unwrap().iter().map(kind).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(types("").await, "UNSUPPRESS SUPPRESS_ONLY DELETE_ONLY", "newest first");
    assert_eq!(types("status=FINISHED").await, "DELETE_ONLY");
    for query in [
        "regulationTypes.0=DELETE_ONLY&regulationTypes.1=SUPPRESS_ONLY",
        "regulationTypes%5B0%5D=DELETE_ONLY&regulationTypes%5B1%5D=SUPPRESS_ONLY",
        "regulationTypes=DELETE_ONLY&regulationTypes=SUPPRESS_ONLY",
    ] {
        assert_eq!(types(query).await, "SUPPRESS_ONLY DELETE_ONLY", "{query}");
    }
    bench.switch(json!({"list_order": "oldest_first"})).await;
    assert_eq!(types("").await, "DELETE_ONLY SUPPRESS_ONLY UNSUPPRESS");
}

#[tokio::test]
async fn a_regulation_is_gone_after_ninety_days() {
    let bench = Bench::new();
    let id = bench.regulate("DELETE_ONLY", &["a"]).await;
    bench.advance("P89D").await;
    bench.get(&format!("/regulations/{id}")).await;
    bench.advance("P1D").await;
    let reply = bench.public("GET", &format!("/regulations/{id}"), Value::Null).await;
    assert_eq!((reply.status, &reply.json()["errors"][0]["type"]), (404, &json!("not-found")));
    assert_eq!(bench.get("/regulations").await["regulations"], json!([]));
}

#[tokio::test]
async fn a_new_regulation_may_be_listed_late() {
    let bench = Bench::new();
    bench.switch(json!({"regulations_listed_after": "PT10M"})).await;
    let id = bench.regulate("DELETE_ONLY", &["a"]).await;
    assert_eq!(bench.get("/regulations").await["regulations"], json!([]));
    bench.get(&format!("/regulations/{id}")).await;
    bench.advance("PT10M").await;
    assert_eq!(bench.get("/regulations").await["regulations"][0]["id"], json!(id));
}

#[tokio::test]
async fn cancelling_is_gone_unless_the_old_route_is_switched_on() {
    let bench = Bench::new();
    let id = bench.regulate("DELETE_ONLY", &["cust-100000"]).await;
    let path = format!("/regulations/{id}");
    assert_eq!(bench.public("DELETE", &path, Value::Null).await.status, 404);
    bench.switch(json!({"legacy_delete": true})).await;
    let reply = bench.public("DELETE", &path, Value::Null).await;
    assert_eq!(reply.json()["data"]["status"], "SUCCESS");
    bench.advance("P30D").await;
    assert_eq!(bench.profile(0, "user_id:cust-100000", "metadata").await.status, 200);
    let late = bench.regulate("DELETE_ONLY", &["cust-100000"]).await;
    bench.advance("PT3H").await;
    let reply = bench.public("DELETE", &format!("/regulations/{late}"), Value::Null).await;
    assert_eq!(reply.status, 409);
}
