//! A database of its own for a test, and connections.

use std::process::Command;

use crate::world::World;

/// The URL of a database that is new.
#[expect(clippy::disallowed_methods, reason = "says where the tests' server is")]
pub fn database(name: &str) -> String {
    let server = std::env::var("HABEAS_TEST_POSTGRES").expect("a server of PostgreSQL");
    let name = format!("{name}_{}", std::process::id());
    let made = Command::new("createdb")
        .arg(format!("--maintenance-db={server}"))
        .arg(&name)
        .status()
        .unwrap();
    assert!(made.success());
    let (server, _) = server.rsplit_once('/').unwrap();
    format!("{server}/{name}")
}

/// Runs statements in a database, and returns what they print.
pub fn psql(database: &str, sql: &str) -> String {
    let done = Command::new("psql")
        .args(["--no-psqlrc", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"])
        .args([&format!("--dbname={database}"), &format!("--command={sql}")])
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

/// Connects so many systems.
pub fn connect(world: &World, n_connections: usize) {
    let twin = world.path("twins.json");
    for n in 0..n_connections {
        let name = format!("segment-{n}");
        let args = ["connect", "segment", "--name", &name, "--twin", &twin];
        let switches = ["--set", "mode=act", "--set", "review=auto"];
        let connected = world.run(&[&args[..], &switches].concat());
        assert_eq!(connected.code, 0, "{}", connected.err);
    }
}
