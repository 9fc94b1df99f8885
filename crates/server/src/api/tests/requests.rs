//! Requests through the API, and what a program that misbehaves is told.

use http::{Method, StatusCode, header};
use serde_json::{Value, json};

use super::office::{Office, Persona, office};

const OWNER: Persona = Persona::Owner;

fn access(email: &str) -> Value {
    json!({"right": "access", "identifiers": [{"type": "email", "value": email}]})
}

async fn with_segment() -> Office {
    let office = office().await;
    office.stage.connect().await.unwrap();
    office
}

#[tokio::test]
async fn a_request_with_an_external_id_comes_in_once_however_often_it_is_sent() {
    let office = with_segment().await;
    let mut new = access("mia@example.com");
    new["external_id"] = json!("T-1");
    let first = office.ask(&OWNER, Method::POST, "/requests", Some(new.clone())).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.body);
    let id = first.body["request"].as_str().unwrap();
    assert_eq!(first.headers[header::LOCATION], format!("/api/v1/requests/{id}"));
    let again = office.ask(&OWNER, Method::POST, "/requests", Some(new.clone())).await;
    assert_eq!((again.status, &again.body["request"]), (StatusCode::OK, &first.body["request"]));
    new["right"] = json!("deletion");
    let other = office.ask(&OWNER, Method::POST, "/requests", Some(new)).await;
    assert_eq!((other.status, other.code()), (StatusCode::UNPROCESSABLE_ENTITY, "E-REQ-042"));
    let found =
        office.ask(&OWNER, Method::POST, "/requests/find", Some(json!({"text": "T-1"}))).await;
    assert_eq!(found.body["request"], first.body["request"]);
}

#[tokio::test]
async fn a_request_sent_again_under_its_idempotency_key_comes_in_once() {
    let office = with_segment().await;
    let send = async |key: &str, new: Value| {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        office.send(&OWNER, Method::POST, "/api/v1/requests", &headers, new.to_string()).await
    };
    let first = send("k-1", access("mia@example.com")).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.body);
    let again = send("k-1", access("mia@example.com")).await;
    assert_eq!((again.status, &again.body["request"]), (StatusCode::OK, &first.body["request"]));
    let other = send("k-1", access("bob@example.com")).await;
    assert_eq!((other.status, other.code()), (StatusCode::UNPROCESSABLE_ENTITY, "E-REQ-043"));
    for key in ["", &"k".repeat(101), "k\u{e9}"] {
        let refused = send(key, access("eve@example.com")).await;
        assert_eq!((refused.status, refused.code()), (StatusCode::BAD_REQUEST, "E-API-003"));
    }
}

#[tokio::test]
async fn a_request_that_another_system_calls_by_our_id_does_not_stand_in_its_way() {
    let office = with_segment().await;
    let first = office.ask(&OWNER, Method::POST, "/requests", Some(access("a@example.com"))).await;
    let id = first.body["request"].as_str().unwrap();
    let mut second = access("b@example.com");
    second["external_id"] = json!(id);
    assert_eq!(office.ask(&OWNER, Method::POST, "/requests", Some(second)).await.status, 201);
    let shown = office.ask(&OWNER, Method::GET, &format!("/requests/{id}"), None).await;
    assert_eq!(shown.status, StatusCode::OK, "{}", shown.body);
}

#[tokio::test]
async fn a_real_vendor_is_refused_beside_the_clock_of_twins() {
    let office = office().await;
    let (now, entry) = (office.stage.now(), domain::Event::SettingChanged);
    let entry = domain::Entry::new(now, domain::Actor::Engine, entry);
    office.stage.store.set_setting("clock", "http://127.0.0.1:1", &entry).await.unwrap();
    let real = json!({"name": "real", "connector": "segment", "settings": {"region": "eu"}});
    let refused = office.ask(&OWNER, Method::POST, "/connections", Some(real)).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::FORBIDDEN, "E-SET-007"));
    let ada = office.persona("ada", &[domain::Role::SuperAdmin], domain::Reach::All).await;
    let back = json!({"name": "back", "connector": "segment", "allow_loopback": true});
    let refused = office.ask(&ada, Method::POST, "/connections", Some(back)).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::FORBIDDEN, "E-API-013"));
}

