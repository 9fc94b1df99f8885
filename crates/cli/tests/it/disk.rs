//! A disk that is full while the engine works, and a store that takes no writes: told, nothing
//! lost, nothing done twice, and it goes on where it stopped.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::kills::{BODY_LENGTH, DATABASE, length, requests, stocked};
use crate::world::{Ended, World};

/// A person who may read and write only what belongs to everybody; nobody is born with it.
const NOBODY: u32 = 65_534;

/// How much is free when the engine starts on a full disk: less than all the work needs.
const ROOM: u64 = 256 * 1024;

/// It is started on one again and again, until so many people's calls have gone out.
const SENT: usize = 3;

impl World {
    /// The longest file of the data folder.
    fn longest_file(&self) -> u64 {
        self.data().iter().map(|(_, bytes)| bytes.len() as u64).max().unwrap_or(0)
    }

    fn requests(&self) -> Vec<Value> {
        let list = self.json(&["request", "list", "--limit", "1000"]);
        list["requests"].as_array().unwrap().clone()
    }

    fn n_entries(&self, event: &str) -> usize {
        self.run(&["journal", "--event", event, "--json"]).out.lines().count()
    }

    /// Who was named in which regulation of the twin.
    fn people_sent(&self) -> Vec<String> {
        let audit = self.ask("/audit/segment");
        let regulations = audit["regulations"].as_array().unwrap();
        let named = regulations.iter().flat_map(|one| one["subject_ids"].as_array().unwrap());
        named.map(|id| id.as_str().unwrap().to_owned()).collect()
    }
}

/// Asks again and again until it is so; each asking is a process, so this does not spin.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(90);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
    }
}

#[test]
fn an_engine_whose_disk_is_full_says_so_and_goes_on_later_without_sending_twice() {
    let world = World::connected();
    let set = ["mode=act", "approval=auto", "guard=1000", "until=2999-12-31", "batch=1"];
    world.run(&[&["connections", "set", "segment-twin"][..], &set].concat());
    world.set_clock(r#"{"mode":"idle"}"#);
    let clock = world.control();
    let serve = ["serve", "--clock", &clock];
    let people = world.people("regular");
    let n_people = people.len();
    let csv = people.iter().fold("right,email\n".to_owned(), |csv, person| {
        format!("{csv}deletion,{}\n", person["email"].as_str().unwrap())
    });
    let csv = world.file("requests.csv", &csv);

    let n_leases = world.n_entries("lease.taken");
    let mut is_imported = false;
    while world.people_sent().len() < SENT {
        let engine = world.start_on_full_disk(world.longest_file() + ROOM, &serve);
        if !is_imported {
            until("it takes the lease", || world.n_entries("lease.taken") > n_leases);
            let imported = world.run(&["import", &csv]);
            assert_eq!((imported.code, imported.err.as_str()), (0, ""), "the holder acts");
            is_imported = true;
        }
        let ended = engine.wait();
        assert_eq!(ended.code, 1, "{}", ended.err);
        assert!(ended.err.contains("the engine stopped: no disk space is left"), "{}", ended.err);
        assert!(ended.err.contains("make room and start it again"), "{}", ended.err);
        assert_eq!(world.requests().len(), n_people, "all can still be read");
    }
    assert!(world.people_sent().len() < n_people, "the disk was full in the middle of the work");

    let engine = world.start(&serve);
    let is_confirmed = |one: &Value| one["tasks"][0]["proof"]["proof"] == "confirmed";
    until("everything is finished", || world.requests().iter().all(is_confirmed));
    assert_eq!(engine.end().code, 0);
    let sent = world.people_sent();
    let who: BTreeSet<&String> = sent.iter().collect();
    assert_eq!((who.len(), sent.len()), (n_people, n_people), "each was sent, and once");
    let n_written = world.n_entries("intent.written");
    let n_ended = world.n_entries("intent.answered") + world.n_entries("intent.reconciled");
    assert_eq!(n_written, n_ended, "each call is accounted for");
}

#[test]
fn a_backup_or_a_restore_whose_disk_is_full_says_so_and_leaves_nothing() {
    let (world, list) = stocked();
    let (data, backup) = (world.path("data"), world.path("backup"));
    let room = [length(&data, DATABASE) / 2, BODY_LENGTH as u64 / 2];
    let refuse = |args: &[&str], there: &[&str]| {
        for longest in room {
            let ended = world.start_on_full_disk(longest, args).wait();
            assert_eq!(ended.code, 1, "{}", ended.err);
            assert!(ended.err.contains("no disk space is left"), "{}", ended.err);
            assert!(ended.err.contains("E-STO-001"), "{}", ended.err);
            assert!(ended.err.contains("nothing of it is left"), "{}", ended.err);
            let left = fs::read_dir(world.path("")).unwrap();
            let left = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            let left: BTreeSet<String> = left.collect();
            let there = ["keys", "twins.json"].iter().chain(there);
            assert_eq!(left, there.map(|name| (*name).to_owned()).collect());
        }
    };
    let before = world.data();
    refuse(&["backup", &backup], &["data"]);
    assert!(world.data() == before, "the store is as it was");
    assert_eq!(world.run(&["backup", &backup]).code, 0);
    refuse(&["backup", &backup, "--force"], &["backup", "data"]);
    fs::remove_dir_all(&data).unwrap();
    refuse(&["restore", &backup], &["backup"]);
    world.json(&["restore", &backup]);
    assert_eq!(requests(&world), list);
}

/// A world's data folder that takes no writes, and how to run the program so that this holds.
struct ReadOnly<'a> {
    world: &'a World,
    habeas: PathBuf,
    /// Whether the program has to be another user's, since permissions don't bind root.
    as_nobody: bool,
}

