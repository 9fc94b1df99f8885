//! Who asks: tokens, roles, reach, setting up.

use domain::{Reach, Role};
use engine::operator::principals::setup;
use http::{Method, StatusCode};
use serde_json::json;

use super::office::{Persona, office};
use crate::caller::Caller;

#[tokio::test]
async fn nobody_learns_why_a_token_is_refused() {
    let office = office().await;
    let known = office.persona("ada", &[Role::SuperAdmin], Reach::All).await;
    let me = office.ask(&known, Method::GET, "/me", None).await;
    assert_eq!(me.headers["cache-control"], "no-store");
    assert_eq!((me.status, &me.body["name"]), (StatusCode::OK, &json!("ada")));
    let tokens = office.ask(&known, Method::GET, "/principals/ada/tokens", None).await;
    let id = tokens.body["tokens"][0]["id"].as_str().unwrap().to_owned();
    let revoked = office.ask(&known, Method::DELETE, &format!("/tokens/{id}"), None).await;
    assert_eq!(revoked.status, StatusCode::OK);
    let unknown = Persona::Known(format!("habeas_{}", "A".repeat(43)));
    let strange = Persona::Known("strange".to_owned());
    let mut answers = Vec::new();
    for who in [known, unknown, strange] {
        let answer = office.ask(&who, Method::GET, "/me", None).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::UNAUTHORIZED, "E-AUTH-001"));
        assert_eq!(answer.headers["cache-control"], "no-store");
        answers.push(answer.body);
    }
    let nobody = office.ask(&Persona::Visitor, Method::GET, "/me", None).await;
    assert_eq!((nobody.status, nobody.code()), (StatusCode::UNAUTHORIZED, "E-API-001"));
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
}

#[tokio::test]
async fn a_set_up_token_makes_the_first_super_admin_once() {
    let office = office().await;
    let owner = Caller::owner("owner".to_owned());
    let secret = setup::begin(&office.app.desk(&owner)).await.unwrap().unwrap();
    let body = json!({"token": secret.expose(), "name": "ada"});
    let made = office.ask(&Persona::Visitor, Method::POST, "/setup", Some(body.clone())).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let ada = Persona::Known(made.body["secret"].as_str().unwrap().to_owned());
    let me = office.ask(&ada, Method::GET, "/me", None).await;
    assert_eq!(me.body["roles"], json!(["super_admin"]));
    let again = office.ask(&Persona::Visitor, Method::POST, "/setup", Some(body)).await;
    assert!(again.status.is_client_error(), "{}", again.body);
}

#[tokio::test]
async fn a_reach_of_one_brand_sees_nothing_of_another() {
    let office = office().await;
    let reach = Reach::Brands(["shoes".to_owned()].into());
    let shoes = office.persona("shoes", &[Role::RequestManager], reach).await;
    office.stage.connect().await.unwrap();
    let of = |brand: &str, email: &str| {
        json!({"right": "access", "brand": brand,
               "identifiers": [{"type": "email", "value": email}]})
    };
    let hats = of("hats", "hat@example.com");
    let refused = office.ask(&shoes, Method::POST, "/requests", Some(hats.clone())).await;
    assert_eq!(refused.code(), "E-REQ-044");
    let other = office.ask(&Persona::Owner, Method::POST, "/requests", Some(hats)).await;
    let id = other.body["request"].as_str().unwrap().to_owned();
    let own = of("shoes", "shoe@example.com");
    assert_eq!(office.ask(&shoes, Method::POST, "/requests", Some(own)).await.status, 201);
    // Also from a cursor that is the id of another's request, which came in before.
    for path in ["/requests".to_owned(), format!("/requests?after={id}")] {
        let list = office.ask(&shoes, Method::GET, &path, None).await;
        let brands: Vec<_> = list.body["requests"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["brand"].clone())
            .collect();
        assert_eq!(brands, ["shoes"], "{path}");
    }
    for path in
        ["/notices?before=ntc_ffffffffffffffffffffffffffffffff", "/webhooks/x/deliveries?before=9"]
    {
        let page = office.ask(&shoes, Method::GET, path, None).await;
        assert!(!page.body.to_string().contains("hats") && page.status.as_u16() < 500, "{path}");
    }
    for (method, path, body) in [
        (Method::GET, format!("/requests/{id}"), None),
        (Method::POST, format!("/requests/{id}/reveal"), None),
        (Method::POST, format!("/requests/{id}/cancel"), Some(json!({"note": "x"}))),
        (Method::POST, "/requests/find".to_owned(), Some(json!({"text": id}))),
    ] {
        let answer = office.ask(&shoes, method, &path, body).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}: {}", answer.body);
    }
}

#[tokio::test]
async fn what_is_done_is_journalled_under_the_name_of_whoever_did_it() {
    let office = office().await;
    let ada = office.persona("ada", &[Role::RequestManager], Reach::All).await;
    office.stage.connect().await.unwrap();
    let new =
        json!({"right": "access", "identifiers": [{"type": "email", "value": "a@example.com"}]});
    let made = office.ask(&ada, Method::POST, "/requests", Some(new)).await;
    let id = made.body["request"].as_str().unwrap();
    let path = format!("/journal?request={id}&event=request.received");
    let journal = office.ask(&Persona::Owner, Method::GET, &path, None).await;
    assert_eq!(journal.body["entries"][0]["actor"], json!({"operator": "ada"}));
    assert!(!journal.body.to_string().contains("a@example.com"));
}
