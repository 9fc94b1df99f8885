//! Configuration against a small manifest of its own: what is taken, what is refused and by which
//! name, and that no refusal repeats a value.

use std::path::Path;
use std::time::Duration;

use connector_api::Manifest;
use connector_api::manifest::{Batch, Field, FieldKind, Region};
use serde_json::json;

use super::secrets::Source;
use super::{Wanted, file, twin};
use crate::exit::{self, Exit};

const fn field(key: &'static str, kind: FieldKind, required: bool) -> Field {
    Field { key, title: "A field", found: None, help: "", kind, required }
}

static MANIFEST: Manifest = Manifest {
    name: "toy",
    title: "Toy",
    category: "toys",
    summary: "",
    docs_url: "",
    fields: &[
        field("region", FieldKind::Choice(&["us", "eu"]), true),
        field("workspace_id", FieldKind::Text, true),
        field("token", FieldKind::Secret, true),
        field("spaces", FieldKind::List, false),
        field("profile_token", FieldKind::SecretPer("spaces"), false),
        field("deletion_type", FieldKind::Choice(&["whole", "part"]), false),
        field("consent_categories", FieldKind::Table(&["sale", "sharing"]), false),
    ],
    regions: &[
        Region { name: "us", base_urls: &[("api", "https://us.example.com")] },
        Region { name: "eu", base_urls: &[("api", "https://eu.example.com")] },
    ],
    capabilities: &[],
    permissions: &[],
    limits: &[],
    takes: &[],
    cadence: &[],
    alarm: Duration::ZERO,
    longest: Duration::ZERO,
    looks: &[],
    confirmed_together: &[],
    rechecks: &[],
    batch: Batch { items: 1, bytes: 1 },
    reconcile_lag: Duration::ZERO,
    guide: &connector_api::guide::Guide::EMPTY,
};

fn registry(name: &str) -> Option<&'static Manifest> {
    (name == "toy").then_some(&MANIFEST)
}

fn read(text: &str) -> Result<Wanted, String> {
    file::parse(text, Path::new("/etc/habeas"), &registry)
        .map(|file| file.connections.unwrap().remove(0))
        .map_err(|stop| exit::text(&stop.into()))
}

const WHOLE: &str = r#"
[connections.toy-eu]
connector = "toy"
region = "eu"
workspace_id = "ws_1"
spaces = ["spa_1", "spa_2"]
deletion_type = "part"
consent_categories.sale = "C1"
consent_categories.sharing = "C2"
base_urls.api = "http://127.0.0.1:9"
allow_loopback = true
secrets.token = { env = "TOY_TOKEN" }
secrets."profile_token.spa_1" = { file = "spa_1.token" }
mode = "act"
approval = "ask"
guard = 500
until = 2026-12-31
serves.rights = ["deletion", "access"]
"#;

#[test]
fn a_whole_table_becomes_a_connection() {
    let wanted = read(WHOLE).unwrap();
    assert_eq!(wanted.name, "toy-eu");
    assert_eq!(wanted.settings["region"], json!("eu"));
    assert_eq!(wanted.settings["spaces"], json!(["spa_1", "spa_2"]));
    assert_eq!(wanted.settings["consent_categories"], json!({"sale": "C1", "sharing": "C2"}));
    assert_eq!(wanted.base_urls["api"], "http://127.0.0.1:9");
    assert!(wanted.allow_loopback);
    assert_eq!(wanted.secrets["token"], Source::Env("TOY_TOKEN".to_owned()));
    let file = Source::File("/etc/habeas/spa_1.token".into());
    assert_eq!(wanted.secrets["profile_token.spa_1"], file);
    let switch = |key: &str| {
        wanted.switches.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    };
    assert_eq!(switch("mode"), Some("act"));
    assert_eq!(switch("guard"), Some("500"));
    assert_eq!(switch("until"), Some("2026-12-31"));
    assert_eq!(switch("serves.rights"), Some("deletion,access"));
    assert!(wanted.missing().is_empty());
}

