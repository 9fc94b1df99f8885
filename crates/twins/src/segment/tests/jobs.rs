//! A regulation's way through virtual time: what it does to people, and how it ends.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::tests::Bench;

async fn read(bench: &Bench, id: &str) -> Value {
    bench.get(&format!("/regulations/{id}")).await["regulation"].clone()
}

async fn status(bench: &Bench, id: &str) -> String {
    read(bench, id).await["overallStatus"].as_str().unwrap().to_owned()
}

async fn is_there(bench: &Bench, user_id: &str) -> bool {
    bench.profile(0, &format!("user_id:{user_id}"), "metadata").await.status == 200
}

fn user_id(person: &Value) -> &str {
    person["user_id"].as_str().unwrap()
}

#[tokio::test]
async fn a_deletion_runs_its_course_and_takes_the_profile_by_every_id() {
    let bench = Bench::new();
    let person = bench.person("regular").await;
    let id = bench.regulate("SUPPRESS_WITH_DELETE", &[user_id(&person)]).await;
    assert_eq!(status(&bench, &id).await, "INITIALIZED");
    assert_eq!(read(&bench, &id).await.get("finishedAt"), None);
    bench.advance("PT2H").await;
    assert_eq!(status(&bench, &id).await, "RUNNING");
    bench.advance("PT22H").await;
    let suppressed = bench.get("/suppressions").await["suppressed"].clone();
    assert_eq!(suppressed[0]["subjectIds"], json!([user_id(&person)]));
    assert!(is_there(&bench, user_id(&person)).await, "deletion takes a day at least");
    bench.advance("P20D").await;
    let done = read(&bench, &id).await;
    assert_eq!(done["overallStatus"], "FINISHED");
    assert!(done["finishedAt"].as_str().unwrap().ends_with('Z'));
    let streams = done["streamStatus"].as_array().unwrap();
    assert_eq!(streams.len(), 2, "the web and the backend source");
    for destination in streams.iter().flat_map(|s| s["destinationStatus"].as_array().unwrap()) {
        assert_eq!(destination["status"], "FINISHED");
        assert_eq!(destination["errString"], "");
        assert!(!destination["finishedAt"].as_str().unwrap().is_empty());
    }
    for held in person["spaces"][0]["external_ids"].as_array().unwrap() {
        let (kind, id) = (held["type"].as_str().unwrap(), held["id"].as_str().unwrap());
        let id = id.replace('+', "%2B");
        assert_eq!(bench.profile(0, &format!("{kind}:{id}"), "metadata").await.status, 404);
    }
}

#[tokio::test]
async fn open_entries_are_strings_too() {
    let bench = Bench::new();
    let person = bench.person("residue").await;
    let id = bench.regulate("DELETE_ONLY", &[user_id(&person)]).await;
    let open = read(&bench, &id).await;
    for destination in open["streamStatus"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|s| s["destinationStatus"].as_array().unwrap())
    {
        for field in ["name", "id", "status", "errString", "finishedAt"] {
            assert!(destination[field].is_string(), "{field}");
        }
    }
}

#[tokio::test]
async fn a_destination_that_can_not_delete_fails_the_whole_though_the_profile_is_gone() {
    for (aggregate, expected) in [("failed", "FAILED"), ("partial", "PARTIAL_SUCCESS")] {
        let bench = Bench::new();
        bench.switch(json!({"aggregate": aggregate})).await;
        let person = bench.person("residue").await;
        let id = bench.regulate("DELETE_ONLY", &[user_id(&person)]).await;
        bench.advance("P25D").await;
        let done = read(&bench, &id).await;
        assert_eq!(done["overallStatus"], expected);
        let text = done["streamStatus"].to_string();
        assert!(text.contains("Google Analytics 4 Web") && text.contains("NOT_SUPPORTED"));
        assert!(!is_there(&bench, user_id(&person)).await);
    }
}

#[tokio::test]
async fn a_destination_without_its_key_fails_until_it_is_configured() {
    for (is_configured, expected) in [(false, "FAILED"), (true, "FINISHED")] {
        let bench = Bench::new();
        bench.switch(json!({"deletion_configured": is_configured})).await;
        let person = bench.person("failing_destination").await;
        let id = bench.regulate("DELETE_ONLY", &[user_id(&person)]).await;
        bench.advance("P25D").await;
        assert_eq!(status(&bench, &id).await, expected);
    }
}

