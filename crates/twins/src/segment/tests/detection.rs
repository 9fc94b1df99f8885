//! Reads of the Public API: pages in every encoding, permissions, shapes.

use serde_json::{Value, json};

use crate::tests::{Bench, send};

#[tokio::test]
async fn every_encoding_of_a_page_gets_the_same_page() {
    let bench = Bench::new();
    let all = bench.get("/sources").await["sources"].clone();
    for query in [
        "pagination.count=2&pagination.cursor=Mg%3D%3D",
        "pagination%5Bcount%5D=2&pagination%5Bcursor%5D=Mg%3D%3D",
        "pagination[count]=2&pagination[cursor]=Mg==",
        "pagination=%7B%22cursor%22%3A%20%22Mg%3D%3D%22%2C%20%22count%22%3A%202%7D",
    ] {
        let page = bench.get(&format!("/sources?{query}")).await;
        assert_eq!(page["sources"], json!([all[2], all[3]]), "{query}");
        let info =
            json!({"current": "Mg==", "next": "NA==", "previous": "MA==", "totalEntries": 6});
        assert_eq!(page["pagination"], info, "{query}");
    }
    let body = json!({"pagination": {"count": 2, "cursor": "Mg=="}});
    let page = bench.public("GET", "/sources", body).await.json();
    assert_eq!(page["data"]["sources"], json!([all[2], all[3]]));
}

#[tokio::test]
async fn a_page_that_can_not_be_is_refused_with_the_field() {
    let bench = Bench::new();
    for (query, field) in [
        ("pagination.count=1001", "pagination.count"),
        ("pagination.count=0", "pagination.count"),
        ("pagination.count=many", "pagination.count"),
        ("pagination.cursor=xyz", "pagination.cursor"),
        ("pagination=%5B", "pagination"),
    ] {
        let reply = bench.public("GET", &format!("/destinations?{query}"), Value::Null).await;
        assert_eq!(reply.status, 422, "{query}");
        let error = &reply.json()["errors"][0];
        assert_eq!(error["type"], "input-validation");
        assert_eq!(error["field"], field);
    }
}

#[tokio::test]
async fn page_switches_mislead_a_client_in_three_ways() {
    let bench = Bench::new();
    let page = async || bench.get("/sources?pagination.count=2&pagination.cursor=Mg==").await;
    bench.switch(json!({"cursor_repeats": true})).await;
    assert_eq!(page().await["pagination"]["next"], "Mg==");
    bench.switch(json!({"cursor_repeats": false, "omit_next": true})).await;
    assert_eq!(page().await["pagination"].get("next"), None);
    bench.switch(json!({"omit_next": false, "cursor_invalid": true})).await;
    let path = "/sources?pagination.count=2&pagination.cursor=Mg==";
    assert_eq!(bench.public("GET", path, Value::Null).await.status, 422);
}

#[tokio::test]
async fn each_lacking_permission_closes_its_own_routes_only() {
    let bench = Bench::new();
    let routes = [
        ("privacy", "/regulations"),
        ("privacy", "/suppressions"),
        ("sources", "/sources"),
        ("destinations", "/destinations"),
        ("destinations", "/warehouses"),
        ("spaces", "/spaces"),
        ("nothing", "/users"),
    ];
    let without = bench.description["credentials"]["without"].clone();
    for missing in ["privacy", "sources", "destinations", "spaces"] {
        let token = without[missing]["token"].as_str().unwrap();
        assert_eq!(bench.public_as(token, "GET", "/", Value::Null).await.status, 200);
        for (permission, route) in routes {
            let status = bench.public_as(token, "GET", route, Value::Null).await.status;
            assert_eq!(status, if permission == missing { 401 } else { 200 }, "{missing} {route}");
        }
    }
    bench.switch(json!({"forbidden_status": 403, "spaces_disabled_status": 404})).await;
    let token = without["privacy"]["token"].as_str().unwrap();
    assert_eq!(bench.public_as(token, "GET", "/regulations", Value::Null).await.status, 403);
    assert_eq!(bench.public("GET", "/spaces", Value::Null).await.status, 404);
}

#[tokio::test]
async fn a_token_that_is_unknown_revoked_or_missing_opens_nothing() {
    let bench = Bench::new();
    let revoked = bench.description["credentials"]["revoked"]["token"].as_str().unwrap();
    for token in [revoked, "sgp_unknown", ""] {
        let reply = bench.public_as(token, "GET", "/", Value::Null).await;
        assert_eq!(reply.status, 401);
        assert_eq!(reply.json()["errors"][0]["type"], "unauthorized");
    }
    let reply = send(bench.twins.public_api(), "GET", "/", &[], String::new()).await;
    assert_eq!(reply.status, 401);
}