#[test]
fn what_does_not_fit_is_named_and_its_value_is_not_repeated() {
    let check = |line: &str, name: &str| {
        let text = format!("[connections.a]\nconnector = \"toy\"\n{line}\n");
        let refusal = read(&text).expect_err(line);
        assert!(refusal.contains(name), "{line}: {refusal}");
        assert!(!refusal.contains("hush"), "{line}: {refusal}");
    };
    check("colour = \"hush\"", "unknown field `connections.a.colour`");
    check("region = \"hush\"", "`connections.a.region` does not fit");
    check("deletion_type = \"hush\"", "`connections.a.deletion_type` does not fit");
    check("spaces = \"hush\"", "`connections.a.spaces` does not fit");
    check("workspace_id = 7", "`connections.a.workspace_id` does not fit");
    check("base_urls.www = \"hush\"", "`connections.a.base_urls.www` does not fit");
    check("consent_categories.sold = \"hush\"", "connections.a.consent_categories.sold");
    check("allow_loopback = \"hush\"", "`connections.a.allow_loopback` does not fit");
    check("secrets.tokens = { env = \"hush\" }", "unknown secret `connections.a.secrets.tokens`");
    check("secrets.token = { vault = \"hush\" }", "`connections.a.secrets.token` does not fit");
    check("token \"hush\"", "line 3");
}

#[test]
fn a_secret_written_out_is_refused_with_the_way_to_write_it() {
    let check = |line: &str, way: &str| {
        let text = format!("[connections.a]\nconnector = \"toy\"\n{line}\n");
        let refusal = read(&text).expect_err(line);
        assert!(refusal.contains("is a secret"), "{refusal}");
        assert!(refusal.contains(way), "{refusal}");
        assert!(!refusal.contains("hush"), "{refusal}");
    };
    check("secrets.token = \"hush\"", "secrets.token = { env = \"NAME\" }");
    check("token = \"hush\"", "secrets.token = { env = \"NAME\" }");
    check(
        "secrets.\"profile_token.spa_1\" = \"hush\"",
        "secrets.\"profile_token.spa_1\" = { env = \"NAME\" }",
    );
}

#[test]
fn unknown_tables_and_connectors_are_refused() {
    let refusal = file::parse("[connection.a]\n", Path::new(""), &registry).unwrap_err();
    assert_eq!(refusal.to_string(), "line 1: unknown field `connection`");
    let refusal = read("[connections.a]\nconnector = \"other\"\n").unwrap_err();
    assert!(refusal.contains("names no connector"), "{refusal}");
    let refusal = read("[connections.a]\nregion = \"eu\"\n").unwrap_err();
    assert!(refusal.contains("`connections.a.connector` is missing"), "{refusal}");
}

#[test]
fn what_is_required_and_not_given_is_listed() {
    let wanted = read("[connections.a]\nconnector = \"toy\"\n").unwrap();
    let keys: Vec<_> = wanted.missing().iter().map(|field| field.key).collect();
    assert_eq!(keys, ["region", "workspace_id", "token"]);
}

#[test]
fn flags_say_the_same_as_a_file() {
    let mut wanted = Wanted::new("toy-eu".to_owned(), &MANIFEST);
    for assignment in [
        "region=eu",
        "workspace_id=ws_1",
        "spaces=spa_1,spa_2",
        "deletion_type=part",
        "consent_categories.sale=C1",
        "consent_categories.sharing=C2",
        "base_urls.api=http://127.0.0.1:9",
        "allow_loopback=true",
        "secrets.token=env:TOY_TOKEN",
        "secrets.profile_token.spa_1=file:/etc/habeas/spa_1.token",
        "mode=act",
        "approval=ask",
        "guard=500",
        "until=2026-12-31",
    ] {
        wanted.set(assignment).unwrap();
    }
    let from_file = read(WHOLE).unwrap();
    assert_eq!(wanted.settings, from_file.settings);
    assert_eq!(wanted.secrets, from_file.secrets);
    assert_eq!(wanted.base_urls, from_file.base_urls);
}

#[test]
fn a_secret_as_an_argument_is_refused() {
    let mut wanted = Wanted::new("a".to_owned(), &MANIFEST);
    let refusal = exit::text(&wanted.set("secrets.token=hush").unwrap_err().into());
    assert!(refusal.contains("secrets.token=env:NAME"), "{refusal}");
    assert!(!refusal.contains("hush"), "{refusal}");
}

