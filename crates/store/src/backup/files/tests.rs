//! Folders that are not finished.

use super::super::manifest;
use super::*;

#[test]
fn two_who_fill_one_folder_do_not_share_it_and_what_is_not_ours_stays() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("backup.part");
    let first = Unnamed::begin(&path).unwrap();
    assert!(Unnamed::begin(&path).is_err(), "it is being filled");
    assert!(path.exists());
    drop(first);
    assert!(!path.exists());
    // A crash leaves the marker, and no lock on it.
    fs::create_dir(&path).unwrap();
    fs::write(path.join(MARKER), "").unwrap();
    let name = root.path().join("backup");
    fs::create_dir(&name).unwrap();
    let before = root.path().join("backup.before");
    fs::write(name.join("letter"), "").unwrap();
    let named = Unnamed::begin(&path).unwrap().name(&name, &before, Existing::Replace);
    assert!(named.is_err(), "it is no backup");
    assert!(name.exists() && !path.exists());
    fs::create_dir(&path).unwrap();
    fs::write(path.join("letter"), "").unwrap();
    assert!(Unnamed::begin(&path).is_err(), "it has no marker");
    assert!(path.exists());
}

#[test]
fn what_a_kill_left_of_a_folder_that_was_being_removed_is_removed_by_the_next() {
    for left in [&[][..], &[MARKER], &[manifest::FILE, MARKER], &[manifest::FILE, MARKER, "more"]] {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        let (path, name, before) = (at("backup.part"), at("backup"), at("backup.before"));
        for folder in [&path, &before] {
            fs::create_dir(folder).unwrap();
            left.iter().for_each(|file| fs::write(folder.join(file), "").unwrap());
        }
        let draft = Unnamed::begin(&path).unwrap();
        fs::write(path.join(manifest::FILE), "").unwrap();
        draft.name(&name, &before, Existing::Replace).unwrap();
        assert!(name.exists() && !path.exists() && !before.exists(), "{left:?}");
    }
}

#[test]
fn a_lock_on_a_marker_that_is_gone_is_worth_nothing() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("backup.part");
    let first = Unnamed::begin(&path).unwrap();
    let old = File::open(path.join(MARKER)).unwrap();
    drop(first);
    let second = Unnamed::begin(&path).unwrap();
    assert!(Unnamed::hold(&path, old).is_err());
    assert!(second.is_ours());
}

#[test]
fn a_backup_that_came_meanwhile_is_not_replaced_unasked() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    let draft = Unnamed::begin(&at("backup.part")).unwrap();
    fs::create_dir(at("backup")).unwrap();
    fs::write(at("backup").join(manifest::FILE), "another").unwrap();
    let named = draft.name(&at("backup"), &at("backup.before"), Existing::Refuse);
    assert!(matches!(named, Err(BackupError::Exists(_))));
    assert_eq!(fs::read(at("backup").join(manifest::FILE)).unwrap(), b"another");
}
