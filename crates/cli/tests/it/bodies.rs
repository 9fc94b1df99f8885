//! Large bodies in a bucket, as an operator has them.

use tokio::runtime::Runtime;

use crate::s3::{Fault, Server};
use crate::world::World;

const DENIED: &str = "<Error><Code>AccessDenied</Code><Message>m</Message></Error>";

/// A world whose bodies lie in a bucket; the server lives as long as the runtime.
fn world() -> (World, Server, Runtime) {
    let runtime = Runtime::new().unwrap();
    let server = runtime.block_on(Server::start());
    let mut world = World::connected();
    world.bodies = Some(server.bucket());
    (world, server, runtime)
}

/// Somebody asks for their data, and gets it read where the bucket lets it; the request's id.
fn ask_for(world: &World) -> String {
    let email = world.people("regular")[0]["email"].as_str().unwrap().to_owned();
    let new = ["request", "new", "--right", "access", "--email", &email];
    assert_eq!(world.run(&new).code, 0);
    let list = world.json(&["request", "list"]);
    list["requests"][0]["id"].as_str().unwrap().to_owned()
}

fn state(world: &World) -> String {
    let list = world.json(&["request", "list"]);
    list["requests"][0]["tasks"][0]["state"].as_str().unwrap().to_owned()
}

#[test]
fn what_is_collected_lies_in_the_bucket_until_its_request_is_purged() {
    let (world, server, _runtime) = world();
    let id = ask_for(&world);
    let n_bodies = server.n_bodies();
    assert!(n_bodies > 0);
    let blobs = world.path("data/blobs");
    let in_the_folder: Vec<_> =
        world.data().into_iter().filter(|(path, _)| path.starts_with(&blobs)).collect();
    assert!(in_the_folder.iter().all(|(_, bytes)| bytes.is_empty()), "{in_the_folder:?}");

    assert_eq!(world.run(&["request", "approve", &id, "--gate", "approval", "--yes"]).code, 0);
    let package = world.path("answer.zip");
    let written = world.run(&["package", &id, "--out", &package]);
    assert_eq!(written.code, 0, "{}", written.err);
    assert!(std::fs::read(&package).unwrap().starts_with(b"PK"));

    assert_eq!(world.run(&["request", "answer", &id, "--note", "told by mail"]).code, 0);
    let purged = world.run(&["purge", &id, "--yes"]);
    assert_eq!(purged.code, 0, "{}", purged.err);
    assert_eq!(server.n_bodies(), 0);
}

#[test]
fn a_backup_says_that_bodies_stay_in_the_bucket_and_finds_them_there_when_it_is_put_back() {
    let (mut world, server, _runtime) = world();
    let id = ask_for(&world);
    let backup = world.path("backup");
    let made = world.run(&["backup", &backup]);
    assert!(made.out.contains("bodies in s3://bodies/habeas are not in it"), "{}", made.out);
    assert_eq!(world.json(&["backup", &backup, "--force"])["bodies"], "s3://bodies/habeas");

    std::fs::rename(world.path("data"), world.path("lost")).unwrap();
    world.bodies = None;
    let refused = world.run(&["restore", &backup]);
    assert!(refused.err.contains("E-STO-010"), "{}{}", refused.out, refused.err);
    world.bodies = Some(server.bucket());
    let restored = world.run(&["restore", &backup]);
    assert_eq!(restored.code, 3, "{}", restored.err);
    assert_eq!(world.run(&["request", "approve", &id, "--gate", "approval", "--yes"]).code, 0);
    let package = world.path("answer.zip");
    assert_eq!(world.run(&["package", &id, "--out", &package]).code, 0);
}

#[test]
fn a_bucket_that_can_not_be_used_is_told_before_work_begins() {
    let (mut world, server, _runtime) = world();
    let doctor = world.run(&["doctor"]);
    assert!(doctor.out.contains("s3://bodies/habeas takes, gives and removes"), "{}", doctor.out);
    ask_for(&world);
    let before = world.json(&["request", "list"]);

    world.bodies = Some(server.bodies("s3://bodies/habeas", "another-secret"));
    let refused = world.run(&["serve"]);
    assert_eq!(refused.code, 1, "{}", refused.out);
    assert!(refused.err.contains("E-STO-008"), "{}", refused.err);
    assert!(!refused.err.contains("another-secret"));
    let doctor = world.run(&["doctor"]);
    assert_ne!(doctor.code, 0);
    assert!(doctor.out.contains("E-STO-008"), "{}", doctor.out);

    for url in ["s3://", "https://bodies.example.com/x", "s3://key:secret@bodies/x"] {
        world.bodies = Some(server.bodies(url, "a-secret-of-tests"));
        let refused = world.run(&["request", "list"]);
        assert!(refused.err.contains("s3://bucket/prefix"), "{url}: {}", refused.err);
        assert!(!refused.err.contains("key:secret"), "{}", refused.err);
    }
    for elsewhere in [None, Some(server.bodies("s3://bodies/other", "a-secret-of-tests"))] {
        world.bodies = elsewhere;
        let refused = world.run(&["serve"]);
        assert!(refused.err.contains("E-STO-010"), "{}", refused.err);
    }
    world.bodies = Some(server.bucket());
    assert_eq!(world.json(&["request", "list"]), before);

    let mut other = World::connected();
    other.bodies = Some(server.bucket());
    let refused = other.run(&["serve"]);
    assert!(refused.err.contains("E-STO-010"), "{}", refused.err);
}

#[test]
fn a_task_whose_body_the_bucket_refuses_says_so_and_goes_on_when_it_takes_it() {
    let (world, server, _runtime) = world();
    world.follow_clock();
    server.fail("PUT", Fault::Says(403, DENIED), 1);
    let id = ask_for(&world);
    assert_ne!(state(&world), "approving");
    let shown = world.run(&["request", "show", &id]).out;
    assert!(shown.contains("could not be kept"), "{shown}");
    assert_eq!(server.n_bodies(), 0);

    world.set_clock(r#"{"mode":"idle"}"#);
    let serve = world.start(&["serve", "--clock", &world.control()]);
    assert_eq!(world.run(&["request", "watch", &id]).code, 3);
    assert_eq!(state(&world), "approving");
    assert!(server.n_bodies() > 0);
    assert_eq!(serve.end().code, 0);
}
