//! What the key folder promises.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

struct Folders {
    _root: tempfile::TempDir,
    keys: PathBuf,
    data: PathBuf,
}

fn folders() -> Folders {
    let root = tempfile::tempdir().unwrap();
    let (keys, data) = (root.path().join("keys"), root.path().join("data"));
    Folders { _root: root, keys, data }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_key_is_made_once_and_found_again() {
    let folders = folders();
    let name = KeyName::epoch("2026-11-22T12:00:00Z".parse().unwrap());
    let made = KeyFolder::open(&folders.keys, &folders.data).unwrap().get_or_make(&name).unwrap();
    let again = KeyFolder::open(&folders.keys, &folders.data).unwrap();
    assert_eq!(again.get(&name).unwrap().unwrap(), made);
    assert_eq!(again.get_or_make(&name).unwrap(), made);
    assert_eq!(again.names().unwrap(), [name]);
    assert!(folders.keys.join("epoch-2026-11.key").exists());
}

#[test]
fn the_next_key_comes_after_whatever_is_there() {
    for (name, next) in [
        ("epoch-2026-11", "epoch-2026-11-2"),
        ("epoch-2026-11-9", "epoch-2026-11-10"),
        ("index-1", "index-2"),
        ("index-4294967295", "index-4294967295-2"),
        ("index-copy", "index-copy-2"),
    ] {
        let name = KeyName::parse(name).unwrap();
        assert_eq!(name.next().as_str(), next);
        assert!(name.next() > name, "{name}");
    }
}

#[test]
fn only_the_owner_may_read_keys() {
    let folders = folders();
    let keys = KeyFolder::open(&folders.keys, &folders.data).unwrap();
    let name = KeyName::first("index");
    keys.get_or_make(&name).unwrap();
    let file = folders.keys.join("index-1.key");
    assert_eq!((mode(&folders.keys), mode(&file)), (0o700, 0o600));

    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(keys.get(&name), Err(KeyError::TooOpen { wanted: 0o600, .. })));
    fs::set_permissions(&folders.keys, fs::Permissions::from_mode(0o755)).unwrap();
    let opened = KeyFolder::open(&folders.keys, &folders.data);
    assert!(matches!(opened, Err(KeyError::TooOpen { wanted: 0o700, .. })));
}

#[test]
fn keys_inside_the_data_folder_are_refused_before_anything_is_made() {
    let folders = folders();
    let inside = folders.data.join("deep/keys");
    let opened = KeyFolder::open(&inside, &folders.data);
    assert!(matches!(opened, Err(KeyError::InsideData { .. })));
    assert!(!inside.exists());

    let around = folders.keys.join("deep/data");
    let opened = KeyFolder::open(&folders.keys, &around);
    assert!(matches!(opened, Err(KeyError::InsideKeys { .. })));
    assert!(!folders.keys.exists());

    fs::create_dir_all(folders.data.join("real")).unwrap();
    let link = folders.data.parent().unwrap().join("link");
    std::os::unix::fs::symlink(folders.data.join("real"), &link).unwrap();
    let opened = KeyFolder::open(&link, &folders.data);
    assert!(matches!(opened, Err(KeyError::InsideData { .. })), "a link leads inside as well");
}

#[test]
fn the_keys_of_another_installation_are_refused() {
    let (one, two) = (folders(), folders());
    for folders in [&one, &two] {
        let keys = KeyFolder::open(&folders.keys, &folders.data).unwrap();
        keys.get_or_make(&KeyName::first("index")).unwrap();
    }
    for opened in
        [KeyFolder::open(&two.keys, &one.data), KeyFolder::open_existing(&two.keys, &one.data)]
    {
        assert!(matches!(opened, Err(KeyError::OtherInstallation { .. })));
    }
    // A data folder that is new, with keys that are not.
    let new = KeyFolder::open(&one.keys, &folders().data);
    assert!(matches!(new, Err(KeyError::NoStore { .. })));
    assert!(KeyFolder::open_existing(&one.keys, &one.data).is_ok());
}

#[test]
fn a_store_whose_keys_are_gone_is_not_given_new_ones() {
    let folders = folders();
    KeyFolder::open(&folders.keys, &folders.data).unwrap();
    fs::remove_dir_all(&folders.keys).unwrap();
    let opened = KeyFolder::open(&folders.keys, &folders.data);
    assert!(matches!(opened, Err(KeyError::Lost { .. })));
}

#[test]
fn a_crash_between_the_two_installation_files_is_mended() {
    let folders = folders();
    KeyFolder::open(&folders.keys, &folders.data).unwrap();
    fs::remove_file(folders.data.join(INSTALLATION)).unwrap();
    KeyFolder::open(&folders.keys, &folders.data).unwrap();
    assert!(KeyFolder::open_existing(&folders.keys, &folders.data).is_ok());
}

