//! The document of the API: it is the one that is checked in, and who may do what is what it says.

use std::path::Path;

use domain::{Reach, Role};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::office::{Persona, office};
use crate::api::{document_text, reference_page};

const METHODS: [(&str, Method); 5] = [
    ("get", Method::GET),
    ("put", Method::PUT),
    ("post", Method::POST),
    ("patch", Method::PATCH),
    ("delete", Method::DELETE),
];

fn docs() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/api")
}

/// Each operation: id, method, path, and the permission that it says it needs.
fn operations() -> Vec<(String, Method, String, Option<String>, Value)> {
    let document: Value = serde_json::from_str(&document_text()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (word, method) in METHODS {
            let Some(operation) = item.get(word) else { continue };
            let id = operation["operationId"].as_str().unwrap().to_owned();
            let needs = operation["x-permission"].as_str().map(str::to_owned);
            operations.push((id, method, path.clone(), needs, operation.clone()));
        }
    }
    operations
}

#[test]
fn the_checked_in_document_is_what_the_routes_say() {
    let checked_in = std::fs::read_to_string(docs().join("openapi.json")).unwrap_or_default();
    assert!(checked_in == document_text(), "docs/api/openapi.json is stale: cargo xtask docs");
    let page = std::fs::read_to_string(docs().join("reference.md")).unwrap_or_default();
    assert!(page == reference_page(), "docs/api/reference.md is stale: cargo xtask docs");
}

#[test]
fn every_operation_has_an_id_of_its_own_and_says_what_it_does() {
    let mut ids: Vec<String> = Vec::new();
    for (id, _, path, _, operation) in operations() {
        assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{id}");
        assert!(operation["responses"]["default"].is_object(), "{id} may fail");
        assert!(!operation["tags"].as_array().unwrap().is_empty(), "{path}");
        ids.push(id);
    }
    let n = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), n);
}

#[tokio::test]
async fn every_operation_refuses_a_parameter_that_it_does_not_know() {
    let office = office().await;
    for (id, method, path, _, operation) in operations() {
        let mut parameters = operation["parameters"].as_array().into_iter().flatten();
        if path.contains('{') && parameters.any(|one| one["in"] == "query") {
            // What the path names is looked at first.
            continue;
        }
        let path =
            path.replace("{id}", "nothing").replace("{name}", "nobody").replace("{key}", "x");
        let body = (method != Method::GET && method != Method::DELETE).then(|| json!({}));
        let path = format!("{path}?unheard_of=1");
        let answer = office.ask(&Persona::Owner, method, &path, body).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, "E-API-003"), "{id}");
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.starts_with("the query does not fit"), "{id}: {detail}");
    }
}

/// The table of who may do what: one row per operation, one column per role. A route that has no row
/// fails this test, and so does a row that the server does not keep to.
#[tokio::test]
async fn every_operation_lets_in_the_roles_of_its_row_and_nobody_else() {
    let table = std::fs::read_to_string(docs().join("permissions.md")).unwrap_or_default();
    let office = office().await;
    let mut personas = Vec::new();
    for role in Role::ALL {
        let name = role.word().replace('_', "-");
        personas.push(office.persona(&name, &[*role], Reach::All).await);
    }
    let mut rows = vec![heading()];
    for (id, method, path, _, _) in operations() {
        let path =
            path.replace("{id}", "nothing").replace("{name}", "nobody").replace("{key}", "x");
        let mut row = format!("| `{id}` |");
        let visitor = probe(&office, &Persona::Visitor, &method, &path).await;
        row += if visitor == StatusCode::UNAUTHORIZED { " |" } else { " ✓ |" };
        for persona in &personas {
            let status = probe(&office, persona, &method, &path).await;
            assert_ne!(status, StatusCode::UNAUTHORIZED, "{id} knows them");
            row += if status == StatusCode::FORBIDDEN { " |" } else { " ✓ |" };
        }
        rows.push(row);
    }
    let found = rows.join("\n");
    assert!(table.contains(&found), "docs/api/permissions.md does not hold:\n\n{found}\n");
}

fn heading() -> String {
    let roles: Vec<_> = Role::ALL.iter().map(|role| format!("`{role}`")).collect();
    let lines = "|---".repeat(roles.len() + 2);
    format!("| operation | nobody | {} |\n{lines}|", roles.join(" | "))
}

/// Asks for something that does nothing: the path names nothing, and the body does not fit.
async fn probe(
    office: &super::office::Office,
    who: &Persona,
    method: &Method,
    path: &str,
) -> StatusCode {
    let is_read = *method == Method::GET || *method == Method::DELETE;
    let body = if is_read { None } else { Some(json!("nothing")) };
    if path == "/events" {
        // A stream never ends; one that begins nowhere is refused, after who asks was looked at.
        return office.ask(who, Method::GET, "/events?after=x", None).await.status;
    }
    office.ask(who, method.clone(), path, body).await.status
}