#[tokio::test]
async fn a_list_is_read_page_by_page_and_every_request_once() {
    let office = with_segment().await;
    for n in 0..5 {
        let new = access(&format!("p{n}@example.com"));
        assert_eq!(office.ask(&OWNER, Method::POST, "/requests", Some(new)).await.status, 201);
    }
    let (mut seen, mut path) = (Vec::new(), "/requests?limit=2".to_owned());
    loop {
        let page = office.ask(&OWNER, Method::GET, &path, None).await;
        let rows = page.body["requests"].as_array().unwrap();
        assert!(rows.len() <= 2);
        seen.extend(rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()));
        let Some(next) = page.body["next"].as_str() else { break };
        path = format!("/requests?limit=2&after={next}");
    }
    let n_seen = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!((n_seen, seen.len()), (5, 5));
}

#[tokio::test]
async fn an_approval_holds_for_what_was_shown() {
    let office = with_segment().await;
    let name =
        office.ask(&OWNER, Method::GET, "/connections", None).await.body["connections"][0]["name"]
            .as_str()
            .unwrap()
            .to_owned();
    let switches = Some(json!({"approval": "ask"}));
    let path = format!("/connections/{name}/switches");
    let set = office.ask(&OWNER, Method::PATCH, &path, switches).await;
    assert_eq!(set.status, StatusCode::OK, "{}", set.body);
    let email = office.stage.twins["segment"]["subjects"][0]["email"].as_str().unwrap().to_owned();
    let new = json!({"right": "deletion", "identifiers": [{"type": "email", "value": email}]});
    office.ask(&OWNER, Method::POST, "/requests", Some(new)).await;
    office.stage.run().await.unwrap();
    let shown = office.ask(&OWNER, Method::POST, "/gates/preview", Some(json!({}))).await;
    let pending = shown.body["pending"].as_array().unwrap();
    assert_eq!(pending.len(), 1, "{}", shown.body);
    assert!(!shown.body.to_string().contains(&email), "values are masked");
    let part = |name: &str| pending[0][name].clone();
    let exact = json!({"task": part("task"), "what": part("what"),
                       "version": part("version"), "plan": part("plan")});
    let mut older = exact.clone();
    older["version"] = json!(part("version").as_i64().unwrap() - 1);
    let stale =
        office.ask(&OWNER, Method::POST, "/gates/approve", Some(json!({"shown": [older]}))).await;
    assert_eq!(stale.body["approved"], json!([]), "{}", stale.body);
    let good =
        office.ask(&OWNER, Method::POST, "/gates/approve", Some(json!({"shown": [exact]}))).await;
    assert_eq!(good.body["approved"], json!([part("task")]), "{}", good.body);
}

#[tokio::test]
async fn what_does_not_fit_is_told_by_its_place_and_not_by_its_value() {
    let office = with_segment().await;
    let json_type = [("content-type", "application/json")];
    let secret = "mia@example.com";
    let bodies = [
        (format!("{{\"right\": \"{secret}\""), StatusCode::BAD_REQUEST),
        (
            format!("{{\"right\": \"access\", \"identifiers\": \"{secret}\"}}"),
            StatusCode::BAD_REQUEST,
        ),
        (
            format!("{{\"right\": \"access\", \"identifiers\": [], \"{secret}\": 1}}"),
            StatusCode::BAD_REQUEST,
        ),
        (
            format!("{{\"right\": \"{secret}\", \"identifiers\": []}}"),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        ("{} {}".to_owned(), StatusCode::BAD_REQUEST),
        (String::new(), StatusCode::BAD_REQUEST),
        (format!("\"{}\"", "x".repeat(2 << 20)), StatusCode::PAYLOAD_TOO_LARGE),
    ];
    for (body, status) in bodies {
        let path = "/api/v1/requests";
        let answer = office.send(&OWNER, Method::POST, path, &json_type, body).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        answer.code();
        assert!(!answer.body.to_string().contains(secret), "{}", answer.body);
    }
    let reasons = [
        (json!({"right": "access"}), "missing field `identifiers`"),
        (
            json!({"right": "access", "identifiers": [{"type": "email"}]}),
            "identifiers[0]: missing field `value`",
        ),
        (json!({"right": "access", "identifiers": [], "extid": 1}), "it takes one of `right`"),
        (json!({"right": 7, "identifiers": []}), "right: it takes a string"),
        (
            json!({"right": "access", "identifiers": [{"type": "extid", "value": "x"}]}),
            "identifiers[0].type: it takes email, phone, user_id",
        ),
    ];
    for (body, reason) in reasons {
        let answer = office.ask(&OWNER, Method::POST, "/requests", Some(body)).await;
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.contains(reason) && !detail.contains("extid"), "{detail}");
    }
    let plain = [("content-type", "text/plain")];
    let answer = office.send(&OWNER, Method::POST, "/api/v1/requests", &plain, "{}".into()).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::UNSUPPORTED_MEDIA_TYPE, "E-API-005"));
}

