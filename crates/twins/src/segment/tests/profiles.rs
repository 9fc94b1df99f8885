//! The Profile API: look-ups, pages, windows, errors.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::tests::{Bench, send};

const ANA: &str = "user_id:cust-100000";

#[tokio::test]
async fn any_external_id_finds_the_profile_and_so_does_its_own_id() {
    let bench = Bench::new();
    let person = bench.person("regular").await;
    let found = bench.profile(0, ANA, "metadata").await.json();
    let segment_id = found["segment_id"].as_str().unwrap();
    assert_eq!(segment_id.len(), 31);
    let mut ids = vec![segment_id.to_owned(), format!("segment_id:{segment_id}")];
    for held in person["spaces"][0]["external_ids"].as_array().unwrap() {
        let id = held["id"].as_str().unwrap().replace('+', "%2B").replace('@', "%40");
        ids.push(format!("{}:{id}", held["type"].as_str().unwrap()));
        ids.push(format!("{}%3A{id}", held["type"].as_str().unwrap()));
    }
    for id in ids {
        let reply = bench.profile(0, &id, "metadata").await;
        assert_eq!((reply.status, reply.json()), (200, found.clone()), "{id}");
        assert!(!reply.header("request-id").is_empty());
    }
    assert_eq!(bench.profile(0, "cust-100000", "metadata").await.status, 404, "no type");
    assert_eq!(bench.profile(1, ANA, "metadata").await.status, 404, "another space");
}

#[tokio::test]
async fn look_ups_are_in_lower_case_though_ids_are_kept_as_given() {
    let bench = Bench::new();
    let person = bench.person("mixed_case").await;
    let user_id = person["user_id"].as_str().unwrap();
    let given = bench.profile(0, &format!("user_id:{user_id}"), "external_ids").await;
    assert_eq!(given.status, 404);
    assert_eq!(given.json()["error"]["code"], "not_found");
    let folded = format!("user_id:{}", user_id.to_lowercase());
    let found = bench.profile(0, &folded, "external_ids").await.json();
    assert_eq!(found["data"][0]["id"], user_id);
    let email = person["email"].as_str().unwrap().to_uppercase();
    assert_eq!(bench.profile(0, &format!("email:{email}"), "metadata").await.status, 404);
}

#[tokio::test]
async fn special_characters_are_found_escaped_and_break_things_bare() {
    let bench = Bench::new();
    for (kind, bare, escaped) in [("slash", "/", "%2F"), ("colon", ":", "%3A")] {
        let person = bench.person(kind).await;
        let user_id = person["user_id"].as_str().unwrap();
        assert!(user_id.contains(bare));
        let id = format!("user_id:{}", user_id.replace(bare, escaped));
        assert_eq!(bench.profile(0, &id, "metadata").await.status, 200, "{id}");
        assert_ne!(bench.profile(0, &format!("user_id:{user_id}"), "metadata").await.status, 200);
    }
    let person = bench.person("plus").await;
    let id = format!("email:{}", person["email"].as_str().unwrap());
    assert_eq!(bench.profile(0, &id, "metadata").await.status, 500);
    assert_eq!(bench.profile(0, &id.replace('+', "%2B"), "metadata").await.status, 200);
    bench.switch(json!({"profile_unescaped_500": false})).await;
    assert_eq!(bench.profile(0, &id, "metadata").await.status, 200);
}

#[tokio::test]
async fn traits_come_in_pages_of_ten_up_to_two_hundred() {
    let bench = Bench::new();
    let many = "user_id:cust-100007";
    let read =
        async |query: String| bench.profile(0, many, &format!("traits?{query}")).await.json();
    let n_of = |page: &Value| page["traits"].as_object().unwrap().len();
    let first = read(String::new()).await;
    assert_eq!((n_of(&first), &first["cursor"]["limit"]), (10, &json!(10)));
    assert_eq!(first["cursor"]["has_more"], true);
    let mut names = BTreeSet::new();
    let (mut next, mut pages) = (String::new(), 0);
    loop {
        let page = read(format!("limit=200&next={next}")).await;
        names.extend(page["traits"].as_object().unwrap().keys().cloned());
        pages += 1;
        next = page["cursor"]["next"].as_str().unwrap().to_owned();
        if page["cursor"]["has_more"] == false {
            break;
        }
    }
    assert_eq!((names.len(), pages, next.as_str()), (232, 2, ""));
    assert_eq!(bench.profile(0, many, "traits?limit=201").await.status, 400);
    assert_eq!(bench.profile(0, many, "traits?limit=0").await.status, 400);
}

