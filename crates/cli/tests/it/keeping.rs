//! Backups, restores, purges, keys and the doctor, as an operator uses them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::world::{World, http};

fn email(world: &World, n: usize) -> String {
    world.people("regular")[n]["email"].as_str().unwrap().to_owned()
}

/// A world with an access that was answered, and one that is not.
fn answered() -> (World, String) {
    let world = World::connected();
    for n in 0..2 {
        let new = ["request", "new", "--right", "access", "--email", &email(&world, n)];
        assert_eq!(world.run(&new).code, 0);
    }
    let list = world.run(&["request", "list"]).out;
    let id = list.split_whitespace().find(|word| word.starts_with("req_")).unwrap().to_owned();
    let gate = ["request", "approve", &id, "--gate", "approval", "--yes"];
    assert_eq!(world.run(&gate).code, 0);
    let answer = ["request", "answer", &id, "--note", "told by mail"];
    assert_eq!(world.run(&answer).code, 0);
    (world, id)
}

#[test]
fn a_backup_is_put_back_paused_and_purges_again() {
    let (world, id) = answered();
    let backup = world.path("backup");
    assert_eq!(world.run(&["backup", &backup]).code, 0);
    let refused = world.run(&["backup", &backup]);
    assert_eq!(refused.code, 4, "{}", refused.err);
    assert!(refused.err.contains("E-BAK-001"), "{}", refused.err);
    assert_eq!(world.run(&["backup", &backup, "--force"]).code, 0);
    assert_eq!(world.run(&["purge", &id, "--yes"]).code, 0);

    let in_use = world.run(&["restore", &backup]);
    assert_eq!(in_use.code, 4, "{}", in_use.err);
    assert!(in_use.err.contains("E-BAK-003"), "{}", in_use.err);
    fs::rename(world.path("data"), world.path("lost")).unwrap();
    let restored = world.json(&["restore", &backup]);
    assert_eq!(restored["n_purged"], 1);
    assert!(world.json(&["connections", "list"])["paused_all"]["why"].is_string());
    let shown = world.json(&["request", "show", &id]);
    assert!(shown["asked"]["closing"]["purged"].is_object(), "{shown}");
    assert_eq!(world.run(&["resume", "--all"]).code, 0);
}

/// What the world's data folder holds. To look at a database makes files beside it, which hold nothing.
fn stored(world: &World) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut files = world.data();
    files.retain(|(path, bytes)| {
        let name = path.to_string_lossy();
        !(name.ends_with("-shm") || name.ends_with("-wal") && bytes.is_empty())
    });
    files
}

#[test]
fn a_key_folder_that_can_t_be_read_is_refused_at_the_start_and_nothing_is_written() {
    let world = World::connected();
    let (keys, away) = (world.path("keys"), world.path("away"));
    fs::rename(&keys, &away).unwrap();
    let before = stored(&world);
    // Nobody reads these, not even root: a link to itself, and a file where a folder should be.
    let unreadable: [&dyn Fn(); 2] =
        [&|| std::os::unix::fs::symlink(&keys, &keys).unwrap(), &|| {
            fs::write(&keys, "no folder").unwrap();
        }];
    for make in unreadable {
        make();
        for args in [&["serve"][..], &["settings", "set", "respond_within", "9"]] {
            let refused = world.run(args);
            assert_eq!(refused.code, 1, "{}", refused.err);
            assert!(refused.err.contains("E-KEY-0"), "{}", refused.err);
        }
        fs::remove_file(&keys).unwrap();
        assert!(stored(&world) == before, "nothing was written");
    }
}

#[test]
fn what_is_of_the_folders_here_is_refused_where_another_machine_is_named() {
    let world = World::new();
    let backup = world.path("backup");
    for command in [&["backup", &*backup][..], &["restore", &*backup], &["doctor"]] {
        let elsewhere = [&["--url", "https://habeas.example.org"], command].concat();
        let refused = world.run(&elsewhere);
        assert_eq!(refused.code, 2, "{}", refused.err);
        assert!(refused.err.contains("never over a URL"), "{}", refused.err);
    }
}

#[test]
fn all_that_was_given_up_is_told_again_by_one_command() {
    let world = World::new();
    let add = ["webhooks", "add", "desk", "--to", "http://127.0.0.1:9/", "--allow-private"];
    assert_eq!(world.run(&add).code, 0);
    let again = world.run(&["webhooks", "replay", "desk", "--dead"]);
    assert_eq!((again.code, &*again.out), (0, "0 messages will be told again.\n"), "{}", again.err);
}

