//! The program is killed in the middle of a backup, of a restore and of a rotation of keys: nothing half is
//! taken for whole, and what was begun is done by the next.
//!
//! A moment is not hit by luck. A file that the program reads is made a pipe, at which it stands until
//! somebody writes; or it dies at the first byte beyond a length, by a signal that it can't see coming; or
//! it is killed at what can be seen of its work.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::world::{World, contents, http};

pub const DATABASE: &str = "habeas.db";
/// A body of the data folder that nobody names, and how long it is.
const BODY: &str = "blobs/zz/body";
pub const BODY_LENGTH: usize = 8 << 20;
/// More than fit into a few pieces of a rotation.
const PEOPLE: usize = 2_500;

/// A store with requests, all told in the list that is given too, and a large body.
pub fn stocked() -> (World, Value) {
    let world = World::new();
    for n in 0..20 {
        let email = format!("person-{n}@example.org");
        let new = ["request", "new", "--right", "access", "--email", &email];
        assert!(matches!(world.run(&new).code, 0 | 3));
    }
    let body = PathBuf::from(world.path("data")).join(BODY);
    fs::create_dir_all(body.parent().unwrap()).unwrap();
    fs::write(body, vec![7; BODY_LENGTH]).unwrap();
    let list = requests(&world);
    (world, list)
}

pub fn requests(world: &World) -> Value {
    world.json(&["request", "list", "--limit", "1000"])["requests"].clone()
}

pub fn length(folder: &str, file: &str) -> u64 {
    fs::metadata(Path::new(folder).join(file)).unwrap().len()
}

/// Looks again and again; what is looked for is a file or an answer, so that this is quick and ends.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        thread::yield_now();
    }
}

/// A file that was put away for a pipe of its name, until this is dropped.
struct Held(PathBuf);

impl Held {
    fn at(path: PathBuf) -> Self {
        fs::rename(&path, path.with_extension("away")).unwrap();
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        Self(path)
    }

    /// Lets whoever reads it have its first bytes and stand there. Returns when they are read.
    fn give(&self, n_bytes: usize) -> File {
        let bytes = fs::read(self.0.with_extension("away")).unwrap();
        // Waits for the reader; what is written is more than a pipe holds, or nothing.
        let mut pipe = File::options().write(true).open(&self.0).unwrap();
        pipe.write_all(&bytes[..n_bytes]).unwrap();
        pipe
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        fs::rename(self.0.with_extension("away"), &self.0).unwrap();
    }
}

/// A way to begin a command that ends in the middle.
type Death<'a> = &'a dyn Fn(&[&str]);

/// Dies of a signal at the first byte beyond a length, of any file.
fn die_beyond(world: &World, longest_file: u64, args: &[&str]) {
    assert_eq!(world.start_to_die(longest_file, args).wait().code, -1, "it died of a signal");
}

/// Is killed where it has read so much of a file.
fn die_reading(world: &World, (file, n_bytes): (PathBuf, usize), args: &[&str]) {
    let held = Held::at(file);
    let running = world.start(args);
    let _pipe = held.give(n_bytes);
    running.kill();
}

#[test]
fn a_backup_that_was_killed_is_none_and_the_next_is_whole() {
    let (world, list) = stocked();
    let (data, backup) = (world.path("data"), world.path("backup"));
    let (body, half) = (Path::new(&data).join(BODY), format!("{backup}.part"));
    let before = world.data();
    let deaths: [Death<'_>; 4] = [
        &|args| die_beyond(&world, length(&data, DATABASE) / 2, args),
        &|args| die_beyond(&world, BODY_LENGTH as u64 / 2, args),
        &|args| die_reading(&world, (body.clone(), 0), args),
        &|args| die_reading(&world, (body.clone(), BODY_LENGTH / 4), args),
    ];
    let refuse = |folder: &str| {
        let refused = world.run(&["restore", folder, "--data", &world.path("elsewhere")]);
        let code = if fs::exists(folder).unwrap() { 4 } else { 2 };
        assert_eq!(refused.code, code, "{}", refused.err);
        assert!(refused.err.contains("E-BAK-002"), "{}", refused.err);
        assert!(!fs::exists(world.path("elsewhere")).unwrap());
    };
    for die in deaths {
        die(&["backup", &backup]);
        assert!(!fs::exists(&backup).unwrap() && fs::exists(&half).unwrap());
        refuse(&backup);
        refuse(&half);
        assert!(world.data() == before, "the store is as it was");
    }
    assert_eq!(world.run(&["backup", &backup]).code, 0);
    assert!(!fs::exists(&half).unwrap());
    let first = contents(Path::new(&backup));
    for die in deaths {
        die(&["backup", &backup, "--force"]);
        assert!(contents(Path::new(&backup)) == first, "the one before is still there");
        refuse(&half);
    }
    assert_eq!(world.run(&["backup", &backup, "--force"]).code, 0);
    fs::remove_dir_all(&data).unwrap();
    world.json(&["restore", &backup]);
    assert_eq!(requests(&world), list);
}