#[test]
fn callers_who_race_get_the_same_key() {
    let folders = folders();
    let keys = KeyFolder::open(&folders.keys, &folders.data).unwrap();
    let name = KeyName::first("credentials");
    let made: Vec<KeyBytes> = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..8).map(|_| scope.spawn(|| keys.get_or_make(&name))).collect();
        racers.into_iter().map(|racer| racer.join().unwrap().unwrap()).collect()
    });
    assert!(made.iter().all(|key| *key == made[0]));
    assert_eq!(fs::read_dir(&folders.keys).unwrap().count(), 2, "no draft is left");
}

#[test]
fn a_destroyed_key_is_gone() {
    let folders = folders();
    let keys = KeyFolder::open(&folders.keys, &folders.data).unwrap();
    let name = KeyName::epoch("2026-10-01T00:00:00Z".parse().unwrap());
    keys.get_or_make(&name).unwrap();
    keys.destroy(&name).unwrap();
    keys.destroy(&name).unwrap();
    assert!(keys.get(&name).unwrap().is_none());
    assert!(keys.names().unwrap().is_empty());
}

#[test]
fn a_kill_while_a_key_is_destroyed_leaves_folders_that_open_and_is_finished_at_the_next_start() {
    let name = KeyName::parse("index-1").unwrap();
    let others = ["index-2", "credentials-1", "evidence-1", "fingerprint-1"];
    let (key, doomed) = ("index-1.key", "index-1.doomed");
    for (at, file, is_zeroed) in [
        ("after the list", Some(key), false),
        ("after the new name", Some(doomed), false),
        ("after it was overwritten", Some(doomed), true),
        ("after it was removed", None, false),
        ("as it was done before, under its name", Some(key), true),
    ] {
        let folders = folders();
        let keys = KeyFolder::open(&folders.keys, &folders.data).unwrap();
        for other in others {
            keys.get_or_make(&KeyName::parse(other).unwrap()).unwrap();
        }
        keys.get_or_make(&name).unwrap();
        let mut held = fs::read(folders.keys.join(key)).unwrap();
        keys.destroy(&name).unwrap();
        if is_zeroed {
            held.fill(0);
        }
        if let Some(file) = file {
            let path = folders.keys.join(file);
            fs::write(&path, held).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        let reader = KeyFolder::open_existing(&folders.keys, &folders.data).unwrap();
        let is_whole = file == Some(key) && !is_zeroed;
        assert_eq!(reader.was_destroyed(&name).unwrap(), !is_whole, "{at}");
        assert_eq!(reader.names().unwrap().contains(&name), is_whole, "{at}");

        let again = KeyFolder::open(&folders.keys, &folders.data).unwrap();
        let making = crate::keyring::Making::Refused;
        crate::keyring::Keyring::open(std::sync::Arc::new(again), making).expect(at);
        let again = KeyFolder::open(&folders.keys, &folders.data).unwrap();
        again.destroy(&name).expect(at);
        assert!(again.was_destroyed(&name).unwrap(), "{at}");
        let left = fs::read_dir(&folders.keys).unwrap().map(|one| one.unwrap().file_name());
        let left = left.filter(|one| one.to_string_lossy().contains("index-1")).count();
        assert_eq!(left, 0, "{at}");
    }
}

#[test]
fn a_file_that_holds_no_key_or_that_of_another_name_is_refused() {
    let folders = folders();
    let keys = KeyFolder::open(&folders.keys, &folders.data).unwrap();
    keys.get_or_make(&KeyName::first("index")).unwrap();
    let renamed = folders.keys.join("credentials-1.key");
    fs::copy(folders.keys.join("index-1.key"), &renamed).unwrap();
    let name = KeyName::first("credentials");
    assert!(matches!(keys.get(&name), Err(KeyError::Malformed { .. })));
    fs::write(&renamed, "not a key").unwrap();
    assert!(matches!(keys.get_or_make(&name), Err(KeyError::Malformed { .. })));
}

#[test]
fn a_line_that_a_crash_has_torn_does_not_spoil_the_list_of_purged_requests() {
    let folders = folders();
    let keys = KeyFolder::open(&folders.keys, &folders.data).unwrap();
    assert!(keys.purged().unwrap().is_empty());
    let line = |number: u8| PurgedLine {
        request: format!("req_0000000000000000000000000000000{number}").parse().unwrap(),
        at: "2026-11-22T12:00:00Z".parse().unwrap(),
        how: domain::request::ClosedAs::FulfilledInPart,
        version: 12,
        by: "ann ott".to_owned(),
    };
    keys.note_purged(&line(1)).unwrap();
    let path = folders.keys.join("purged");
    assert_eq!(mode(&path), 0o600);
    let mut torn = fs::read(&path).unwrap();
    torn.extend_from_slice(b"req_0000000000000000");
    fs::write(&path, torn).unwrap();
    keys.note_purged(&line(2)).unwrap();
    assert_eq!(keys.purged().unwrap(), [line(1), line(2)]);
    let earlier = PurgedLine { version: 11, ..line(1) };
    keys.note_refused(&earlier).unwrap();
    assert_eq!(keys.purged().unwrap().len(), 2, "another one was refused");
    keys.note_refused(&line(1)).unwrap();
    assert_eq!(keys.purged().unwrap(), [line(2)]);
}