#[test]
fn a_backup_that_is_damaged_or_of_other_keys_is_refused_and_leaves_nothing() {
    let (world, _) = answered();
    let backup = world.path("backup");
    assert_eq!(world.run(&["backup", &backup]).code, 0);
    let elsewhere = world.path("elsewhere");
    let other = World::new();
    assert_eq!(other.run(&["settings", "set", "respond_within", "9"]).code, 0);
    let keys = other.path("keys");
    let refused = world.run(&["restore", &backup, "--data", &elsewhere, "--keys", &keys]);
    assert_eq!(refused.code, 1, "{}", refused.err);
    assert!(refused.err.contains("E-KEY-002"), "{}", refused.err);
    fs::write(format!("{backup}/habeas.db"), "damaged").unwrap();
    let refused = world.run(&["restore", &backup, "--data", &elsewhere]);
    assert_eq!(refused.code, 4, "{}", refused.err);
    assert!(refused.err.contains("E-BAK-002"), "{}", refused.err);
    assert!(!fs::exists(&elsewhere).unwrap());
}

#[test]
fn the_doctor_says_what_is_wrong_and_what_mends_it() {
    let (world, _) = answered();
    let told = world.run(&["doctor"]);
    assert_eq!(told.code, 3, "{}", told.out);
    assert!(told.out.contains("nobody runs it"), "{}", told.out);
    let before = world.data();
    let key = world.path("keys/credentials-1.key");
    let held = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    let told = world.json_of(&["doctor"], 1);
    let broken = told["findings"].as_array().unwrap().iter();
    let broken: Vec<_> = broken.filter(|finding| finding["severity"] == "broken").collect();
    assert_eq!(broken.len(), 1, "{told}");
    assert!(broken[0]["what"].as_str().unwrap().contains("credentials-1 is missing"), "{told}");
    let refused = world.run(&["pause", "--all"]);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("E-KEY-007"), "{}", refused.err);
    assert!(world.data() == before, "nothing was written");
    fs::write(&key, held).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let told = world.run(&["doctor"]);
    assert_eq!(told.code, 1, "others can read the key now: {}", told.out);
    assert!(told.out.contains("set its mode to 600"), "{}", told.out);
    fs::rename(world.path("keys"), world.path("away")).unwrap();
    let told = world.run(&["doctor"]);
    assert_eq!(told.code, 1, "{}", told.out);
    assert!(told.out.contains("put it back from its copy"), "new keys open nothing: {}", told.out);
}

#[test]
fn a_running_program_says_that_its_keys_are_gone_and_when_they_are_back() {
    let world = World::connected();
    let mut serve = world.start(&["serve", "--listen", "127.0.0.1:0", "--json"]);
    serve.line();
    let ready = || {
        let stream = UnixStream::connect(world.path("data/habeas.sock")).unwrap();
        let (status, text) = http(stream, "GET", "/readyz", &[], "");
        (status, serde_json::from_str::<serde_json::Value>(&text).unwrap())
    };
    let check = |told: &serde_json::Value, name: &str| {
        let all = told["checks"].as_array().unwrap();
        all.iter().find(|check| check["name"] == name).unwrap()["ok"].as_bool().unwrap()
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    while ready().0 != 200 {
        assert!(Instant::now() < deadline, "{:?}", ready());
    }
    fs::rename(world.path("keys"), world.path("away")).unwrap();
    let (status, told) = ready();
    assert_eq!((status, check(&told, "keys"), check(&told, "engine")), (503, false, true));
    assert!(!told.to_string().contains(&world.path("")), "{told}");
    fs::rename(world.path("away"), world.path("keys")).unwrap();
    assert_eq!(ready().0, 200);
    assert_eq!(serve.end().code, 0);
}

#[test]
fn keys_are_replaced_and_what_was_sealed_reads_on() {
    let (world, _) = answered();
    let made = world.json(&["keys", "rotate"]);
    assert_eq!(made["made"].as_array().unwrap().len(), 4);
    let list = world.json(&["keys", "list"]);
    let old = list["keys"].as_array().unwrap().iter().filter(|key| key["is_in_use"] == false);
    for key in old {
        assert_eq!(key["n_to_move"], 0, "{list}");
        assert!(key["retired_at"].is_string() || key["n_known_by"] == 2, "{list}");
    }
    let new = ["request", "new", "--right", "access", "--email", &email(&world, 1)];
    let same = world.run(&new);
    assert_ne!(same.code, 0, "the person is recognised: {}", same.out);
    assert_eq!(world.run(&["connections", "test", "segment-twin"]).code, 0);
}