#[tokio::test]
async fn forged_cursors_strange_parameters_and_ids_of_nobody_are_refused() {
    let office = with_segment().await;
    let refused = [
        ("/requests?after=req_1", 400, "E-API-003"),
        ("/requests?after=%27%20OR%201%3D1", 400, "E-API-003"),
        ("/requests?limit=0", 400, "E-API-003"),
        ("/requests?limit=501", 400, "E-API-003"),
        ("/requests?need_me=true", 400, "E-API-003"),
        ("/journal?after=1&before=5", 400, "E-API-003"),
        ("/journal?event=everything", 400, "E-API-003"),
        ("/requests/req_00000000000000000000000000000000", 404, "E-ACT-001"),
        ("/requests/nothing", 404, "E-API-004"),
        ("/connections/nowhere", 404, "E-ACT-001"),
        ("/nothing", 404, "E-API-004"),
    ];
    for (path, status, code) in refused {
        let answer = office.ask(&OWNER, Method::GET, path, None).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (status, code), "{path}");
    }
    let answer = office.ask(&OWNER, Method::PUT, "/requests", None).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::METHOD_NOT_ALLOWED, "E-API-007"));
}

#[tokio::test]
async fn a_query_that_does_not_fit_is_told_what_would() {
    let office = office().await;
    let told = [
        ("limit=0", "limit: it takes a number from 1 to 500"),
        ("limit=many", "limit: it takes a number from 1 to 500"),
        ("overdue=yes", "overdue: it takes true or false"),
        ("right=erasure", "right: it takes one of `access`, `portability`, `deletion`"),
        ("state=new", "state: it takes states among received, "),
        (
            "state=reviewing&state=answering",
            "`state` is given more than once; where it takes several values, commas part them",
        ),
        ("after=req_1", "after: it takes an id, written whole: req_ and 32 hexadecimal digits"),
        // The name of it is the sender's, and nothing of it comes back.
        ("nobody.of.ours=1", "the query does not fit: a field is not known; it takes one of"),
    ];
    for (query, says) in told {
        let answer = office.ask(&OWNER, Method::GET, &format!("/requests?{query}"), None).await;
        assert_eq!(answer.code(), "E-API-003", "{query}");
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.contains(says), "{query}: {detail}");
    }
    let answer = office.ask(&OWNER, Method::GET, "/journal?after=last", None).await;
    let detail = answer.body["detail"].as_str().unwrap();
    assert!(detail.contains("after: it takes a whole number"), "{detail}");
}