#[tokio::test]
async fn both_spellings_of_a_version_are_served_and_echoed() {
    let bench = Bench::new();
    let bearer = format!("Bearer {}", bench.token);
    for accept in ["application/vnd.segment.v1alpha+json", "application/vnd.segment.stable+json"] {
        let headers = [("authorization", bearer.as_str()), ("accept", accept)];
        let reply = send(bench.twins.public_api(), "GET", "/spaces", &headers, String::new()).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("content-type"), accept);
    }
}

#[tokio::test]
async fn destinations_carry_what_a_data_map_needs() {
    let bench = Bench::new();
    let destinations = bench.get("/destinations").await["destinations"].clone();
    let sources = bench.get("/sources").await["sources"].clone();
    let known: Vec<&Value> = sources.as_array().unwrap().iter().map(|s| &s["id"]).collect();
    for destination in destinations.as_array().unwrap() {
        assert!(known.contains(&&destination["sourceId"]));
        for field in [
            "id",
            "name",
            "description",
            "slug",
            "logos",
            "options",
            "status",
            "previousNames",
            "categories",
            "website",
            "components",
            "supportedFeatures",
            "supportedMethods",
            "supportedPlatforms",
            "actions",
            "presets",
        ] {
            assert!(!destination["metadata"][field].is_null(), "{field}");
        }
        let one =
            bench.get(&format!("/destinations/{}", destination["id"].as_str().unwrap())).await;
        assert_eq!(&one["destination"], destination);
    }
    let ios = sources[2]["id"].as_str().unwrap();
    let of_ios = bench.get(&format!("/sources/{ios}/connected-destinations")).await;
    assert_eq!(of_ios["destinations"].as_array().unwrap().len(), 2);
    assert_eq!(bench.get(&format!("/sources/{ios}")).await["trackingPlanId"], Value::Null);
    assert_eq!(bench.public("GET", "/sources/nowhere", Value::Null).await.status, 404);
    assert_eq!(bench.public("GET", "/destinations/nowhere", Value::Null).await.status, 404);
    assert_eq!(bench.public("GET", "/nowhere", Value::Null).await.status, 404);
}

#[tokio::test]
async fn a_swapped_workspace_shows_at_the_root() {
    let bench = Bench::new();
    let id = bench.get("/").await["workspace"]["id"].clone();
    assert_eq!(id, bench.description["credentials"]["full"]["workspace_id"]);
    bench.switch(json!({"workspace_swapped": true})).await;
    assert_ne!(bench.get("/").await["workspace"]["id"], id);
}

#[tokio::test]
async fn the_echo_helper_echoes_and_fails_as_asked() {
    let bench = Bench::new();
    let echo = bench.get("/echo?message=hi%20there").await;
    assert_eq!((&echo["message"], &echo["method"]), (&json!("hi there"), &json!("get")));
    assert_eq!(echo["headers"].get("authorization"), None, "a secret is not echoed");
    for (query, status) in [
        ("", 422),
        ("message=a&triggerError=true", 400),
        ("message=a&triggerMultipleErrors=true", 400),
        ("message=a&triggerUnexpectedError=true", 500),
        ("message=a&statusCode=201", 201),
    ] {
        let reply = bench.public("GET", &format!("/echo?{query}"), Value::Null).await;
        assert_eq!(reply.status, status, "{query}");
    }
}

#[tokio::test]
async fn the_smaller_lists_answer_too() {
    let bench = Bench::new();
    let warehouse = bench.get("/warehouses").await["warehouses"][0]["id"].clone();
    let path = format!("/warehouses/{}", warehouse.as_str().unwrap());
    assert_eq!(bench.get(&path).await["warehouse"]["id"], warehouse);
    let connected = bench.get(&format!("{path}/connected-sources")).await;
    assert_eq!(connected["pagination"]["totalEntries"], 6);
    let user = bench.get("/users").await["users"][0].clone();
    let one = bench.get(&format!("/users/{}", user["id"].as_str().unwrap())).await;
    assert_eq!(one["user"], user);
    assert_eq!(bench.get("/reverse-etl-models").await["models"], json!([]));
    let functions = bench.get("/functions?resourceType=DESTINATION").await;
    assert_eq!(functions["functions"][0]["displayName"], "Post to loyalty API");
    for (path, status) in [("/functions", 422), ("/warehouses/no", 404), ("/users/no", 404)] {
        assert_eq!(bench.public("GET", path, Value::Null).await.status, status, "{path}");
    }
}