#[tokio::test]
async fn an_internal_deletion_forwards_nothing() {
    let bench = Bench::new();
    let person = bench.person("residue").await;
    let id = bench.regulate("DELETE_INTERNAL", &[user_id(&person)]).await;
    bench.advance("P25D").await;
    let done = read(&bench, &id).await;
    assert_eq!(done["overallStatus"], "FINISHED");
    let streams = done["streamStatus"].as_array().unwrap();
    assert!(streams.iter().all(|stream| stream["destinationStatus"] == json!([])));
    assert!(!is_there(&bench, user_id(&person)).await);
    assert_eq!(bench.get("/suppressions").await["suppressed"], json!([]));
}

#[tokio::test]
async fn an_unknown_subject_finishes_without_streams() {
    let bench = Bench::new();
    let id = bench.regulate("SUPPRESS_WITH_DELETE", &["ana@example.com"]).await;
    bench.advance("P25D").await;
    let done = read(&bench, &id).await;
    assert_eq!((&done["overallStatus"], &done["streamStatus"]), (&json!("FINISHED"), &json!([])));
}

#[tokio::test]
async fn subjects_are_matched_in_their_own_case_only() {
    let bench = Bench::new();
    let person = bench.person("mixed_case").await;
    let folded = user_id(&person).to_lowercase();
    bench.regulate("DELETE_ONLY", &[&folded]).await;
    bench.advance("P25D").await;
    assert!(is_there(&bench, &folded).await);
    bench.regulate("DELETE_ONLY", &[user_id(&person)]).await;
    bench.advance("P25D").await;
    assert!(!is_there(&bench, &folded).await);
}

#[tokio::test]
async fn one_person_is_deleted_in_the_spaces_that_know_the_id() {
    let bench = Bench::new();
    let person = bench.person("two_spaces").await;
    bench.regulate("DELETE_ONLY", &[user_id(&person)]).await;
    bench.advance("P25D").await;
    let email = format!("email:{}", person["email"].as_str().unwrap());
    assert_eq!(bench.profile(0, &email, "metadata").await.status, 404);
    assert_eq!(bench.profile(1, &email, "metadata").await.status, 200, "other user id there");
}

#[tokio::test]
async fn a_liar_finishes_while_the_profile_stays() {
    let bench = Bench::new();
    bench.switch(json!({"lies_about": ["cust-100001"]})).await;
    let id = bench.regulate("DELETE_ONLY", &["cust-100000", "cust-100001"]).await;
    bench.advance("P25D").await;
    assert_eq!(status(&bench, &id).await, "FINISHED");
    assert!(!is_there(&bench, "cust-100000").await);
    assert!(is_there(&bench, "cust-100001").await);
    let calls = bench.control("GET", "/calls", Value::Null).await;
    assert_eq!(calls["effects"]["segment"]["subjects_deleted"], 1);
}

#[tokio::test]
async fn stuck_jobs_stay_and_go_on_when_released() {
    let bench = Bench::new();
    bench.switch(json!({"stuck": true})).await;
    let id = bench.regulate("DELETE_ONLY", &["cust-100000"]).await;
    bench.advance("P40D").await;
    assert_eq!(status(&bench, &id).await, "INITIALIZED");
    assert!(is_there(&bench, "cust-100000").await);
    bench.switch(json!({"stuck": false})).await;
    assert_eq!(status(&bench, &id).await, "FINISHED");
}

#[tokio::test]
async fn a_failing_job_deletes_nothing_and_blames_no_destination() {
    let bench = Bench::new();
    bench.switch(json!({"job_fails": true})).await;
    let id = bench.regulate("DELETE_ONLY", &["cust-100000"]).await;
    bench.advance("P25D").await;
    let done = read(&bench, &id).await;
    assert_eq!(done["overallStatus"], "FAILED");
    assert!(!done["streamStatus"].to_string().contains("FAILED"));
    assert!(is_there(&bench, "cust-100000").await);
}

#[tokio::test]
async fn a_job_may_go_back_from_its_end_once() {
    let bench = Bench::new();
    bench.switch(json!({"goes_back": true})).await;
    let id = bench.regulate("DELETE_ONLY", &["cust-100000"]).await;
    bench.advance("P25D").await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(status(&bench, &id).await);
    }
    assert_eq!(seen, ["FINISHED", "RUNNING", "FINISHED"]);
}

#[tokio::test]
async fn an_unknown_word_may_stand_for_a_status() {
    let bench = Bench::new();
    bench.switch(json!({"unknown_status": "ARCHIVING"})).await;
    let id = bench.regulate("DELETE_ONLY", &["cust-100000"]).await;
    assert_eq!(status(&bench, &id).await, "INITIALIZED");
    bench.advance("PT2H").await;
    assert_eq!(status(&bench, &id).await, "ARCHIVING");
    assert_eq!(bench.get("/regulations").await["regulations"][0]["status"], "ARCHIVING");
}