impl<'a> ReadOnly<'a> {
    /// `None`, with the reason on the screen, where this machine has no way to try it.
    #[expect(clippy::print_stderr, reason = "a test that can't be played says so")]
    fn make(world: &'a World) -> Option<Self> {
        let habeas = PathBuf::from(world.path("habeas"));
        let as_nobody = fs::metadata(world.path("data")).unwrap().uid() == 0;
        fs::copy(env!("CARGO_BIN_EXE_habeas"), &habeas).unwrap();
        let read_only = Self { world, habeas, as_nobody };
        if as_nobody {
            fs::set_permissions(world.path(""), Permissions::from_mode(0o755)).unwrap();
            each_below(Path::new(&world.path("")), &|path| {
                chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
            });
            if let Err(error) = read_only.command(&["--version"]).output() {
                eprintln!("SKIPPED: as root, and nothing can be run as another user: {error}");
                return None;
            }
        }
        read_only.allow_writes(false);
        Some(read_only)
    }

    fn allow_writes(&self, allowed: bool) {
        each_below(Path::new(&self.world.path("data")), &|path| {
            let mode = fs::metadata(path).unwrap().permissions().mode();
            let mode = if allowed { mode | 0o200 } else { mode & !0o222 };
            fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        });
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.world.command_of(&self.habeas);
        command.args(args);
        if self.as_nobody {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    fn run(&self, args: &[&str]) -> Ended {
        self.command(args).output().unwrap().into()
    }
}

impl Drop for ReadOnly<'_> {
    fn drop(&mut self) {
        // So that the folder can be removed.
        self.allow_writes(true);
    }
}

fn each_below(path: &Path, each: &dyn Fn(&Path)) {
    each(path);
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            each_below(&entry.unwrap().path(), each);
        }
    }
}

#[test]
fn a_store_that_takes_no_writes_is_told_and_stays_as_it_is() {
    let world = World::connected();
    let email = world.people("regular")[0]["email"].as_str().unwrap().to_owned();
    let new = ["request", "new", "--right", "access", "--email", &email];
    assert_eq!(world.run(&new).code, 0);
    let Some(read_only) = ReadOnly::make(&world) else { return };
    let before = world.data();
    for args in [&["serve"][..], &["pause", "--all"], &["settings", "set", "respond_within", "9"]] {
        let refused = read_only.run(args);
        assert_eq!(refused.code, 1, "{args:?}: {}", refused.err);
        assert!(refused.err.contains("the store is read-only"), "{args:?}: {}", refused.err);
    }
    assert!(world.data() == before, "nothing was written");
    read_only.allow_writes(true);
    assert_eq!(read_only.run(&["pause", "--all"]).code, 0);
    let list = read_only.run(&["request", "list", "--json"]);
    assert!(list.out.contains("\"access\""), "what was there is there: {}", list.out);
}