#[tokio::test]
async fn traits_are_chosen_by_name_and_class_and_told_at_length() {
    let bench = Bench::new();
    let read = async |query: &str| {
        bench.profile(0, ANA, &format!("traits?{query}")).await.json()["traits"].clone()
    };
    let named = read("include=plan,first_name").await;
    assert_eq!(named, json!({"plan": "free", "first_name": "Ana"}));
    assert_eq!(read("class=audience").await, json!({"vip_audience": true}));
    assert!(read("class=computed_trait").await["lifetime_value"].is_number());
    let verbose = read("verbose=true&include=plan").await["plan"].clone();
    assert_eq!(verbose["value"], "free");
    assert!(verbose["source_id"].is_string() && verbose["updated_at"].is_string());
    assert_eq!(bench.profile(0, ANA, "traits?class=odd").await.status, 400);
}

#[tokio::test]
async fn external_ids_come_in_pages_and_by_type() {
    let bench = Bench::new();
    let first = bench.profile(0, ANA, "external_ids?limit=2").await.json();
    assert_eq!(first["cursor"]["has_more"], true);
    let next = first["cursor"]["next"].as_str().unwrap();
    let rest = bench.profile(0, ANA, &format!("external_ids?limit=3&next={next}")).await.json();
    assert_eq!(rest["data"].as_array().unwrap().len(), 3);
    assert_eq!((&rest["cursor"]["has_more"], &rest["cursor"]["next"]), (&json!(false), &json!("")));
    let anonymous = bench.profile(0, ANA, "external_ids?include=anonymous_id").await.json();
    assert_eq!(anonymous["data"].as_array().unwrap().len(), 2);
    assert_eq!(bench.profile(0, ANA, "external_ids?limit=101").await.status, 400);
    bench.switch(json!({"cursor_repeats": true})).await;
    let again = bench.profile(0, ANA, "external_ids?limit=2&next=2").await.json();
    assert_eq!(
        (&again["cursor"]["has_more"], &again["cursor"]["next"]),
        (&json!(true), &json!("2"))
    );
}

#[tokio::test]
async fn only_the_events_of_fourteen_days_are_told() {
    let bench = Bench::new();
    let read = async |query: &str| {
        let reply = bench.profile(0, ANA, &format!("events?{query}")).await.json();
        reply["data"].as_array().unwrap().clone()
    };
    let events = read("").await;
    assert_eq!(events.len(), 3, "two more are older");
    let times: Vec<&str> = events.iter().map(|e| e["timestamp"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "newest first: {times:?}");
    let reversed = read("sort=asc").await;
    assert_eq!(reversed.first(), events.last());
    let name = events[0]["event"].as_str().unwrap().to_owned();
    let escaped = name.replace(' ', "%20");
    assert!(read(&format!("include={escaped}")).await.iter().all(|e| e["event"] == name));
    assert!(read(&format!("exclude={escaped}")).await.iter().all(|e| e["event"] != name));
    assert_eq!(read(&format!("start={}", times[0])).await.len(), 1);
    bench.advance("P14D").await;
    assert_eq!(read("").await.len(), 0);
}

#[tokio::test]
async fn accounts_are_linked_both_ways() {
    let bench = Bench::new();
    let links = bench.profile(0, "user_id:cust-100003", "links").await.json();
    assert_eq!(links["data"][0]["to_collection"], "accounts");
    let account = links["data"][0]["external_ids"][0]["id"].as_str().unwrap().to_owned();
    let (space_id, token) = &bench.spaces[0];
    let path = format!("/v1/spaces/{space_id}/collections/accounts/profiles/group_id:{account}");
    let basic =
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("{token}:"));
    let headers = [("authorization", format!("Basic {basic}"))];
    let headers = [(headers[0].0, headers[0].1.as_str())];
    let get = async |what: &str| {
        let path = format!("{path}/{what}");
        send(bench.twins.profile_api(), "GET", &path, &headers, String::new()).await.json()
    };
    assert_eq!(get("traits").await["traits"]["industry"], "retail");
    assert!(get("links").await.to_string().contains("cust-100003"));
    assert_eq!(bench.profile(0, "user_id:cust-100003", "links?limit=21").await.status, 400);
}

