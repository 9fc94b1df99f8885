//! What a plan says: field by field, nobody's secret, what is left alone.

use super::*;
use crate::operator::connections;

fn pair(key: &str, value: &str) -> (String, String) {
    (key.into(), value.into())
}

#[tokio::test]
async fn a_plan_for_an_empty_installation_makes_everything_in_a_sound_order() {
    let office = office().await;
    assert_eq!(
        lines(&planned(&office, whole()).await),
        [
            "change settings.placeholders",
            "  value null → \"n.n.|x\"",
            "change settings.respond_within",
            "  value \"30\" → \"45\"",
            "create principals.ann",
            "  brands null → [\"shop\"]",
            "  kind null → \"person\"",
            "  roles null → [\"approver\"]",
            "create principals.boss",
            "  brands null → \"all\"",
            "  kind null → \"person\"",
            "  roles null → [\"super_admin\"]",
            "create connections.files",
            "  connector null → \"paper\"",
            "  guard null → 500",
            "  mode null → \"act\"",
            "  room null → \"B 12\"",
            "  serves.rights null → [\"access\",\"deletion\"]",
            "  trays.in null → \"left\"",
            "  until null → \"2026-12-31\"",
            "  secrets.key new",
        ]
    );
}

#[tokio::test]
async fn what_stands_is_compared_field_by_field_and_no_secret_is_told() {
    let office = office().await;
    carried(&office, &whole(), false).await;
    let mut other = whole();
    let files = &mut other["connections"]["files"];
    files["settings"] = json!({"room": "C 1"});
    files["secrets"] = json!({"key": "hush"});
    files["switches"] = json!({"mode": "act", "guard": "600"});
    other["principals"]["ann"]["reach"] = json!("all");
    let plan = planned(&office, other).await;
    assert_eq!(
        lines(&plan),
        [
            "change principals.ann",
            "  brands [\"shop\"] → \"all\"",
            "change connections.files",
            "  guard 500 → 600",
            "  room \"B 12\" → \"C 1\"",
            "  trays.in \"left\" → null",
            "  until \"2026-12-31\" → null",
            "  secrets.key other",
        ]
    );
    let left: Vec<_> = plan.left_alone.iter().map(|one| one.field.as_deref()).collect();
    assert_eq!(left, [Some("serves.rights")], "a switch that is not named stays, and is listed");
    let text = serde_json::to_string(&plan).unwrap();
    assert!(!text.contains("hush") && !text.contains("s3cret"), "{text}");
}

#[tokio::test]
async fn a_secret_without_its_value_is_not_compared() {
    let office = office().await;
    carried(&office, &whole(), false).await;
    let mut other = whole();
    other["connections"]["files"]["secrets"] = json!({"key": null});
    let plan = planned(&office, other).await;
    assert_eq!((lines(&plan).len(), plan.not_compared), (0, vec!["files.key".to_owned()]));
    let mut without = whole();
    without["connections"]["files"]["secrets"] = json!({});
    let gone = planned(&office, without).await;
    assert_eq!(lines(&gone), ["change connections.files", "  secrets.key gone"]);
}

#[tokio::test]
async fn what_is_not_in_the_file_is_left_alone_and_listed_within_the_parts_it_has() {
    let office = office().await;
    carried(&office, &whole(), false).await;
    let few = json!({"connections": {}, "settings": {}});
    let plan = planned(&office, few.clone()).await;
    assert!(plan.changes.is_empty());
    let left: Vec<_> = plan.left_alone.iter().map(|one| (one.part, one.name.as_str())).collect();
    let settings = (Part::Settings, "placeholders");
    let respond = (Part::Settings, "respond_within");
    assert_eq!(left, [settings, respond, (Part::Connections, "files")]);
    let pruned = super::plan(&office.desk(), config(few), true).await.unwrap();
    assert_eq!(
        lines(&pruned),
        [
            "change settings.placeholders",
            "  value \"n.n.|x\" → null",
            "change settings.respond_within",
            "  value \"45\" → \"30\"",
            "remove connections.files",
        ]
    );
    assert_eq!(pruned.ends[0].connection, "files");
    assert_ne!(plan.digest, pruned.digest);
}

