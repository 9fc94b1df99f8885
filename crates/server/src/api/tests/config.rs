//! Configuration as code over HTTP: planned, checked at the vendor, carried out once, and by those alone
//! who may change what it changes.

use domain::{Reach, Role};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::office::{Answer, Office, Persona, office};

/// A configuration with the twin of the stage as `shop`.
fn config(office: &Office) -> Value {
    let twin = &office.stage.twins["segment"];
    let full = &twin["credentials"]["full"];
    json!({
        "settings": {"respond_within": "45"},
        "principals": {"ann": {"kind": "person", "roles": ["approver"], "reach": "all"}},
        "connections": {"shop": {
            "connector": "segment",
            "settings": {"region": "us", "workspace_id": full["workspace_id"]},
            "secrets": {"token": full["token"]},
            "base_urls": twin["base_urls"],
            "allow_loopback": true,
            "switches": {"mode": "act"},
        }},
    })
}

async fn plan(office: &Office, who: &Persona, config: &Value) -> Answer {
    let body = json!({"config": config});
    office.ask(who, Method::POST, "/config/plan", Some(body)).await
}

async fn apply(office: &Office, who: &Persona, config: &Value) -> Answer {
    let shown = plan(office, who, config).await;
    assert_eq!(shown.status, StatusCode::OK, "{}", shown.body);
    let body = json!({"config": config, "plan": shown.body["digest"]});
    office.ask(who, Method::POST, "/config/apply", Some(body)).await
}

#[tokio::test]
async fn a_configuration_is_applied_once_and_reads_back_as_it_is() {
    let office = office().await;
    let wanted = config(&office);
    let first = apply(&office, &Persona::Owner, &wanted).await;
    assert_eq!((first.status, &first.body["failed"]), (StatusCode::OK, &Value::Null));
    assert_eq!(first.body["done"].as_array().unwrap().len(), 3, "{}", first.body);
    let again = plan(&office, &Persona::Owner, &wanted).await;
    assert_eq!(again.body["changes"], json!([]));
    let stands = office.ask(&Persona::Owner, Method::GET, "/config", None).await.body;
    assert_eq!(stands["connections"]["shop"]["secrets"], json!({"token": null}));
    assert_eq!(stands["connections"]["shop"]["switches"]["mode"], "act");
    let same = plan(&office, &Persona::Owner, &stands).await;
    assert_eq!(same.body["changes"], json!([]));
    assert_eq!(same.body["not_compared"], json!(["shop.token"]));
}

#[tokio::test]
async fn what_a_check_refuses_changes_nothing() {
    let office = office().await;
    let mut wanted = config(&office);
    wanted["connections"]["shop"]["secrets"]["token"] = "hush".into();
    let refused = apply(&office, &Persona::Owner, &wanted).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (422, "E-SET-004"));
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(detail.starts_with("connections.shop: ") && !detail.contains("hush"), "{detail}");
    let stands = office.ask(&Persona::Owner, Method::GET, "/config", None).await.body;
    assert_eq!((&stands["connections"], &stands["principals"]), (&json!({}), &json!({})));
    let again = plan(&office, &Persona::Owner, &wanted).await;
    assert_eq!(again.body["changes"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn faults_come_all_at_once_and_another_plan_is_a_conflict() {
    let office = office().await;
    let mut bad = config(&office);
    bad["connections"]["shop"]["settings"]["regoin"] = "us".into();
    bad["principals"]["ann"]["roles"] = json!([]);
    let refused = plan(&office, &Persona::Owner, &bad).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let fields: Vec<_> = refused.body["errors"].as_array().unwrap().iter().collect();
    assert_eq!(fields[0]["field"], "principals.ann.roles");
    assert_eq!(fields[1]["field"], "connections.shop.regoin");
    assert!(fields[1]["message"].as_str().unwrap().contains("did you mean `region`"));
    let body = json!({"config": config(&office), "plan": "0".repeat(64)});
    let other = office.ask(&Persona::Owner, Method::POST, "/config/apply", Some(body)).await;
    assert_eq!((other.status, other.code()), (StatusCode::CONFLICT, "E-ACT-006"));
}

#[tokio::test]
async fn each_part_needs_its_own_permission() {
    let office = office().await;
    apply(&office, &Persona::Owner, &config(&office)).await;
    let manager = office.persona("max", &[Role::ConnectionsManager], Reach::All).await;
    let whole = plan(&office, &manager, &config(&office)).await;
    assert_eq!((whole.status, whole.code()), (StatusCode::FORBIDDEN, "E-API-002"));
    let mut own = config(&office);
    own.as_object_mut().unwrap().retain(|part, _| part == "connections");
    own["connections"]["shop"]["switches"]["mode"] = "observe".into();
    assert_eq!(apply(&office, &manager, &own).await.status, StatusCode::OK);
    own["connections"]["shop"]["settings"]["deletion_type"] = "DELETE_ONLY".into();
    let refused = apply(&office, &manager, &own).await;
    assert_eq!(refused.code(), "E-API-013", "a token leads nobody back to the machine");
    let auditor = office.persona("eve", &[Role::Auditor], Reach::All).await;
    assert_eq!(plan(&office, &auditor, &own).await.code(), "E-API-002");
    let approver = office.persona("bob", &[Role::Approver], Reach::All).await;
    let seen = office.ask(&approver, Method::GET, "/config", None).await.body;
    assert!(seen["principals"].is_null() && seen["connections"]["shop"].is_object(), "{seen}");
}

#[tokio::test]
async fn who_tries_secrets_out_is_journalled_and_soon_refused() {
    let office = office().await;
    let mut wanted = config(&office);
    apply(&office, &Persona::Owner, &wanted).await;
    wanted.as_object_mut().unwrap().retain(|part, _| part == "connections");
    let manager = office.persona("max", &[Role::ConnectionsManager], Reach::All).await;
    wanted["connections"]["shop"]["secrets"]["token"] = "guess".into();
    let mut n_told = 0;
    let refused = loop {
        let answer = plan(&office, &manager, &wanted).await;
        if answer.status != StatusCode::OK {
            break answer;
        }
        n_told += 1;
    };
    assert_eq!((refused.status.as_u16(), refused.code()), (429, "E-CFG-006"));
    assert!((12..20).contains(&n_told), "{n_told}");
    let body = json!({"config": wanted, "plan": "0".repeat(64)});
    let applied = office.ask(&manager, Method::POST, "/config/apply", Some(body)).await;
    assert_eq!(applied.code(), "E-CFG-006", "to apply it tells as much");
    let path = "/journal?event=secrets.compared&limit=100";
    let journal = office.ask(&Persona::Owner, Method::GET, path, None).await.body.to_string();
    assert_eq!(journal.matches(r#""secrets":["token"]"#).count(), n_told, "{journal}");
    assert!(journal.contains(r#""operator":"max""#) && !journal.contains("guess"), "{journal}");
    wanted["connections"]["shop"]["secrets"]["token"] = Value::Null;
    assert_eq!(plan(&office, &manager, &wanted).await.status, StatusCode::OK, "tells nothing");
}
