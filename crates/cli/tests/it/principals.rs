//! Principals and tokens at the shell: made, listed, narrowed, ended; a token's text shown once.

use crate::world::World;

#[test]
fn a_token_is_shown_once_and_stands_in_no_file() {
    let world = World::new();
    let added = world.run(&["principals", "add", "ann", "--role", "approver", "--brand", "shop"]);
    assert_eq!(added.code, 0, "{}", added.err);
    assert!(added.out.contains("habeas tokens add ann --label TEXT"), "{}", added.out);
    let made = world.run(&["tokens", "add", "ann", "--label", "laptop"]);
    assert_eq!(made.code, 0, "{}", made.err);
    let token = made.out.trim();
    assert!(token.starts_with("habeas_") && token.len() == 50, "one line, to be piped");
    assert!(made.err.contains("shown this once") && !made.err.contains(token));
    let secret = token.trim_start_matches("habeas_").as_bytes();
    for (path, bytes) in world.data() {
        let is_there = bytes.windows(secret.len()).any(|window| window == secret);
        assert!(!is_there, "{}", path.display());
    }
    for args in [&["tokens", "list"][..], &["principals", "list"], &["journal"]] {
        let listed = world.run(args);
        assert!(listed.out.contains("ann") && !listed.out.contains(token), "{}", listed.out);
    }
    let journal = world.run(&["journal", "--json"]);
    assert!(journal.out.contains(r#"{"operator":"tester"}"#), "{}", journal.out);
}

#[test]
fn a_revoked_token_and_a_disabled_principal_are_told_as_such() {
    let world = World::new();
    world.json(&["principals", "add", "sync", "--program", "--role", "request_manager"]);
    let made = world.json(&["tokens", "add", "sync", "--label", "nightly", "--days", "1"]);
    let id = made["token"]["id"].as_str().unwrap().to_owned();
    assert_eq!(made["token"]["state"], "good");
    let disabled = world.json(&["principals", "disable", "sync"]);
    assert_eq!(disabled["principal"]["n_tokens"], 0);
    assert_eq!(world.json(&["tokens", "list"])["tokens"][0]["state"], "disabled");
    world.json(&["principals", "enable", "sync"]);
    assert_eq!(world.json(&["tokens", "revoke", &id])["token"]["state"], "revoked");
    assert_eq!(world.json(&["tokens", "list", "sync"])["tokens"][0]["state"], "revoked");
    let set = world.json(&["principals", "set", "sync", "--role", "auditor", "--brand", "shop"]);
    assert_eq!(set["principal"]["roles"], serde_json::json!(["auditor"]));
    assert_eq!(set["principal"]["reach"], serde_json::json!({"brands": ["shop"]}));
    let set = world.json(&["principals", "set", "sync", "--all-brands"]);
    assert_eq!(set["principal"]["reach"], "all");
}

#[test]
fn what_can_not_be_is_refused_with_a_code_and_what_to_do() {
    let world = World::new();
    world.json(&["principals", "add", "root", "--role", "super_admin"]);
    for (args, code, says) in [
        (&["principals", "disable", "root"][..], 4, "E-PRN-004"),
        (&["principals", "add", "root", "--role", "auditor"], 2, "E-PRN-001"),
        (&["principals", "add", "Ann@example.com", "--role", "auditor"], 2, "E-PRN-001"),
        (&["principals", "set", "root"], 2, "--all-brands"),
        (&["principals", "set", "bob", "--all-brands"], 2, "habeas principals list"),
        (&["tokens", "add", "root", "--label", "x", "--days", "366"], 2, "E-TOK-001"),
        (&["tokens", "add", "root", "--label", "x", "--role", "auditor"], 2, "E-TOK-003"),
        (&["tokens", "revoke", "tok_0"], 2, "habeas tokens list"),
        (&["principals", "add", "bob", "--role", "boss"], 2, "request_manager"),
    ] {
        let ended = world.run(args);
        assert_eq!(ended.code, code, "{args:?}: {}", ended.err);
        assert!(ended.err.contains(says), "{args:?}: {}", ended.err);
    }
}

#[test]
fn where_nobody_is_known_the_lists_say_how_to_begin() {
    let world = World::connected();
    let principals = world.run(&["principals", "list"]);
    assert!(principals.out.contains("habeas principals add NAME --role super_admin"));
    let tokens = world.run(&["tokens", "list"]);
    assert!(tokens.out.contains("habeas tokens add NAME --label TEXT"));
}