#[tokio::test]
async fn a_fault_names_the_field_of_the_body_and_leaves_the_code_to_its_own_member() {
    let office = office().await;
    let body = json!({"right": "access", "identifiers": [{"type": "email", "value": "null"}]});
    let answer = office.ask(&OWNER, Method::POST, "/requests", Some(body)).await;
    assert_eq!((answer.code(), &answer.body["status"]), ("E-REQ-016", &json!(422)));
    assert_eq!(answer.body["errors"][0]["field"], "identifiers[0].value");
    let detail = answer.body["detail"].as_str().unwrap();
    assert!(detail.starts_with("identifiers[0].value: is a placeholder"), "{detail}");
    assert!(!detail.contains("E-REQ"), "{detail}");
    let body = json!({"right": "access", "identifiers": []});
    let answer = office.ask(&OWNER, Method::POST, "/requests", Some(body)).await;
    assert_eq!(answer.body["errors"][0]["field"], "identifiers");
}

#[tokio::test]
async fn whoever_watches_learns_that_it_lives_and_whether_it_works() {
    let office = office().await;
    let look = async |path: &str| {
        office.send(&Persona::Visitor, Method::GET, path, &[], String::new()).await
    };
    assert_eq!(look("/healthz").await.body, json!({"alive": true}));
    let idle = look("/readyz").await;
    assert_eq!((idle.status, idle.code()), (StatusCode::SERVICE_UNAVAILABLE, "E-API-012"));
    assert_eq!(idle.body["ready"], false);
    let wrong = idle.body["checks"].as_array().unwrap().iter().find(|check| check["ok"] == false);
    let wrong = wrong.unwrap();
    assert_eq!(wrong["name"], "engine");
    assert!(wrong["mend"].is_string());
    let what = format!("engine: {}", wrong["what"].as_str().unwrap());
    assert_eq!(idle.body["detail"], what);
    let holder = office.stage.holder("server");
    let (store, now) = (&office.stage.store, office.stage.now());
    holder.take(store, engine::run::ENGINE_LEASE, &holder.time(), now).await.unwrap();
    let at_work = look("/readyz").await;
    assert_eq!((at_work.status, &at_work.body["ready"]), (StatusCode::OK, &json!(true)));
    assert!(at_work.body["checks"].as_array().unwrap().iter().all(|check| check["ok"] == true));
    office.stop();
    assert_eq!(look("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn the_page_of_a_code_is_served_where_a_problem_points() {
    let office = office().await;
    let problem = office.ask(&Persona::Visitor, Method::GET, "/me", None).await;
    let page = problem.body["type"].as_str().unwrap();
    let page = office.send(&Persona::Visitor, Method::GET, page, &[], String::new()).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.as_str().unwrap().starts_with("# E-API-001"));
    let none = office
        .send(&Persona::Visitor, Method::GET, "/errors/..%2FSUMMARY", &[], String::new())
        .await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn requests_sent_at_the_same_moment_get_each_its_own_answer() {
    let office = with_segment().await;
    let clerk = office.persona("clerk", &[domain::Role::RequestManager], domain::Reach::All).await;
    let send = |n: usize| {
        let (office, who) = (&office, if n.is_multiple_of(2) { &OWNER } else { &clerk });
        // Every seventh is sent twice, every fifth has no right.
        let n = if n % 7 == 6 { n - 1 } else { n };
        let mut new = access(&format!("p{n}@example.com"));
        new["external_id"] = json!(format!("T-{n}"));
        if n % 5 == 4 {
            new["right"] = json!("acess");
        }
        async move { (n, office.ask(who, Method::POST, "/requests", Some(new)).await) }
    };
    let answers = futures_util::future::join_all((0..70).map(send)).await;
    let mut ids = std::collections::BTreeMap::new();
    for (n, answer) in &answers {
        if n % 5 == 4 {
            assert_eq!((answer.status, answer.code()), (422.try_into().unwrap(), "E-REQ-001"));
            continue;
        }
        assert!(matches!(answer.status.as_u16(), 200 | 201), "{}", answer.body);
        let id = answer.body["request"].as_str().unwrap();
        assert_eq!(*ids.entry(n).or_insert(id), id, "sent twice, in once");
    }
    let n_new = answers.iter().filter(|(_, answer)| answer.status == StatusCode::CREATED).count();
    assert_eq!(n_new, ids.len());
    let page = office.ask(&OWNER, Method::GET, "/requests?limit=100", None).await;
    assert_eq!(page.body["requests"].as_array().unwrap().len(), ids.len());
}