#[tokio::test]
async fn what_was_changed_by_hand_since_is_said() {
    let office = office().await;
    carried(&office, &whole(), false).await;
    let by_hand = [pair("mode", "observe"), pair("approval", "auto")];
    connections::set(&office.desk(), "files", &by_hand).await.unwrap();
    let mut edited = whole();
    edited["settings"]["respond_within"] = "60".into();
    let plan = planned(&office, edited).await;
    assert_eq!(
        lines(&plan),
        [
            "change settings.respond_within",
            "  value \"45\" → \"60\"",
            "change connections.files",
            "  mode \"observe\" → \"act\" (by hand)",
        ]
    );
    assert_eq!(plan.changes[0].by_hand_since, None, "the file was changed, not the installation");
    assert!(plan.changes[1].by_hand_since.is_some());
    connections::remove(&office.desk(), "files").await.unwrap();
    let gone = planned(&office, whole()).await;
    assert_eq!(gone.changes[0].how, How::Create);
    assert!(gone.changes[0].by_hand_since.is_some(), "it was removed by hand");
}

#[tokio::test]
async fn every_fault_is_told_at_once_by_its_field() {
    let office = office().await;
    carried(&office, &whole(), false).await;
    let mut bad = whole();
    bad["settings"] = json!({"respond_within": "soon"});
    bad["connections"]["Files"] = bad["connections"]["files"].clone();
    bad["connections"]["files"]["switches"] = json!({"colour": "red"});
    let pair = |field: &str, code: &str| (field.to_owned(), code.to_owned());
    assert_eq!(
        faults(&office, bad, false).await,
        [
            pair("connections.files", "E-CFG-003"),
            pair("settings.respond_within", "E-SET-006"),
            pair("connections.files.colour", "E-SET-001"),
        ]
    );
    let mut bad = whole();
    bad["principals"]["ann"]["kind"] = "program".into();
    bad["principals"]["bob"] = json!({"kind": "person", "roles": [], "reach": "all"});
    let of = |settings: Value, switches: Value, secrets: Value| json!({"connector": "paper", "settings": settings, "switches": switches, "secrets": secrets});
    let connections = &mut bad["connections"];
    connections["a"] = of(json!({"rom": "B 12"}), json!({}), json!({"kee": "x"}));
    connections["b"] = of(json!({"room": 7}), json!({}), json!({}));
    connections["c"] = of(json!({}), json!({"limits.writes": "4"}), json!({}));
    connections["D"] = of(json!({}), json!({}), json!({}));
    connections["e"] = of(json!({}), json!({"guard": "5", "until": "2020-01-01"}), json!({}));
    assert_eq!(
        faults(&office, bad, false).await,
        [
            pair("principals.bob.roles", "E-PRN-002"),
            pair("principals.ann.kind", "E-CFG-004"),
            pair("connections.D", "E-SET-003"),
            pair("connections.a.rom", "E-SET-008"),
            pair("connections.a.secrets.kee", "E-SET-008"),
            pair("connections.b.room", "E-SET-009"),
            pair("connections.c.limits.writes", "E-SET-001"),
            pair("connections.e.until", "E-SET-002"),
        ]
    );
}

#[tokio::test]
async fn no_brand_at_all_is_refused_and_never_read_as_all_of_them() {
    let office = office().await;
    carried(&office, &whole(), false).await;
    let mut bad = whole();
    for name in ["ann", "boss"] {
        bad["principals"][name]["reach"] = json!({"brands": []});
    }
    let pair = |field: &str, code: &str| (field.to_owned(), code.to_owned());
    assert_eq!(
        faults(&office, bad, false).await,
        [pair("principals.ann.reach", "E-PRN-002"), pair("principals.boss.reach", "E-PRN-002"),]
    );
}

#[tokio::test]
async fn a_guard_whose_date_has_passed_is_no_fault_while_it_stands_so() {
    let office = office().await;
    carried(&office, &whole(), false).await;
    let desk =
        crate::operator::Desk { now: "2027-02-01T00:00:00Z".parse().unwrap(), ..office.desk() };
    let plan = plan(&desk, config(whole()), false).await.unwrap();
    assert!(plan.changes.is_empty());
}

#[tokio::test]
async fn a_plan_after_which_nobody_would_rule_is_refused() {
    let office = office().await;
    carried(&office, &whole(), false).await;
    let last = [("principals.boss".to_owned(), "E-PRN-004".to_owned())];
    let mut wish = whole();
    wish["principals"]["boss"]["roles"] = json!(["auditor"]);
    assert_eq!(faults(&office, wish.clone(), false).await, last);
    wish["principals"]["boss"] = json!({"kind": "person", "roles": ["super_admin"],
                                        "reach": {"brands": ["shop"]}});
    assert_eq!(faults(&office, wish.clone(), false).await, last);
    wish["principals"].as_object_mut().unwrap().remove("boss");
    assert_eq!(faults(&office, wish.clone(), true).await, last);
    assert!(planned(&office, wish.clone()).await.changes.is_empty(), "unless it is left alone");
    wish["principals"]["ann"] = whole()["principals"]["boss"].clone();
    assert!(plan(&office.desk(), config(wish), true).await.is_ok(), "another one takes over");
}