#[tokio::test]
async fn the_list_of_profiles_goes_through_all_of_them() {
    let bench = Bench::new();
    let (space_id, token) = bench.spaces[1].clone();
    let basic =
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("{token}:"));
    let basic = format!("Basic {basic}");
    let headers = [("authorization", basic.as_str())];
    let path = format!("/v1/spaces/{space_id}/collections/users/profiles?limit=2");
    let page = send(bench.twins.profile_api(), "GET", &path, &headers, String::new()).await.json();
    assert_eq!(page["data"].as_array().unwrap().len(), 2);
    assert_eq!(page["cursor"]["next"], "2");
}

#[tokio::test]
async fn only_a_spaces_own_token_opens_it() {
    let bench = Bench::new();
    let wrong = bench.description["credentials"]["without"]["profile"]["spaces"][0].clone();
    assert_eq!(wrong["space_id"], json!(bench.spaces[0].0));
    let mut bench = bench;
    bench.spaces[0].1 = wrong["profile_token"].as_str().unwrap().to_owned();
    let reply = bench.profile(0, ANA, "metadata").await;
    assert_eq!(reply.status, 401);
    assert_eq!(reply.json()["error"]["code"], "authentication_error");
    bench.spaces[0].1 = bench.spaces[1].1.clone();
    assert_eq!(bench.profile(0, ANA, "metadata").await.status, 401);
}

#[tokio::test]
async fn one_external_id_can_be_deleted_from_a_profile() {
    let bench = Bench::new();
    let (space_id, token) = bench.spaces[0].clone();
    let basic =
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("{token}:"));
    let basic = format!("Basic {basic}");
    let delete = async |lookup: &str, ids: Value| {
        let path = format!(
            "/v1/spaces/{space_id}/collections/users/profiles/{lookup}/external_ids/delete"
        );
        let body = json!({"delete_external_ids": ids}).to_string();
        let headers = [("authorization", basic.as_str())];
        let reply = send(bench.twins.profile_api(), "POST", &path, &headers, body).await;
        let code = reply.json();
        let code = code["error"]["code"].as_str().or(code["code"].as_str()).unwrap().to_owned();
        (reply.status, code)
    };
    let email = json!({"id": "ana.quill.0@example.com", "type": "email"});
    let answer = |status: u16, code: &str| (status, code.to_owned());
    let own = json!([{"id": "cust-100000", "type": "user_id"}]);
    let group = json!([{"id": "acct-1", "type": "group_id"}]);
    assert_eq!(delete(ANA, own).await, answer(400, "bad_request"));
    assert_eq!(delete(ANA, json!([])).await, answer(400, "bad_request"));
    assert_eq!(delete(ANA, group).await, answer(400, "unsupported_eid_type"));
    assert_eq!(delete("email:x", json!([email])).await, answer(400, "bad_request"));
    assert_eq!(delete("user_id:nobody", json!([email])).await, answer(404, "not_found"));
    assert_eq!(delete(ANA, json!([email])).await, answer(200, "success"));
    assert_eq!(delete(ANA, json!([email])).await, answer(404, "eid_not_found"));
    assert_eq!(bench.profile(0, "email:ana.quill.0@example.com", "metadata").await.status, 404);
    assert_eq!(bench.profile(0, ANA, "metadata").await.status, 200);
    bench.switch(json!({"id_deletion_disabled": true})).await;
    assert_eq!(delete(ANA, json!([email])).await, answer(403, "forbidden"));
}
