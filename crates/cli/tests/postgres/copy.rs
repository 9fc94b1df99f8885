//! An installation moves from its data folder into a database, once, and whole.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::setup::{connect, database, psql};
use crate::world::World;

/// A world over a file, with a request for each of some people.
fn world() -> World {
    let world = World::new();
    connect(&world, 1);
    for person in world.people("regular").iter().take(3) {
        let email = person["email"].as_str().unwrap();
        let new = world.run(&["request", "new", "--right", "access", "--email", email]);
        assert!(new.code == 0 || new.code == 3, "{}", new.err);
    }
    world
}

/// What a command says that is refused.
fn refused(world: &World, args: &[&str]) -> String {
    let ended = world.run(args);
    assert_ne!(ended.code, 0, "{}", ended.out);
    ended.err
}

fn requests(world: &World) -> Value {
    world.json(&["request", "list"])["requests"].clone()
}

#[test]
fn what_was_in_the_folder_is_in_the_database_and_used_only_there() {
    let mut world = world();
    let before = (requests(&world), world.json(&["connections", "list"]));
    let into = database("moved");
    world.database = Some(into.clone());
    let copied = world.json(&["store", "copy"]);
    let tables = copied["tables"].as_array().unwrap();
    let n_of = |name: &str| {
        tables.iter().find(|one| one["table"] == name).unwrap()["n_rows"].as_u64().unwrap()
    };
    assert_eq!((n_of("request"), n_of("connection")), (3, 1));
    assert_eq!(copied["n_rows_from_before"], 0);
    let all = "SELECT string_agg(tablename, ' ' ORDER BY tablename COLLATE \"C\") FROM pg_tables
        WHERE schemaname = 'public' AND tablename NOT IN ('schema_migration', 'writer')";
    let mut names: Vec<_> = tables.iter().map(|one| one["table"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names.join(" "), psql(&into, all));
    for table in tables {
        let name = table["table"].as_str().unwrap();
        let n_more = u64::from(name == "setting");
        let n_there: u64 = psql(&into, &format!("SELECT COUNT(*) FROM {name}")).parse().unwrap();
        assert_eq!(n_there, table["n_rows"].as_u64().unwrap() + n_more, "{name}");
    }
    assert_eq!((requests(&world), world.json(&["connections", "list"])), before);

    // Entries go on after the last number, and what was sealed opens.
    let last: i64 = psql(&into, "SELECT MAX(seq) FROM journal").parse().unwrap();
    let email = world.people("regular")[3]["email"].as_str().unwrap().to_owned();
    let new = world.run(&["request", "new", "--right", "access", "--email", &email]);
    assert!(new.code == 0 || new.code == 3, "{}", new.err);
    let first: i64 =
        psql(&into, &format!("SELECT MIN(seq) FROM journal WHERE seq > {last}")).parse().unwrap();
    assert_eq!(first, last + 1);
    assert_eq!(requests(&world).as_array().unwrap().len(), 4);
    assert!(refused(&world, &["store", "copy"]).contains("copied already"));
    assert!(refused(&world, &["store", "reopen"]).contains("was used since"));

    world.database = None;
    for args in [&["serve"][..], &["request", "list"], &["pause", "--all"], &["journal"]] {
        let said = refused(&world, args);
        assert!(said.contains("is not used any more"), "{args:?}: {said}");
    }
}

#[test]
fn a_copy_is_refused_while_the_engine_runs_and_into_what_is_not_empty() {
    let mut world = world();
    let mut serve = world.start(&["serve"]);
    assert!(serve.line().contains("serves"));
    let into = database("refused");
    world.database = Some(into.clone());
    assert!(refused(&world, &["store", "copy"]).contains("the engine is run by pid"));
    assert_eq!(serve.end().code, 0);

    psql(&into, "CREATE TABLE other (id BIGINT)");
    assert!(refused(&world, &["store", "copy"]).contains("is not empty"));
    psql(&into, "DROP TABLE other");
    let mut other = World::new();
    other.database = Some(into.clone());
    connect(&other, 1);
    assert!(refused(&world, &["store", "copy"]).contains("is not empty"));

    world.database = None;
    assert_eq!(requests(&world).as_array().unwrap().len(), 3, "the folder goes on");
}

/// A database that has the tables, no rows, and something that happens before each row of one.
fn database_that(name: &str, table: &str, happens: &str) -> String {
    let into = database(name);
    let mut other = World::new();
    other.database = Some(into.clone());
    assert_eq!(other.run(&["pause", "--all"]).code, 0);
    let empty = "DO $$ DECLARE t TEXT; BEGIN FOR t IN SELECT tablename FROM pg_tables
        WHERE schemaname = 'public' AND tablename <> 'schema_migration'
        LOOP EXECUTE format('TRUNCATE %I CASCADE', t); END LOOP; END $$";
    psql(&into, empty);
    let function = format!(
        "CREATE FUNCTION happens() RETURNS TRIGGER LANGUAGE plpgsql
            AS $$ BEGIN {happens}; RETURN NEW; END $$"
    );
    psql(&into, &function);
    let trigger = "CREATE TRIGGER happens BEFORE INSERT ON";
    psql(&into, &format!("{trigger} {table} FOR EACH ROW EXECUTE FUNCTION happens()"));
    into
}

fn assert_neither_is_used(world: &mut World, into: &str) {
    assert!(refused(world, &["request", "list"]).contains("a copy that is not finished"));
    assert!(refused(world, &["worker"]).contains("a copy that is not finished"));
    world.database = None;
    assert!(refused(world, &["serve"]).contains("is not used any more"));
    world.database = Some(into.to_owned());
}

#[test]
fn a_copy_that_was_killed_leaves_neither_in_use_and_goes_on() {
    let mut world = world();
    let before = requests(&world);
    let into = database_that("killed", "task", "PERFORM pg_sleep(600)");
    world.database = Some(into.clone());
    let copy = world.start(&["store", "copy"]);
    let deadline = Instant::now() + Duration::from_secs(60);
    while psql(&into, "SELECT COUNT(*) FROM request") != "3" {
        assert!(Instant::now() < deadline, "no request has arrived");
    }
    copy.kill();
    assert_neither_is_used(&mut world, &into);
    psql(
        &into,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'",
    );
    psql(&into, "DROP TRIGGER happens ON task");
    let copied = world.json(&["store", "copy"]);
    assert!(copied["n_rows_from_before"].as_u64().unwrap() > 3, "{copied}");
    assert_eq!(requests(&world), before);
}

#[test]
fn a_row_that_arrives_changed_is_found_and_told_without_its_value() {
    let mut world = world();
    let before = requests(&world);
    let into = database_that("changed", "request", "NEW.body = NEW.body || ' '");
    world.database = Some(into.clone());
    let said = refused(&world, &["store", "copy"]);
    let id = psql(&into, "SELECT MIN(id) FROM request");
    assert!(said.contains(&format!("in table request, in the row with the key {id}")), "{said}");
    assert!(!said.contains('{') && said.contains("E-STO-007"), "{said}");
    assert_neither_is_used(&mut world, &into);

    // Given up, the folder goes on, and what arrived is never taken for a copy of it.
    world.database = None;
    assert_eq!(world.run(&["store", "reopen"]).code, 0);
    assert_eq!(requests(&world), before);
    world.database = Some(into);
    assert!(refused(&world, &["store", "copy"]).contains("is not empty"));
}

#[test]
fn a_copy_that_nobody_has_used_can_be_taken_back() {
    let mut world = world();
    let before = requests(&world);
    let into = database("back");
    world.database = Some(into.clone());
    world.json(&["store", "copy"]);
    let mut stranger = World::new();
    stranger.database = Some(database("stranger"));
    connect(&stranger, 1);
    let of_stranger = std::mem::replace(&mut world.database, stranger.database.clone());
    assert!(refused(&world, &["store", "reopen"]).contains("is not the one"));
    world.database = None;
    assert!(refused(&world, &["store", "reopen"]).contains("is not the one"));
    world.database = of_stranger;
    world.json(&["store", "reopen"]);
    assert!(refused(&world, &["request", "list"]).contains("a copy that is not finished"));
    world.database = None;
    assert_eq!(requests(&world), before);
    assert!(refused(&world, &["store", "reopen"]).contains("was never copied"));
}