#[tokio::test]
async fn deleted_profiles_may_come_back() {
    let bench = Bench::new();
    bench.switch(json!({"reappear_after": "P2D", "deletion_takes": "PT6H"})).await;
    bench.regulate("DELETE_ONLY", &["cust-100000"]).await;
    bench.advance("PT6H").await;
    assert!(!is_there(&bench, "cust-100000").await);
    bench.advance("P2D").await;
    assert!(is_there(&bench, "cust-100000").await);
}

#[tokio::test]
async fn suppression_ends_with_its_opposite_and_a_source_can_not_end_the_workspaces() {
    let bench = Bench::new();
    bench.switch(json!({"suppression_takes": "PT1H"})).await;
    bench.regulate("SUPPRESS_ONLY", &["cust-100000"]).await;
    bench.advance("PT1H").await;
    let sources = bench.get("/sources").await["sources"].clone();
    let path = format!("/regulations/sources/{}", sources[0]["id"].as_str().unwrap());
    let body = json!({
        "regulationType": "UNSUPPRESS", "subjectType": "USER_ID", "subjectIds": ["cust-100000"],
    });
    let reply = bench.public("POST", &path, body).await.json();
    bench.advance("PT1H").await;
    let of_source = reply["data"]["regulateId"].as_str().unwrap();
    assert_eq!(status(&bench, of_source).await, "FAILED");
    assert_eq!(bench.get("/suppressions").await["pagination"]["totalEntries"], 1);
    let id = bench.regulate("UNSUPPRESS", &["cust-100000"]).await;
    bench.advance("PT1H").await;
    assert_eq!(status(&bench, &id).await, "FINISHED");
    assert_eq!(bench.get("/suppressions").await["suppressed"], json!([]));
}

#[tokio::test]
async fn the_suppression_list_may_leave_out_combined_types() {
    let bench = Bench::new();
    bench.regulate("SUPPRESS_WITH_DELETE", &["a"]).await;
    bench.regulate("SUPPRESS_ONLY", &["b"]).await;
    bench.advance("P25D").await;
    let total = async || bench.get("/suppressions").await["pagination"]["totalEntries"].clone();
    assert_eq!(total().await, 2);
    bench.switch(json!({"suppressions_include_combined": false})).await;
    assert_eq!(total().await, 1);
}

#[tokio::test]
async fn a_source_regulation_takes_only_that_sources_data() {
    let bench = Bench::new();
    let sources = bench.get("/sources").await["sources"].clone();
    let web = sources[0]["id"].as_str().unwrap();
    let body = json!({
        "regulationType": "DELETE_ONLY", "subjectType": "USER_ID", "subjectIds": ["cust-100000"],
    });
    bench.public("POST", &format!("/regulations/sources/{web}"), body).await;
    bench.advance("P25D").await;
    let ids = bench.profile(0, "user_id:cust-100000", "external_ids").await.json();
    let ids = ids["data"].as_array().unwrap();
    assert_eq!(ids.len(), 3, "the two anonymous ids came from the web");
    assert!(ids.iter().all(|id| id["source_id"] != web));
}

#[tokio::test]
async fn the_audit_lists_regulations_with_sorted_subjects() {
    let bench = Bench::new();
    let id = bench.regulate("DELETE_ONLY", &["b", "a"]).await;
    let audit = bench.control("GET", "/audit/segment", Value::Null).await;
    let regulation = &audit["regulations"][0];
    assert_eq!(regulation["id"], json!(id));
    assert_eq!(regulation["subject_ids"], json!(["a", "b"]));
    assert_eq!(regulation["type"], "DELETE_ONLY");
}

#[tokio::test]
async fn a_classic_webhook_gets_a_delete_message_for_every_subject() {
    let bench = Bench::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook?from=twin", listener.local_addr().unwrap());
    bench.switch(json!({"webhook_url": url})).await;
    bench.regulate("DELETE_ONLY", &["cust-100000", "cust-100001"]).await;
    bench.advance("P25D").await;
    let mut seen = Vec::new();
    for _ in 0..2 {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut received = Vec::new();
        while !received.ends_with(b"}") {
            stream.read_buf(&mut received).await.unwrap();
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        let text = String::from_utf8(received).unwrap();
        assert!(text.starts_with("POST /hook?from=twin HTTP/1.1\r\n"), "{text}");
        assert!(text.contains("User-Agent: Segment.io/1.0"));
        let message: Value = serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap();
        assert_eq!(message["type"], "delete");
        seen.push(message["userId"].as_str().unwrap().to_owned());
    }
    assert_eq!(seen, ["cust-100000", "cust-100001"]);
}