#[test]
fn a_restore_that_was_killed_leaves_no_store_and_the_next_is_of_one_backup() {
    let (world, list) = stocked();
    let (data, backup) = (world.path("data"), world.path("backup"));
    let half = format!("{data}.restoring");
    assert_eq!(world.run(&["backup", &backup]).code, 0);
    fs::remove_dir_all(&data).unwrap();
    let half_of_database = usize::try_from(length(&backup, DATABASE) / 2).unwrap();
    let at = |file: &str| Path::new(&backup).join(file);
    let restore = ["restore", &*backup];
    let deaths: [&dyn Fn(); 5] = [
        &|| die_reading(&world, (at(DATABASE), half_of_database), &restore),
        &|| die_reading(&world, (at(BODY), 0), &restore),
        &|| die_reading(&world, (at(BODY), BODY_LENGTH / 4), &restore),
        &|| die_beyond(&world, length(&backup, DATABASE) / 2, &restore),
        &|| die_beyond(&world, BODY_LENGTH as u64 / 2, &restore),
    ];
    for die in deaths {
        die();
        assert!(!fs::exists(&data).unwrap() && fs::exists(&half).unwrap());
        for (args, code, said) in [
            (&["request", "list"][..], 2, "begin it again with `habeas restore`"),
            (&["serve"], 1, "E-KEY-002"),
        ] {
            let refused = world.run(args);
            assert_eq!(refused.code, code, "{}", refused.err);
            assert!(refused.err.contains(said), "{}", refused.err);
        }
        assert!(!fs::exists(&data).unwrap(), "what is refused makes nothing");
    }
    // At the end of its work there is all of it, stopped, or nothing.
    let running = world.start(&restore);
    until("it is opened", || fs::exists(format!("{half}/{DATABASE}-wal")).unwrap());
    running.kill();
    if !fs::exists(&data).unwrap() {
        world.json(&restore);
    }
    assert!(!fs::exists(&half).unwrap());
    assert!(world.json(&["connections", "list"])["paused_all"]["why"].is_string());
    assert_eq!(requests(&world), list);
    assert_eq!(fs::read(Path::new(&data).join(BODY)).unwrap(), vec![7; BODY_LENGTH]);
    assert!(world.run(&["restore", &backup]).err.contains("E-BAK-003"), "it is in use");
}

/// Asks who serves the store; nothing where nobody does any more.
fn ask(world: &World, method: &str, path: &str, body: &str) -> Option<Value> {
    let stream = UnixStream::connect(world.path("data/habeas.sock")).ok()?;
    let headers = [("content-type", "application/json")];
    let (status, text) = http(stream, method, &format!("/api/v1{path}"), &headers, body);
    assert!(matches!(status, 200 | 201), "{status} {text}");
    serde_json::from_str(&text).ok()
}

/// What names the old keys and has to move, by key.
fn to_move(keys: &Value) -> BTreeMap<String, u64> {
    let keys = keys["keys"].as_array().unwrap().iter();
    let old = keys.filter_map(|key| Some((key["key"].to_string(), key["n_to_move"].as_u64()?)));
    old.collect()
}

#[test]
fn a_rotation_that_was_killed_again_and_again_goes_on_and_ends() {
    let world = World::new();
    let csv = (0..PEOPLE)
        .fold("right,email\n".to_owned(), |csv, n| format!("{csv}access,person-{n}@example.org\n"));
    let csv = world.file("requests.csv", &csv);
    assert_eq!(world.run(&["import", &csv]).code, 0);
    let left = || to_move(&world.json(&["keys", "list"])).values().sum::<u64>();
    let serve = || {
        let mut serve = world.start(&["serve", "--listen", "127.0.0.1:0", "--json"]);
        serve.line();
        serve
    };

    // Between one new key and the next.
    let running = serve();
    let asking = thread::scope(|scope| {
        let asking = scope.spawn(|| world.run(&["keys", "rotate"]));
        let made = world.path("keys/credentials-2.key");
        until("the second key is made", || fs::exists(&made).unwrap());
        running.kill();
        asking.join().unwrap()
    });
    assert!(matches!(asking.code, 0 | 1 | 5), "{}", asking.err);

    let (mut n_kills, mut n_left) = (0, left());
    assert!(n_left > 0, "it was killed before all had moved");
    while n_left > 0 {
        let running = serve();
        until("a piece moves", || {
            ask(&world, "GET", "/keys", "")
                .is_some_and(|keys| to_move(&keys).values().sum::<u64>() < n_left)
        });
        running.kill();
        n_kills += 1;
        n_left = left();
    }
    assert!(n_kills > 1, "it was killed in the middle");
}