#[test]
fn the_description_of_a_twin_becomes_a_connection() {
    let twins = json!({"toy": {
        "base_urls": {"api": "http://127.0.0.1:9"},
        "credentials": {"full": {
            "token": "t", "workspace_id": "ws_1",
            "spaces": [{"space_id": "spa_1", "profile_token": "p1"}],
        }},
    }});
    let wanted = twin::parse(&twins, "toy", &registry).unwrap();
    assert_eq!(wanted.name, "toy-twin");
    assert!(wanted.allow_loopback);
    assert_eq!(wanted.settings["spaces"], json!(["spa_1"]));
    assert_eq!(wanted.secrets["token"].resolve("token").unwrap(), "t");
    assert_eq!(wanted.secrets["profile_token.spa_1"].resolve("").unwrap(), "p1");
    assert!(wanted.missing().is_empty());
    assert!(!format!("{wanted:?}").contains("p1"), "a secret is never printed");
}

#[test]
fn what_is_no_description_of_twins_is_a_usage_error() {
    let stop = twin::parse(&json!({}), "toy", &registry).unwrap_err();
    assert_eq!(exit::of(&stop.into()), Exit::Usage);
}

/// What a text is refused with.
fn refused(text: &str) -> String {
    exit::text(&file::parse(text, Path::new(""), &registry).expect_err(text).into())
}

#[test]
fn what_does_not_fit_is_told_with_its_line_and_what_was_meant() {
    for (text, line, says) in [
        ("[conections.a]\n", 1, "did you mean `connections`?"),
        ("[settings]\n\nrespond_witin = 4\n", 3, "did you mean `respond_within`?"),
        ("[settings]\nrespond_within = 1.5\n", 2, "it takes a text, a number"),
        ("[principals.ann]\nroles = [\n \"auditr\",\n]\n", 2, "did you mean `auditor`?"),
        ("[principals.ann]\nrole = [\"auditor\"]\n", 2, "did you mean `roles`?"),
        ("\n[principals.\"a.b\"]\nkind = \"person\"\n", 2, "`principals.a.b.roles` is missing"),
        ("[principals.ann]\nroles = []\ndisabled = \"no\"\n", 3, "true or false"),
        ("[connections.a]\nconnector = \"toy\"\nregoin = \"eu\"\n", 3, "did you mean `region`?"),
        ("[connections.a]\nconnector = \"toy\"\nmoed = \"act\"\n", 3, "did you mean `mode`?"),
        ("[connections.a]\nconnector = \"toy\"\nspaces = 7\n", 3, "a list of texts"),
        ("[connections.a]\nconnector = \"toy\"\nsecrets.token = \"hush\"\n", 3, "is a secret"),
        ("[connections.a]\nconnector = \"toy\"\nconnector = \"toy\"\n", 3, "duplicate key"),
    ] {
        let refusal = refused(text);
        assert!(refusal.contains(&format!("line {line}: ")), "{text}{refusal}");
        assert!(refusal.contains(says) && refusal.contains("E-CFG-001"), "{text}{refusal}");
        assert!(!refusal.contains("hush"), "{refusal}");
    }
}

#[test]
fn a_part_that_a_file_does_not_have_is_absent() {
    let parsed = file::parse("[settings]\n", Path::new(""), &registry).unwrap();
    assert_eq!(parsed.to_json().0, json!({"settings": {}}));
}

#[test]
fn secrets_that_are_not_there_are_null_and_told() {
    let parsed = file::parse(WHOLE, Path::new("/nowhere"), &registry).unwrap();
    let (body, lacking) = parsed.to_json();
    let secrets = json!({"token": null, "profile_token.spa_1": null});
    assert_eq!(body["connections"]["toy-eu"]["secrets"], secrets);
    let places: Vec<_> = lacking.iter().map(|one| one.place.as_str()).collect();
    let place = "connections.toy-eu.secrets.";
    assert_eq!(places, [format!("{place}profile_token.spa_1"), format!("{place}token")]);
    assert!(lacking[1].why.contains("TOY_TOKEN"), "{lacking:?}");
}

#[test]
fn the_example_of_the_documentation_fits() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let page = std::fs::read_to_string(page).unwrap();
    let example = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let parsed = file::parse(example, Path::new(""), &crate::commands::connect::registry).unwrap();
    let connections = parsed.connections.as_ref().unwrap();
    assert!(connections.iter().all(|one| one.missing().is_empty()));
    let (body, lacking) = parsed.to_json();
    assert_eq!(lacking.len(), 2);
    let config: engine::operator::config::Config = serde_json::from_value(body).unwrap();
    assert_eq!(config.parts().len(), 3);
}
